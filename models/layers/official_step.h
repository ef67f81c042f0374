// What the published code of a model computes in one training step, as shapes of matrix
// products: the yardstick of //tools:bench. A model makes it from its configuration alone, so
// that nothing which the compiler saves (rows nobody reads, products shared) makes the
// yardstick shorter.
//
// Not counted: LayerNorm, GELU, softmax, losses, the optimizer, and what a fused attention
// computes a second time in its backward pass.
#ifndef MODELS_LAYERS_OFFICIAL_STEP_H_
#define MODELS_LAYERS_OFFICIAL_STEP_H_

#include <cstdint>
#include <string>
#include <vector>

namespace models {

// A linear layer, y (rows, out) = x (rows, in) · w.
struct OfficialLinear {
  std::string name;  // "blocks.fc1"; one for all blocks
  int64_t rows = 0;  // an image
  int64_t in = 0;
  int64_t out = 0;
  int64_t layers = 1;           // of this shape
  bool input_gradient = true;   // dX = dY · wᵀ is computed
  bool weight_gradient = true;  // dW = Xᵀ · dY is computed
};

struct OfficialNet {
  std::vector<OfficialLinear> linears;
  // Floating-point operations an image. The parts of `total`:
  double linear = 0;     // all products of `linears`
  double attention = 0;  // the batched products of all attentions, both directions
  double total = 0;
  double forward_only = 0;  // the share in `total` of what has no gradient
};

// Adds the parts of a net one after the other.
class OfficialCounter {
 public:
  enum class Pass { kForward, kTraining };  // kTraining: forward and backward

  // Over `rows` rows an image. Data, as images are, have no gradient.
  void Linear(const std::string& name, int64_t rows, int64_t in, int64_t out, Pass pass,
              int64_t layers = 1, bool input_is_data = false);
  // Pre-norm transformer blocks over `tokens` tokens of `width`.
  void Blocks(const std::string& name, int64_t tokens, int64_t width, int64_t blocks,
              double mlp_ratio, Pass pass);
  OfficialNet Finish();

 private:
  void Add(double flops, Pass pass, double* part);

  OfficialNet net_;
};

}  // namespace models

#endif  // MODELS_LAYERS_OFFICIAL_STEP_H_
