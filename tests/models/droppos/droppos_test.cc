// Parameters of a DropPos model: names, shapes and initial values as the official
// code has them.
#include "models/droppos/droppos.h"

#include <cmath>
#include <map>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "models/training/nets.h"
#include "models/training/safetensors.h"
#include "models/training/session.h"
#include "tools/plugins.h"

namespace models {
namespace {

// The configuration of the golden tiny cases.
ModelConfig GoldenModel() {
  ModelConfig model;
  model.input_h = model.input_w = 32;
  model.patch_size = 8;
  model.embed_dim = 32;
  model.depth = 2;
  model.num_heads = 4;
  model.decoder_embed_dim = 24;
  model.decoder_depth = 2;
  model.decoder_num_heads = 3;
  return model;
}

class DropPosParameters : public ::testing::Test {
 protected:
  void Make(const ModelConfig& config) {
    model_ = std::make_unique<DropPos>(config, DropPosConfig());
    SessionOptions options;
    options.compile.registry = &registry_;
    options.compile.backend = &backend_;
    options.recipe.batch_size = 1;
    options.evaluations = false;
    auto session = Session::Create(model_.get(), options);
    ASSERT_TRUE(session.ok()) << session.status();
    session_ = std::move(session).value();
  }
  std::vector<float> Values(const std::string& name) {
    return session_->workspace()->Read<float>(name).value();
  }
  // Uniform on ±bound: inside it, nearly reaching it, with variance bound²/3
  // within five standard errors (the variance of x² is 4/45 bound⁴).
  void ExpectUniform(const std::string& name, double bound) {
    const std::vector<float> values = Values(name);
    double largest = 0, square = 0, sum = 0;
    for (float v : values) {
      largest = std::max(largest, std::fabs(double{v}));
      square += double{v} * v;
      sum += v;
    }
    const double n = static_cast<double>(values.size());
    EXPECT_LE(largest, bound * (1 + 1e-6)) << name;
    EXPECT_GT(largest, bound * (1 - 20 / n)) << name;
    EXPECT_NEAR(square / n, bound * bound / 3, 5 * std::sqrt(4.0 / 45 / n) * bound * bound) << name;
    EXPECT_NEAR(sum / n, 0, 5 * bound / std::sqrt(3 * n)) << name;
  }
  void ExpectConstant(const std::string& name, float value) {
    for (float v : Values(name)) ASSERT_EQ(v, value) << name;
  }

  graph::SchemaRegistry registry_ = tools::MakeRegistry();
  graph::Backend backend_ = *tools::MakeBackend("cpu", 1);
  std::unique_ptr<DropPos> model_;
  std::unique_ptr<Session> session_;
};

TEST_F(DropPosParameters, NamesAndShapesAreTheOfficialOnes) {
  Make(GoldenModel());
  const auto golden = SafetensorsFile::Read("tests/golden/tiny_plain.safetensors");
  ASSERT_TRUE(golden.ok()) << golden.status();
  std::map<std::string, std::string> official, ours;
  for (const auto& [name, entry] : golden->tensors()) {
    if (absl::StartsWith(name, "param/")) official[name.substr(6)] = entry.type.ToString();
  }
  for (const Parameter& p : session_->parameters()) ours[p.name] = p.type.ToString();
  EXPECT_EQ(ours, official);
}

TEST_F(DropPosParameters, PositionTableEqualsTheOfficialOne) {
  Make(GoldenModel());
  const auto golden = SafetensorsFile::Read("tests/golden/tiny_plain.safetensors");
  ASSERT_TRUE(golden.ok()) << golden.status();
  const auto official = golden->Values<float>("param/pos_embed");
  ASSERT_TRUE(official.ok()) << official.status();
  const std::vector<float> ours = Values("pos_embed");
  ASSERT_EQ(ours.size(), official->size());
  for (size_t i = 0; i < ours.size(); ++i) ASSERT_NEAR(ours[i], (*official)[i], 1e-6) << i;
  for (const Parameter& p : session_->parameters()) {
    EXPECT_EQ(p.trainable, p.name != "pos_embed") << p.name;
  }
}

TEST_F(DropPosParameters, InitialValuesFollowTheOfficialRules) {
  ModelConfig config;  // wide enough for variances
  config.input_h = config.input_w = 64;
  config.embed_dim = 192;
  config.depth = 1;
  config.num_heads = 3;
  config.decoder_embed_dim = 128;
  config.decoder_depth = 1;
  config.decoder_num_heads = 4;
  Make(config);
  const auto xavier = [](double in, double out) { return std::sqrt(6 / (in + out)); };
  // qkv as one (3D, D) matrix, the patch embedding as (D, 3pp).
  ExpectUniform("blocks.0.attn.qkv.weight", xavier(192, 576));
  ExpectUniform("blocks.0.attn.proj.weight", xavier(192, 192));
  ExpectUniform("blocks.0.mlp.fc1.weight", xavier(192, 768));
  ExpectUniform("blocks.0.mlp.fc2.weight", xavier(768, 192));
  ExpectUniform("patch_embed.proj.weight", xavier(768, 192));
  ExpectUniform("patch_embed.proj.bias", 1 / std::sqrt(768));
  ExpectUniform("decoder_embed.weight", xavier(192, 128));
  ExpectUniform("decoder_pred.weight", xavier(128, 16));
  for (const char* name : {"blocks.0.attn.qkv.bias", "blocks.0.mlp.fc1.bias", "norm.bias",
                           "decoder_pred.bias", "decoder_embed.bias"}) {
    ExpectConstant(name, 0);
  }
  for (const char* name : {"blocks.0.norm1.weight", "norm.weight", "decoder_norm.weight"}) {
    ExpectConstant(name, 1);
  }
  for (const char* name : {"cls_token", "mask_pos_token"}) {
    double square = 0;
    for (float v : Values(name)) square += double{v} * v;
    // Five standard errors of a variance of 192 normals.
    EXPECT_NEAR(square / 192, 0.02 * 0.02, 5 * std::sqrt(2.0 / 192) * 0.02 * 0.02) << name;
  }
}

TEST_F(DropPosParameters, OnlyMatricesAndTokensDecay) {
  Make(GoldenModel());
  for (const Parameter& p : session_->parameters()) {
    const bool one_dimensional =
        absl::EndsWith(p.name, ".bias") || absl::StrContains(p.name, "norm");
    EXPECT_EQ(p.decays(), !one_dimensional) << p.name;
  }
}

TEST(DropPosSchedule, SigmaFollowsTheEpoch) {
  DropPosConfig config;
  config.label_smoothing_sigma = 2;
  const DropPos decaying(GoldenModel(), config);
  EXPECT_EQ(decaying.ScheduledInputs(0, 4)[0].second, 2.0f);
  EXPECT_EQ(decaying.ScheduledInputs(3, 4)[0].second, 0.5f);
  config.sigma_decay = false;
  EXPECT_EQ(DropPos(GoldenModel(), config).ScheduledInputs(3, 4)[0].second, 2.0f);
}

// Grids need not be square, nor patches 16.
TEST_F(DropPosParameters, NonSquareGridsTrain) {
  ModelConfig config = GoldenModel();
  config.input_h = 24;
  config.input_w = 40;
  Make(config);
  Batch batch;
  batch.images.assign(3 * 24 * 40, 0.5f);
  batch.keys = {7};
  batch.labels = {0};
  batch.image_ids = {1};
  batch.valid = 1;
  const auto result = session_->Step([&]() -> absl::StatusOr<const Batch*> { return &batch; }, 1e-3,
                                     {{"sigma", 1.0f}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(std::isfinite(result->loss));
}

}  // namespace
}  // namespace models
