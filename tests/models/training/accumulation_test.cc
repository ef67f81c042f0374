// The published accumulation, which updates on every micro-batch, against a window
// written out here: gradients of single batches from a net made for the purpose,
// sums, clipping and AdamW in plain loops.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "graph/autodiff/autodiff.h"
#include "graph/base/status.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/forward_net.h"
#include "models/training/nets.h"
#include "models/training/session.h"
#include "tests/models/training/tiny_run.h"
#include "tools/reference_backend.h"

namespace models {
namespace {

using Values = std::map<std::string, std::vector<float>>;  // by parameter

const std::vector<std::pair<std::string, float>> kSigma = {{"sigma", 1.0f}};

// Loss and gradients of one batch at given parameters, on the reference backend.
class GradientNet {
 public:
  GradientNet(const TinyEngine& engine, const graph::Backend& backend, const Model& model,
              int batch) {
    graph::NetBuilder builder(&engine.registry, "gradients");
    ModelBuilder model_builder(&builder);
    const ForwardOutputs forward = model.BuildTraining(&model_builder, batch);
    loss_ = builder.net().blob(forward.loss).name;
    builder.Output(forward.loss);
    std::vector<graph::BlobId> weights;
    for (const Parameter& p : model_builder.parameters()) {
      if (!p.trained()) continue;
      trainable_.push_back(p);
      weights.push_back(builder.State(p.name, p.type));
    }
    const auto gradients = graph::Differentiate(&builder, forward.loss, weights);
    CHECK(gradients.ok());
    for (graph::BlobId g : *gradients) {
      builder.Output(g);
      gradients_.push_back(builder.net().blob(g).name);
    }
    graph::CompileOptions compile = engine.Options(batch).compile;
    compile.backend = &backend;
    auto executable = graph::Compile(builder.Finish().value(), compile, &workspace_);
    CHECK(executable.ok());
    executable_ = std::move(executable).value();
  }

  const std::vector<Parameter>& trainable() const { return trainable_; }

  Values Run(const Values& parameters, const Batch& batch, double* loss) {
    for (const auto& [name, values] : parameters) SetBlob(&workspace_, name, values);
    CHECK(FeedBatch(executable_.get(), batch).ok());
    CHECK(executable_->WriteScalar("sigma", kSigma[0].second).ok());
    CHECK(executable_->Run().ok());
    *loss = executable_->Read<float>(loss_)->at(0);
    Values result;
    for (size_t i = 0; i < trainable_.size(); ++i) {
      result[trainable_[i].name] = executable_->Read<float>(gradients_[i]).value();
    }
    return result;
  }

 private:
  graph::Workspace workspace_;
  std::unique_ptr<graph::Executable> executable_;
  std::vector<Parameter> trainable_;
  std::string loss_;
  std::vector<std::string> gradients_;
};

// train_one_epoch and clip_gradients of the official code, and torch's AdamW.
class PublishedLoop {
 public:
  PublishedLoop(GradientNet* net, const RecipeConfig& recipe, Values parameters)
      : net_(net), recipe_(recipe), parameters_(std::move(parameters)) {}

  StepResult Window(const std::vector<Batch>& batches, double lr) {
    StepResult result;
    Values sum;
    const double n = static_cast<double>(batches.size());
    for (const Batch& batch : batches) {
      double loss = 0;
      for (const auto& [name, gradient] : net_->Run(parameters_, batch, &loss)) {
        sum[name].resize(gradient.size());
        for (size_t i = 0; i < gradient.size(); ++i) sum[name][i] += gradient[i] / n;
      }
      result.loss += loss / n;
      ClipInPlace(&sum, &result);
      ++updates_;
      for (const Parameter& p : net_->trainable()) AdamW(p, sum[p.name], lr);
    }
    return result;
  }

  const Values& parameters() const { return parameters_; }
  int updates() const { return updates_; }

 private:
  void ClipInPlace(Values* gradients, StepResult* result) const {
    double all = 0;
    result->clipped = 0;
    for (auto& [name, gradient] : *gradients) {
      double norm = 0;
      for (float g : gradient) norm += double{g} * g;
      all += norm;
      const double factor = recipe_.clip_grad / (std::sqrt(norm) + 1e-6);
      if (recipe_.clip_grad == 0 || factor >= 1) continue;
      for (float& g : gradient) g *= factor;
      ++result->clipped;
    }
    result->grad_norm = std::sqrt(all);
  }

  void AdamW(const Parameter& p, const std::vector<float>& gradient, double lr) {
    std::vector<float>&w = parameters_[p.name], &m = m_[p.name], &v = v_[p.name];
    m.resize(w.size());
    v.resize(w.size());
    const double decay = p.decays() ? recipe_.weight_decay : 0;
    for (size_t i = 0; i < w.size(); ++i) {
      const double g = gradient[i];
      m[i] = recipe_.beta1 * m[i] + (1 - recipe_.beta1) * g;
      v[i] = recipe_.beta2 * v[i] + (1 - recipe_.beta2) * g * g;
      const double m_hat = m[i] / (1 - std::pow(recipe_.beta1, updates_));
      const double v_hat = v[i] / (1 - std::pow(recipe_.beta2, updates_));
      w[i] = w[i] * (1 - lr * decay) - lr * m_hat / (std::sqrt(v_hat) + recipe_.adam_eps);
    }
  }

  GradientNet* net_;
  RecipeConfig recipe_;
  Values parameters_, m_, v_;
  int updates_ = 0;
};

class PublishedAccumulation : public testing::Test {
 protected:
  static constexpr int kBatch = 2;

  PublishedAccumulation()
      : reference_(tools::MakeReferenceBackend()),
        model_(TinyModelConfig(), TinyDropPosConfig(/*attn_guide=*/true)),
        net_(engine_, reference_, model_, kBatch) {}

  SessionOptions Options(int accum_iter, double clip_grad, bool every) const {
    SessionOptions options = engine_.Options(kBatch, accum_iter);
    options.recipe.clip_grad = clip_grad;
    options.step.update_when = every ? UpdateWhen::kMicroStep : UpdateWhen::kWindow;
    options.evaluations = false;
    return options;
  }

  std::unique_ptr<Session> MakeSession(const SessionOptions& options) const {
    auto session = Session::Create(&model_, options);
    EXPECT_TRUE(session.ok()) << session.status();
    return std::move(session).value();
  }

  static std::vector<Batch> Window(int accum_iter, int window) {
    std::vector<Batch> batches;
    for (int i = 0; i < accum_iter; ++i) {
      batches.push_back(RandomBatch(TinyModelConfig(), kBatch, 10 * window + i));
    }
    return batches;
  }

  static StepResult Step(Session* session, const std::vector<Batch>& batches, double lr) {
    size_t next = 0;
    const auto result = session->Step(
        [&]() -> absl::StatusOr<const Batch*> { return &batches[next++]; }, lr, kSigma);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : StepResult();
  }

  static Values Parameters(Session* session) {
    Values values;
    for (const Parameter& p : session->parameters()) {
      values[p.name] = BlobValues(session->workspace(), p.name);
    }
    return values;
  }

  // The largest distance of a parameter from `expected`, as a share of the way that it
  // went from `start`. The keys' third of a qkv bias is left out: its gradient is
  // rounding, which Adam scales up.
  static double LargestError(const Values& actual, const Values& expected, const Values& start) {
    double largest = 0;
    for (const auto& [name, values] : expected) {
      const bool qkv_bias = name.find("attn.qkv.bias") != std::string::npos;
      double difference = 0, moved = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        if (qkv_bias && i * 3 / values.size() == 1) continue;
        difference += std::pow(double{actual.at(name)[i]} - values[i], 2);
        moved += std::pow(double{values[i]} - start.at(name)[i], 2);
      }
      if (moved == 0) {
        EXPECT_EQ(difference, 0) << name;
      } else {
        largest = std::max(largest, std::sqrt(difference / moved));
      }
    }
    return largest;
  }

  TinyEngine engine_;
  graph::Backend reference_;
  DropPos model_;
  GradientNet net_;
};

TEST_F(PublishedAccumulation, EqualsTheLoopWrittenOut) {
  const double rates[] = {1e-2, 5e-3};
  for (int accum_iter : {2, 3, 4}) {
    for (double clip_grad : {0.0, 0.05}) {
      SCOPED_TRACE(testing::Message() << accum_iter << " micro-batches, clip " << clip_grad);
      SessionOptions options = Options(accum_iter, clip_grad, true);
      const auto cpu = MakeSession(options);
      options.compile.backend = &reference_;
      const auto reference = MakeSession(options);
      const Values start = Parameters(reference.get());
      PublishedLoop loop(&net_, options.recipe, start);
      for (int window = 0; window < 2; ++window) {
        const std::vector<Batch> batches = Window(accum_iter, window);
        const StepResult expected = loop.Window(batches, rates[window]);
        EXPECT_EQ(expected.clipped > 0, clip_grad > 0);
        const StepResult result = Step(reference.get(), batches, rates[window]);
        // The loop is in double: 6e-7, 1.9e-5 and 1.6e-5 were seen.
        EXPECT_NEAR(result.loss, expected.loss, 1e-5 * expected.loss);
        EXPECT_NEAR(result.grad_norm, expected.grad_norm, 1e-4 * expected.grad_norm);
        EXPECT_EQ(result.clipped, expected.clipped);
        Step(cpu.get(), batches, rates[window]);
      }
      EXPECT_LT(LargestError(Parameters(reference.get()), loop.parameters(), start), 1e-4);
      // In f32 throughout a gradient near zero may have the other sign, which is a
      // step of Adam. 8e-5 was seen where none had.
      EXPECT_LT(LargestError(Parameters(cpu.get()), loop.parameters(), start), 5e-3);
      EXPECT_EQ(reference->workspace()->Read<int32_t>(kStepState)->at(0), 2 * accum_iter);
      EXPECT_EQ(loop.updates(), 2 * accum_iter);
    }
  }
}

TEST_F(PublishedAccumulation, DiffersFromTheWindowAppliedOnce) {
  for (int accum_iter : {2, 3}) {
    const auto published = MakeSession(Options(accum_iter, 0.05, true));
    const auto once = MakeSession(Options(accum_iter, 0.05, false));
    const Values start = Parameters(once.get());
    for (int window = 0; window < 2; ++window) {
      Step(published.get(), Window(accum_iter, window), 1e-2);
      Step(once.get(), Window(accum_iter, window), 1e-2);
    }
    EXPECT_GT(LargestError(Parameters(published.get()), Parameters(once.get()), start), 0.5);
    EXPECT_EQ(once->workspace()->Read<int32_t>(kStepState)->at(0), 2);
  }
}

TEST_F(PublishedAccumulation, OneMicroBatchIsTheSameEitherWay) {
  const auto published = MakeSession(Options(1, 0.05, true));
  const auto once = MakeSession(Options(1, 0.05, false));
  for (int window = 0; window < 2; ++window) {
    Step(published.get(), Window(1, window), 1e-2);
    Step(once.get(), Window(1, window), 1e-2);
  }
  EXPECT_EQ(Parameters(published.get()), Parameters(once.get()));
}

TEST_F(PublishedAccumulation, ABadMicroBatchLeavesTheParametersOfTheOneBefore) {
  for (int accum_iter : {2, 3}) {
    for (int bad = 0; bad < accum_iter; ++bad) {
      SCOPED_TRACE(testing::Message() << bad << " of " << accum_iter);
      const auto session = MakeSession(Options(accum_iter, 0.05, true));
      const Values start = Parameters(session.get());
      std::vector<Batch> batches = Window(accum_iter, 0);
      // Finite, but a patch's embedding is not.
      for (float& v : batches[bad].images) v = 3e38f;
      Values before;
      int next = 0;
      const auto result = session->Step(
          [&]() -> absl::StatusOr<const Batch*> {
            before = Parameters(session.get());
            return &batches[next++];
          },
          1e-2, kSigma);
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(result.status().code(), absl::StatusCode::kOutOfRange);
      const std::string message(result.status().message());
      EXPECT_THAT(message, testing::HasSubstr("first non-finite blob"));
      EXPECT_EQ(message.find("accum/"), std::string::npos) << message;
      EXPECT_EQ(next, bad + 1);
      EXPECT_EQ(Parameters(session.get()), before);
      EXPECT_EQ(before == start, bad == 0);
    }
  }
}

}  // namespace
}  // namespace models
