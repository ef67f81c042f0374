#include "models/droppos/mae.h"

#include "graph/base/counted.h"
#include "models/droppos/mae_decoder.h"
#include "models/vit/encoder.h"

namespace models {

using graph::BlobId;
using graph::DType;

MaeBlobs BuildMae(ModelBuilder* b, const ModelConfig& model, const DropPosConfig& config, int batch,
                  NoiseSource noise) {
  const int64_t patches = model.num_patches();
  const int64_t visible = config.num_visible(model.num_patches());
  graph::NetBuilder* net = b->net();
  MaeBlobs blobs;

  const BlobId images = net->Input("images", b->Type({batch, 3, model.input_h, model.input_w}));
  std::vector<BlobId> noise_inputs;
  if (noise == NoiseSource::kKeys) {
    noise_inputs = {net->Input("keys", {DType::kI64, {batch}})};
  } else {
    // All positions are kept, so the noise that orders them does not matter.
    const BlobId noise_pos = b->Op("Fill", "mask.no_positions", {},
                                   {{"value", 0.0f},
                                    {"shape", std::vector<int64_t>{batch, visible}},
                                    {"dtype", std::string(graph::DTypeName(b->dtype()))}});
    noise_inputs = {net->Input("noise_patch", b->Type({batch, patches})), noise_pos};
  }
  const std::vector<BlobId> masks =
      b->OpN("MaskSample", "mask", noise_inputs,
             {{"num_patches", patches}, {"num_visible", visible}, {"num_pos_kept", int64_t{0}}});
  const BlobId ids_keep = masks[0];
  blobs.mask = masks[1];

  const BlobId visible_patches =
      b->Op("GatherRows", "patch_embed.visible", {Patches(b, model, images), ids_keep});
  const BlobId tokens = PatchEmbed(b, model, visible_patches);
  // EmbeddingDrop without drops gathers and adds the visible patches' positions.
  const BlobId none_dropped = b->Op("Fill", "pos_embed.none_dropped", {},
                                    {{"value", 0.0f},
                                     {"shape", std::vector<int64_t>{batch, visible}},
                                     {"dtype", std::string("u8")}});
  const BlobId no_token = b->Op("Fill", "pos_embed.no_token", {},
                                {{"value", 0.0f},
                                 {"shape", std::vector<int64_t>{model.embed_dim}},
                                 {"dtype", std::string(graph::DTypeName(b->dtype()))}});
  const BlobId placed = b->Op("EmbeddingDrop", "pos_embed.add",
                              {tokens, PatchPositions(b, model), no_token, ids_keep, none_dropped},
                              {{"kind", std::string("zeros")}});
  blobs.encoder = Encode(b, model, placed);
  blobs.pred = MaeDecoder(b, model, {}, blobs.encoder, ids_keep, blobs.mask);
  const PixelLossBlobs loss = BuildPixelLoss(b, model, config, blobs.pred, images, blobs.mask);
  blobs.loss = loss.loss;
  blobs.per_image = loss.per_image;
  return blobs;
}

ForwardOutputs MaskedAutoencoder::BuildTraining(ModelBuilder* b, int batch) const {
  return {BuildMae(b, model_, config_, batch, NoiseSource::kKeys).loss, {}};
}

std::vector<Evaluation> MaskedAutoencoder::Evaluations() const {
  return {{"eval", "heldout_loss_pixels", Unit::kNumber, Evaluation::kNoChance}};
}

EvaluationOutputs MaskedAutoencoder::BuildEvaluation(ModelBuilder* b, int batch, int) const {
  EvaluationOutputs outputs;
  outputs.value = BuildMae(b, model_, config_, batch, NoiseSource::kKeys).per_image;
  return outputs;
}

OfficialNet MaskedAutoencoder::OfficialStep() const {
  OfficialCounter counter;
  const int visible = config_.num_visible(model_.num_patches());
  CountEncoder(model_, visible, &counter);
  CountMaeDecoder(model_, visible, &counter);
  return counter.Finish();
}

std::string MaskedAutoencoder::description() const {
  const int visible = config_.num_visible(model_.num_patches());
  return absl::StrCat("MAE: encoder ", graph::Counted(model_.depth, "block"), " of ",
                      model_.embed_dim, ", ", graph::Counted(model_.num_heads, "head"),
                      "; decoder ", graph::Counted(model_.decoder_depth, "block"), " of ",
                      model_.decoder_embed_dim, "; ", model_.grid_h(), "x", model_.grid_w(),
                      " patches of ", model_.patch_size, " px, ", visible, " visible");
}

}  // namespace models
