// What a model says of its parameters, buffers, and another optimizer by the same door.
#include "models/training/optimizer.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/layers/transformer.h"
#include "models/training/checkpoint_store.h"
#include "models/training/session.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using graph::BlobId;
using ::testing::HasSubstr;

constexpr double kLr = 0.01, kDecay = 0.5;
constexpr float kKept = 0.75f;  // of the buffer, by a micro-batch

ModelConfig OnePatch() {
  ModelConfig config = TinyModelConfig();
  config.input_h = config.input_w = 4;
  return config;
}

// Two layers, a table that does not decay, one that is fixed, and the running mean of the loss.
class SpecModel : public Model {
 public:
  enum class Mistake { kNone, kForgotten, kTwice, kNoBuffer };
  explicit SpecModel(Mistake mistake = Mistake::kNone) : mistake_(mistake) {}

  ForwardOutputs BuildTraining(ModelBuilder* b, int batch) const override {
    const ModelConfig config = OnePatch();
    const BlobId images = b->net()->Input("images", b->Type({batch, 3, 4, 4}));
    const BlobId labels = b->net()->Input("labels", {graph::DType::kI32, {batch}});
    BlobId x = b->Op("Patchify", "pixels", {images}, {{"patch", int64_t{config.input_h}}});
    const BlobId table = b->Param("table", {1, 48}, Initializer::Constant(1.0f),
                                  {ParameterKind::kTrained, 1.0f, /*decays=*/false});
    const BlobId fixed =
        b->Param("fixed", {1, 48}, Initializer::Constant(1.0f), {ParameterKind::kFixed});
    x = b->Op("BiasAdd", "add_table", {b->Op("BiasAdd", "add_fixed", {x, fixed}), table});
    x = Linear(b, "head", b->Op("Gelu", "act", {Linear(b, "fc", x, 8)}), 2);
    for (Parameter& p : *b->mutable_parameters()) {
      if (absl::StartsWith(p.name, "fc.")) p.spec.lr_scale = 0.25f;
    }
    const BlobId loss = b->OpN("SoftmaxCrossEntropy", "loss", {x, labels})[0];
    const BlobId mean =
        b->Param("mean", {1}, Initializer::Constant(8.0f), {ParameterKind::kBuffer});
    const BlobId moved = b->Op("Add", "mean.move",
                               {b->Op("Scale", "mean.keep", {mean}, {{"value", kKept}}),
                                b->Op("Scale", "mean.more", {loss}, {{"value", 1 - kKept}})});
    if (mistake_ != Mistake::kForgotten) b->UpdateBuffer(mean, moved);
    if (mistake_ == Mistake::kTwice) b->UpdateBuffer(mean, moved);
    if (mistake_ == Mistake::kNoBuffer) b->UpdateBuffer(fixed, moved);
    return {loss, {}};
  }
  std::vector<Evaluation> Evaluations() const override { return {}; }
  EvaluationOutputs BuildEvaluation(ModelBuilder*, int, int) const override { return {}; }
  int input_h() const override { return 4; }
  int input_w() const override { return 4; }
  int channels() const override { return 3; }
  std::string description() const override { return "a model with specs"; }

 private:
  Mistake mistake_;
};

struct Way {
  int accum_iter;
  bool step_every;
};
const std::vector<Way> kWays = {{1, false}, {2, false}, {3, false}, {3, true}};

class SpecTest : public ::testing::Test {
 protected:
  SessionOptions Options(const Way& way = {1, false}) const {
    SessionOptions options = engine_.Options(2, way.accum_iter);
    if (way.step_every) options.step.update_when = UpdateWhen::kMicroStep;
    options.recipe.weight_decay = kDecay;
    return options;
  }
  std::unique_ptr<Session> NewSession(const SessionOptions& options) const {
    auto session = Session::Create(&model_, options);
    EXPECT_TRUE(session.ok()) << session.status();
    CHECK(session.ok());
    return *std::move(session);
  }
  // A window of random batches; the `bad`-th of them is not finite.
  static absl::StatusOr<StepResult> Step(Session* session, uint64_t seed, int bad = -1,
                                         double hold_above = HUGE_VAL, double lr = kLr) {
    Batch batch;
    int next = 0;
    return session->Step(
        [&]() -> absl::StatusOr<const Batch*> {
          batch = RandomBatch(OnePatch(), 2, seed + next);
          if (next++ == bad) batch.images[0] = HUGE_VALF;
          return &batch;
        },
        lr, {}, 0, hold_above);
  }
  static float Mean(Session* session) { return BlobValues(session->workspace(), "mean")[0]; }
  // All that a checkpoint has.
  static std::map<std::string, std::vector<uint8_t>> Saved(const Session& session) {
    std::vector<std::string> names = session.optimizer_state();
    for (const Parameter& p : session.parameters()) names.push_back(p.name);
    std::map<std::string, std::vector<uint8_t>> saved;
    for (const std::string& name : names) {
      const graph::ConstTensor tensor = session.workspace().Find(name).value();
      saved[name].resize(tensor.type.bytes());
      CHECK(tensor.ReadBytes(0, absl::MakeSpan(saved[name])).ok());
    }
    return saved;
  }
  // What one session has becomes another's, by way of the disk.
  static void Resume(const Session& from, Session* to) {
    namespace fs = std::filesystem;
    const fs::path folder = fs::path(std::getenv("TEST_TMPDIR")) /
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder);
    RunState state;
    state.step = 1;
    const auto saved = CheckpointStore(folder.string(), {}).Save(state, from, {});
    ASSERT_TRUE(saved.ok()) << saved.status();
    const auto newest = FindNewestCheckpoint(folder.string());
    ASSERT_TRUE(newest.ok()) << newest.status();
    const absl::Status restored = RestoreCheckpoint(newest->checkpoint, to);
    ASSERT_TRUE(restored.ok()) << restored;
  }

  const TinyEngine engine_;
  const SpecModel model_;
};

// AdamW's first step has the length of the rate, whatever the gradient.
TEST_F(SpecTest, RateDecayAndKindAreTheParametersOwn) {
  const auto session = NewSession(Options());
  std::map<std::string, std::vector<float>> before;
  for (const Parameter& p : session->parameters()) {
    before[p.name] = BlobValues(session->workspace(), p.name);
  }
  const auto result = Step(session.get(), 1);
  ASSERT_TRUE(result.ok()) << result.status();
  const struct {
    const char* name;
    double lr_scale, decay;
  } expected[] = {{"table", 1, 0}, {"fc.weight", 0.25, kDecay}, {"head.weight", 1, kDecay}};
  for (const auto& e : expected) {
    const std::vector<float> after = BlobValues(session->workspace(), e.name);
    const double lr = kLr * e.lr_scale;
    std::vector<double> moved;
    for (size_t i = 0; i < after.size(); ++i) {
      moved.push_back(std::fabs(after[i] - before[e.name][i] * (1 - lr * e.decay)));
    }
    absl::c_sort(moved);
    // Less only where a gradient is as small as eps.
    EXPECT_NEAR(moved[moved.size() / 2], lr, 1e-3 * lr) << e.name;
    EXPECT_NEAR(moved.back(), lr, 1e-3 * lr) << e.name;
  }
  EXPECT_EQ(BlobValues(session->workspace(), "fixed"), before["fixed"]);
  EXPECT_NEAR(Mean(session.get()), 8 * kKept + (1 - kKept) * result->loss, 1e-5);
  EXPECT_EQ(session->trainable_elements(), 48 + 48 * 8 + 8 + 8 * 2 + 2);
  for (const char* none : {"fixed", "mean"}) {
    EXPECT_FALSE(absl::c_linear_search(session->optimizer_state(), FirstMomentName(none)));
  }
}

TEST_F(SpecTest, OtherRatesAndDecaysAreOneOperatorStill) {
  const auto session = NewSession(Options());
  int updates = 0;
  for (const graph::Op& op : session->train().net().ops) updates += op.type == "AdamW";
  EXPECT_EQ(updates, 1);
}

// Each micro-batch moves it, as with PyTorch, and it is the state when the step is.
TEST_F(SpecTest, ABufferMovesWithEachMicroBatch) {
  for (const Way& way : kWays) {
    const auto session = NewSession(Options(way));
    float expected = 8.0f;
    for (int step = 0; step < 3; ++step) {
      ASSERT_TRUE(Step(session.get(), 10 * step).ok());
      for (double loss : session->window_losses()) {
        expected = kKept * expected + (1 - kKept) * static_cast<float>(loss);
      }
      EXPECT_NEAR(Mean(session.get()), expected, 1e-5) << way.accum_iter << " " << step;
    }
  }
}

TEST_F(SpecTest, AStepThatIsHeldBackMovesABufferWhenItIsReleased) {
  for (const Way& way : kWays) {
    const auto plain = NewSession(Options(way)), held = NewSession(Options(way));
    for (int step = 0; step < 3; ++step) {
      ASSERT_TRUE(Step(plain.get(), 10 * step).ok());
      const auto before = Saved(*held);
      const auto result = Step(held.get(), 10 * step, -1, /*hold_above=*/0);
      ASSERT_TRUE(result.ok()) << result.status();
      ASSERT_TRUE(result->held);
      // Otherwise the micro-batches before the last have updated.
      if (!way.step_every) {
        EXPECT_EQ(Saved(*held), before);
      }
      EXPECT_NE(Saved(*held), Saved(*plain));
      ASSERT_TRUE(held->Release().ok());
      EXPECT_EQ(Saved(*held), Saved(*plain)) << way.accum_iter << " " << step;
    }
  }
}

// Run again to find the first bad blob, and replayed from a capsule, it must start as it did.
TEST_F(SpecTest, AStepThatIsNotFiniteLeavesABuffer) {
  for (const Way& way : kWays) {
    for (int bad = 0; bad < way.accum_iter; ++bad) {
      const auto session = NewSession(Options(way)), never = NewSession(Options(way));
      ASSERT_TRUE(Step(session.get(), 1).ok());
      ASSERT_TRUE(Step(never.get(), 1).ok());
      const auto before = Saved(*session);
      EXPECT_TRUE(absl::IsOutOfRange(Step(session.get(), 20, bad).status()));
      if (way.step_every && bad > 0) continue;  // those before it have updated
      EXPECT_EQ(Saved(*session), before) << way.accum_iter << " " << bad;
      ASSERT_TRUE(Step(session.get(), 30).ok());
      ASSERT_TRUE(Step(never.get(), 30).ok());
      EXPECT_EQ(Saved(*session), Saved(*never)) << way.accum_iter << " " << bad;
    }
  }
}

TEST_F(SpecTest, ABufferIsSavedAndRestored) {
  for (const Way& way : kWays) {
    const auto session = NewSession(Options(way)), other = NewSession(Options(way));
    ASSERT_TRUE(Step(session.get(), 1).ok());
    Resume(*session, other.get());
    EXPECT_NE(Mean(other.get()), 8.0f);
    ASSERT_TRUE(Step(session.get(), 5).ok());
    ASSERT_TRUE(Step(other.get(), 5).ok());
    EXPECT_EQ(Saved(*session), Saved(*other)) << way.accum_iter;
  }
}

TEST_F(SpecTest, MistakesWithBuffersAreErrors) {
  using Mistake = SpecModel::Mistake;
  const std::pair<Mistake, const char*> mistakes[] = {
      {Mistake::kForgotten, "updates its buffer 'mean' nowhere in training"},
      {Mistake::kTwice, "buffer 'mean' is updated twice"},
      {Mistake::kNoBuffer, "is no buffer"}};
  for (const auto& [mistake, message] : mistakes) {
    const SpecModel model(mistake);
    const auto session = Session::Create(&model, Options());
    ASSERT_FALSE(session.ok());
    EXPECT_THAT(std::string(session.status().message()), HasSubstr(message));
  }
}

// SGD with momentum: m = 0.9·m + factor·g, w -= lr·lr_scale·m.
OptimizerSpec Momentum(const RecipeConfig& recipe) {
  const auto append = [](graph::NetBuilder* b, const Parameter& p, const UpdateInputs& in) {
    const std::string state = "momentum/" + p.name;
    const BlobId m = b->State(state, p.type);
    const BlobId clipped =
        b->Op("Scale", "clip/" + p.name, {in.g, in.factors}, {{"index", in.index}});
    const BlobId kept = b->Op("Scale", "keep/" + p.name, {m}, {{"value", 0.9f}});
    const BlobId moved = b->Op("Add", state, {kept, clipped});
    const BlobId step =
        b->Op("Scale", "sgd/" + p.name, {moved, in.lr}, {{"value", -p.spec.lr_scale}});
    b->SetExit(m, b->Op("Commit", "commit/" + state, {in.applied, m, moved}));
    const BlobId w = b->Op("Add", "move/" + p.name, {in.w, step});
    b->SetExit(in.w, b->Op("Commit", "commit/" + p.name, {in.applied, in.w, w}));
    return std::vector<std::string>{state};
  };
  return {recipe.clip_grad, recipe.clip_global, append};
}

// The weights of a layer move by trust times their norm, whatever the gradient's; what is of one
// dimension by the gradient.
TEST_F(SpecTest, LarsMovesByTheNormOfTheWeights) {
  SessionOptions options = Options();
  options.optimizer = Lars;
  options.recipe.weight_decay = 0;
  options.recipe.clip_grad = 0;
  const auto session = NewSession(options);
  const auto norm = [](const std::vector<float>& x) {
    double squares = 0;
    for (float v : x) squares += double{v} * v;
    return std::sqrt(squares);
  };
  std::map<std::string, std::vector<float>> before;
  for (const Parameter& p : session->parameters()) {
    before[p.name] = BlobValues(session->workspace(), p.name);
  }
  ASSERT_TRUE(Step(session.get(), 1).ok());
  const std::pair<const char*, double> rates[] = {{"fc.weight", 0.25 * kLr}, {"head.weight", kLr}};
  for (const auto& [name, lr] : rates) {
    std::vector<float> moved = BlobValues(session->workspace(), name);
    for (size_t i = 0; i < moved.size(); ++i) moved[i] -= before[name][i];
    EXPECT_NEAR(norm(moved), lr * 0.001 * norm(before[name]), 1e-2 * norm(moved)) << name;
  }
  const std::vector<float> momentum = BlobValues(session->workspace(), MomentumName("head.bias"));
  const std::vector<float> bias = BlobValues(session->workspace(), "head.bias");
  for (size_t i = 0; i < bias.size(); ++i) EXPECT_NEAR(bias[i], -kLr * momentum[i], 1e-9);
  EXPECT_EQ(BlobValues(session->workspace(), "fixed"), before["fixed"]);
}

TEST_F(SpecTest, LarsIsHeldBackSavedAndRestored) {
  for (const Way& way : kWays) {
    SessionOptions options = Options(way);
    options.optimizer = Lars;
    const auto session = NewSession(options), held = NewSession(options),
               resumed = NewSession(options);
    EXPECT_EQ(session->memory().optimizer,
              sizeof(float) * session->trainable_elements() + sizeof(int32_t));
    ASSERT_TRUE(Step(session.get(), 1).ok());
    const auto before = Saved(*held);
    ASSERT_TRUE(Step(held.get(), 1, -1, /*hold_above=*/0).ok());
    if (!way.step_every) {
      EXPECT_EQ(Saved(*held), before);
    }
    ASSERT_TRUE(held->Release().ok());
    EXPECT_EQ(Saved(*held), Saved(*session)) << way.accum_iter;
    Resume(*session, resumed.get());
    ASSERT_TRUE(Step(session.get(), 5).ok());
    ASSERT_TRUE(Step(resumed.get(), 5).ok());
    EXPECT_EQ(Saved(*resumed), Saved(*session)) << way.accum_iter;
  }
}

TEST_F(SpecTest, AnotherOptimizerIsAnotherFunction) {
  for (const Way& way : kWays) {
    SessionOptions options = Options(way);
    options.optimizer = Momentum;
    const auto session = NewSession(options), held = NewSession(options),
               resumed = NewSession(options);
    EXPECT_EQ(session->memory().optimizer,
              sizeof(float) * session->trainable_elements() + sizeof(int32_t));
    EXPECT_TRUE(absl::c_linear_search(session->optimizer_state(), "momentum/fc.weight"));
    EXPECT_EQ(session->optimizer_state().size(), 6u);  // five, and the count
    const auto first = Step(session.get(), 1, -1, HUGE_VAL, 0.1);
    ASSERT_TRUE(first.ok()) << first.status();
    const auto before = Saved(*held);
    ASSERT_TRUE(Step(held.get(), 1, -1, /*hold_above=*/0, 0.1).ok());
    if (!way.step_every) {
      EXPECT_EQ(Saved(*held), before);
    }
    ASSERT_TRUE(held->Release().ok());
    EXPECT_EQ(Saved(*held), Saved(*session));
    Resume(*session, resumed.get());
    double loss = 0;
    for (int step = 0; step < 20; ++step) {
      const auto result = Step(session.get(), 1, -1, HUGE_VAL, 0.1);
      ASSERT_TRUE(result.ok()) << result.status();
      ASSERT_TRUE(Step(resumed.get(), 1, -1, HUGE_VAL, 0.1).ok());
      loss = result->loss;
    }
    EXPECT_EQ(Saved(*resumed), Saved(*session));
    EXPECT_LT(loss, 0.6 * first->loss) << way.accum_iter;
  }
}

}  // namespace
}  // namespace models
