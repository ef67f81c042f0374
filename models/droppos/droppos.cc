#include "models/droppos/droppos.h"

#include "models/layers/transformer.h"
#include "models/vit/encoder.h"

namespace models {

using graph::BlobId;
using graph::DType;

namespace {

// Attentive reconstruction: how much each visible patch resembles the image.
void BuildGuide(ModelBuilder* b, const ModelConfig& model, BlobId patches, DropPosBlobs* blobs) {
  const ModelBuilder::Scope scope(b, "guide");
  const BlobId tokens = PatchEmbed(b, model, patches);
  const BlobId placed = b->Op("BiasAdd", "pos_embed.add", {tokens, PatchPositions(b, model)});
  const BlobId features = Encode(b, model, placed);
  const std::vector<BlobId> weights =
      b->OpN("PositionWeights", "weights", {features, blobs->ids_keep}, {{"tau", 0.1f}});
  blobs->attn = weights[0];
  blobs->attn_full = weights[1];
}

}  // namespace

DropPosBlobs BuildDropPos(ModelBuilder* b, const ModelConfig& model, const DropPosConfig& config,
                          int batch, NoiseSource noise) {
  const int64_t num_patches = model.num_patches();
  const int64_t num_visible = config.num_visible(model.num_patches());
  const int64_t num_pos_kept = config.num_pos_kept(static_cast<int>(num_visible));
  graph::NetBuilder* net = b->net();
  DropPosBlobs blobs;

  const BlobId images = net->Input("images", b->Type({batch, 3, model.input_h, model.input_w}));
  std::vector<BlobId> noise_inputs;
  if (noise == NoiseSource::kKeys) {
    noise_inputs = {net->Input("keys", {DType::kI64, {batch}})};
  } else {
    noise_inputs = {net->Input("noise_patch", b->Type({batch, num_patches})),
                    net->Input("noise_pos", b->Type({batch, num_visible}))};
  }
  const BlobId sigma = net->Input("sigma", b->Type({1}));

  const std::vector<BlobId> masks = b->OpN(
      "MaskSample", "mask", noise_inputs,
      {{"num_patches", num_patches}, {"num_visible", num_visible}, {"num_pos_kept", num_pos_kept}});
  blobs.ids_keep = masks[0];
  blobs.mask = masks[1];
  blobs.mask_pos = masks[3];

  const BlobId patches = Patches(b, model, images);
  // Hidden patches never reach the encoder, so they are not embedded either.
  const BlobId visible = b->Op("GatherRows", "patch_embed.visible", {patches, blobs.ids_keep});
  const BlobId tokens = PatchEmbed(b, model, visible);
  const BlobId mask_token =
      b->Param("mask_pos_token", {1, 1, model.embed_dim}, Initializer::Normal(0.02f));
  const BlobId placed =
      b->Op("EmbeddingDrop", "pos_embed.drop",
            {tokens, PatchPositions(b, model), mask_token, blobs.ids_keep, blobs.mask_pos},
            {{"kind", std::string("param")}});
  blobs.encoder = Encode(b, model, placed);

  BlobId x = Linear(b, "decoder_embed", blobs.encoder, model.decoder_embed_dim);
  x = TransformerBlocks(b, "decoder_blocks", x, model.decoder_depth, model.decoder_num_heads,
                        model.mlp_ratio);
  x = b->Op("SliceRows", "decoder.drop_cls", {x}, {{"start", int64_t{1}}, {"count", num_visible}});
  x = LayerNorm(b, "decoder_norm", x);
  blobs.logits = Linear(b, "decoder_pred", x, num_patches);

  std::vector<BlobId> loss_inputs = {blobs.logits, blobs.ids_keep, blobs.mask_pos, sigma};
  if (config.attn_guide) {
    BuildGuide(b, model, patches, &blobs);
    loss_inputs.push_back(blobs.attn);
  }
  const std::vector<BlobId> loss =
      b->OpN("SmoothedPositionCE", "loss", loss_inputs,
             {{"grid_h", int64_t{model.grid_h()}}, {"grid_w", int64_t{model.grid_w()}}});
  blobs.loss = loss[0];
  blobs.accuracy = loss[1];
  blobs.accuracy_weighted = loss[2];
  blobs.correct = loss[3];
  blobs.scored = loss[4];
  return blobs;
}

ForwardOutputs DropPos::BuildTraining(ModelBuilder* b, int batch) const {
  const DropPosBlobs blobs = BuildDropPos(b, model_, config_, batch, NoiseSource::kKeys);
  return {blobs.loss,
          {{"pos_acc1", blobs.accuracy}, {"pos_acc1_weighted", blobs.accuracy_weighted}}};
}

std::vector<Evaluation> DropPos::Evaluations() const {
  const double chance = 1.0 / model_.num_patches();
  return {{"eval", "heldout_pos_acc1", chance},
          {"eval_all_dropped", "heldout_pos_acc1_all_dropped", chance}};
}

EvaluationOutputs DropPos::BuildEvaluation(ModelBuilder* b, int batch, int evaluation) const {
  DropPosConfig config = config_;
  config.attn_guide = false;  // weights the loss, which is not asked for here
  if (evaluation == 1) config.pos_mask_ratio = 1.0;
  const DropPosBlobs blobs = BuildDropPos(b, model_, config, batch, NoiseSource::kKeys);
  return {blobs.correct, blobs.scored};
}

std::vector<std::pair<std::string, float>> DropPos::ScheduledInputs(int epoch, int epochs) const {
  const double left = config_.sigma_decay ? 1.0 - epoch / static_cast<double>(epochs) : 1.0;
  return {{"sigma", static_cast<float>(left * config_.label_smoothing_sigma)}};
}

std::string DropPos::description() const {
  const int visible = config_.num_visible(model_.num_patches());
  return absl::StrCat("DropPos: encoder ", model_.depth, " blocks of ", model_.embed_dim, ", ",
                      model_.num_heads, " heads; decoder ", model_.decoder_depth, " blocks of ",
                      model_.decoder_embed_dim, "; ", model_.grid_h(), "x", model_.grid_w(),
                      " patches of ", model_.patch_size, " px, ", visible, " visible, ",
                      visible - config_.num_pos_kept(visible), " without position");
}

}  // namespace models
