// The decoder of a masked autoencoder (He et al., 2022, section 3): pixels of all
// patches from the encoder's features of the visible ones. Both the MAE baseline
// and the auxiliary task of DropPos (drop_pos_type multi_task) use it.
#ifndef MODELS_DROPPOS_MAE_DECODER_H_
#define MODELS_DROPPOS_MAE_DECODER_H_

#include <string>

#include "models/droppos/droppos_config.h"
#include "models/layers/model_builder.h"
#include "models/layers/official_step.h"

namespace models {

struct MaeDecoderOptions {
  // Prefix of the parameters' names: "" in models_mae.py, "aux_" for multi_task. The mask token is
  // "mask_token" in both.
  std::string prefix;
  // The official multi_task freezes the mask token unless mask_token_type is param.
  bool train_mask_token = true;
};

// features (B, 1+V, D), ids_keep (B, V) i32, mask (B, L) u8 -> pixels (B, L, 3pp). Puts tokens back
// in their places and mask tokens in the hidden places, adds fixed sin-cos positions, and runs the
// blocks over all 1+L tokens.
graph::BlobId MaeDecoder(ModelBuilder* b, const ModelConfig& model,
                         const MaeDecoderOptions& options, graph::BlobId features,
                         graph::BlobId ids_keep, graph::BlobId mask);

struct PixelLossBlobs {
  graph::BlobId loss;       // {1}
  graph::BlobId per_image;  // (B)
};
// PixelLoss between MaeDecoder's result and `images`.
PixelLossBlobs BuildPixelLoss(ModelBuilder* b, const ModelConfig& model,
                              const DropPosConfig& config, graph::BlobId pixels,
                              graph::BlobId images, graph::BlobId mask);

// MaeDecoder over V visible patches in a training step of the published code.
void CountMaeDecoder(const ModelConfig& model, int64_t visible, OfficialCounter* counter);

}  // namespace models

#endif  // MODELS_DROPPOS_MAE_DECODER_H_
