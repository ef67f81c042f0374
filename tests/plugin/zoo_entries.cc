#include "tests/plugin/zoo_entries.h"

#include <memory>
#include <string>
#include <vector>

#include "models/layers/transformer.h"
#include "tests/plugin/options.h"

namespace plugin {
namespace {

class TanhMlp : public models::Model {
 public:
  TanhMlp(const models::ModelConfig& config, const TanhOptions& options, int num_classes)
      : config_(config), options_(options), num_classes_(num_classes) {}

  models::ForwardOutputs BuildTraining(models::ModelBuilder* b, int batch) const override {
    const std::vector<graph::BlobId> head = Build(b, batch);
    return {head[0], {{"acc1", head[1], models::Unit::kShare}}};
  }
  std::vector<models::Evaluation> Evaluations() const override {
    return {{"eval", "heldout_acc1", models::Unit::kShare, 1.0 / num_classes_}};
  }
  models::EvaluationOutputs BuildEvaluation(models::ModelBuilder* b, int batch,
                                            int) const override {
    return {Build(b, batch)[1], graph::kNone};
  }
  int input_h() const override { return config_.input_h; }
  int input_w() const override { return config_.input_w; }
  int channels() const override { return config_.channels; }
  std::string description() const override { return "one hidden layer with tanh"; }

 private:
  // loss {1} and correct i32 (B).
  std::vector<graph::BlobId> Build(models::ModelBuilder* b, int batch) const {
    const graph::BlobId images =
        b->net()->Input("images", b->Type({batch, 3, config_.input_h, config_.input_w}));
    const graph::BlobId labels = b->net()->Input("labels", {graph::DType::kI32, {batch}});
    const graph::BlobId pixels =
        b->Op("Patchify", "pixels", {images}, {{"patch", int64_t{config_.patch_size}}});
    graph::BlobId hidden =
        b->Op("Tanh", "tanh", {models::Linear(b, "fc1", pixels, options_.hidden_units)});
    if (options_.second_layer) {
      hidden = b->Op("Tanh", "tanh2", {models::Linear(b, "fc2", hidden, options_.second_units)});
    }
    const graph::BlobId logits = models::Linear(b, "head", hidden, num_classes_);
    return b->OpN("SoftmaxCrossEntropy", "loss", {logits, labels});
  }

  models::ModelConfig config_;
  TanhOptions options_;
  int num_classes_;
};

}  // namespace

void RegisterModels(models::Zoo* zoo) {
  models::ZooEntry entry;
  entry.name = "tanh_mlp";
  entry.summary = "a hidden layer with tanh";
  entry.model.input_h = entry.model.input_w = entry.model.patch_size = 4;  // one patch
  entry.recipe.batch_size = 8;
  entry.recipe.weight_decay = 0.01;
  entry.options = std::make_shared<TanhOptions>();
  entry.needs.labels = true;
  entry.make = [](const models::ZooEntry& e, int num_classes) -> std::unique_ptr<models::Model> {
    const auto& options = dynamic_cast<const TanhOptions&>(*e.options);
    return std::make_unique<TanhMlp>(e.model, options, num_classes);
  };
  zoo->Add(std::move(entry));
}

}  // namespace plugin
