// DropPos pretraining (Wang et al., "DropPos: Pre-Training Vision Transformers by
// Reconstructing Dropped Positions", NeurIPS 2023; models_DropPos_mae.py).
//
//   images (B,3,H,W) ─ Patchify ─ patches (B,L,3pp)
//     MaskSample: V of L patches stay visible, K of these keep their position
//     GatherRows, PatchEmbed                       tokens  (B, V, D)
//     EmbeddingDrop: + position or mask token              (B, V, D)
//     [shuffle: GatherRows in a random order]
//     encoder, class token in front                        (B, 1+V, D)
//     decoder (no positions), class token off              (B, V, Dd)
//     decoder_pred: which of L cells?              logits  (B, V, L)
//     SmoothedPositionCE over the dropped ones, weighted by PositionWeights,
//     which come from the same encoder on all patches with all positions.
//     [multi_task: MaeDecoder, PixelLoss; loss = pos_weight * position + pixels]
#ifndef MODELS_DROPPOS_DROPPOS_H_
#define MODELS_DROPPOS_DROPPOS_H_

#include <string>
#include <vector>

#include "models/droppos/droppos_config.h"
#include "models/layers/model.h"

namespace models {

// The blobs of a forward pass that tools and tests look at; kNone where the
// configuration has none.
struct DropPosBlobs {
  graph::BlobId ids_keep, mask, mask_pos;           // i32 (B,V), u8 (B,L), u8 (B,V)
  graph::BlobId encoder;                            // (B, 1+V, D)
  graph::BlobId logits;                             // (B, V, L)
  graph::BlobId attn = graph::kNone;                // (B, V), sums to 1
  graph::BlobId attn_full = graph::kNone;           // (B, L), sums to 1
  graph::BlobId loss, accuracy, accuracy_weighted;  // {1}
  graph::BlobId correct, scored;                    // i32 (B)
  graph::BlobId ignored;                            // i32 (B): left out by conf_ignore
  // multi_task: its two parts; loss is their sum with pos_weight.
  graph::BlobId loss_pos = graph::kNone, loss_mae = graph::kNone;  // {1}
  graph::BlobId mae_pred = graph::kNone;                           // (B, L, 3pp)
};

// Where the randomness of a net comes from.
enum class NoiseSource {
  kKeys,  // input `keys` i64 (B)
  // Golden replay: inputs `noise_patch` (B, L), `noise_pos` (B, V), and where the
  // configuration draws them `noise_shuffle` (B, V), `noise_wrong` (B, V-K).
  kFed,
};

// Appends the whole forward pass. Inputs: `images`, the noise, `sigma` {1}.
// The part "guide" is the attentive guide.
DropPosBlobs BuildDropPos(ModelBuilder* b, const ModelConfig& model, const DropPosConfig& config,
                          int batch, NoiseSource noise);

// The same task without what only the training loss needs: attentive guide,
// confidence, pixels. What evaluations build.
DropPosConfig PositionsOnly(DropPosConfig config);

class DropPos : public Model {
 public:
  DropPos(const ModelConfig& model, const DropPosConfig& config) : model_(model), config_(config) {}

  // Logs `pos_acc1` and `pos_acc1_weighted`; in multi_task `loss_pos` and `loss_mae`;
  // with conf_ignore `conf_ignored`, positions an image that were left out.
  ForwardOutputs BuildTraining(ModelBuilder* b, int batch) const override;
  // heldout_pos_acc1 at the training ratios; heldout_pos_acc1_all_dropped with
  // no position left. Chance is one cell of L, or, where an image's kept
  // positions could be excluded, still 1/L: the decoder has no such rule.
  std::vector<Evaluation> Evaluations() const override;
  EvaluationOutputs BuildEvaluation(ModelBuilder* b, int batch, int evaluation) const override;
  // `sigma` of the epoch (engine_pretrain.py): constant, or linear to 0.
  Scheduled ScheduledInputs(int epoch, int epochs) const override;
  // As models_DropPos_mae.py computes it: the attentive guide forward, with a patch embedding of
  // its own and every block over all 1+L tokens; encoder, decoder and decoder_pred over 1+V; the
  // pixel decoder of multi_task. For ViT-B/16 at mask ratios .75/.75 that makes 63 GFLOP an
  // image, 35 of them the guide's.
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

#endif  // MODELS_DROPPOS_DROPPOS_H_
