// What a zoo entry is: the structure of a model and the recipe that trains it.
// Plain data; flags override single fields (tools/flags), and `make` builds the model from the
// result.
#ifndef MODELS_ZOO_CONFIG_H_
#define MODELS_ZOO_CONFIG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "models/layers/model.h"
#include "models/zoo/model_options.h"

namespace models {

// A Vision Transformer (timm's ViT as the official code uses it: pre-norm, qkv
// bias, exact GELU, LayerNorm eps 1e-6) and the position decoder on it.
struct ModelConfig {
  int input_h = 224;  // pixels
  int input_w = 224;
  int channels = 3;     // of the images: 1, 3 or 4
  int patch_size = 16;  // pixels; divides input_h and input_w
  int embed_dim = 768;  // divisible by 4 (2-D sin-cos table) and by num_heads
  int depth = 12;
  int num_heads = 12;
  int decoder_embed_dim = 512;  // divisible by decoder_num_heads
  int decoder_depth = 2;
  int decoder_num_heads = 16;
  double mlp_ratio = 4.0;
  // The encoder's last norm: a classifier by the mean of its patches has `fc_norm` instead.
  std::string final_norm = "norm";

  int grid_h() const { return input_h / patch_size; }
  int grid_w() const { return input_w / patch_size; }
  // Shape of a batch of images.
  std::vector<int64_t> images(int64_t batch) const { return {batch, channels, input_h, input_w}; }
  // At most 65,536 once validated.
  int num_patches() const { return grid_h() * grid_w(); }
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

// What a model asks of its training images.
struct DataNeeds {
  bool labels = false;
};

struct ZooEntry {
  std::string name;                  // "vit_tiny"
  std::vector<std::string> aliases;  // official names
  std::string summary;               // one line for --list_models
  ModelConfig model;
  RecipeConfig recipe;
  std::shared_ptr<const ModelOptions> options;  // null: the model takes none
  DataNeeds needs;
  // The model with this entry's (perhaps overridden) numbers. `num_classes` is
  // the data set's, 0 where it has no labels.
  std::function<std::unique_ptr<Model>(const ZooEntry& entry, int num_classes)> make;
};

// Sizes that cannot work: input not divisible by patch, heads not dividing
// width, width not divisible by 4, non-positive numbers. The message names flags
// and values and says what would do. ModelOptions::Resolve checks the options.
absl::Status Validate(const ModelConfig& model);
absl::Status Validate(const RecipeConfig& recipe);

}  // namespace models

#endif  // MODELS_ZOO_CONFIG_H_
