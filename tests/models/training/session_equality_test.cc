// Runs of a session that must come to the same: windows and large batches, two runs, with and
// without grouped tensors.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "backends/cpu/kernel_table.h"
#include "backends/cpu/kernel_util.h"
#include "graph/autodiff/autodiff.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/forward_net.h"
#include "models/training/session.h"
#include "tests/models/training/session_testing.h"

namespace models {
namespace {

// The keys' third of a qkv bias has no gradient but rounding, which Adam scales
// up: two correct programs disagree there.
bool IsKeyBias(const std::string& name, size_t i, size_t n) {
  return name.size() > 13 && name.substr(name.size() - 13) == "attn.qkv.bias" && i >= n / 3 &&
         i < 2 * n / 3;
}

std::vector<float> ComparableValues(Session* session, const Parameter& p) {
  std::vector<float> values = BlobValues(session->workspace(), p.name);
  for (size_t i = 0; i < values.size(); ++i) {
    if (IsKeyBias(p.name, i, values.size())) values[i] = 0;
  }
  return values;
}

// Every image scores the same number of patches, so without the guide the mean
// of the losses of four micro-batches is the loss of their union.
TEST(Accumulation, FourMicroBatchesEqualOneLargeBatchWithoutGuide) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(/*attn_guide=*/false));
  const auto accumulated = MakeSession(model, engine.Options(3, 4));
  const auto whole = MakeSession(model, engine.Options(12, 1));
  for (int step = 0; step < 3; ++step) {
    const Batch large = RandomBatch(TinyModelConfig(), 12, 100 + step);
    std::vector<Batch> small;
    for (int i = 0; i < 4; ++i) small.push_back(SubBatch(large, 3 * i, 3));
    const auto a = StepOn(accumulated.get(), small, 1e-3);
    const auto b = StepOn(whole.get(), {large}, 1e-3);
    ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    EXPECT_NEAR(a->loss, b->loss, 1e-5 * b->loss);
    EXPECT_NEAR(a->grad_norm, b->grad_norm, 2e-5 * b->grad_norm);
    EXPECT_NEAR(a->metrics[0].value, b->metrics[0].value, 1e-6);
  }
  for (const Parameter& p : whole->parameters()) {
    // Bound of the golden cases' parameters after training.
    EXPECT_LT(
        RelativeError(ComparableValues(accumulated.get(), p), ComparableValues(whole.get(), p)),
        2e-4)
        << p.name;
  }
}

// Gradients of one batch by themselves, from a net made for the purpose.
std::map<std::string, std::vector<float>> Gradients(const TinyEngine& engine, const DropPos& model,
                                                    Session* parameters_of, const Batch& batch) {
  graph::NetBuilder builder(&engine.registry, "gradients");
  ModelBuilder model_builder(&builder);
  const ForwardOutputs forward =
      model.BuildTraining(&model_builder, static_cast<int>(batch.keys.size()));
  std::vector<graph::BlobId> weights;
  for (const Parameter& p : model_builder.parameters()) {
    if (p.trained()) weights.push_back(builder.State(p.name, p.type));
  }
  const auto gradients = graph::Differentiate(&builder, forward.loss, weights);
  CHECK(gradients.ok());
  std::vector<std::string> blobs;
  for (graph::BlobId g : *gradients) {
    builder.Output(g);
    blobs.push_back(builder.net().blob(g).name);
  }
  graph::Workspace workspace(engine.backend.device);
  auto executable = graph::Compile(builder.Finish().value(), engine.Options(1).compile, &workspace);
  CHECK(executable.ok());
  for (const Parameter& p : parameters_of->parameters()) {
    SetBlob(&workspace, p.name, BlobValues(parameters_of->workspace(), p.name));
  }
  CHECK(FeedBatch(executable->get(), batch).ok());
  CHECK((*executable)->WriteScalar("sigma", 1.0f).ok());
  CHECK((*executable)->Run().ok());
  std::map<std::string, std::vector<float>> result;
  size_t i = 0;
  for (const Parameter& p : model_builder.parameters()) {
    if (!p.trained()) continue;
    result[p.name] = (*executable)->Read<float>(blobs[i++]).value();
  }
  return result;
}

// With the guide the weights of a batch are normalised within it, so the window
// is the mean of its micro-batches and not their union: summed here by hand, then
// clipped once per parameter and applied once, with AdamW written out.
TEST(Accumulation, WithGuideTheWindowIsTheMeanOfItsMicroBatches) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(/*attn_guide=*/true));
  SessionOptions options = engine.Options(2, 3);
  options.recipe.clip_grad = 0.05;  // low enough that clipping happens
  const auto session = MakeSession(model, options);
  std::vector<Batch> batches;
  std::map<std::string, std::vector<double>> mean;
  for (int i = 0; i < 3; ++i) {
    batches.push_back(RandomBatch(TinyModelConfig(), 2, 7 + i));
    for (const auto& [name, g] : Gradients(engine, model, session.get(), batches.back())) {
      std::vector<double>& sum = mean[name];
      sum.resize(g.size());
      for (size_t k = 0; k < g.size(); ++k) sum[k] += g[k] / 3.0;
    }
  }
  std::map<std::string, std::vector<float>> before;
  for (const Parameter& p : session->parameters()) {
    before[p.name] = BlobValues(session->workspace(), p.name);
  }
  const double lr = 1e-2;
  const auto result = StepOn(session.get(), batches, lr);
  ASSERT_TRUE(result.ok()) << result.status();

  double square = 0;
  int clipped = 0;
  for (const Parameter& p : session->parameters()) {
    if (!p.trained()) continue;
    double norm = 0;
    for (double g : mean[p.name]) norm += g * g;
    square += norm;
    norm = std::sqrt(norm);
    const double factor = std::min(1.0, options.recipe.clip_grad / (norm + 1e-6));
    clipped += factor < 1;
    const std::vector<float> after = BlobValues(session->workspace(), p.name);
    double difference = 0, moved = 0;
    for (size_t i = 0; i < after.size(); ++i) {
      if (IsKeyBias(p.name, i, after.size())) continue;
      const double g = factor * mean[p.name][i];
      // First step: m = (1-β1)g and v = (1-β2)g², whose corrected values are g and g².
      const double decayed = before[p.name][i] * (1 - lr * (p.decays() ? 0.05 : 0.0));
      const double expected = decayed - lr * g / (std::fabs(g) + 1e-8);
      difference += (after[i] - expected) * (after[i] - expected);
      moved += (expected - before[p.name][i]) * (expected - before[p.name][i]);
    }
    // g/|g| turns a rounding error of a gradient near zero into one of its sign's
    // size, so the bound is on the whole step: 1% of its length.
    EXPECT_LT(std::sqrt(difference), 1e-2 * std::sqrt(moved) + 1e-7) << p.name;
  }
  EXPECT_NEAR(result->grad_norm, std::sqrt(square), 1e-4 * std::sqrt(square));
  EXPECT_EQ(result->clipped, clipped);
  EXPECT_GT(clipped, 0);
}

TEST(Determinism, TwoRunsGiveBitEqualLossesAtAnyThreadCount) {
  for (int threads : {1, 2, 3, 4}) {
    const TinyEngine engine(threads);
    const DropPos model(TinyModelConfig(), TinyDropPosConfig(true));
    std::vector<double> losses[2];
    std::vector<float> last[2];
    for (int run = 0; run < 2; ++run) {
      const auto session = MakeSession(model, engine.Options(5));
      for (int step = 0; step < 4; ++step) {
        const auto result = StepOn(session.get(), {RandomBatch(TinyModelConfig(), 5, step)}, 1e-3);
        ASSERT_TRUE(result.ok()) << result.status();
        losses[run].push_back(result->loss);
        losses[run].push_back(result->grad_norm);
      }
      last[run] = BlobValues(session->workspace(), "blocks.1.mlp.fc2.weight");
    }
    EXPECT_EQ(losses[0], losses[1]) << threads << " threads";
    EXPECT_EQ(last[0], last[1]) << threads << " threads";
  }
}

// The tensor_grouping pass: one operator for all updates changes no bit of a run, in
// whole steps and windows, whatever is clipped, and a step that is not finite still
// changes nothing.
TEST(TensorGrouping, ChangesNoBitOfARun) {
  const int64_t serial_before = backends::cpu::SetSerialElementsForTest(0);
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(true));
  int case_number = 0;
  for (int threads : {1, 2, 3, 4}) {
    for (int accum_iter : {1, 3}) {
      const TinyEngine engine(threads);
      std::vector<float> values[2];
      size_t ops[2] = {0, 0};
      for (const bool grouped : {false, true}) {
        SessionOptions options = engine.Options(3, accum_iter);
        options.recipe.clip_grad = 0.1;
        options.recipe.clip_global = case_number % 2 == 1;
        if (accum_iter > 1 && threads > 2) options.step.update_when = UpdateWhen::kMicroStep;
        if (threads % 2 == 0 && backends::cpu::DetectCapabilities().bf16_products) {
          options.compile.passes.precision = graph::ComputePrecision::kBF16;
        }
        if (!grouped) options.compile.passes.disabled.insert("tensor_grouping");
        const auto session = MakeSession(model, options);
        ops[grouped] = session->train().net().ops.size();
        const auto keep = [&] {
          for (const Parameter& p : session->parameters()) {
            for (const std::string& name :
                 {p.name, FirstMomentName(p.name), SecondMomentName(p.name)}) {
              if (!session->workspace()->Find(name).ok()) continue;  // not trainable
              const std::vector<float> more = BlobValues(session->workspace(), name);
              values[grouped].insert(values[grouped].end(), more.begin(), more.end());
            }
          }
        };
        for (int step = 0; step < 3; ++step) {
          std::vector<Batch> batches;
          for (int i = 0; i < accum_iter; ++i) {
            batches.push_back(RandomBatch(TinyModelConfig(), 3, 10 * step + i));
          }
          const auto result = StepOn(session.get(), batches, 1e-3);
          ASSERT_TRUE(result.ok()) << result.status();
          EXPECT_GT(result->clipped, 0);
          for (double v : {result->loss, result->grad_norm, 1.0 * result->clipped}) {
            values[grouped].push_back(static_cast<float>(v));
          }
        }
        keep();
        const size_t kept = values[grouped].size();
        SetElement(session->workspace(), "blocks.1.mlp.fc1.bias", 0,
                   std::numeric_limits<float>::infinity());
        EXPECT_FALSE(StepOn(session.get(),
                            std::vector<Batch>(accum_iter, RandomBatch(TinyModelConfig(), 3, 99)),
                            1e-3)
                         .ok());
        keep();
        EXPECT_GT(values[grouped].size(), kept + 1000);
      }
      // Bits, as there is an infinity.
      ASSERT_EQ(values[0].size(), values[1].size());
      EXPECT_EQ(std::memcmp(values[0].data(), values[1].data(), values[0].size() * sizeof(float)),
                0)
          << threads << " threads, window of " << accum_iter;
      EXPECT_GT(ops[0], ops[1] + 50);
      ++case_number;
    }
    ++case_number;  // so that windows see both ways of clipping, too
  }
  backends::cpu::SetSerialElementsForTest(serial_before);
}

}  // namespace
}  // namespace models
