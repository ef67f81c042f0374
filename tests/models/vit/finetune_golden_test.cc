// Fine-tuning beside the official code: steps of main_finetune.py in small (PyTorch and timm 0.3.2,
// fp32), with its draws fed. ft_mean is the published recipe: the mean of the patches, frozen
// positions, mixup and cutmix, drop path, layer decay. ft_cls has the class token, trained
// positions, two micro-batches a step and global clipping.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "models/training/forward_net.h"
#include "models/training/safetensors.h"
#include "models/training/session.h"
#include "models/vit/classifier.h"
#include "nlohmann/json.hpp"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using graph::BlobId;

// Drop path's scales are an input.
class FedClassifier : public VitClassifier {
 public:
  FedClassifier(const ModelConfig& config, const VitConfig& options, int num_classes,
                std::vector<float> rates)
      : VitClassifier(config, num_classes, options), rates_(std::move(rates)) {}
  ForwardOutputs BuildTraining(ModelBuilder* b, int batch) const override {
    const auto rows = 2 * std::count_if(rates_.begin(), rates_.end(), [](float r) { return r > 0; });
    DropPath drop_path{rates_, b->net()->Input("drop_path_scales", b->Type({rows, batch}))};
    return VitClassifier::BuildTraining(b, batch, drop_path);
  }

 private:
  const std::vector<float> rates_;
};

class FineTuning : public ::testing::TestWithParam<const char*> {
 protected:
  FineTuning()
      : golden_(SafetensorsFile::Read(
                    absl::StrCat("tests/models/vit/testdata/", GetParam(), ".safetensors"))
                    .value()),
        config_(nlohmann::json::parse(golden_.metadata().at("config"))),
        model_(Structure(), Options(), config_["K"], config_["drop_path_rates"]) {}

  ModelConfig Structure() const {
    ModelConfig model;
    model.input_h = model.input_w = config_["img"];
    model.patch_size = config_["patch"];
    model.embed_dim = config_["dim"];
    model.depth = config_["depth"];
    model.num_heads = config_["heads"];
    return model;
  }
  VitConfig Options() const {
    VitConfig options;
    options.cls_token = config_["pool"] == "cls";
    options.train_pos_embed = config_["train_pos_embed"];
    options.layer_decay = config_["layer_decay"];
    options.smoothing = config_["smoothing"];
    if (config_["mix"]) options.mixup = options.cutmix = 1;
    return options;
  }
  std::unique_ptr<Session> NewSession() const {
    SessionOptions options = engine_.Options(config_["B"], config_["accum"]);
    options.recipe.beta1 = config_["betas"][0];
    options.recipe.beta2 = config_["betas"][1];
    options.recipe.adam_eps = config_["eps"];
    options.recipe.weight_decay = config_["weight_decay"];
    options.recipe.clip_global = true;
    options.recipe.clip_grad =
        config_["clip_grad"].is_null() ? 0.0 : config_["clip_grad"].get<double>();
    auto session = Session::Create(&model_, options).value();
    for (const Parameter& p : session->parameters()) {
      SetBlob(session->workspace(), p.name, Floats("param/" + p.name));
    }
    return session;
  }
  std::vector<float> Floats(const std::string& name) const {
    return golden_.Values<float>(name).value();
  }
  // The golden batch in `place`, "train/0" or "eval", with what is drawn for it.
  Batch BatchOf(const std::string& place) const {
    Batch batch;
    batch.images = Floats(place + "/images");
    batch.labels = golden_.Values<int32_t>(place + "/labels").value();
    batch.keys.resize(batch.labels.size());
    batch.image_ids.resize(batch.labels.size());
    batch.valid = static_cast<int64_t>(batch.labels.size());
    if (config_["mix"] && place != "eval") {
      batch.mix_mode = {golden_.Values<uint8_t>(place + "/mix/use_cutmix").value()[0]};
      batch.mix_lam = {static_cast<float>(golden_.Values<double>(place + "/mix/lam").value()[0])};
      batch.mix_box = golden_.Values<int32_t>(place + "/mix/box").value();
    }
    return batch;
  }
  // A row for each branch that the golden case dropped images of.
  std::vector<float> Scales(const std::string& place) const {
    const std::vector<uint8_t> kept =
        golden_.Values<uint8_t>(place + "/drop_path_kept").value();
    const std::vector<float> rates = config_["drop_path_rates"];
    const size_t batch = config_["B"];
    std::vector<float> scales;
    for (float rate : rates) {
      for (size_t i = 0; rate > 0 && i < 2 * batch; ++i) {
        scales.push_back(kept[scales.size()] != 0 ? 1.0f / (1.0f - rate) : 0.0f);
      }
    }
    return scales;
  }
  // The rows of the keys are the middle third: softmax does not see them, so their gradient is
  // rounding alone, which AdamW makes steps of.
  static bool IsKey(const std::string& name, size_t i, size_t size) {
    return absl::EndsWith(name, ".attn.qkv.bias") && i >= size / 3 && i < 2 * size / 3;
  }

  const TinyEngine engine_;
  const SafetensorsFile golden_;
  const nlohmann::json config_;
  const FedClassifier model_;
};

TEST_P(FineTuning, TrainsAsTheOfficialCode) {
  const auto session = NewSession();
  const std::vector<double> lr = golden_.Values<double>("train/lr").value();
  const int accum = config_["accum"];
  std::vector<float> losses, norms;
  for (size_t step = 0; step < lr.size(); ++step) {
    std::vector<Batch> batches;
    for (int i = 0; i < accum; ++i) {
      batches.push_back(BatchOf(absl::StrCat("train/", step * accum + i)));
    }
    size_t next = 0;
    const auto next_batch = [&]() -> absl::StatusOr<const Batch*> {
      const std::vector<float> scales = Scales(absl::StrCat("train/", step * accum + next));
      RETURN_IF_ERROR(
          session->inputs()->Write("drop_path_scales", absl::MakeConstSpan(scales)));
      return &batches[next++];
    };
    const auto result = session->Step(next_batch, lr[step], {});
    ASSERT_TRUE(result.ok()) << result.status();
    for (double loss : session->window_losses()) losses.push_back(static_cast<float>(loss));
    norms.push_back(static_cast<float>(result->grad_norm));
  }
  EXPECT_LE(RelativeError(losses, Floats("train/loss")), 1e-5);
  EXPECT_LE(RelativeError(norms, Floats("train/grad_norm")), 2e-5);

  double lr_sum = 0;
  for (double rate : lr) lr_sum += rate;
  for (const Parameter& p : session->parameters()) {
    const std::vector<float> start = Floats("param/" + p.name), end = Floats("final/" + p.name);
    std::vector<float> moved = BlobValues(session->workspace(), p.name), expected = end;
    if (!p.trained()) {
      EXPECT_EQ(moved, start) << p.name;
      EXPECT_EQ(end, start) << p.name;
      continue;
    }
    const auto& group = config_["groups"].at(p.name);
    EXPECT_FLOAT_EQ(p.spec.lr_scale, group[0].get<float>()) << p.name;
    EXPECT_EQ(p.decays(), group[1].get<double>() != 0) << p.name;
    for (size_t i = 0; i < start.size(); ++i) {
      if (IsKey(p.name, i, start.size())) {
        EXPECT_LE(std::abs(moved[i] - end[i]), 2 * lr_sum * p.spec.lr_scale) << p.name;
        moved[i] = expected[i] = start[i];
      }
    }
    EXPECT_LE(RelativeError(moved, expected), 2e-4) << p.name;
    for (size_t i = 0; i < start.size(); ++i) {
      moved[i] -= start[i];
      expected[i] -= start[i];
    }
    EXPECT_LE(RelativeError(moved, expected), 1e-3) << p.name;
  }
}

// Without drop path and mixing.
TEST_P(FineTuning, EvaluatesAsTheOfficialCode) {
  const auto session = NewSession();
  for (const Parameter& p : session->parameters()) {
    SetBlob(session->workspace(), p.name, Floats("final/" + p.name));
  }
  const Batch batch = BatchOf("eval");
  const auto build = [&](ModelBuilder* b) -> ForwardNet::Outputs {
    const BlobId images =
        b->net()->Input("images", b->Type(Structure().images(config_["B"].get<int>())));
    return {{"logits", model_.Logits(b, images)}};
  };
  auto net =
      ForwardNet::Compile("logits", session->options().compile, build, session->workspace()).value();
  ASSERT_TRUE(net->Feed(batch).ok());
  ASSERT_TRUE(net->Run().ok());
  EXPECT_LE(RelativeError(net->Read<float>("logits").value(), Floats("eval/logits")), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Golden, FineTuning, ::testing::Values("ft_mean", "ft_cls"));

}  // namespace
}  // namespace models
