#include "tools/plan/short_plan.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/data/loader.h"
#include "tools/benchmark/timing.h"
#include "tools/plan/step_time.h"
#include "tools/run_options.h"

namespace tools {
namespace {

double MiB(size_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

std::string Rate(double images_per_s) {
  return absl::StrFormat(images_per_s < 100 ? "%.3g" : "%.0f", images_per_s);
}

double Hours(double images, const PlanAnswer& answer) {
  return images / answer.images_per_s / 3600;
}

}  // namespace

std::vector<PlanVariant> PlanVariants(const ResolvedFlags& resolved,
                                      const MachineDefaults& machine) {
  const bool chosen_bf16 =
      resolved.flags.precision == "bf16" && resolved.precision_line != *resolved.flags.precision;
  std::vector<PlanVariant> variants = {
      {chosen_bf16 ? "as asked, which is in bf16" : "as asked", PassOptions(resolved)}};
  const auto add = [&](const std::string& text, const TrainFlags& flags,
                       const std::string& missing) {
    if (flags == resolved.flags) return;
    const auto other = ResolveTrainFlags(flags, resolved.entry, machine);
    if (!other.ok()) return;
    const bool taken_back = !(other->flags == flags);
    variants.push_back({text, PassOptions(*other), taken_back ? missing : ""});
  };
  TrainFlags flags = resolved.flags;
  if (chosen_bf16) {
    flags.precision = "fp32";
    add("--precision=fp32", flags, "");
  }
  flags.precision = "bf16";
  add("--precision=bf16", flags, "needs AVX512-BF16 or AMX");
  if (resolved.entry.options != nullptr) {
    for (const models::ProductPrecision& of : resolved.entry.options->Precisions()) {
      const auto option = flags.model_options.find(std::string(of.flag));
      if (option == flags.model_options.end()) continue;
      option->second.text = "int8";
      add(absl::StrCat("  and --", of.flag, "=int8"), flags,
          machine.device == "cpu" ? "needs AVX512-BF16 or AMX, and VNNI or AMX"
                                  : "needs --device=cpu");
    }
  }
  flags = resolved.flags;
  flags.recompute = "block";
  add("--recompute=block", flags, "");
  return variants;
}

absl::StatusOr<LoadingTime> MeasureLoading(const ResolvedFlags& resolved,
                                           const models::Dataset& data, int cpus) {
  constexpr double kSeconds = 0.3;
  models::LoaderOptions options = MakeLoaderOptions(resolved);
  LoadingTime loading{0, options.num_workers, cpus};
  options.num_workers = 0;
  options.batch_size = std::min<int64_t>(8, data.size());
  ASSIGN_OR_RETURN(const auto loader, models::Loader::Create(&data, options));
  RETURN_IF_ERROR(loader->Next().status());  // warms up
  const Clock::time_point start = Clock::now();
  int64_t images = 0;
  while (images == 0 || SecondsSince(start) < kSeconds) {
    RETURN_IF_ERROR(loader->Next().status());
    images += options.batch_size;
  }
  loading.seconds = SecondsSince(start) / static_cast<double>(images);
  return loading;
}

double SecondsOfAnImage(double computing, int threads, const LoadingTime& loading) {
  if (loading.workers == 0) return computing + loading.seconds;
  const double shared = (computing * threads + loading.seconds) / std::max(loading.cpus, 1);
  return std::max({computing, shared, loading.seconds / loading.workers});
}

std::string TimeText(double hours) {
  const double minutes = hours * 60, seconds = minutes * 60;
  if (seconds < 59.5) return absl::StrFormat(seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
  if (minutes < 59.5) return absl::StrFormat(minutes < 9.95 ? "%.1f min" : "%.0f min", minutes);
  return absl::StrFormat(hours < 9.995 ? "%.2f h" : hours < 999.5 ? "%.1f h" : "%.0f h", hours);
}

RunLength LengthOf(const ResolvedFlags& resolved, const models::EpochPlan& epochs,
                   int64_t data_images) {
  RunLength run;
  run.data_images = data_images;
  run.epoch_images = static_cast<double>(epochs.micro_batches()) * resolved.step.micro_batch;
  const int64_t all = epochs.steps() * resolved.entry.recipe.epochs;
  run.run_images =
      run.epoch_images * epochs.epochs(std::min(all, resolved.flags.steps.value_or(all)));
  return run;
}

absl::StatusOr<PlanAnswers> AnswerPlan(const models::Model& model,
                                       const models::SessionOptions& options,
                                       const std::vector<PlanVariant>& variants,
                                       const RunLength& run, const SecondsOfPlan& seconds) {
  const graph::Device& device = *options.compile.backend->device;
  PlanAnswers answers{device.name(), device.AvailableBytes(), run, {}};
  for (const PlanVariant& variant : variants) {
    PlanAnswer answer;
    answer.flags = variant.flags;
    answer.missing = variant.missing;
    if (variant.missing.empty()) {
      models::SessionOptions with = options;
      with.dump = nullptr;
      with.compile.passes = variant.passes;
      ASSIGN_OR_RETURN(const models::SessionPlan plan, models::PlanSession(model, with));
      answer.memory = plan.memory;
      if (answers.available.has_value()) {
        ASSIGN_OR_RETURN(const int largest, models::LargestBatch(model, with, *answers.available));
        answer.largest_batch = std::min<int64_t>(largest, run.data_images);
      }
      answer.gflop_per_image = plan.flops_per_image / 1e9;
      ASSIGN_OR_RETURN(const double of_an_image, seconds(with, plan));
      answer.images_per_s = 1 / of_an_image;
    }
    answers.variants.push_back(std::move(answer));
  }
  return answers;
}

absl::StatusOr<PlanAnswers> TimePlan(const models::Model& model,
                                     const models::SessionOptions& options,
                                     const std::vector<PlanVariant>& variants,
                                     const LoadingTime& loading, const RunLength& run,
                                     const MachineRates& rates) {
  const graph::Backend& backend = *options.compile.backend;
  StepTimer timer(options.compile.registry, &backend, rates.gb_per_s);
  const auto seconds = [&](const models::SessionOptions& with,
                           const models::SessionPlan& plan) -> absl::StatusOr<double> {
    ASSIGN_OR_RETURN(const double window, timer.WindowSeconds(model, with, plan));
    // A GPU computes while the CPUs load; one thread starts its kernels.
    return SecondsOfAnImage(window / static_cast<double>(with.step.images()),
                            backend.device->host_accessible() ? backend.device->threads() : 1,
                            loading);
  };
  ASSIGN_OR_RETURN(PlanAnswers answers, AnswerPlan(model, options, variants, run, seconds));
  answers.counts_loading = true;
  return answers;
}

std::string PlanText(const PlanAnswers& answers) {
  const RunLength& run = answers.run;
  std::string first, table;
  for (const PlanAnswer& a : answers.variants) {
    if (!a.missing.empty()) {
      absl::StrAppendFormat(&table, "%-30s %s\n", a.flags, a.missing);
      continue;
    }
    const std::string largest = answers.available.has_value() ? absl::StrCat(a.largest_batch) : "?";
    const std::string epoch = TimeText(Hours(run.epoch_images, a));
    const std::string all = TimeText(Hours(run.run_images, a));
    const double mib = MiB(a.memory.total());
    if (first.empty()) {
      first = absl::StrFormat("needs %.0f MiB", mib);
      if (answers.available.has_value()) {
        first = absl::StrFormat("%s: %.0f MiB of %.0f; ",
                                mib <= MiB(*answers.available) ? "fits" : "DOES NOT FIT", mib,
                                MiB(*answers.available));
        absl::StrAppend(
            &first, a.largest_batch > 0
                        ? absl::StrCat("largest --batch_size ", largest,
                                       a.largest_batch >= run.data_images ? " (all images)" : "")
                        : "no --batch_size fits");
      }
      absl::StrAppendFormat(&first, "; %s images/s; an epoch in %s, the run in %s\n",
                            Rate(a.images_per_s), epoch, all);
      absl::StrAppendFormat(&first, "%-30s %8s %8s %9s %9s %10s\n",
                            absl::StrFormat("%.2f GFLOP an image", a.gflop_per_image), "MiB",
                            "largest", "images/s", "epoch", "run");
    }
    absl::StrAppendFormat(&table, "%-30s %8.0f %8s %9s %9s %10s\n", a.flags, mib, largest,
                          Rate(a.images_per_s), epoch, all);
  }
  return first + table;
}

nlohmann::ordered_json PlanJson(const PlanAnswers& answers) {
  nlohmann::ordered_json json = {{"device", answers.device},
                                 {"counts_loading", answers.counts_loading}};
  if (answers.available.has_value()) json["available_mib"] = MiB(*answers.available);
  for (const PlanAnswer& a : answers.variants) {
    nlohmann::ordered_json variant = {{"flags", a.flags}};
    if (!a.missing.empty()) {
      variant["missing"] = a.missing;
    } else {
      const models::MemoryNeeds& m = a.memory;
      variant["memory_mib"] = {{"parameters", MiB(m.parameters)},
                               {"optimizer", MiB(m.optimizer)},
                               {"accumulators", MiB(m.accumulators)},
                               {"other", MiB(m.other)},
                               {"arena", MiB(m.arena)},
                               {"loader", MiB(m.loader)},
                               {"total", MiB(m.total())},
                               {"host", MiB(m.host)}};
      if (answers.available.has_value()) variant["largest_batch"] = a.largest_batch;
      variant["gflop_per_image"] = a.gflop_per_image;
      variant["images_per_s"] = a.images_per_s;
      variant["epoch_hours"] = Hours(answers.run.epoch_images, a);
      variant["run_hours"] = Hours(answers.run.run_images, a);
    }
    json["variants"].push_back(std::move(variant));
  }
  return json;
}

}  // namespace tools
