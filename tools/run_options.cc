#include "tools/run_options.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "models/training/output_dir.h"
#include "models/vit/vit_config.h"
#include "tools/flags/parse_flags.h"

namespace tools {
namespace {

// `path`, which may be read later from another folder; a pattern of shards is a path, too, and "-"
// is none. Not normalised: behind a link, ".." is another folder.
std::string FromAnywhere(const std::string& path) {
  if (path.empty() || path == "-") return path;
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.string();
}

// Those that the run's files hold.
TrainFlags SavedFlags(const ResolvedFlags& resolved) {
  TrainFlags flags = resolved.flags;
  flags.output_dir.reset();
  for (auto path : {&TrainFlags::data_path, &TrainFlags::init_from, &TrainFlags::finetune}) {
    if ((flags.*path).has_value()) flags.*path = FromAnywhere(*(flags.*path));
  }
  return flags;
}

}  // namespace

models::OpenOptions MakeOpenOptions(const ResolvedFlags& resolved) {
  models::OpenOptions options;
  options.data_path = resolved.flags.data_path.value_or("");
  options.input_height = resolved.entry.model.input_h;
  options.input_width = resolved.entry.model.input_w;
  options.val_fraction = resolved.flags.val_fraction.value();
  options.limits = models::LimitsOfMegapixels(resolved.flags.max_image_megapixels.value(),
                                              ChannelsOfPictures(resolved));
  return options;
}

models::SessionOptions MakeSessionOptions(const ResolvedFlags& resolved) {
  models::SessionOptions options;
  options.compile.passes = PassOptions(resolved);
  options.recipe = resolved.entry.recipe;
  options.step = resolved.step;
  if (resolved.entry.options != nullptr) {
    options.batch_multiple = static_cast<int>(resolved.entry.options->batch_multiple());
  }
  if (resolved.flags.overfit_batch.value()) {
    options.loader_batches += resolved.step.micro_batches;
  }
  return options;
}

models::LoadOptions MakeLoadOptions(const ResolvedFlags& resolved) {
  models::LoadOptions options;
  if (resolved.flags.allow_missing.has_value()) options.allow = *resolved.flags.allow_missing;
  if (resolved.flags.finetune.has_value()) {
    // What pretraining has besides, and what it has not.
    options.allow = {"head.*", "decoder_*", "mask_token", "mask_pos_token"};
    const models::VitConfig* const vit = models::FindVit(resolved.entry);
    if (vit != nullptr && !vit->cls_token) {
      options.allow.insert(options.allow.end(), {"fc_norm.*", "norm.*"});
    }
    options.allow_silently = options.brief = true;
  }
  return options;
}

models::LoaderOptions MakeLoaderOptions(const ResolvedFlags& resolved) {
  const TrainFlags& flags = resolved.flags;
  models::LoaderOptions options;
  options.batch_size = resolved.step.micro_batch;
  options.input_height = resolved.entry.model.input_h;
  options.input_width = resolved.entry.model.input_w;
  options.seed = resolved.step.seed;
  options.num_workers = static_cast<int>(flags.num_workers.value());
  options.transform = resolved.transform;
  options.random_crop = flags.data_path.has_value();  // scenes are drawn as they should be seen
  if (const models::VitConfig* vit = models::FindVit(resolved.entry)) {
    options.mixing = {vit->mixup, vit->cutmix, vit->mixup_prob, vit->mixup_switch_prob};
    options.mix_group = vit->GroupOf(resolved.step.micro_batch);
  }
  options.exact_decode = flags.exact_decode.value();
  options.max_bad_share = flags.max_bad_share.value();
  options.stop_at_bad_image = *flags.on_bad_image == "stop";
  return options;
}

models::TrainerOptions MakeTrainerOptions(const ResolvedFlags& resolved,
                                          const std::string& run_folder) {
  const TrainFlags& flags = resolved.flags;
  const models::RecipeConfig& recipe = resolved.entry.recipe;
  models::TrainerOptions options;
  options.schedule = {resolved.lr, recipe.min_lr, recipe.warmup_epochs,
                      static_cast<double>(recipe.epochs)};
  options.loader = MakeLoaderOptions(resolved);
  options.steps = flags.steps.value_or(-1);
  options.overfit_batch = flags.overfit_batch.value();
  options.spike_z = flags.spike_z.value();
  options.watchdog_seconds = flags.watchdog.value();
  options.run_folder = run_folder;
  options.eval_epochs = flags.eval_epochs.value();
  options.eval_every = flags.eval_every.value();
  options.vis_every = flags.vis_every.value_or(0);
  options.print_every = flags.print_every.value();
  options.save_every = flags.save_every.value();
  options.save_minutes = flags.save_minutes.value();
  options.metrics_path = absl::StrCat(run_folder, "/", models::kMetricsFile);
  options.metadata = {{"model", resolved.entry.name}, {"flags", FlagsOfRun(resolved, "")}};
  return options;
}

models::KeepPolicy MakeKeepPolicy(const ResolvedFlags& resolved) {
  return {static_cast<int>(resolved.flags.keep.value()), resolved.flags.keep_every.value()};
}

ProfileRunOptions MakeProfileOptions(const ResolvedFlags& resolved, const std::string& run_folder) {
  ProfileRunOptions options;
  options.steps = static_cast<int>(resolved.flags.profile.value());
  options.threads = static_cast<int>(resolved.flags.threads.value());
  options.folder = absl::StrCat(run_folder, "/", models::kProfileFolder);
  return options;
}

std::string FlagsOfRun(const ResolvedFlags& resolved, const std::string& comment) {
  return TrainFlagsText(SavedFlags(resolved), comment, absl::MakeConstSpan(&resolved.entry, 1));
}

models::FlagList FlagListOfRun(const ResolvedFlags& resolved) {
  return SetFlags(SavedFlags(resolved), absl::MakeConstSpan(&resolved.entry, 1));
}

}  // namespace tools
