#include "models/vit/classifier.h"

#include "models/layers/transformer.h"
#include "models/vit/encoder.h"

namespace models {

using graph::BlobId;

std::vector<BlobId> VitClassifier::Build(ModelBuilder* b, int batch) const {
  const BlobId images = b->net()->Input("images", b->Type(config_.images(batch)));
  const BlobId labels = b->net()->Input("labels", {graph::DType::kI32, {batch}});
  const BlobId features = EncodeImages(b, config_, images);
  const BlobId cls =
      b->Op("SliceRows", "head.cls", {features}, {{"start", int64_t{0}}, {"count", int64_t{1}}});
  const BlobId logits = Linear(b, "head", cls, num_classes_);
  return b->OpN("SoftmaxCrossEntropy", "loss", {logits, labels});
}

ForwardOutputs VitClassifier::BuildTraining(ModelBuilder* b, int batch) const {
  const std::vector<BlobId> head = Build(b, batch);
  return {head[0], {{"acc1", head[1], Unit::kShare}}};
}

std::vector<Evaluation> VitClassifier::Evaluations() const {
  return {{"eval", "heldout_acc1", Unit::kShare, 1.0 / num_classes_}};
}

EvaluationOutputs VitClassifier::BuildEvaluation(ModelBuilder* b, int batch, int) const {
  return {Build(b, batch)[1], graph::kNone};
}

OfficialNet VitClassifier::OfficialStep() const {
  OfficialCounter counter;
  CountEncoder(config_, config_.num_patches(), &counter);
  counter.Linear("head", 1, config_.embed_dim, num_classes_, OfficialCounter::Pass::kTraining);
  return counter.Finish();
}

std::string VitClassifier::description() const {
  return absl::StrCat("ViT classifier: ", config_.depth, " blocks of ", config_.embed_dim, ", ",
                      config_.num_heads, " heads, ", config_.grid_h(), "x", config_.grid_w(),
                      " patches of ", config_.patch_size, " px, ", num_classes_, " classes");
}

}  // namespace models
