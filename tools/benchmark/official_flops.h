// What the published code computes in one training step, as shapes of matrix products: the
// yardstick of //tools:bench. It follows from the configuration alone, so nothing that the compiler
// saves (unread rows, shared products) makes the yardstick shorter.
//
// Counted as the published code does it (models_DropPos_mae.py, models_mae.py):
//   - the attentive guide: every block over all 1+L tokens, forward only, with a patch
//     embedding of its own;
//   - the patch embedding of all L patches, of which V stay;
//   - encoder, decoder and decoder_pred over 1+V tokens;
//   - the pixel decoder of multi_task and vanilla_mae over 1+L tokens;
//   - the backward pass: a product for the input and one for the weight of each of these,
//     but none for the input of the patch embedding.
// Not counted: LayerNorm, GELU, softmax, losses, the optimizer, and what a fused attention
// recomputes in its backward pass. ViT-B/16 at mask ratios .75/.75 has 63 GFLOP an image, 35 of
// them the guide's.
#ifndef TOOLS_BENCHMARK_OFFICIAL_FLOPS_H_
#define TOOLS_BENCHMARK_OFFICIAL_FLOPS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "models/zoo/config.h"

namespace tools {

// A linear layer, y (rows, out) = x (rows, in) · w.
struct OfficialLinear {
  std::string name;  // "blocks.fc1"; one for all blocks
  int64_t rows = 0;  // per image
  int64_t in = 0;
  int64_t out = 0;
  int64_t layers = 1;           // of this shape
  bool input_gradient = true;   // dX = dY · wᵀ is computed
  bool weight_gradient = true;  // dW = Xᵀ · dY is computed
};

struct OfficialNet {
  std::vector<OfficialLinear> linears;
  // Floating-point operations per image. The parts of `total`:
  double linear = 0;     // all products of `linears`
  double attention = 0;  // the batched products of all attentions, both directions
  double total = 0;
  double guide = 0;  // the share of the guide's forward in `total`
};

// `num_classes` is the size of a classifier's head; else unused. The configurations have passed
// models::Validate.
OfficialNet OfficialStep(const models::ZooEntry& entry, int num_classes);

// (m, k) · (k, n), `times` in a step.
struct Gemm {
  int64_t m = 0;
  int64_t k = 0;
  int64_t n = 0;
  int64_t times = 1;
  // The product is a weight's gradient: aᵀ·b of two matrices with k rows.
  bool weight_gradient = false;

  double flops() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
  }
};

// All products of `net.linears` in a step of `batch` images, each shape once. The sum of
// times · flops() is batch · net.linear.
std::vector<Gemm> StepGemms(const OfficialNet& net, int64_t batch);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_OFFICIAL_FLOPS_H_
