// Computes products in 8-bit integers where PipelineOptions::precision_overrides
// says kI8.
//
//   before                                      after
//   y bf16[4,50,64] =                           q i8[80,64], s f32[64] = QuantizeWeights(w)
//       Linear(x, c, b) @guide/fc               y bf16[4,50,64] =
//   (c bf16 = Cast(w), w a state)                   QuantizedLinear(x, q, s, b) @guide/fc
//
// A weight is quantized once a run, in front of its first reader; a Cast that
// nothing reads any more is dropped. Everything else of such operators (norms,
// attention, softmax) keeps the precision that mixed_precision gave it.
//
// Preconditions: x is (B, T, K); w is a state, or a Cast of one, that is not
// overwritten before the product; nothing is differentiated through the product,
// which is the caller's promise in asking for kI8, as for a pass
// that only weighs things.
//
// Does not apply to MatMul (products without a bias are not fused) nor to weights
// that are packed already: it runs before weight_packing.
#ifndef GRAPH_PASSES_QUANTIZE_H_
#define GRAPH_PASSES_QUANTIZE_H_

#include <string>
#include <utility>
#include <vector>

#include "graph/passes/pass.h"

namespace graph {

class QuantizePass : public Pass {
 public:
  // Operators of the forward phase within one of `parts`.
  explicit QuantizePass(std::vector<std::string> parts) : parts_(std::move(parts)) {}

  absl::string_view name() const override { return "quantize"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;

 private:
  bool Wanted(const Op& op) const;

  std::vector<std::string> parts_;
};

}  // namespace graph

#endif  // GRAPH_PASSES_QUANTIZE_H_
