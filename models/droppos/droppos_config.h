// The options of DropPos and of the MAE baseline, with their flags.
#ifndef MODELS_DROPPOS_DROPPOS_CONFIG_H_
#define MODELS_DROPPOS_DROPPOS_CONFIG_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "models/zoo/config.h"

namespace models {

// How patches and positions are hidden and how the answer is scored. Fields have
// the names and values of the official flags.
struct DropPosConfig : public ModelOptions {
  // mae_pos_target: DropPos. multi_task: DropPos, and beside it an MAE decoder that
  // reconstructs the pixels of the hidden patches. vanilla_mae: MAE alone, which
  // has no positions to predict.
  std::string drop_pos_type = "mae_pos_target";
  double mask_ratio = 0.75;      // of patches hidden
  double pos_mask_ratio = 0.75;  // of visible patches whose position is dropped
  // What stands for a dropped position: param (a learned token), zeros, or
  // wrong_pos (the position of another dropped patch).
  std::string mask_token_type = "param";
  bool shuffle = false;                // visible patches enter the encoder in random order
  double label_smoothing_sigma = 1.0;  // in cells; 0: one-hot targets
  bool sigma_decay = true;             // linearly to 0 over the epochs
  // Where the smoothed targets lie. paper: on the patch grid. official: on the grid
  // of input / token_size cells a side that the published script builds.
  std::string smooth_grid = "paper";
  int64_t token_size = 14;    // official grid only; 14 is the published default
  bool attn_guide = true;     // attentive reconstruction
  bool conf_ignore = false;   // no loss for patches placed with enough confidence
  double pos_weight = 1.0;    // multi_task: loss = pos_weight * position + pixels
  bool norm_pix_loss = true;  // multi_task, vanilla_mae: pixels normalised by patch
  // official: what the published code does (docs/fidelity.md): smooth_grid, official_shuffle
  // and accumulation that steps on every micro-batch.
  std::string compat = "paper";
  // multi_task with shuffle: let the pixel decoder read the shuffled tokens as if
  // they were in place, as the official code does.
  bool official_shuffle = false;
  std::string guide_precision = "same";  // of the attentive guide's products

  bool multi_task() const { return drop_pos_type == "multi_task"; }
  bool vanilla_mae() const { return drop_pos_type == "vanilla_mae"; }
  bool has_guide() const { return attn_guide && !vanilla_mae(); }
  bool official_grid() const { return smooth_grid == "official"; }
  // Rows and columns of the grid on which the targets lie.
  std::pair<int, int> target_grid(const ModelConfig& model) const {
    if (!official_grid()) return {model.grid_h(), model.grid_w()};
    const int side = static_cast<int>(model.input_h / token_size);
    return {side, side};
  }

  // V = int(L·(1 − mask_ratio)) and K = int(V·(1 − pos_mask_ratio)), in double,
  // as the official random_masking computes them.
  int num_visible(int num_patches) const {
    return static_cast<int>(num_patches * (1.0 - mask_ratio));
  }
  int num_pos_kept(int num_visible) const {
    return static_cast<int>(num_visible * (1.0 - pos_mask_ratio));
  }

  std::unique_ptr<ModelOptions> Clone() const override {
    return std::make_unique<DropPosConfig>(*this);
  }
  absl::string_view family() const override { return "DropPos"; }
  std::vector<ModelFlag> Flags() override;
  absl::Status Resolve(const ModelConfig& model, const std::set<std::string>& given) override;
  std::vector<ProductPrecision> Precisions() const override;
  bool step_every_micro_batch() const override { return compat == "official"; }
};

// Null where `entry` is of another family.
const DropPosConfig* FindDropPos(const ZooEntry& entry);
// Aborts there.
const DropPosConfig& DropPosOf(const ZooEntry& entry);

// Sizes that cannot work, ratios outside [0, 1], ratios that leave no patch visible, no position
// to predict or no pixel to reconstruct, an official grid that cannot hold the patches, names that
// are none. The message names flags and values and says what would do.
absl::Status Validate(const ModelConfig& model, const DropPosConfig& droppos);

}  // namespace models

#endif  // MODELS_DROPPOS_DROPPOS_CONFIG_H_
