// BatchNorm without affine, a linear layer and LARS, beside the official code. The file has numbers
// of the golden case probe_cls: a head of 32 features and 10 classes, six steps of twelve images at
// momentum 0.9, trust 0.001 and no decay, as main_linprobe.py of MAE trains it with util/lars.py
// (PyTorch, fp32). In place of its images are the features that its frozen encoder makes of them,
// computed in double; those of "in" are the official code's own.
#include <array>
#include <cmath>

#include "gtest/gtest.h"
#include "models/layers/transformer.h"
#include "models/training/forward_net.h"
#include "models/training/safetensors.h"
#include "models/training/session.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using graph::BlobId;

constexpr int kBatch = 12, kFeatures = 32, kClasses = 10, kSteps = 6;
constexpr char kMean[] = "head.0.running_mean", kVariance[] = "head.0.running_var";

// Images of 4x4 pixels in two channels are the features, one patch each.
class ProbeHead : public Model {
 public:
  ForwardOutputs BuildTraining(ModelBuilder* b, int batch) const override {
    return {Loss(b, BatchNorm(b, "head.0", Features(b, batch)), batch)[0], {}};
  }
  std::vector<Evaluation> Evaluations() const override { return {}; }
  EvaluationOutputs BuildEvaluation(ModelBuilder*, int, int) const override { return {}; }
  int input_h() const override { return 4; }
  int input_w() const override { return 4; }
  int channels() const override { return 2; }
  std::string description() const override { return "a linear probe's head"; }

  static BlobId Features(ModelBuilder* b, int batch) {
    const BlobId images = b->net()->Input("images", b->Type({batch, 2, 4, 4}));
    return b->Op("Patchify", "features", {images}, {{"patch", int64_t{4}}});
  }
  static BlobId Logits(ModelBuilder* b, BlobId normed) {
    return Linear(b, "head.1", normed, kClasses);
  }
  static std::vector<BlobId> Loss(ModelBuilder* b, BlobId normed, int batch) {
    const BlobId labels = b->net()->Input("labels", {graph::DType::kI32, {batch}});
    return b->OpN("SoftmaxCrossEntropy", "loss", {Logits(b, normed), labels});
  }
};

class LinearProbe : public ::testing::Test {
 protected:
  LinearProbe()
      : golden_(SafetensorsFile::Read("tests/models/training/testdata/probe_head.safetensors")
                    .value()) {}

  std::vector<float> Floats(const std::string& name) const {
    return golden_.Values<float>(name).value();
  }
  // Micro-batch `i` of one of the golden tensors "<place>/features" and "<place>/labels".
  Batch BatchOf(const std::string& place, int i = 0) const {
    const std::vector<float> features = Floats(place + "/features");
    const std::vector<int32_t> labels = golden_.Values<int32_t>(place + "/labels").value();
    Batch batch;
    const size_t size = size_t{kBatch} * kFeatures;
    batch.images.assign(features.begin() + i * size, features.begin() + (i + 1) * size);
    batch.labels.assign(labels.begin() + i * kBatch, labels.begin() + (i + 1) * kBatch);
    batch.keys.resize(kBatch);
    batch.image_ids.resize(kBatch);
    batch.valid = kBatch;
    return batch;
  }
  std::unique_ptr<Session> NewSession() const {
    SessionOptions options = engine_.Options(kBatch);
    options.optimizer = Lars;
    options.recipe.weight_decay = 0;
    options.recipe.clip_grad = 0;
    auto session = Session::Create(&model_, options).value();
    for (const Parameter& p : session->parameters()) {
      SetBlob(session->workspace(), p.name, Floats("param/" + p.name));
    }
    return session;
  }
  // Relative to the golden tensor.
  double Error(Session* session, const std::string& name) const {
    return RelativeError(BlobValues(session->workspace(), name), Floats("final/" + name));
  }

  const TinyEngine engine_;
  const ProbeHead model_;
  const SafetensorsFile golden_;
};

TEST_F(LinearProbe, TrainsAsTheOfficialCode) {
  const auto session = NewSession();
  const std::vector<double> lr = golden_.Values<double>("train/lr").value();
  std::vector<float> losses, norms;
  for (int step = 0; step < kSteps; ++step) {
    const Batch batch = BatchOf("train", step);
    const auto result =
        session->Step([&]() -> absl::StatusOr<const Batch*> { return &batch; }, lr[step], {});
    ASSERT_TRUE(result.ok()) << result.status();
    losses.push_back(static_cast<float>(result->loss));
    norms.push_back(static_cast<float>(result->grad_norm));
  }
  EXPECT_LE(RelativeError(losses, Floats("train/loss")), 1e-5);
  EXPECT_LE(RelativeError(norms, Floats("train/grad_norm")), 2e-5);
  for (const Parameter& p : session->parameters()) {
    EXPECT_LE(Error(session.get(), p.name), 2e-4) << p.name;
    const std::vector<float> start = Floats("param/" + p.name), end = Floats("final/" + p.name);
    std::vector<float> moved = BlobValues(session->workspace(), p.name), expected = end;
    for (size_t i = 0; i < start.size(); ++i) {
      moved[i] -= start[i];
      expected[i] -= start[i];
    }
    EXPECT_LE(RelativeError(moved, expected), 1e-3) << p.name;
  }
}

// The batch's own statistics in training, the state's in evaluation.
TEST_F(LinearProbe, NormalisesAsTheOfficialCode) {
  const auto session = NewSession();
  const auto outputs = [&](bool training, const std::string& batch_name) {
    const auto build = [&](ModelBuilder* b) -> ForwardNet::Outputs {
      const BlobId features = ProbeHead::Features(b, kBatch);
      const BlobId normed =
          training ? BatchNorm(b, "head.0", features) : BatchNormInference(b, "head.0", features);
      return {{"normed", normed}, {"logits", ProbeHead::Logits(b, normed)}};
    };
    auto net = ForwardNet::Compile("probe", session->options().compile, build, session->workspace())
                   .value();
    CHECK(net->Feed(BatchOf(batch_name)).ok());
    CHECK(net->Run().ok());
    return std::array<std::vector<float>, 2>{net->Read<float>("normed").value(),
                                             net->Read<float>("logits").value()};
  };
  const auto training = outputs(true, "in");
  EXPECT_LE(RelativeError(training[0], Floats("out/normed")), 1e-5);
  EXPECT_LE(RelativeError(training[1], Floats("out/logits")), 1e-5);
  EXPECT_EQ(BlobValues(session->workspace(), kMean), Floats(std::string("param/") + kMean));
  for (const Parameter& p : session->parameters()) {
    SetBlob(session->workspace(), p.name, Floats("final/" + p.name));
  }
  EXPECT_LE(RelativeError(outputs(false, "eval")[1], Floats("eval/logits")), 1e-4);
  EXPECT_GT(RelativeError(outputs(true, "eval")[1], Floats("eval/logits")), 1e-2);
}

TEST_F(LinearProbe, TheStatisticsAreBuffers) {
  const auto session = NewSession();
  int buffers = 0;
  for (const Parameter& p : session->parameters()) {
    const bool is = p.name == kMean || p.name == kVariance;
    EXPECT_EQ(p.spec.kind == ParameterKind::kBuffer, is) << p.name;
    buffers += is;
  }
  EXPECT_EQ(buffers, 2);
  EXPECT_EQ(session->optimizer_state(),
            (std::vector<std::string>{kStepState, MomentumName("head.1.weight"),
                                      MomentumName("head.1.bias")}));
  int updates = 0;
  for (const graph::Op& op : session->train().net().ops) updates += op.type == "Lars";
  EXPECT_EQ(updates, 1);
}

TEST_F(LinearProbe, OneImageIsRefused) {
  const auto session = Session::Create(&model_, engine_.Options(1));
  ASSERT_FALSE(session.ok());
  EXPECT_NE(session.status().message().find("two images or more in a micro-batch"),
            std::string::npos)
      << session.status();
}

}  // namespace
}  // namespace models
