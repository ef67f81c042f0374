#include "tools/plan/gpu_plan.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "tools/cuda_backend.h"

namespace tools {
namespace {

constexpr char kCuda[] = "cuda";

nlohmann::ordered_json KindJson(const KindOfWork& k) {
  return {{"kind", k.kind},
          {"operators", k.operators},
          {"gflop", k.flops / 1e9},
          {"gb", k.bytes / 1e9},
          {"floor_ms", k.floor_seconds * 1e3},
          {"goal_ms", k.goal_seconds * 1e3}};
}

// Threads like that which was measured, of which the GPU needs as many.
double ThreadsNeeded(const GpuPlan& plan, const LoadingTime& loading) {
  const double rate = static_cast<double>(plan.window_images) / Sum(plan.window).goal_seconds;
  return std::ceil(loading.seconds * rate);
}

double GiB(size_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

std::string KindRow(const KindOfWork& k) {
  return absl::StrFormat("  %-28s %9d %9.2f %9.1f %9.2f %9.2f\n", k.kind, k.operators,
                         k.flops / 1e12, k.bytes / 1e9, k.floor_seconds * 1e3,
                         k.goal_seconds * 1e3);
}

}  // namespace

absl::StatusOr<GpusToDescribe> ChooseGpusToDescribe(const TrainFlags& flags, int threads) {
  GpusToDescribe gpus;
  if (!flags.plan.has_value()) return gpus;
  const std::string device = flags.device.value_or(flags.plan_gpu ? kCuda : "cpu");
  if (flags.plan_gpu.has_value()) {
    if (device != kCuda) {
      return graph::InvalidArgument("--plan_gpu plans for GPUs that need not be here; leave out ",
                                    "--device=", device, ", or make it --device=cuda");
    }
    absl::StatusOr<std::vector<GpuChip>> chips = GpuChips(*flags.plan_gpu);
    if (!chips.ok()) {
      return graph::Annotate(chips.status(),
                             absl::StrCat("--plan_gpu=", absl::StrJoin(*flags.plan_gpu, ",")));
    }
    gpus.chips = *std::move(chips);
    return gpus;
  }
  if (device != kCuda) return gpus;
  absl::StatusOr<DeviceChoice> chosen = ChooseDevice(device, threads);
  if (chosen.ok()) {
    gpus.here = *std::move(chosen);
    return gpus;
  }
  const absl::Status here = chosen.status();
  ASSIGN_OR_RETURN(gpus.chips, GpuChips({"h100", "h200"}));
  // Where the library is missing, that is what to say.
  if (!DescribedDevice(gpus.chips[0]).ok()) return here;
  absl::string_view reason = here.message();
  absl::ConsumePrefix(&reason, "--device=cuda: ");
  gpus.reason = std::string(reason.substr(0, reason.find(';')));
  return gpus;
}

absl::StatusOr<graph::Backend> DescribeBackend(const GpuChip& chip, int threads) {
  absl::StatusOr<graph::Backend> backend = DescribeCudaBackend(chip.properties, threads);
  if (backend.ok()) return backend;
  // The CPU is no way out for whoever plans for a GPU.
  absl::string_view message = backend.status().message();
  absl::ConsumeSuffix(&message, ", or use --device=cpu");
  return graph::Annotate(absl::Status(backend.status().code(), message),
                         absl::StrCat("--plan_gpu=", chip.flag));
}

absl::StatusOr<DeviceChoice> DescribedDevice(const GpuChip& chip) {
  ASSIGN_OR_RETURN(const graph::Backend backend, DescribeBackend(chip, /*threads=*/1));
  return DeviceChoice{backend.device->name(), "", backend.capabilities, backend};
}

absl::StatusOr<GpuPlan> PlanForGpu(const models::Model& model,
                                   const models::SessionOptions& options,
                                   const std::vector<PlanVariant>& variants, const RunLength& run,
                                   const GpuChip& chip) {
  GpuPlan plan{chip, {}, options.step.images(), {}};
  ASSIGN_OR_RETURN(plan.answers,
                   AnswerPlan(model, options, variants, run,
                              [&](const models::SessionOptions& with,
                                  const models::SessionPlan& session) -> absl::StatusOr<double> {
                                const int micro_batches =
                                    static_cast<int>(with.step.micro_batches);
                                std::vector<KindOfWork> window =
                                    PredictWindow(*options.compile.registry, session,
                                                  micro_batches, chip.rates);
                                window.insert(window.begin(),
                                              PredictCopies(session, micro_batches, Sum(window),
                                                            chip.rates));
                                const double seconds = Sum(window).goal_seconds;
                                if (plan.window.empty()) plan.window = std::move(window);
                                return seconds / static_cast<double>(plan.window_images);
                              }));
  plan.answers.device = chip.flag;
  return plan;
}

std::string GpuPlanText(const GpuPlan& plan, const LoadingTime& loading, bool by_kind) {
  const GpuChip& chip = plan.chip;
  const KindOfWork sum = Sum(plan.window);
  std::string text = absl::StrFormat(
      "%s: %s; bf16 %.0f TFLOP/s, fp32 %.1f, memory %.0f GB/s; %.1f of %.1f GiB left free\n",
      chip.flag, chip.properties.name, chip.rates.bf16_gflops / 1e3, chip.rates.f32_gflops / 1e3,
      chip.rates.gb_per_s, GiB(backends::cuda::kReservedBytes), GiB(chip.properties.memory_bytes));
  absl::StrAppend(&text, PlanText(plan.answers));
  absl::StrAppendFormat(&text,
                        "predicted for %d images: %.2f ms at the floor, %.2f at the goal, which is "
                        "the table's\n",
                        plan.window_images, sum.floor_seconds * 1e3, sum.goal_seconds * 1e3);
  absl::StrAppendFormat(&text,
                        "loading: %.2f ms an image on one thread here, measured; %.0f such threads "
                        "keep up\n",
                        loading.seconds * 1e3, ThreadsNeeded(plan, loading));
  if (!by_kind) return text;
  absl::StrAppendFormat(&text, "\n%-30s %9s %9s %9s %9s %9s\n",
                        absl::StrFormat("%d images on %s", plan.window_images, chip.flag),
                        "operators", "TFLOP", "GB moved", "floor ms", "goal ms");
  for (const KindOfWork& kind : plan.window) absl::StrAppend(&text, KindRow(kind));
  absl::StrAppend(&text, KindRow(sum));
  return text;
}

nlohmann::ordered_json GpuPlanJson(const GpuPlan& plan, const LoadingTime& loading) {
  nlohmann::ordered_json json = PlanJson(plan.answers);
  const GpuChip& chip = plan.chip;
  json["gpu"] = {
      {"name", chip.properties.name},
      {"compute_capability", absl::StrCat(chip.properties.major, ".", chip.properties.minor)},
      {"memory_mib", static_cast<double>(chip.properties.memory_bytes) / (1 << 20)},
      {"bf16_gflop_per_s", chip.rates.bf16_gflops},
      {"f32_gflop_per_s", chip.rates.f32_gflops},
      {"gb_per_s", chip.rates.gb_per_s}};
  json["loading"] = {{"ms_an_image", loading.seconds * 1e3},
                     {"threads_needed", ThreadsNeeded(plan, loading)}};
  json["step"] = KindJson(Sum(plan.window));
  json["step"].erase("kind");
  json["step"]["images"] = plan.window_images;
  for (const KindOfWork& kind : plan.window) json["step"]["kinds"].push_back(KindJson(kind));
  return json;
}

}  // namespace tools
