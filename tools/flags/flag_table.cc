#include "tools/flags/flag_table.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "graph/base/status.h"

namespace tools {
namespace {

using F = TrainFlags;
constexpr absl::string_view kModel = "Model", kData = "Data", kRun = "Run",
                            kCheckpoints = "Checkpoints", kOptimisation = "Optimisation",
                            kDropPos = "DropPos", kMachine = "Machine", kInside = "Looking inside",
                            kOther = "Other", kCompatible = "Accepted for compatibility";
constexpr Rule kAny = Rule::kAny, kPositive = Rule::kPositive, kNotNegative = Rule::kNotNegative,
               kRatio = Rule::kRatio, kFraction = Rule::kFraction;
constexpr Lifetime kMayChange = Lifetime::kMayChange, kCommand = Lifetime::kCommand;

// clang-format off
const FlagRow kRows[] = {
    {"model", kModel, &F::model, kAny, "NAME", "",
     "what to train; --list_models shows the names, the official ones work too"},
    {"input_size", kModel, &F::input_size, kPositive, "N|HxW", kRecipe, "image size in pixels"},
    {"patch_size", kModel, &F::patch_size, kPositive, "N", kRecipe, "patch side in pixels"},
    {"embed_dim", kModel, &F::embed_dim, kPositive, "N", kRecipe, "encoder width"},
    {"depth", kModel, &F::depth, kPositive, "N", kRecipe, "encoder blocks"},
    {"num_heads", kModel, &F::num_heads, kPositive, "N", kRecipe, "encoder attention heads"},
    {"decoder_embed_dim", kModel, &F::decoder_embed_dim, kPositive, "N", kRecipe, "decoder width"},
    {"decoder_depth", kModel, &F::decoder_depth, kNotNegative, "N", kRecipe, "decoder blocks"},
    {"decoder_num_heads", kModel, &F::decoder_num_heads, kPositive, "N", kRecipe,
     "decoder attention heads"},
    {"mlp_ratio", kModel, &F::mlp_ratio, kPositive, "X", kRecipe,
     "hidden width of the MLPs, as a multiple of the width"},

    {"data_path", kData, &F::data_path, kAny, "DIR", "the embedded data set",
     "images: a folder, a folder with train.txt, tar shards (a folder of them, one, or a pattern "
     "like DIR/{000..099}.tar or DIR/*.tar), or CIFAR-10 binary files", kMayChange},
    {"val_fraction", kData, &F::val_fraction, kFraction, "X", "0.01",
     "share held out where the data has no split of its own"},
    {"num_workers", kData, &F::num_workers, Rule::kWorkers, "N", "from the cores",
     "threads that load images; masks and crops do not depend on it", kMayChange},
    {"exact_decode", kData, &F::exact_decode, kAny, "", "false",
     "never decode a crop smaller than it is, however far it will be shrunk; slower where pictures "
     "are large; evaluations always do so"},
    {"max_image_megapixels", kData, &F::max_image_megapixels, kPositive, "X", "100",
     "larger pictures are refused, before they take memory; crops of a JPEG in one scan, which are "
     "decoded smaller, may be of larger ones", kMayChange},
    {"on_bad_image", kData, &F::on_bad_image, kAny, "skip|stop", "skip",
     "what an image that cannot be decoded does: the log names it and another takes its place, or "
     "the run saves and ends", kMayChange},
    {"max_bad_share", kData, &F::max_bad_share, Rule::kRatio, "X", "0.05",
     "with on_bad_image=skip: the run ends when more of an epoch's images (and more than 2) are "
     "bad; //tools:check_data lists them all", kMayChange},

    {"output_dir", kRun, &F::output_dir, kAny, "DIR", "runs/<model>-<time>",
     "where metrics.jsonl, flags.txt, checkpoints and the rest go", kMayChange},
    {"overwrite", kRun, &F::overwrite, kAny, "", "false",
     "replace an earlier run's files in output_dir, its checkpoints too", kCommand},
    {"steps", kRun, &F::steps, kNotNegative, "N", "all epochs",
     "end after N steps; the schedule stays as it is; 0: set up only", kMayChange},
    {"seed", kRun, &F::seed, kNotNegative, "N", "0", "of everything random"},
    {"print_every", kRun, &F::print_every, kPositive, "N", "20",
     "steps between progress lines", kMayChange},
    {"eval_every", kRun, &F::eval_every, kNotNegative, "N", "0",
     "evaluate every N steps too, not only after each epoch, and then with more positions and kNN",
     kMayChange},
    {"vis_every", kRun, &F::vis_every, kNotNegative, "N", "never",
     "every N steps, draw into output_dir/vis where the model puts patches", kMayChange},
    {"tensorboard", kRun, &F::tensorboard, kAny, "", "true",
     "write the numbers and the drawings of --vis_every for TensorBoard too, into "
     "output_dir/tensorboard", kMayChange},
    {"spike_z", kRun, &F::spike_z, kNotNegative, "X", "8",
     "deviations above the last 100 losses from which on a loss is a spike, and its step is kept "
     "in output_dir/capsules (3 at most); 0: none is", kMayChange},
    {"watchdog", kRun, &F::watchdog, kNotNegative, "SECONDS", "300",
     "say a line when nothing has gone on for so long; 0: none", kMayChange},

    {"resume", kCheckpoints, &F::resume, kAny, "DIR", "begin a new run",
     "go on with a checkpoint: the newest of the run in DIR, the one in DIR, or with --resume=auto "
     "the newest in output_dir, if any; flags that are not given are the run's", kCommand},
    {"save_every", kCheckpoints, &F::save_every, kNotNegative, "N", "0",
     "save a checkpoint every N steps too, not only after each epoch and at the end", kMayChange},
    {"save_minutes", kCheckpoints, &F::save_minutes, kNotNegative, "X", "15",
     "save after the first step that ends X minutes or more after the last save, too; 0: do not",
     kMayChange},
    {"keep", kCheckpoints, &F::keep, kNotNegative, "N", "2",
     "newest checkpoints to keep; 0: all", kMayChange},
    {"keep_every", kCheckpoints, &F::keep_every, kNotNegative, "N", "0",
     "keep each checkpoint whose step is a multiple of N for good", kMayChange},
    {"init_from", kCheckpoints, &F::init_from, kAny, "PATH", "random parameters",
     "take the parameters from a safetensors file, or a run's or checkpoint's folder", kMayChange},
    {"allow_missing", kCheckpoints, &F::allow_missing, kAny, "NAME,PREFIX*,...", "none",
     "tensors that --init_from may lack or have in another shape (they keep their random "
     "values) or have without need", kMayChange},

    {"batch_size", kOptimisation, &F::batch_size, kPositive, "N", kRecipe,
     "images in one pass through the net"},
    {"accum_iter", kOptimisation, &F::accum_iter, kPositive, "N", "1",
     "passes whose gradients make one step"},
    {"effective_batch", kOptimisation, &F::effective_batch, kPositive, "N",
     "batch_size * accum_iter", "images per step; derives accum_iter"},
    {"epochs", kOptimisation, &F::epochs, kPositive, "N", kRecipe, "length of the schedule"},
    {"warmup_epochs", kOptimisation, &F::warmup_epochs, kNotNegative, "X", kRecipe,
     "linear rise of the learning rate"},
    {"lr", kOptimisation, &F::lr, kNotNegative, "X", "blr * effective batch / 256",
     "learning rate after the warm-up"},
    {"blr", kOptimisation, &F::blr, kNotNegative, "X", kRecipe, "learning rate per 256 images"},
    {"min_lr", kOptimisation, &F::min_lr, kNotNegative, "X", kRecipe,
     "learning rate at the end of the schedule"},
    {"weight_decay", kOptimisation, &F::weight_decay, kNotNegative, "X", kRecipe,
     "AdamW's; none on 1-D parameters"},
    {"clip_grad", kOptimisation, &F::clip_grad, kNotNegative, "X", kRecipe,
     "largest gradient norm; 0: no clipping"},
    {"clip_mode", kOptimisation, &F::clip_mode, kAny, "parameter|global", kRecipe,
     "clip each parameter's gradient by itself, or all as one"},

    {"drop_pos_type", kDropPos, &F::drop_pos_type, kAny, "mae_pos_target|multi_task|vanilla_mae",
     kRecipe, "predict positions; positions and hidden pixels; hidden pixels alone (MAE)"},
    {"mask_ratio", kDropPos, &F::mask_ratio, kRatio, "X", kRecipe, "share of patches hidden"},
    {"pos_mask_ratio", kDropPos, &F::pos_mask_ratio, kRatio, "X", kRecipe,
     "share of visible patches whose position is dropped"},
    {"mask_token_type", kDropPos, &F::mask_token_type, kAny, "param|zeros|wrong_pos", kRecipe,
     "in place of a dropped position: a learned token, nothing, another dropped patch's position"},
    {"shuffle", kDropPos, &F::shuffle, kAny, "", kRecipe,
     "shuffle the visible patches before the encoder"},
    {"label_smoothing_sigma", kDropPos, &F::label_smoothing_sigma, kNotNegative, "X", kRecipe,
     "width of the position targets in patches; 0: one-hot"},
    {"sigma_decay", kDropPos, &F::sigma_decay, kAny, "", kRecipe,
     "let sigma fall to 0 over the epochs"},
    {"smooth_grid", kDropPos, &F::smooth_grid, kAny, "paper|official", kRecipe,
     "grid of the position targets: the patch grid, or input_size / token_size cells a side"},
    {"attn_guide", kDropPos, &F::attn_guide, kAny, "", kRecipe,
     "weigh patches by how much they resemble the whole image"},
    {"conf_ignore", kDropPos, &F::conf_ignore, kAny, "", kRecipe,
     "no loss for patches whose position is already predicted with confidence"},
    {"pos_weight", kDropPos, &F::pos_weight, kNotNegative, "X", "1, in multi_task",
     "weight of the position loss beside the pixel loss"},
    {"norm_pix_loss", kDropPos, &F::norm_pix_loss, kAny, "",
     "true, in multi_task and vanilla_mae", "pixel targets normalised patch by patch"},
    {"compat", kDropPos, &F::compat, kAny, "paper|official", "paper",
     "official: what the published code does: smooth_grid=official, accumulation that steps on "
     "every micro-batch, a pixel decoder that reads shuffled tokens as they come"},

    {"device", kMachine, &F::device, kAny, "cpu|cuda", "cpu",
     "where to run (--backend is the same); this version computes on the CPU only"},
    {"threads", kMachine, &F::threads, Rule::kThreads, "N", "all CPUs it may use",
     "threads that compute; what it may use goes by affinity, the CPU quota of its control group "
     "and OMP_THREAD_LIMIT", kMayChange},
    {"precision", kMachine, &F::precision, kAny, "fp32|bf16", "fp32",
     "of activations and products; parameters, their moments, statistics and losses stay fp32"},
    {"guide_precision", kMachine, &F::guide_precision, kAny, "same|bf16|int8", "same",
     "of the attentive guide's products, which only weigh patches; same: as --precision"},
    {"recompute", kMachine, &F::recompute, kAny, "none|mlp|block", "none",
     "compute again in the backward pass, instead of keeping: the MLPs' insides, whole blocks",
     kMayChange},

    {"plan", kInside, &F::plan, kAny, "", "false",
     "print where memory and time will go, the largest batch that fits, and exit", kCommand},
    {"profile", kInside, &F::profile, kPositive, "N", "no profile",
     "time every operator over N steps and write output_dir/profile", kCommand},
    {"overfit_batch", kInside, &F::overfit_batch, kAny, "", "false",
     "train on the first batch alone, over and over: its loss must fall towards zero"},
    {"dump_graph", kInside, &F::dump_graph, kAny, "DIR", "no dump",
     "write the nets as protobuf, text and Graphviz files", kCommand},
    {"passes", kInside, &F::passes, kAny, "on|off", "on", "the passes that optimise the graph"},
    {"disable_pass", kInside, &F::disable_pass, kAny, "NAME,...", "none",
     "passes to leave out, by name"},

    {"list_models", kOther, &F::list_models, kAny, "", "false", "print the zoo and exit", kCommand},
    {"help", kOther, &F::help, kAny, "", "false", "print this and exit", kCommand},

    {"token_size", kCompatible, &F::token_size, kPositive, "N", "the patch grid's side",
     "patches a side, not a size; nothing else is accepted, but for smooth_grid=official, whose "
     "default is 14"},
};
// clang-format on

absl::Status CheckRule(Rule rule, double value) {
  if (!std::isfinite(value)) return graph::InvalidArgument("must be a finite number");
  switch (rule) {
    case Rule::kAny:
      break;
    case Rule::kPositive:
      if (value <= 0) return graph::InvalidArgument("must be greater than 0");
      break;
    case Rule::kThreads:
      if (value < 1 || value > 1024) return graph::InvalidArgument("must be between 1 and 1024");
      break;
    case Rule::kWorkers:
      if (value < 0 || value > 256) return graph::InvalidArgument("must be between 0 and 256");
      break;
    case Rule::kNotNegative:
      if (value < 0) return graph::InvalidArgument("must not be negative");
      break;
    case Rule::kRatio:
      if (value < 0 || value > 1) return graph::InvalidArgument("must be between 0 and 1");
      break;
    case Rule::kFraction:
      if (value < 0 || value >= 1) return graph::InvalidArgument("must be at least 0 and below 1");
      break;
  }
  return absl::OkStatus();
}

absl::Status Parse(const FlagRow& row, absl::string_view text, int64_t& value) {
  if (!absl::SimpleAtoi(text, &value)) return graph::InvalidArgument("must be a whole number");
  // Sizes and counts are ints inside; a seed or a number of steps need not be.
  const bool wide = row.name == "seed" || row.name == "steps";
  if (!wide && value > std::numeric_limits<int32_t>::max()) {
    return graph::InvalidArgument("must be at most ", std::numeric_limits<int32_t>::max());
  }
  return CheckRule(row.rule, static_cast<double>(value));
}

absl::Status Parse(const FlagRow& row, absl::string_view text, double& value) {
  if (!absl::SimpleAtod(text, &value)) return graph::InvalidArgument("must be a number");
  return CheckRule(row.rule, value);
}

absl::Status Parse(const FlagRow&, absl::string_view text, bool& value) {
  const absl::optional<bool> parsed = ParseSwitch(text);
  if (!parsed.has_value()) return graph::InvalidArgument("must be true or false");
  value = *parsed;
  return absl::OkStatus();
}

absl::Status Parse(const FlagRow& row, absl::string_view text, InputSize& value) {
  const std::vector<absl::string_view> sides = absl::StrSplit(text, 'x');
  if (sides.size() > 2 || !absl::SimpleAtoi(sides.front(), &value.h) ||
      !absl::SimpleAtoi(sides.back(), &value.w)) {
    return graph::InvalidArgument("must be a side as in 224, or height x width as in 192x256");
  }
  for (const int64_t side : {value.h, value.w}) {
    RETURN_IF_ERROR(CheckRule(row.rule, static_cast<double>(side)));
    if (side > 65536) return graph::InvalidArgument("must be at most 65536");
  }
  return absl::OkStatus();
}

absl::Status Parse(const FlagRow& row, absl::string_view text, std::string& value) {
  if (text.empty())
    return graph::InvalidArgument("is empty; leave the flag out to get the default");
  if (absl::StrContains(row.value, '|')) {
    const std::vector<absl::string_view> choices = absl::StrSplit(row.value, '|');
    bool found = false;
    for (const absl::string_view choice : choices) found |= choice == text;
    if (!found) return graph::InvalidArgument("must be ", absl::StrJoin(choices, " or "));
  }
  value = std::string(text);
  return absl::OkStatus();
}

absl::Status Parse(const FlagRow&, absl::string_view text, std::vector<std::string>& value) {
  value = absl::StrSplit(text, ',');
  for (const std::string& item : value) {
    if (item.empty()) return graph::InvalidArgument("must be names with one comma between them");
  }
  return absl::OkStatus();
}

std::string Text(int64_t value) { return absl::StrCat(value); }
std::string Text(bool value) { return value ? "true" : "false"; }
std::string Text(const std::string& value) { return value; }
std::string Text(const std::vector<std::string>& value) { return absl::StrJoin(value, ","); }
std::string Text(const InputSize& value) {
  return value.h == value.w ? absl::StrCat(value.h) : absl::StrCat(value.h, "x", value.w);
}
std::string Text(double value) {  // the shortest that reads back equal
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, result.ptr);
}

}  // namespace

absl::Span<const FlagRow> FlagTable() { return kRows; }

absl::Status SetFlag(const FlagRow& row, absl::string_view text, TrainFlags& flags) {
  return absl::visit(
      [&](auto field) {
        typename std::decay_t<decltype(flags.*field)>::value_type value{};
        absl::Status status = Parse(row, text, value);
        if (status.ok()) flags.*field = std::move(value);
        return status;
      },
      row.field);
}

absl::optional<std::string> FlagText(const FlagRow& row, const TrainFlags& flags) {
  return absl::visit(
      [&](auto field) -> absl::optional<std::string> {
        if (!(flags.*field).has_value()) return absl::nullopt;
        return Text(*(flags.*field));
      },
      row.field);
}

absl::optional<bool> ParseSwitch(absl::string_view text) {
  for (const absl::string_view word : {"true", "on", "yes", "1"}) {
    if (absl::EqualsIgnoreCase(text, word)) return true;
  }
  for (const absl::string_view word : {"false", "off", "no", "0"}) {
    if (absl::EqualsIgnoreCase(text, word)) return false;
  }
  return absl::nullopt;
}

bool operator==(const TrainFlags& a, const TrainFlags& b) {
  for (const FlagRow& row : kRows) {
    const bool equal = absl::visit([&](auto field) { return a.*field == b.*field; }, row.field);
    if (!equal) return false;
  }
  return true;
}

}  // namespace tools
