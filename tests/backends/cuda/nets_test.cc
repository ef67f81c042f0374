// Training on the CUDA backend: beside the CPU's, captured beside eager, late beside early.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/session.h"
#include "models/zoo/zoo.h"
#include "tests/harness/cuda.h"
#include "tests/models/training/session_testing.h"
#include "tests/models/training/tiny_run.h"
#include "tools/plugins.h"

namespace models {
namespace {

using State = std::map<std::string, std::vector<uint8_t>>;

// Watches nothing; with a hook a net runs operator by operator, not captured.
struct Watcher : graph::TraceHook {
  void BeforeOp(const graph::Net&, graph::OpId) override {}
  void AfterOp(const graph::Net&, graph::OpId, absl::Span<const graph::ConstTensor>) override {}
};

// All state after `steps` windows of two micro-batches.
State Train(const graph::Backend& backend, int steps, graph::ComputePrecision precision,
            bool watched) {
  const graph::SchemaRegistry registry = tools::MakeRegistry();
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(/*attn_guide=*/true));
  SessionOptions options = TinyEngine(1).Options(/*batch=*/2, /*accum_iter=*/2);
  options.compile.registry = &registry;
  options.compile.backend = &backend;
  options.compile.passes.precision = precision;
  const std::unique_ptr<Session> session = MakeSession(model, options);
  Watcher watcher;
  if (watched) {
    for (graph::Executable* net : session->micro_steps()) net->AddTraceHook(&watcher);
  }
  for (int step = 0; step < steps; ++step) {
    const auto result = StepOn(session.get(), RandomBatches(2, 10 * step), 1e-2);
    EXPECT_TRUE(result.ok()) << result.status();
  }
  return AllState(session.get());
}

TEST(CudaNets, AReplayedStepIsTheEagerOneAndLateWorkIsEarlyWork) {
  for (const auto precision : {graph::ComputePrecision::kF32, graph::ComputePrecision::kBF16}) {
    SCOPED_TRACE(precision == graph::ComputePrecision::kF32 ? "fp32" : "bf16");
    State eager;
    {
      const graph::Backend backend = harness::MakeCuda();
      eager = Train(backend, 4, precision, /*watched=*/true);
      harness::TakeGraphLaunches();
      EXPECT_EQ(Train(backend, 4, precision, /*watched=*/false), eager);
      // The first window is eager, the second captured and replayed: two nets each.
      EXPECT_EQ(harness::TakeGraphLaunches(), 6u);
    }
    const harness::EarlyWork early;
    EXPECT_EQ(Train(harness::MakeCuda(), 4, precision, /*watched=*/false), eager);
  }
}

// Each wait is tens of microseconds in which a GPU does nothing, so what a step reports comes with
// its run: one wait for both streams, and one for each write before of an input.
TEST(CudaNets, AStepWaitsOnceForWhatItReports) {
  const graph::SchemaRegistry registry = tools::MakeRegistry();
  const graph::Backend backend = harness::MakeCuda();
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(/*attn_guide=*/true));
  SessionOptions options = TinyEngine(1).Options(/*batch=*/2);
  options.compile.registry = &registry;
  options.compile.backend = &backend;
  const std::unique_ptr<Session> session = MakeSession(model, options);
  for (int step = 0; step < 4; ++step) {
    harness::TakeHostWaits();
    const auto result = StepOn(session.get(), RandomBatches(1, step), 1e-2);
    ASSERT_TRUE(result.ok()) << result.status();
    const uint64_t inputs = session->train().net().inputs.size();
    EXPECT_LE(harness::TakeHostWaits(), 2 + inputs) << "step " << step;
    EXPECT_EQ(result->updates, 1);
  }
}

// Every step's loss of droppos_tiny on `backend`, with batches of 4 random pictures.
std::vector<double> Losses(const graph::Backend& backend, graph::ComputePrecision precision,
                           int steps) {
  const graph::SchemaRegistry registry = tools::MakeRegistry();
  const ZooEntry entry = *tools::MakeZoo().Find("droppos_tiny");
  const std::unique_ptr<Model> model = entry.make(entry, /*num_classes=*/10);
  SessionOptions options = TinyEngine(1).Options(/*batch=*/4);
  options.compile.registry = &registry;
  options.compile.backend = &backend;
  options.compile.passes.precision = precision;
  const std::unique_ptr<Session> session = MakeSession(*model, options);
  std::vector<double> losses;
  for (int step = 0; step < steps; ++step) {
    const auto result = StepOn(session.get(), {RandomBatch(entry.model, 4, step)}, 1e-3);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) break;
    losses.push_back(result->loss);
  }
  return losses;
}

// The two round differently, and AdamW's first steps follow the signs of gradients, so what differs
// grows with the steps. Bounds are several times what was seen: 20 steps, relative.
TEST(CudaNets, DropPosTinyTrainsAsOnTheCpu) {
  constexpr int kSteps = 20;
  const std::vector<double> cpu =
      Losses(*tools::MakeBackend("cpu", 1), graph::ComputePrecision::kF32, kSteps);
  for (const auto& [precision, bound] :
       {std::pair{graph::ComputePrecision::kF32, 1e-4}, {graph::ComputePrecision::kBF16, 1e-2}}) {
    const std::vector<double> cuda = Losses(harness::MakeCuda(), precision, kSteps);
    ASSERT_EQ(cuda.size(), cpu.size());
    double worst = 0;
    for (int i = 0; i < kSteps; ++i) worst = std::max(worst, std::abs(cuda[i] / cpu[i] - 1));
    std::cout << "the losses differ by at most " << worst << " (first " << cpu.front() << ", last "
              << cpu.back() << ")\n";
    EXPECT_LE(worst, bound);
    EXPECT_LT(cuda.back(), cuda.front());
  }
}

}  // namespace
}  // namespace models
