#include "models/droppos/mae_decoder.h"

#include "models/layers/transformer.h"

namespace models {

using graph::BlobId;

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

PixelLossBlobs BuildPixelLoss(ModelBuilder* b, const ModelConfig& model,
                              const DropPosConfig& config, BlobId pixels, BlobId images,
                              BlobId mask) {
  const std::vector<BlobId> loss = b->OpN(
      "PixelLoss", "pixel_loss", {pixels, images, mask},
      {{"patch", int64_t{model.patch_size}}, {"norm_pix_loss", int64_t{config.norm_pix_loss}}});
  return {loss[0], loss[1]};
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

}  // namespace models
