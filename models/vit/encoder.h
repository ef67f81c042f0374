// The Vision Transformer encoder (Dosovitskiy et al., 2021) as used by MAE and DropPos: fixed 2-D
// sin-cos positions, a class token, pre-norm blocks.
#ifndef MODELS_VIT_ENCODER_H_
#define MODELS_VIT_ENCODER_H_

#include "models/layers/model_builder.h"
#include "models/layers/official_step.h"
#include "models/layers/transformer.h"
#include "models/zoo/config.h"

namespace models {

// Images (B, C, H, W) of the model's channels -> patches (B, L, C·p·p), as a Conv2d of stride p
// sees them.
graph::BlobId Patches(ModelBuilder* b, const ModelConfig& config, graph::BlobId images);

// Patches (B, N, C·p·p) -> tokens (B, N, D). The weight is Conv2d's (D, C, p, p),
// xavier-uniform as a (D, C·p·p) matrix; the bias keeps Conv2d's U(±1/sqrt(C·p·p)).
graph::BlobId PatchEmbed(ModelBuilder* b, const ModelConfig& config, graph::BlobId patches);

// pos_embed (1, 1+L, D), not trained; row 0 is the class token's, zero.
graph::BlobId PositionTable(ModelBuilder* b, const ModelConfig& config);
// Its rows for patches, (1, L, D).
graph::BlobId PatchPositions(ModelBuilder* b, const ModelConfig& config);

// Whether ModelConfig::final_norm follows the last block: a classifier by the mean normalises that.
enum FinalNorm { kNoFinalNorm, kFinalNorm };

// Tokens that already have their positions (B, N, D) -> (B, 1+N, D): the class
// token (with its position) in front, the blocks, the final norm.
graph::BlobId Encode(ModelBuilder* b, const ModelConfig& config, graph::BlobId tokens,
                     const DropPath& drop_path = {}, FinalNorm norm = kFinalNorm);

// The whole encoder for undropped images: (B, C, H, W) -> features (B, 1+L, D).
graph::BlobId EncodeImages(ModelBuilder* b, const ModelConfig& config, graph::BlobId images,
                           const DropPath& drop_path = {}, FinalNorm norm = kFinalNorm);

// The same in a training step of the published code: the patch embedding of all L patches, of
// which `tokens` go through the blocks beside the class token.
void CountEncoder(const ModelConfig& config, int64_t tokens, OfficialCounter* counter);

}  // namespace models

#endif  // MODELS_VIT_ENCODER_H_
