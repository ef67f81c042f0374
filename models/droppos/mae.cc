#include "models/droppos/mae.h"

#include "graph/base/counted.h"
#include "models/layers/transformer.h"
#include "models/vit/encoder.h"

namespace models {

using graph::BlobId;
using graph::DType;

BlobId MaeDecoder(ModelBuilder* b, const ModelConfig& model, const MaeDecoderOptions& options,
                  BlobId features, BlobId ids_keep, BlobId mask) {
  const std::string decoder = options.prefix + "decoder";
  const int64_t patches = model.num_patches(), width = model.decoder_embed_dim;
  BlobId x = Linear(b, decoder + "_embed", features, width);
  const BlobId mask_token =
      b->Param("mask_token", {1, 1, width}, Initializer::Normal(0.02f),
               {options.train_mask_token ? ParameterKind::kTrained : ParameterKind::kFixed});
  x = b->Op("RestoreRows", decoder + ".restore", {x, mask_token, ids_keep, mask},
            {{"prefix", int64_t{1}}});
  const BlobId positions =
      b->Param(decoder + "_pos_embed", {1, 1 + patches, width},
               Initializer::SinCos2d(model.grid_h(), model.grid_w()), {ParameterKind::kFixed});
  x = b->Op("BiasAdd", decoder + "_pos_embed.add", {x, positions});
  x = TransformerBlocks(b, decoder + "_blocks", x, model.decoder_depth, model.decoder_num_heads,
                        model.mlp_ratio);
  x = b->Op("SliceRows", decoder + ".drop_cls", {x}, {{"start", int64_t{1}}, {"count", patches}});
  x = LayerNorm(b, decoder + "_norm", x);
  return Linear(b, decoder + "_pred", x, int64_t{3} * model.patch_size * model.patch_size);
}

std::vector<BlobId> PixelLoss(ModelBuilder* b, const ModelConfig& model,
                              const DropPosConfig& config, BlobId pixels, BlobId images,
                              BlobId mask) {
  return b->OpN(
      "PixelLoss", "pixel_loss", {pixels, images, mask},
      {{"patch", int64_t{model.patch_size}}, {"norm_pix_loss", int64_t{config.norm_pix_loss}}});
}

void CountMaeDecoder(const ModelConfig& model, int64_t visible, OfficialCounter* counter) {
  using Pass = OfficialCounter::Pass;
  const int64_t tokens = 1 + model.num_patches(), width = model.decoder_embed_dim;
  const int64_t pixels = int64_t{3} * model.patch_size * model.patch_size;
  counter->Linear("mae_embed", 1 + visible, model.embed_dim, width, Pass::kTraining);
  counter->Blocks("mae_blocks", tokens, width, model.decoder_depth, model.mlp_ratio,
                  Pass::kTraining);
  counter->Linear("mae_pred", tokens, width, pixels, Pass::kTraining);
}

std::string Describe(const char* task, const ModelConfig& model, int visible) {
  return absl::StrCat(task, ": encoder ", graph::Counted(model.depth, "block"), " of ",
                      model.embed_dim, ", ", graph::Counted(model.num_heads, "head"), "; decoder ",
                      graph::Counted(model.decoder_depth, "block"), " of ", model.decoder_embed_dim,
                      "; ", model.grid_h(), "x", model.grid_w(), " patches of ", model.patch_size,
                      " px, ", visible, " visible");
}

MaeBlobs BuildMae(ModelBuilder* b, const ModelConfig& model, const DropPosConfig& config, int batch,
                  NoiseSource noise) {
  const int64_t patches = model.num_patches();
  const int64_t visible = config.num_visible(model.num_patches());
  graph::NetBuilder* net = b->net();
  MaeBlobs blobs;
  const auto zeros = [&](const char* name, std::vector<int64_t> shape, DType dtype) {
    return b->Op("Fill", name, {},
                 {{"value", 0.0f},
                  {"shape", std::move(shape)},
                  {"dtype", std::string(graph::DTypeName(dtype))}});
  };

  const BlobId images = net->Input("images", b->Type(model.images(batch)));
  std::vector<BlobId> noise_inputs;
  if (noise == NoiseSource::kKeys) {
    noise_inputs = {net->Input("keys", {DType::kI64, {batch}})};
  } else {
    // All positions are kept, so the noise that orders them does not matter.
    const BlobId noise_pos = zeros("mask.no_positions", {batch, visible}, b->dtype());
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
  const BlobId none_dropped = zeros("pos_embed.none_dropped", {batch, visible}, DType::kU8);
  const BlobId no_token = zeros("pos_embed.no_token", {model.embed_dim}, b->dtype());
  const BlobId placed = b->Op("EmbeddingDrop", "pos_embed.add",
                              {tokens, PatchPositions(b, model), no_token, ids_keep, none_dropped},
                              {{"kind", std::string("zeros")}});
  blobs.encoder = Encode(b, model, placed);
  blobs.pred = MaeDecoder(b, model, {}, blobs.encoder, ids_keep, blobs.mask);
  const std::vector<BlobId> loss = PixelLoss(b, model, config, blobs.pred, images, blobs.mask);
  blobs.loss = loss[0];
  blobs.per_image = loss[1];
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
  return Describe("MAE", model_, config_.num_visible(model_.num_patches()));
}

}  // namespace models
