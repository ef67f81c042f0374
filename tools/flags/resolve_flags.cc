#include "tools/flags/resolve_flags.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/training/output_dir.h"
#include "models/training/recompute.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/precision.h"

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

void JoinModel(TrainFlags& flags, models::ModelConfig& model) {
  if (flags.input_size.has_value()) {
    model.input_h = static_cast<int>(flags.input_size->h);
    model.input_w = static_cast<int>(flags.input_size->w);
  } else {
    flags.input_size = InputSize{model.input_h, model.input_w};
  }
  // Unset it stays as it was before there was this flag: 8-bit RGB of every picture. 3 where it is
  // given keeps samples of 16 bits, which are other numbers.
  if (flags.channels.has_value() || model.channels != 3) Join(flags.channels, model.channels);
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

// What the table and the machine say where nothing was given.
void SetDefaults(const MachineDefaults& machine, TrainFlags& flags) {
  flags.num_workers = flags.num_workers.value_or(machine.num_workers);
  flags.threads = flags.threads.value_or(machine.threads);
  for (const FlagRow& row : FlagTable({})) {
    if (!row.fallback.is_value || FlagText(row, flags).has_value()) continue;
    CHECK(SetFlag(row, row.fallback.text, flags).ok());
  }
  if (flags.data_path.has_value()) flags.data_path = models::ResolveDataPath(*flags.data_path);
  for (auto field : {&TrainFlags::init_from, &TrainFlags::finetune, &TrainFlags::output_dir,
                     &TrainFlags::dump_graph}) {
    if ((flags.*field).has_value()) flags.*field = models::ResolveUserPath(*(flags.*field));
  }
}

// How pictures become input.
void TakeTransform(const TrainFlags& flags, models::TransformOptions* transform) {
  const auto copy = [](const std::vector<double>& numbers, auto* to) {
    CHECK(numbers.size() == to->size());  // the flag's table says how many
    std::copy(numbers.begin(), numbers.end(), to->begin());
  };
  copy(*flags.crop_scale, &transform->crop_scale);
  copy(*flags.crop_ratio, &transform->crop_ratio);
  transform->flip = *flags.flip;
  const auto policy = models::ParseRandAugment(*flags.aa);
  CHECK(policy.ok());  // the flag's table has parsed it
  transform->rand_augment = *policy;
  transform->erasing = {*flags.reprob, models::ErasingOptions::Mode(*flags.remode),
                        static_cast<int>(*flags.recount)};
  transform->mean = *flags.mean;
  transform->std = *flags.std;
}

// Normalisation of as many channels as the net takes, where the flags' table knows RGB's alone.
absl::Status ResolveChannels(TrainFlags& flags) {
  const int channels = static_cast<int>(flags.channels.value_or(3));
  flags.mean = flags.mean.value_or(models::UsualMean(channels));
  flags.std = flags.std.value_or(models::UsualStd(channels));
  for (const auto& [name, numbers] :
       {std::make_pair("mean", &*flags.mean), std::make_pair("std", &*flags.std)}) {
    if (numbers->size() == static_cast<size_t>(channels)) continue;
    return InvalidArgument("--", name, "=", models::FlagValueText(*numbers), " has ",
                           numbers->size(), numbers->size() == 1 ? " number" : " numbers",
                           "; --channels=", channels, " takes ", channels);
  }
  return absl::OkStatus();
}

// RandAugment is what Pillow does to 8-bit RGB; a net of other samples has none.
absl::Status CheckAugmentation(const TrainFlags& flags) {
  if (*flags.aa == "none" || !flags.channels.has_value()) return absl::OkStatus();
  return InvalidArgument("--aa=", *flags.aa, " is of 8-bit RGB, and --channels=", *flags.channels,
                         " keeps samples of 16 bits; leave out one of the two");
}

// Of flags for what is erased where nothing is.
void NoteUnerased(ResolvedFlags& resolved) {
  const TrainFlags& flags = resolved.flags;
  if (*flags.reprob > 0) return;
  for (const FlagRow& row : FlagTable({})) {
    if (row.name != "remode" && row.name != "recount") continue;
    const std::string text = *FlagText(row, flags);
    if (text == row.fallback.text) continue;
    resolved.notices.push_back(absl::StrCat("--", row.name, "=", text,
                                            " has no effect: nothing is erased; --reprob=X says "
                                            "in which share of the pictures"));
  }
}

// Of flags for random crops where there are none.
void NoteUncropped(ResolvedFlags& resolved) {
  if (resolved.flags.data_path.has_value()) return;
  const models::TransformOptions usual;
  const auto note = [&](absl::string_view flag, absl::Span<const double> usually,
                        absl::Span<const double> given) {
    if (given == usually) return;
    resolved.notices.push_back(absl::StrCat(
        "--", flag, "=", models::FlagValueText(given), " has no effect: the embedded scenes ",
        "are not cropped; --data_path=DIR names pictures that are"));
  };
  note("crop_scale", usual.crop_scale, resolved.transform.crop_scale);
  note("crop_ratio", usual.crop_ratio, resolved.transform.crop_ratio);
}

// What a step is, from whichever flags say it.
absl::Status ResolveStep(ResolvedFlags& resolved) {
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
  if (*flags.accum_iter > std::numeric_limits<int32_t>::max() / batch) {
    return InvalidArgument("--batch_size=", batch, " times --accum_iter=", *flags.accum_iter,
                           " is more images than a step can count");
  }
  resolved.step.micro_batch = static_cast<int>(batch);
  resolved.step.micro_batches = static_cast<int>(*flags.accum_iter);
  resolved.step.seed = static_cast<uint64_t>(*flags.seed);
  return absl::OkStatus();
}

bool LeavesOut(const TrainFlags& flags, absl::string_view pass) {
  if (!*flags.passes) return true;
  return flags.disable_pass.has_value() &&
         std::find(flags.disable_pass->begin(), flags.disable_pass->end(), pass) !=
             flags.disable_pass->end();
}

// --precision=auto becomes a precision; those that this machine's products do not have are taken
// back, with a line.
void SettlePrecisions(const MachineDefaults& machine, models::ModelOptions* options,
                      ResolvedFlags& resolved) {
  const auto lacks = [&resolved](absl::string_view flag, const std::string& what,
                                 const std::string& so) {
    resolved.lacks[std::string(flag)] = what;
    resolved.notices.push_back(absl::StrCat(what, ", so ", so));
  };
  const PrecisionChoice choice =
      ChoosePrecision(*resolved.flags.precision, machine.capabilities,
                      !LeavesOut(resolved.flags, "mixed_precision"), machine.device);
  resolved.flags.precision = choice.precision;
  resolved.precision_line = choice.Text();
  if (!choice.lacks.empty()) lacks("precision", choice.lacks, "fp32 is used");
  if (options == nullptr) return;
  for (const models::ProductPrecision& of : options->Precisions()) {
    const bool bf16 = of.precision == "bf16";
    const graph::Capabilities& can = machine.capabilities;
    if (of.precision == "same" || (bf16 ? can.bf16_products : can.int8_products)) continue;
    lacks(of.flag,
          absl::StrCat("--", of.flag, "=", of.precision, " needs a CPU with ",
                       bf16 ? "AVX512-BF16 or AMX; this one has neither"
                            : "AVX512-VNNI, AVX2-VNNI or AMX, and the cpu backend; one is missing"),
          absl::StrCat("the ", of.part, " computes as the rest does"));
    for (const models::ModelFlag& flag : options->Flags()) {
      if (flag.name == of.flag) CHECK(flag.Set("same").ok());
    }
  }
}

// The entry's options with the flags' values, and the flags with the options'; those that say
// nothing beside the others are taken back, with a note where one was given.
absl::Status JoinOptions(const TrainFlags& given, const MachineDefaults& machine,
                         ResolvedFlags& resolved) {
  std::map<std::string, ModelOption> foreign = given.model_options;
  std::unique_ptr<models::ModelOptions> options;
  if (resolved.entry.options != nullptr) {
    options = resolved.entry.options->Clone();
    std::set<std::string> names;
    for (const models::ModelFlag& flag : options->Flags()) {
      const auto it = foreign.find(std::string(flag.name));
      if (it == foreign.end()) continue;
      RETURN_IF_ERROR(flag.Set(it->second.text));
      names.insert(it->first);
      foreign.erase(it);
    }
    if (foreign.empty()) {
      RETURN_IF_ERROR(options->Resolve(resolved.entry.model, names));
      RETURN_IF_ERROR(options->CheckBatch(resolved.entry.recipe.batch_size));
      resolved.entry.model.final_norm = options->final_norm();
    }
  }
  if (!foreign.empty()) {
    const auto& [name, option] = *foreign.begin();
    return InvalidArgument("--", name, "=", option.text, " is for ", option.family, "; ",
                           resolved.entry.name, " has no such flag");
  }
  SettlePrecisions(machine, options.get(), resolved);
  resolved.flags.model_options.clear();
  if (options == nullptr) return absl::OkStatus();
  if (options->step_every_micro_batch()) {
    resolved.step.update_when = models::UpdateWhen::kMicroStep;
  }
  for (const models::ModelFlag& flag : options->Flags()) {
    const std::string name(flag.name);
    if (flag.no_effect.empty()) {
      resolved.flags.model_options[name] = {flag.Text(), std::string(options->family())};
    } else if (given.model_options.count(name) > 0) {
      resolved.notices.push_back(
          absl::StrCat("--", name, "=", flag.Text(), " has no effect: ", flag.no_effect));
    }
  }
  resolved.entry.options = std::move(options);
  return absl::OkStatus();
}

// Precisions and recomputation are made by passes, which must not be left out then.
absl::Status CheckPasses(const ResolvedFlags& resolved) {
  const TrainFlags& flags = resolved.flags;
  struct Want {
    absl::string_view flag;
    std::string value;
    absl::string_view neutral, pass;
  };
  std::vector<Want> wants = {{"precision", *flags.precision, "fp32", "mixed_precision"},
                             {"recompute", *flags.recompute, "none", "recompute"}};
  if (resolved.entry.options != nullptr) {
    for (const models::ProductPrecision& of : resolved.entry.options->Precisions()) {
      wants.push_back(
          {of.flag, of.precision, "same", of.precision == "int8" ? "quantize" : "mixed_precision"});
    }
  }
  for (const Want& want : wants) {
    if (want.value == want.neutral) continue;
    if (!LeavesOut(flags, want.pass)) continue;
    return InvalidArgument(
        "--", want.flag, "=", want.value, " is made by the pass ", want.pass, ", which ",
        *flags.passes ? absl::StrCat("--disable_pass=", want.pass) : "--passes=off",
        " leaves out; drop one of the two");
  }
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

  JoinModel(resolved.flags, resolved.entry.model);
  JoinRecipe(resolved.flags, resolved.entry.recipe);
  RETURN_IF_ERROR(models::Validate(resolved.entry.model));
  RETURN_IF_ERROR(ResolveChannels(resolved.flags));
  SetDefaults(machine, resolved.flags);
  TakeTransform(resolved.flags, &resolved.transform);
  RETURN_IF_ERROR(CheckAugmentation(resolved.flags));
  NoteUncropped(resolved);
  NoteUnerased(resolved);
  RETURN_IF_ERROR(JoinOptions(flags, machine, resolved));
  RETURN_IF_ERROR(models::Validate(resolved.entry.recipe));
  RETURN_IF_ERROR(CheckPasses(resolved));
  RETURN_IF_ERROR(ResolveStep(resolved));

  resolved.lr = flags.lr.has_value()
                    ? *flags.lr
                    : resolved.entry.recipe.blr * static_cast<double>(resolved.step.images()) / 256;
  if (resolved.entry.recipe.min_lr > resolved.lr) {
    return InvalidArgument(
        "--min_lr=", resolved.entry.recipe.min_lr, " is above the learning rate ", resolved.lr,
        flags.lr ? "" : " that --blr and the effective batch give", "; lower it");
  }
  return resolved;
}

graph::PipelineOptions PassOptions(const ResolvedFlags& resolved) {
  const TrainFlags& flags = resolved.flags;
  graph::PipelineOptions options;
  options.enabled = flags.passes.value_or(true);
  if (flags.disable_pass) {
    options.disabled = {flags.disable_pass->begin(), flags.disable_pass->end()};
  }
  if (flags.precision == "bf16") options.precision = graph::ComputePrecision::kBF16;
  if (resolved.entry.options != nullptr) {
    for (const models::ProductPrecision& of : resolved.entry.options->Precisions()) {
      if (of.precision == "same") continue;
      options.precision_overrides.push_back(
          {std::string(of.part), of.precision == "int8" ? graph::ComputePrecision::kInt8Products
                                                        : graph::ComputePrecision::kBF16});
    }
  }
  auto segments = models::RecomputeSegments(flags.recompute.value_or("none"));
  CHECK(segments.ok());  // the flag's table lists what there is
  options.recompute_segment = *std::move(segments);
  return options;
}

}  // namespace tools
