#include "tools/benchmark/step_bench.h"

#include <limits>
#include <memory>
#include <ostream>
#include <utility>

#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/loader.h"
#include "models/data/open_dataset.h"
#include "models/training/lookahead.h"
#include "models/training/session.h"
#include "tools/benchmark/host.h"
#include "tools/benchmark/random_fill.h"
#include "tools/benchmark/roofline.h"
#include "tools/run_options.h"

namespace tools {
namespace {

constexpr int kRandomClasses = 10;  // for a classifier's random labels
constexpr int kTracedSteps = 3;

// The same images each time, with different masks.
class RandomImages {
 public:
  explicit RandomImages(const models::ZooEntry& entry) {
    const int batch = entry.recipe.batch_size;
    batch_.images.resize(static_cast<size_t>(batch) * entry.model.channels * entry.model.input_h *
                         entry.model.input_w);
    FillNormal(graph::DType::kF32, batch_.images.size(), batch_.images.data());
    batch_.keys.resize(batch);
    for (int i = 0; i < batch; ++i) {
      batch_.labels.push_back(i % kRandomClasses);
      batch_.image_ids.push_back(static_cast<uint64_t>(i));
    }
    batch_.valid = batch;
  }
  const models::Batch* Next() {
    for (size_t i = 0; i < batch_.keys.size(); ++i) {
      batch_.keys[i] = static_cast<int64_t>(graph::SampleKey(0, count_, i));
    }
    ++count_;
    return &batch_;
  }

 private:
  models::Batch batch_;
  uint64_t count_ = 0;
};

double Mib(size_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

}  // namespace

absl::StatusOr<StepBenchResult> BenchStep(const graph::SchemaRegistry& registry,
                                          const graph::Backend& backend,
                                          const StepBenchOptions& options, std::ostream* progress) {
  const ResolvedFlags& resolved = options.resolved;
  const models::RecipeConfig& recipe = resolved.entry.recipe;
  const int threads = static_cast<int>(resolved.flags.threads.value());
  StepBenchResult result;

  models::Datasets data;
  int classes = kRandomClasses;
  if (options.with_loader) {
    ASSIGN_OR_RETURN(data, models::OpenDatasets(MakeOpenOptions(resolved)));
    classes = data.train->num_classes();
    if (resolved.entry.needs.labels && classes == 0) {
      return graph::InvalidArgument("--model=", resolved.entry.name, " needs labels, but ",
                                    data.description, " has none");
    }
  }

  const std::unique_ptr<models::Model> model = resolved.entry.make(resolved.entry, classes);
  const models::OfficialNet official = model->OfficialStep();
  if (official.linears.empty()) {
    return graph::InvalidArgument("--model=", resolved.entry.name, " does not say what its ",
                                  "published step computes, which a step is measured by; ",
                                  "override Model::OfficialStep()");
  }
  result.official_flops = official.total;
  result.guide_flops = official.forward_only;
  result.images = static_cast<int>(resolved.step.images());
  const graph::DType dtype =
      *resolved.flags.precision == "bf16" ? graph::DType::kBF16 : graph::DType::kF32;
  const Clock::time_point roofline_start = Clock::now();
  if (backend.device->host_accessible()) {
    *progress << "roofline: every product of the published step in " << graph::DTypeName(dtype)
              << " ..." << std::endl;
    ASSIGN_OR_RETURN(result.roofline_gflops,
                     MeasureRoofline(StepGemms(official, resolved.step.micro_batch), dtype, threads,
                                     options.roofline_runs));
  }
  const double roofline_seconds = SecondsSince(roofline_start);

  result.peak_reset = ResetPeakResident();
  *progress << "steps ..." << std::endl;
  Clock::time_point start = Clock::now();
  models::SessionOptions session_options = MakeSessionOptions(resolved);
  session_options.compile.registry = &registry;
  session_options.compile.backend = &backend;
  session_options.evaluations = false;
  ASSIGN_OR_RETURN(const std::unique_ptr<models::Session> session,
                   models::Session::Create(model.get(), session_options));
  result.setup_seconds = SecondsSince(start);
  result.done_flops = session->flops_per_image();
  result.arena_mib = Mib(session->arena_bytes());
  result.persistent_mib = Mib(session->persistent_bytes());

  std::unique_ptr<models::Loader> loader;  // null: `random`
  std::unique_ptr<RandomImages> random;
  if (options.with_loader) {
    ASSIGN_OR_RETURN(loader, models::Loader::Create(data.train.get(), MakeLoaderOptions(resolved)));
  } else {
    random = std::make_unique<RandomImages>(resolved.entry);
  }
  models::Lookahead batches([&]() -> absl::StatusOr<const models::Batch*> {
    if (loader != nullptr) return loader->Next();
    return random->Next();
  });
  const auto waited = [&] { return loader != nullptr ? loader->data_wait_seconds() : 0; };
  const auto scheduled = model->ScheduledInputs(0, recipe.epochs);
  bool first_step = true;
  const auto step = [&]() -> absl::Status {
    RETURN_IF_ERROR(session
                        ->Step([&] { return batches.Next(); }, resolved.lr, scheduled, 0,
                               std::numeric_limits<double>::infinity(),
                               [&] { return batches.Peek(); })
                        .status());
    if (std::exchange(first_step, false)) {
      const double since_launch = SecondsSinceLaunch();
      if (since_launch > 0) result.first_step_seconds = since_launch - roofline_seconds;
    }
    return absl::OkStatus();
  };

  for (int i = 0; i < options.warmup; ++i) RETURN_IF_ERROR(step());
  const double waited_before = waited();
  std::vector<double> rates;
  double seconds = 0;
  for (int run = 0; run < options.runs; ++run) {
    start = Clock::now();
    for (int i = 0; i < options.steps; ++i) RETURN_IF_ERROR(step());
    const double taken = SecondsSince(start);
    seconds += taken;
    rates.push_back(result.images * options.steps / taken);
  }
  result.images_per_s = SpreadOf(rates);
  result.data_wait_share = (waited() - waited_before) / seconds;
  result.peak_mib = PeakResidentMib();
  if (result.roofline_gflops > 0) {
    result.roofline_share =
        result.images_per_s.median * result.official_flops / (result.roofline_gflops * 1e9);
  }

  graph::Executable* const train = session->micro_steps().back();
  OpTimes times;
  train->AddTraceHook(&times);
  for (int i = 0; i < kTracedSteps; ++i) RETURN_IF_ERROR(step());
  train->RemoveTraceHook(&times);
  result.ops = times.ByOp(registry, *train);
  return result;
}

}  // namespace tools
