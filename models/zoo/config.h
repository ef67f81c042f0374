// What a zoo entry is: the structure of a model and the recipe that trains it.
// Plain data; flags override single fields (tools/flags), nets are built from
// the result (models/vit, models/droppos).
#ifndef MODELS_ZOO_CONFIG_H_
#define MODELS_ZOO_CONFIG_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "models/layers/model.h"

namespace models {

// A Vision Transformer (timm's ViT as the official code uses it: pre-norm, qkv
// bias, exact GELU, LayerNorm eps 1e-6) and the position decoder on it.
struct ModelConfig {
  int input_h = 224;  // pixels
  int input_w = 224;
  int patch_size = 16;  // pixels; divides input_h and input_w
  int embed_dim = 768;  // divisible by 4 (2-D sin-cos table) and by num_heads
  int depth = 12;
  int num_heads = 12;
  int decoder_embed_dim = 512;  // divisible by decoder_num_heads
  int decoder_depth = 2;
  int decoder_num_heads = 16;
  double mlp_ratio = 4.0;

  int grid_h() const { return input_h / patch_size; }
  int grid_w() const { return input_w / patch_size; }
  // At most 65,536 once validated.
  int num_patches() const { return grid_h() * grid_w(); }
};

// How patches and positions are hidden and how the answer is scored. Fields have
// the names and values of the official flags.
struct DropPosConfig {
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
  int token_size = 14;        // official grid only; 14 is the published default
  bool attn_guide = true;     // attentive reconstruction
  bool conf_ignore = false;   // no loss for patches placed with enough confidence
  double pos_weight = 1.0;    // multi_task: loss = pos_weight * position + pixels
  bool norm_pix_loss = true;  // multi_task, vanilla_mae: pixels normalised by patch
  // multi_task with shuffle: let the pixel decoder read the shuffled tokens as if
  // they were in place, as the official code does (docs/fidelity.md).
  bool official_shuffle = false;

  bool multi_task() const { return drop_pos_type == "multi_task"; }
  bool vanilla_mae() const { return drop_pos_type == "vanilla_mae"; }
  bool official_grid() const { return smooth_grid == "official"; }
  // Rows and columns of the grid on which the targets lie.
  std::pair<int, int> target_grid(const ModelConfig& model) const {
    if (!official_grid()) return {model.grid_h(), model.grid_w()};
    const int side = model.input_h / token_size;
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
};

// Optimisation: AdamW with a per-iteration cosine schedule.
struct RecipeConfig {
  int epochs = 800;
  double warmup_epochs = 10;
  double blr = 1.5e-4;  // lr = blr · effective batch / 256
  double min_lr = 0.0;
  double weight_decay = 0.05;  // none on 1-D parameters
  double beta1 = 0.9;
  double beta2 = 0.95;
  double adam_eps = 1e-8;
  double clip_grad = 5.0;    // 0: no clipping
  bool clip_global = false;  // false: each parameter's gradient by itself
  int batch_size = 64;
  int published_effective_batch = 2048;  // 32 GPUs × 64; 0: nothing published
};

struct ZooEntry {
  std::string name;                  // "droppos_vitb"
  std::vector<std::string> aliases;  // official names
  std::string summary;               // one line for --list_models
  ModelConfig model;
  DropPosConfig droppos;
  RecipeConfig recipe;
  bool needs_labels = false;  // trains on class labels
  // The model with this entry's (perhaps overridden) numbers. `num_classes` is
  // the data set's, 0 where it has no labels.
  std::function<std::unique_ptr<Model>(const ZooEntry& entry, int num_classes)> make;
};

// Sizes that cannot work: input not divisible by patch, heads not dividing
// width, width not divisible by 4, non-positive numbers, ratios outside [0, 1],
// ratios that leave no patch visible, no position to predict or no pixel to
// reconstruct, an official grid that cannot hold the patches, names that are
// none. The message names flags and values and says what would do.
absl::Status Validate(const ModelConfig& model);
absl::Status Validate(const ModelConfig& model, const DropPosConfig& droppos);
absl::Status Validate(const RecipeConfig& recipe);

}  // namespace models

#endif  // MODELS_ZOO_CONFIG_H_
