// Computes in bf16 what the schemas allow, and casts where both worlds meet.
//
//   before                                  after
//   state w f32[64,32]                      state w f32[64,32]
//   y f32[8,32], m f32[8], v f32[8] =       y bf16[8,32], m f32[8], v f32[8] =
//       LayerNorm(x, g, h)                      LayerNorm(x, g, h) dtype="bf16"
//                                           w.bf16 bf16[64,32] = Cast(w) dtype="bf16"
//   p f32[8,64] = Linear(y, w, b)           p f32[8,64] = Linear(y, w.bf16, b) dtype="f32"
//   l f32[1] = Loss(p)                      l f32[1] = Loss(p)
//
// Which operators: PipelineOptions.precision, or the first of precision_overrides
// that the operator lies in; kBF16 takes part, everything else does not,
// and kI8 says nothing here: 8-bit products are made by the quantize pass, of what is
// in either precision. Of those that take part, schemas decide
// (Schema::LowPrecision, AnyPrecision); this pass knows no operator but Cast.
//
//   Inputs    LowPrecision: read in bf16. AnyPrecision: read as they were written.
//             Others, and all of an operator that does not take part: f32.
//   Outputs   LowPrecision: written in bf16 where every reader takes bf16 and the
//             value is not a root, else in f32. Without an attribute "dtype" the
//             type follows the inputs, and readers that want f32 get a Cast.
//   Others    keep their type: a sum of bf16 values that nobody wants in bf16
//             stays f32, as the residual stream does; one operand is cast for it.
//
// One Cast for each value and type, right behind the operator that makes the
// value; for inputs and states right before the first reader. A training net of
// ViT blocks gets one for each matrix of parameters, and on activations only
// where patches come in and where gradients of the f32 residual stream and of the
// logits go into products.
//
// Does not apply to integers and f64. Values change within bf16's rounding (8
// bits); sums inside operators are f32 whatever the operands.
//
// Comes after all fusions, which know one type, and before weight_packing.
#ifndef GRAPH_PASSES_MIXED_PRECISION_H_
#define GRAPH_PASSES_MIXED_PRECISION_H_

#include <utility>

#include "graph/passes/pass.h"
#include "graph/passes/pipeline.h"

namespace graph {

class MixedPrecisionPass : public Pass {
 public:
  explicit MixedPrecisionPass(PipelineOptions options) : options_(std::move(options)) {}

  absl::string_view name() const override { return "mixed_precision"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;

 private:
  bool TakesPart(const Op& op) const;

  PipelineOptions options_;
};

}  // namespace graph

#endif  // GRAPH_PASSES_MIXED_PRECISION_H_
