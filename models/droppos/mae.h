// The masked autoencoder baseline (He et al., "Masked Autoencoders Are Scalable
// Vision Learners", CVPR 2022; models_mae.py): drop_pos_type vanilla_mae.
//
//   images (B,3,H,W) ─ Patchify ─ MaskSample ─ V visible patches, with positions
//     encoder                                   features (B, 1+V, D)
//     MaeDecoder                                pixels   (B, L, 3pp)
//     PixelLoss over the hidden patches
#ifndef MODELS_DROPPOS_MAE_H_
#define MODELS_DROPPOS_MAE_H_

#include <string>
#include <vector>

#include "models/droppos/droppos.h"
#include "models/layers/model.h"

namespace models {

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
  std::string description() const override;

 private:
  ModelConfig model_;
  DropPosConfig config_;
};

}  // namespace models

#endif  // MODELS_DROPPOS_MAE_H_
