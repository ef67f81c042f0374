#include "tools/flags/resolve_flags.h"

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/training/output_dir.h"
#include "tools/flags/flag_table.h"

namespace tools {
namespace {

using graph::InvalidArgument;

// Gives the flag the entry's value where it was not given, and the entry the
// flag's where it was.
template <typename T, typename U>
void Join(absl::optional<T>& flag, U& setting) {
  if (flag.has_value()) {
    setting = static_cast<U>(*flag);
  } else {
    flag = static_cast<T>(setting);
  }
}

template <typename T>
void Default(absl::optional<T>& flag, const T& value) {
  if (!flag.has_value()) flag = value;
}

void JoinModel(TrainFlags& flags, models::ModelConfig& model) {
  if (flags.input_size.has_value()) {
    model.input_h = static_cast<int>(flags.input_size->h);
    model.input_w = static_cast<int>(flags.input_size->w);
  } else {
    flags.input_size = InputSize{model.input_h, model.input_w};
  }
  Join(flags.patch_size, model.patch_size);
  Join(flags.embed_dim, model.embed_dim);
  Join(flags.depth, model.depth);
  Join(flags.num_heads, model.num_heads);
  Join(flags.decoder_embed_dim, model.decoder_embed_dim);
  Join(flags.decoder_depth, model.decoder_depth);
  Join(flags.decoder_num_heads, model.decoder_num_heads);
  Join(flags.mlp_ratio, model.mlp_ratio);
}

void JoinRecipe(TrainFlags& flags, models::RecipeConfig& recipe) {
  Join(flags.batch_size, recipe.batch_size);
  Join(flags.epochs, recipe.epochs);
  Join(flags.warmup_epochs, recipe.warmup_epochs);
  if (!flags.lr.has_value()) Join(flags.blr, recipe.blr);
  Join(flags.min_lr, recipe.min_lr);
  Join(flags.weight_decay, recipe.weight_decay);
  Join(flags.clip_grad, recipe.clip_grad);
  if (flags.clip_mode.has_value()) {
    recipe.clip_global = *flags.clip_mode == "global";
  } else {
    flags.clip_mode = recipe.clip_global ? "global" : "parameter";
  }
}

void SetRunDefaults(const MachineDefaults& machine, TrainFlags& flags) {
  Default(flags.val_fraction, 0.01);
  Default(flags.num_workers, int64_t{machine.num_workers});
  Default(flags.exact_decode, false);
  Default(flags.tensorboard, true);
  Default(flags.max_image_megapixels, 100.0);
  Default(flags.on_bad_image, std::string("skip"));
  Default(flags.max_bad_share, 0.05);
  Default(flags.device, std::string("cpu"));
  Default(flags.threads, int64_t{machine.threads});
  Default(flags.precision, std::string("fp32"));
  Default(flags.recompute, std::string("none"));
  Default(flags.seed, int64_t{0});
  Default(flags.eval_every, int64_t{0});
  Default(flags.print_every, int64_t{20});
  Default(flags.save_every, int64_t{0});
  Default(flags.save_minutes, 15.0);
  Default(flags.keep, int64_t{2});
  Default(flags.keep_every, int64_t{0});
  Default(flags.spike_z, 8.0);
  Default(flags.watchdog, 300.0);
  Default(flags.overfit_batch, false);
  Default(flags.passes, true);
  flags.overwrite.reset();
  flags.resume.reset();
  flags.help.reset();
  flags.plan.reset();
  flags.list_models.reset();
  for (auto field : {&TrainFlags::data_path, &TrainFlags::init_from, &TrainFlags::output_dir,
                     &TrainFlags::dump_graph}) {
    if ((flags.*field).has_value()) flags.*field = models::ResolveUserPath(*(flags.*field));
  }
}

// accum_iter and the batch of a step, from whichever flags say them.
absl::Status ResolveBatch(ResolvedFlags& resolved) {
  TrainFlags& flags = resolved.flags;
  const int64_t batch = *flags.batch_size;
  if (flags.effective_batch.has_value()) {
    const int64_t wanted = *flags.effective_batch;
    if (wanted % batch != 0) {
      const int64_t below = wanted / batch * batch;
      return InvalidArgument("--effective_batch=", wanted,
                             " is not a multiple of --batch_size=", batch, "; the nearest are ",
                             below > 0 ? absl::StrCat(below, " and ") : "", below + batch);
    }
    flags.accum_iter = wanted / batch;
    flags.effective_batch.reset();
  }
  Default(flags.accum_iter, int64_t{1});
  if (*flags.accum_iter > std::numeric_limits<int32_t>::max() / batch) {
    return InvalidArgument("--batch_size=", batch, " times --accum_iter=", *flags.accum_iter,
                           " is more images than a step can count");
  }
  resolved.accum_iter = static_cast<int>(*flags.accum_iter);
  resolved.effective_batch = static_cast<int>(batch * *flags.accum_iter);
  return absl::OkStatus();
}

// Takes back flags that say nothing about this task, with a note where one was given.
void WithoutEffect(std::initializer_list<absl::string_view> names, absl::string_view because,
                   const TrainFlags& given, ResolvedFlags& resolved) {
  for (const FlagRow& row : FlagTable()) {
    if (std::find(names.begin(), names.end(), row.name) == names.end()) continue;
    const absl::optional<std::string> value = FlagText(row, given);
    if (value.has_value()) {
      resolved.notices.push_back(
          absl::StrCat("--", row.name, "=", *value, " has no effect: ", because));
    }
    absl::visit([&](auto field) { (resolved.flags.*field).reset(); }, row.field);
  }
}

absl::Status JoinDropPos(const TrainFlags& given, ResolvedFlags& resolved) {
  TrainFlags& flags = resolved.flags;
  models::DropPosConfig& droppos = resolved.entry.droppos;
  Default(flags.compat, std::string("paper"));
  Default(flags.guide_precision, std::string("same"));
  if (*flags.compat == "official") {
    droppos.smooth_grid = "official";
    droppos.official_shuffle = true;
    resolved.step_every_micro_batch = true;
  }
  Join(flags.drop_pos_type, droppos.drop_pos_type);
  Join(flags.mask_ratio, droppos.mask_ratio);
  Join(flags.pos_mask_ratio, droppos.pos_mask_ratio);
  Join(flags.mask_token_type, droppos.mask_token_type);
  Join(flags.shuffle, droppos.shuffle);
  Join(flags.label_smoothing_sigma, droppos.label_smoothing_sigma);
  Join(flags.sigma_decay, droppos.sigma_decay);
  Join(flags.smooth_grid, droppos.smooth_grid);
  Join(flags.attn_guide, droppos.attn_guide);
  Join(flags.conf_ignore, droppos.conf_ignore);
  Join(flags.pos_weight, droppos.pos_weight);
  Join(flags.norm_pix_loss, droppos.norm_pix_loss);
  if (droppos.official_grid()) Join(flags.token_size, droppos.token_size);
  const absl::Status valid = models::Validate(resolved.entry.model, droppos);
  if (!valid.ok() && *flags.compat == "official" && !given.smooth_grid.has_value()) {
    return graph::Annotate(valid, "--compat=official");
  }
  RETURN_IF_ERROR(valid);

  if (droppos.vanilla_mae()) {
    WithoutEffect(
        {"pos_mask_ratio", "mask_token_type", "shuffle", "label_smoothing_sigma", "sigma_decay",
         "smooth_grid", "attn_guide", "guide_precision", "conf_ignore", "token_size"},
        "--drop_pos_type=vanilla_mae predicts no positions", given, resolved);
  }
  if (!droppos.vanilla_mae() && !droppos.attn_guide) {
    WithoutEffect({"guide_precision"}, "there is no guide with --attn_guide=false", given,
                  resolved);
  }
  if (!droppos.multi_task()) {
    WithoutEffect({"pos_weight"}, "there is one loss here; it is for --drop_pos_type=multi_task",
                  given, resolved);
  }
  if (!droppos.multi_task() && !droppos.vanilla_mae()) {
    WithoutEffect({"norm_pix_loss"}, "it is about the pixel loss of multi_task and vanilla_mae",
                  given, resolved);
  }
  return absl::OkStatus();
}

// Precisions that this machine's products do not have are taken back, with a line.
void FallBack(const MachineDefaults& machine, ResolvedFlags& resolved) {
  TrainFlags& flags = resolved.flags;
  if (flags.precision == "bf16" && !machine.capabilities.bf16_products) {
    resolved.notices.push_back(
        "--precision=bf16 needs a CPU with AVX512-BF16 or AMX; this one has neither, so fp32 "
        "is used");
    flags.precision = "fp32";
  }
  const bool bf16_guide = flags.guide_precision == "bf16";
  if ((bf16_guide && !machine.capabilities.bf16_products) ||
      (flags.guide_precision == "int8" && !machine.capabilities.int8_products)) {
    resolved.notices.push_back(absl::StrCat(
        "--guide_precision=", *flags.guide_precision, " needs a CPU with ",
        bf16_guide ? "AVX512-BF16 or AMX; this one has neither"
                   : "AVX512-VNNI, AVX2-VNNI or AMX, and the cpu backend; one is missing",
        ", so the guide computes as the rest does"));
    flags.guide_precision = "same";
  }
}

// Precisions and recomputation are made by passes, which must not be left out then.
absl::Status CheckPasses(const TrainFlags& flags) {
  const struct {
    const char* flag;
    const absl::optional<std::string>& value;
    const char* neutral;
    const char* pass;
  } wants[] = {{"precision", flags.precision, "fp32", "mixed_precision"},
               {"guide_precision", flags.guide_precision, "same",
                flags.guide_precision == "int8" ? "quantize" : "mixed_precision"},
               {"recompute", flags.recompute, "none", "recompute"}};
  for (const auto& want : wants) {
    if (!want.value.has_value() || *want.value == want.neutral) continue;
    const bool disabled = flags.disable_pass.has_value() &&
                          std::find(flags.disable_pass->begin(), flags.disable_pass->end(),
                                    want.pass) != flags.disable_pass->end();
    if (!disabled && *flags.passes) continue;
    return InvalidArgument("--", want.flag, "=", *want.value, " is made by the pass ", want.pass,
                           ", which ",
                           disabled ? absl::StrCat("--disable_pass=", want.pass) : "--passes=off",
                           " leaves out; drop one of the two");
  }
  return absl::OkStatus();
}

// token_size is redundant, unless it is wrong, or the official grid is made of it.
absl::Status CheckTokenSize(ResolvedFlags& resolved) {
  absl::optional<int64_t>& given = resolved.flags.token_size;
  if (!given.has_value()) return absl::OkStatus();
  if (!resolved.entry.needs_labels && resolved.entry.droppos.official_grid()) {
    return absl::OkStatus();
  }
  const models::ModelConfig& model = resolved.entry.model;
  if (*given != model.grid_h() || *given != model.grid_w()) {
    return InvalidArgument("--token_size=", *given, " is not the patch grid of this model, ",
                           model.grid_h(), "x", model.grid_w(),
                           " (input_size / patch_size); leave the flag out");
  }
  resolved.notices.push_back(absl::StrCat("--token_size=", *given,
                                          " has no effect: the patch grid follows from "
                                          "input_size and patch_size"));
  given.reset();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ResolvedFlags> ResolveTrainFlags(const TrainFlags& flags,
                                                const models::ZooEntry& entry,
                                                const MachineDefaults& machine) {
  ResolvedFlags resolved;
  resolved.flags = flags;
  resolved.entry = entry;
  resolved.flags.model = entry.name;
  resolved.overwrite = flags.overwrite.value_or(false);

  JoinModel(resolved.flags, resolved.entry.model);
  JoinRecipe(resolved.flags, resolved.entry.recipe);
  if (entry.needs_labels) {
    for (const FlagRow& row : FlagTable()) {
      if (row.group == "DropPos" && FlagText(row, flags).has_value()) {
        return InvalidArgument("--", row.name, "=", *FlagText(row, flags), " is for DropPos; ",
                               entry.name, " is a classifier");
      }
    }
    RETURN_IF_ERROR(models::Validate(resolved.entry.model));
  } else {
    RETURN_IF_ERROR(JoinDropPos(flags, resolved));
  }
  RETURN_IF_ERROR(models::Validate(resolved.entry.recipe));
  RETURN_IF_ERROR(CheckTokenSize(resolved));
  SetRunDefaults(machine, resolved.flags);
  FallBack(machine, resolved);
  RETURN_IF_ERROR(CheckPasses(resolved.flags));
  RETURN_IF_ERROR(ResolveBatch(resolved));

  resolved.lr =
      flags.lr.has_value() ? *flags.lr : resolved.entry.recipe.blr * resolved.effective_batch / 256;
  if (resolved.entry.recipe.min_lr > resolved.lr) {
    return InvalidArgument(
        "--min_lr=", resolved.entry.recipe.min_lr, " is above the learning rate ", resolved.lr,
        flags.lr ? "" : " that --blr and the effective batch give", "; lower it");
  }
  return resolved;
}

}  // namespace tools
