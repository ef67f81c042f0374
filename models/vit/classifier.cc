#include "models/vit/classifier.h"

#include "models/layers/transformer.h"
#include "models/vit/encoder.h"
#include "models/vit/layer_decay.h"

namespace models {

using graph::BlobId;

namespace {

constexpr float kScratchDeviation = 0.02f;

// Of timm's VisionTransformer: all matrices alike, the patch embedding as Conv2d draws it. Its
// truncation at ±2 never cuts.
void DrawFromScratch(std::vector<Parameter>* parameters) {
  for (Parameter& p : *parameters) {
    if (p.name == "patch_embed.proj.weight") {
      p.init = Initializer::UniformFanIn(p.type.elements() / p.type.dim(0));
    } else if (p.type.rank() == 2) {
      p.init = Initializer::Normal(kScratchDeviation);
    }
  }
}

}  // namespace

BlobId VitClassifier::Logits(ModelBuilder* b, BlobId images, const DropPath& drop_path) const {
  if (options_.cls_token) {
    const BlobId tokens = EncodeImages(b, config_, images, drop_path);
    return Linear(b, "head",
                  b->Op("SliceRows", "head.cls", {tokens},
                        {{"start", int64_t{0}}, {"count", int64_t{1}}}),
                  num_classes_);
  }
  const BlobId tokens = EncodeImages(b, config_, images, drop_path, kNoFinalNorm);
  const BlobId mean = b->Op("MeanRows", "head.mean", {tokens},
                            {{"start", int64_t{1}}, {"count", int64_t{config_.num_patches()}}});
  return Linear(b, "head", LayerNorm(b, options_.final_norm(), mean), num_classes_);
}

ForwardOutputs VitClassifier::BuildTraining(ModelBuilder* b, int batch) const {
  if (options_.drop_path == 0) return BuildTraining(b, batch, {});
  const BlobId keys = b->net()->Input("keys", {graph::DType::kI64, {batch}});
  return BuildTraining(b, batch,
                       DrawDropPath(b, "drop_path", static_cast<float>(options_.drop_path),
                                    config_.depth, keys));
}

ForwardOutputs VitClassifier::BuildTraining(ModelBuilder* b, int batch,
                                            const DropPath& drop_path) const {
  BlobId images = b->net()->Input("images", b->Type(config_.images(batch)));
  const BlobId labels = b->net()->Input("labels", {graph::DType::kI32, {batch}});
  std::vector<BlobId> of_loss = {graph::kNone, labels};
  if (const int64_t group = options_.GroupOf(batch); group > 0) {
    const int64_t groups = batch / group;
    const BlobId mode = b->net()->Input("mix_mode", {graph::DType::kI32, {groups}});
    const BlobId lam = b->net()->Input("mix_lam", b->Type({groups}));
    const BlobId box = b->net()->Input("mix_box", {graph::DType::kI32, {groups, 4}});
    images = b->Op("MixImages", "mix", {images, mode, lam, box});
    of_loss.push_back(lam);
  }
  of_loss[0] = Logits(b, images, drop_path);
  const std::vector<BlobId> loss =
      b->OpN("SoftmaxCrossEntropy", "loss", of_loss,
             {{"smoothing", static_cast<float>(options_.smoothing)}});
  if (options_.from_scratch) DrawFromScratch(b->mutable_parameters());
  for (Parameter& p : *b->mutable_parameters()) {
    if (p.name == "pos_embed" && options_.train_pos_embed) p.spec.kind = ParameterKind::kTrained;
    if (p.name == "head.weight" && options_.head_deviation > 0 && !options_.from_scratch) {
      p.init = Initializer::Normal(static_cast<float>(options_.head_deviation));
    }
  }
  SetLayerDecay(config_.depth, options_.layer_decay, b->mutable_parameters());
  if (options_.mixes()) return {loss[0], {}};
  return {loss[0], {{"acc1", loss[1], Unit::kShare}}};
}

std::vector<Evaluation> VitClassifier::Evaluations() const {
  return {{"eval", "heldout_acc1", Unit::kShare, 1.0 / num_classes_}};
}

EvaluationOutputs VitClassifier::BuildEvaluation(ModelBuilder* b, int batch, int) const {
  const BlobId images = b->net()->Input("images", b->Type(config_.images(batch)));
  const BlobId labels = b->net()->Input("labels", {graph::DType::kI32, {batch}});
  const BlobId logits = Logits(b, images);
  return {b->OpN("SoftmaxCrossEntropy", "loss", {logits, labels})[1], graph::kNone};
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
