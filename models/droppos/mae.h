// The masked autoencoder baseline (He et al., "Masked Autoencoders Are Scalable
// Vision Learners", CVPR 2022; models_mae.py): drop_pos_type vanilla_mae.
//
//   images (B,3,H,W) ─ Patchify ─ MaskSample ─ V visible patches, with positions
//     encoder                                   features (B, 1+V, D)
//     MaeDecoder                                pixels   (B, L, 3pp)
//     PixelLoss over the hidden patches
//
// Its decoder and its loss are the auxiliary task of DropPos, too (drop_pos_type multi_task).
#ifndef MODELS_DROPPOS_MAE_H_
#define MODELS_DROPPOS_MAE_H_

#include <string>
#include <vector>

#include "models/droppos/droppos.h"
#include "models/layers/model.h"

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
// blocks over all 1+L tokens (He et al., section 3).
graph::BlobId MaeDecoder(ModelBuilder* b, const ModelConfig& model,
                         const MaeDecoderOptions& options, graph::BlobId features,
                         graph::BlobId ids_keep, graph::BlobId mask);

// PixelLoss between MaeDecoder's result and `images`: {1}, and an image's own (B).
std::vector<graph::BlobId> PixelLoss(ModelBuilder* b, const ModelConfig& model,
                                     const DropPosConfig& config, graph::BlobId pixels,
                                     graph::BlobId images, graph::BlobId mask);

// MaeDecoder over V visible patches in a training step of the published code.
void CountMaeDecoder(const ModelConfig& model, int64_t visible, OfficialCounter* counter);

// "<task>: encoder 12 blocks of 768, ..., 49 visible", for Model::description.
std::string Describe(const char* task, const ModelConfig& model, int visible);

struct MaeBlobs {
  graph::BlobId mask;       // u8 (B, L)
  graph::BlobId encoder;    // (B, 1+V, D)
  graph::BlobId pred;       // (B, L, 3pp)
  graph::BlobId loss;       // {1}
  graph::BlobId per_image;  // (B)
};

// Appends the whole forward pass. Inputs: `images` and the noise: `keys`, or `noise_patch` (B, L).
MaeBlobs BuildMae(ModelBuilder* b, const ModelConfig& model, const DropPosConfig& config, int batch,
                  NoiseSource noise);

class MaskedAutoencoder : public Model {
 public:
  MaskedAutoencoder(const ModelConfig& model, const DropPosConfig& config)
      : model_(model), config_(config) {}

  ForwardOutputs BuildTraining(ModelBuilder* b, int batch) const override;
  // heldout_loss_pixels: the loss on held-out images.
  std::vector<Evaluation> Evaluations() const override;
  EvaluationOutputs BuildEvaluation(ModelBuilder* b, int batch, int evaluation) const override;
  OfficialNet OfficialStep() const override;
  int input_h() const override { return model_.input_h; }
  int input_w() const override { return model_.input_w; }
  int channels() const override { return model_.channels; }
  std::string description() const override;

 private:
  ModelConfig model_;
  DropPosConfig config_;
};

}  // namespace models

#endif  // MODELS_DROPPOS_MAE_H_
