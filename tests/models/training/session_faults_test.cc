// Steps that go wrong: what is named, and that nothing of them stays.
#include <limits>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/session.h"
#include "tests/models/training/session_testing.h"

namespace models {
namespace {

using ::testing::HasSubstr;

TEST(NonFinite, NamesTheFirstBlobAndLeavesTheParametersAlone) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(true));
  const auto session = MakeSession(model, engine.Options(2));
  const Batch batch = RandomBatch(TinyModelConfig(), 2, 3);
  FillBlob(session->workspace(), "blocks.1.mlp.fc1.weight", 3e38f);
  std::map<std::string, std::vector<float>> before;
  for (const Parameter& p : session->parameters()) {
    before[p.name] = BlobValues(session->workspace(), p.name);
  }
  const auto result = StepOn(session.get(), {batch}, 1e-3);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("blocks.1.mlp.fc1"));
  for (const Parameter& p : session->parameters()) {
    EXPECT_EQ(BlobValues(session->workspace(), p.name), before[p.name]) << p.name;
  }
}

TEST(NonFinite, NamesAnInputThatWasBadBefore) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(false));
  const auto session = MakeSession(model, engine.Options(2));
  Batch batch = RandomBatch(TinyModelConfig(), 2, 3);
  // Everywhere: a hidden patch of a model without guide is read by nothing.
  for (float& v : batch.images) v = std::numeric_limits<float>::infinity();
  const auto result = StepOn(session.get(), {batch}, 1e-3);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("not finite before the step already: 'images' f32[2,3,32,32], element 0"));
}

TEST(NonFinite, NamesAStateThatWasBadBefore) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(false));
  const auto session = MakeSession(model, engine.Options(2));
  SetElement(session->workspace(), "blocks.1.mlp.fc2.bias", 3,
             std::numeric_limits<float>::quiet_NaN());
  const auto result = StepOn(session.get(), {RandomBatch(TinyModelConfig(), 2, 3)}, 1e-3);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("not finite before the step already: 'blocks.1.mlp.fc2.bias' f32[16], "
                        "element 3 is nan"));
}

// A bug once: the accumulators, already written by the bad micro-step, were named
// instead of what had gone wrong.
TEST(NonFinite, NamesTheBlobInEveryMicroStepOfAWindow) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(true));
  for (int accum_iter : {2, 3}) {
    for (int bad = 0; bad < accum_iter; ++bad) {
      const auto session = MakeSession(model, engine.Options(2, accum_iter));
      std::vector<Batch> batches;
      for (int i = 0; i < accum_iter; ++i) {
        batches.push_back(RandomBatch(TinyModelConfig(), 2, 3 + i));
      }
      // Finite, but a patch's embedding is not.
      for (float& v : batches[bad].images) v = 3e38f;
      const auto result = StepOn(session.get(), batches, 1e-3);
      ASSERT_FALSE(result.ok());
      const std::string message(result.status().message());
      EXPECT_THAT(message, HasSubstr("first non-finite blob"));
      EXPECT_EQ(message.find("accum/"), std::string::npos) << message;
    }
  }
}

TEST(NonFinite, ABadStepLeavesParametersMomentsAndCount) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(true));
  for (const Way& way : StepWays()) {
    SessionOptions options = engine.Options(2, way.accum_iter);
    if (way.step_every) options.step.update_when = UpdateWhen::kMicroStep;
    const auto session = MakeSession(model, options);
    ASSERT_TRUE(StepOn(session.get(), RandomBatches(way.accum_iter, 5), 1e-3).ok());
    auto before = AllState(session.get());
    std::vector<Batch> batches = RandomBatches(way.accum_iter, 9);
    for (float& v : batches.front().images) v = 3e38f;
    ASSERT_FALSE(StepOn(session.get(), batches, 1e-3).ok());
    EXPECT_EQ(session->window_losses().size(), 1u);
    auto after = AllState(session.get());
    for (auto& [name, bytes] : before) {
      if (name.rfind("accum/", 0) == 0) continue;  // the window's, which is over
      EXPECT_TRUE(after[name] == bytes) << name;
    }
  }
}

// What a kernel finds wrong in its data is known when the step is over, and so is that nothing may
// come of it.
TEST(Fault, LeavesParametersMomentsAndCount) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(true));
  const Batch batch = RandomBatch(TinyModelConfig(), 2, 5);
  for (int window : {1, 2}) {
    const auto session = MakeSession(model, engine.Options(2, window));
    const std::vector<Batch> batches(window, batch);
    ASSERT_TRUE(StepOn(session.get(), batches, 1e-3).ok());
    auto before = AllState(session.get());
    size_t next = 0;
    const auto bad =
        session->Step([&]() -> absl::StatusOr<const Batch*> { return &batches[next++]; }, 1e-3,
                      {{"sigma", -1.0f}});
    EXPECT_EQ(bad.status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_THAT(std::string(bad.status().message()),
                HasSubstr("'sigma' f32[1] is -1 at element 0, and must be at least 0"));
    auto after = AllState(session.get());
    for (auto& [name, bytes] : before) {
      if (name.rfind("accum/", 0) == 0) continue;  // the window's, which is over
      EXPECT_TRUE(after[name] == bytes) << name;
    }
    EXPECT_TRUE(StepOn(session.get(), batches, 1e-3).ok());
  }
}

}  // namespace
}  // namespace models
