#include "models/training/session.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "tests/models/training/session_testing.h"

namespace models {
namespace {

TEST(ScheduledInputs, ThatNoNetHasAreRefused) {
  class Misspelt : public DropPos {
   public:
    using DropPos::DropPos;
    std::vector<std::pair<std::string, float>> ScheduledInputs(int, int) const override {
      return {{"sigma", 1.0f}, {"simga", 1.0f}};
    }
  };
  const TinyEngine engine;
  const Misspelt model(TinyModelConfig(), TinyDropPosConfig(false));
  EXPECT_EQ(Session::Create(&model, engine.Options(2)).status().message(),
            "no training net of the model has its scheduled input 'simga'");
}

// What a capsule says of them comes from a file: a bug once wrote a float into `keys`.
TEST(ScheduledInputs, AreTheModelsAndNoOther) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(false));
  const auto session = MakeSession(model, engine.Options(2));
  const Batch batch = RandomBatch(TinyModelConfig(), 2, 3);
  const auto error = [&](const std::vector<std::pair<std::string, float>>& scheduled) {
    return std::string(
        session->Step([&]() -> absl::StatusOr<const Batch*> { return &batch; }, 1e-3, scheduled)
            .status()
            .message());
  };
  EXPECT_EQ(error(OneSigma()), "");
  for (const char* name : {"keys", "images", "lr", "cls_token", "no such"}) {
    EXPECT_EQ(error({{"sigma", 1.0f}, {name, 1.0f}}),
              absl::StrCat("the model has no scheduled input '", name, "'"));
  }
  EXPECT_EQ(error({}), "the model's scheduled input 'sigma' is not given");
}

TEST(HoldBack, ALossAboveTheLimitUpdatesNothingUntilItIsReleased) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(true));
  for (const Way& way : StepWays()) {
    SessionOptions options = engine.Options(2, way.accum_iter);
    if (way.step_every) options.step.update_when = UpdateWhen::kMicroStep;
    const auto plain = MakeSession(model, options), held = MakeSession(model, options);
    for (int step = 0; step < 3; ++step) {
      const std::vector<Batch> batches = RandomBatches(way.accum_iter, 20 + 10 * step);
      const auto expected = StepOn(plain.get(), batches, 1e-3);
      ASSERT_TRUE(expected.ok());
      EXPECT_FALSE(expected->held);
      const auto before = AllState(held.get());
      size_t next = 0;
      const auto result =
          held->Step([&]() -> absl::StatusOr<const Batch*> { return &batches[next++]; }, 1e-3,
                     OneSigma(), 0, /*hold_above=*/step == 1 ? 100.0 : 0.1);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->held, step != 1);
      EXPECT_EQ(result->loss, expected->loss);
      EXPECT_EQ(result->grad_norm, expected->grad_norm);
      EXPECT_EQ(result->clipped, expected->clipped);
      EXPECT_EQ(held->window_losses(), plain->window_losses());
      if (result->held) {
        if (!way.step_every) {  // otherwise the micro-batches before the last have updated
          auto now = AllState(held.get());
          for (const auto& [name, bytes] : before) {
            if (name.rfind("accum/", 0) == 0) continue;
            EXPECT_TRUE(now[name] == bytes) << name;
          }
        }
        ASSERT_TRUE(held->Release().ok());
      }
      EXPECT_TRUE(AllState(held.get()) == AllState(plain.get())) << way.accum_iter << " " << step;
    }
  }
}

// Who watches the operators goes on seeing all of them.
TEST(HoldBack, AHookThatWasThereSeesEveryOperator) {
  class Counter : public graph::TraceHook {
   public:
    void BeforeOp(const graph::Net&, graph::OpId) override { ++before; }
    void AfterOp(const graph::Net&, graph::OpId, absl::Span<const graph::ConstTensor>) override {
      ++after;
    }
    size_t before = 0, after = 0;
  } counter;
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(false));
  const auto session = MakeSession(model, engine.Options(2));
  session->micro_steps()[0]->AddTraceHook(&counter);
  ASSERT_TRUE(StepOn(session.get(), RandomBatches(1, 1), 1e-3).ok());
  EXPECT_EQ(counter.before, session->train().net().ops.size());
  EXPECT_EQ(counter.after, counter.before);
}

// Where the host cannot reach the device, a batch that was looked at is there already, wherever it
// then is: beside evaluations, in the next window, and beside an update that is held back.
TEST(Peek, TheNextBatchIsCopiedBesideAStep) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(true));
  const GradientImages held_out(6);
  for (const int window : {1, 3}) {
    const SessionOptions options = engine.Options(2, window);
    const auto plain = MakeSession(model, options), ahead = MakeSession(model, options);
    const bool on_host = ahead->workspace()->device().host_accessible();
    std::vector<Batch> batches = RandomBatches(4 * window, 7);
    std::vector<Batch> wanted = batches;
    size_t next = 0;
    const auto take = [&]() -> absl::StatusOr<const Batch*> { return &batches[next++]; };
    const auto peek = [&]() -> const Batch* {
      return next < batches.size() ? &batches[next] : nullptr;
    };
    const auto loader = [&] {
      LoaderOptions o;
      o.mode = LoaderMode::kEvaluate;
      o.batch_size = 2;
      o.input_height = o.input_width = 32;
      return Loader::Create(&held_out, std::move(o)).value();
    };
    for (int step = 0; step < 4; ++step) {
      const std::vector<Batch> these(wanted.begin() + step * window,
                                     wanted.begin() + (step + 1) * window);
      const auto expected = StepOn(plain.get(), these, 1e-3);
      ASSERT_TRUE(expected.ok()) << expected.status();
      const auto result =
          ahead->Step(take, 1e-3, OneSigma(), 0, /*hold_above=*/step == 2 ? 0.1 : 100.0, peek);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->loss, expected->loss) << window << " " << step;
      EXPECT_EQ(result->held, step == 2);
      // What is copied already no longer comes from here.
      if (!on_host && next < batches.size()) {
        std::fill(batches[next].images.begin(), batches[next].images.end(), 0.0f);
      }
      if (step == 1) {
        ASSERT_TRUE(ahead->Evaluate(loader().get()).ok());
      }
      if (result->held) {
        ASSERT_TRUE(ahead->Release().ok());
      }
      EXPECT_TRUE(AllState(ahead.get()) == AllState(plain.get())) << window << " " << step;
    }
  }
}

TEST(Evaluation, PaddingCountsNoImageTwice) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(false));
  const GradientImages data(7);
  std::vector<std::vector<Session::Measured>> results;
  for (int batch : {1, 3, 7, 16}) {
    const auto session = MakeSession(model, engine.Options(batch));
    LoaderOptions options;
    options.mode = LoaderMode::kEvaluate;
    options.batch_size = batch;
    options.input_height = options.input_width = 32;
    const auto loader = Loader::Create(&data, options);
    ASSERT_TRUE(loader.ok()) << loader.status();
    for (int pass = 0; pass < 2; ++pass) {
      const auto result = session->Evaluate(loader->get());
      ASSERT_TRUE(result.ok()) << result.status();
      results.push_back(*result);
    }
  }
  // 8 of 16 patches visible; 2 of them keep their position, then none.
  EXPECT_EQ(results[0][0].count, 7 * 6);
  EXPECT_EQ(results[0][1].count, 7 * 8);
  for (const auto& result : results) {
    for (int e = 0; e < 2; ++e) {
      EXPECT_EQ(result[e].sum, results[0][e].sum);
      EXPECT_EQ(result[e].count, results[0][e].count);
    }
  }
}

TEST(Initialisation, DependsOnSeedAndNameOnly) {
  const TinyEngine engine;
  const DropPos with_guide(TinyModelConfig(), TinyDropPosConfig(true));
  const DropPos without(TinyModelConfig(), TinyDropPosConfig(false));
  const auto a = MakeSession(with_guide, engine.Options(2));
  const auto b = MakeSession(without, engine.Options(5, 2));
  SessionOptions other = engine.Options(2);
  other.step.seed = 2;
  const auto c = MakeSession(with_guide, other);
  for (const Parameter& p : a->parameters()) {
    EXPECT_EQ(BlobValues(a->workspace(), p.name), BlobValues(b->workspace(), p.name)) << p.name;
  }
  EXPECT_NE(BlobValues(a->workspace(), "cls_token"), BlobValues(c->workspace(), "cls_token"));
  EXPECT_EQ(BlobValues(a->workspace(), "pos_embed"), BlobValues(c->workspace(), "pos_embed"));
}

// A bug once: the short window's update was lost, because its net had spoiled the
// accumulators that Release() ran on.
TEST(HoldBack, TheLastWindowOfAnEpochThatIsShortIsNotHeld) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(true));
  SessionOptions options = engine.Options(2, 4);
  options.step.update_when = UpdateWhen::kMicroStep;
  const auto plain = MakeSession(model, options), limited = MakeSession(model, options);
  const std::vector<Batch> batches = RandomBatches(2, 20);
  const auto step = [&batches](Session* session, double limit) {
    size_t next = 0;
    return session->Step([&]() -> absl::StatusOr<const Batch*> { return &batches[next++]; }, 1e-3,
                         OneSigma(), /*micro_batches=*/2, limit);
  };
  ASSERT_TRUE(step(plain.get(), std::numeric_limits<double>::infinity()).ok());
  const auto result = step(limited.get(), 0.1);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->held);
  EXPECT_TRUE(AllState(limited.get()) == AllState(plain.get()));
}

}  // namespace
}  // namespace models
