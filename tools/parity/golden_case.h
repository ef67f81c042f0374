// One golden case: numbers of the official code for one small configuration.
//
// A safetensors file with metadata "config" (JSON: img, patch, dim, depth, heads,
// dd, ddep, dh, B, mask, pos, sigma, steps, lr, weight_decay, betas,
// clip_each_parameter, num_visible, num_pos_kept; optional switches multi_task,
// vanilla_mae, mask_token_type, shuffle, smooth_grid, attn_guide, conf_ignore,
// pos_weight, norm_pix_loss; accum_iter and step_every_micro_batch, with which train/* is by
// micro-batch and a step one window of them) and tensors in/*, param/*, out/*, grad/*, gradnorm/*,
// train/*, final/*.
#ifndef TOOLS_PARITY_GOLDEN_CASE_H_
#define TOOLS_PARITY_GOLDEN_CASE_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/droppos/droppos_config.h"
#include "models/training/safetensors.h"
#include "models/training/step_shape.h"

namespace tools {

struct GoldenCase {
  models::SafetensorsFile file;
  std::string name;
  models::ModelConfig model;
  models::DropPosConfig droppos;
  models::RecipeConfig recipe;  // of the optimizer
  models::StepShape step;
  double lr = 0;              // constant over the steps
  int steps = 0;              // windows
  bool has_gradients = true;  // grad/* and final/* are in the case; gradnorm/* always are
};

// Reads and checks a case. Errors name the file: not safetensors, no config, a
// switch with a value that is none, sizes that contradict num_visible and
// num_pos_kept.
absl::StatusOr<GoldenCase> ReadGoldenCase(const std::string& path);

}  // namespace tools

#endif  // TOOLS_PARITY_GOLDEN_CASE_H_
