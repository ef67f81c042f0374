#include "tools/flags/official_flags.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "graph/base/status.h"
#include "models/zoo/flag.h"

namespace tools {
namespace {

// clang-format off
constexpr OfficialFlag kFlags[] = {
    {"mask_block", true, "false", "patches are never masked in blocks",
     "patches are not masked in blocks (nor does the official model use that mask); leave the "
     "flag out"},
    {"use_fp16", true, "false", "there is no fp16",
     "there is no fp16 here; use --precision=bf16, or leave the flag out"},
    {"log_dir", false, "*", "TensorBoard's files are in output_dir/tensorboard", ""},
    {"experiment", false, "*", "--output_dir names a run", ""},
    {"load_from", false, "", "there is nothing to load",
     "use --init_from=FILE.safetensors to start from the parameters of another run"},
    {"fix_pos_emb", true, "false", "positions stay as they come unless --train_pos_embed is given",
     "the official code does the opposite of its name, and trains the positions; use "
     "--train_pos_embed, or leave the flag out"},
    {"global_pool", true, "true", "a classifier reads the mean of the patches",
     "use --cls_token"},
    {"mixup_mode", false, "batch", "images of a group are mixed by one draw",
     "a group of images shares a draw here, of --mix_group=N; leave the flag out"},
    {"cutmix_minmax", false, "", "the box follows from the drawn share",
     "the box follows from the share that --cutmix=X draws; leave the flag out"},
    {"resplit", true, "false", "nothing reads it",
     "the official code never reads it; leave the flag out"},
    {"dist_eval", true, "false", "a run is one process", "each image counts once here; leave the flag out"},
    {"teacher", true, "false", "there is no averaged model",
     "there is no averaged model here; leave the flag out"},
    {"start_epoch", false, "0", "a resumed run knows where it was",
     "a resumed run knows where it was; leave the flag out"},
    {"pin_mem", true, "*", "it is about copies to a GPU", ""},
    {"world_size", false, "1", "a run is one process",
     "a run is one process here; use --effective_batch=N for the batch of several"},
    {"local_rank", false, "-1|0", "a run is one process",
     "a run is one process here; start it once, without the flag"},
    {"dist_on_itp", true, "false", "a run is one process",
     "a run is one process here; start it once, without the flag"},
    {"dist_url", false, "*", "a run is one process", ""},
};
// clang-format on

}  // namespace

absl::Span<const OfficialFlag> OfficialFlags() { return kFlags; }

absl::StatusOr<std::string> CheckOfficialFlag(const OfficialFlag& flag, absl::string_view value) {
  std::string text(value);
  if (flag.is_switch) {
    const absl::optional<bool> on = models::ParseSwitch(value);
    if (!on.has_value()) return graph::InvalidArgument("must be true or false");
    text = *on ? "true" : "false";
  }
  bool accepted = flag.accepted == "*";
  for (const absl::string_view choice : absl::StrSplit(flag.accepted, '|')) {
    accepted |= choice == text;
  }
  if (!accepted) return graph::InvalidArgument(flag.refusal);
  return absl::StrCat("--", flag.name, "=", text, " has no effect: ", flag.why);
}

}  // namespace tools
