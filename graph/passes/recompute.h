// Recomputation: forward values that the gradient needs are made a second time
// there instead of being kept until then.
//
//   before                                  after, with fc1 and act in one segment
//   h f32[8] = Linear(x, ...) @fc1          h f32[8] = Linear(x, ...) @fc1
//   a f32[8] = Gelu(h) @act                 a f32[8] = Gelu(h) @act
//   ...                                     ...
//   dw ... = MatMulWeightGrad(dy, a)        h' f32[8] = Linear(x, ...) @recompute/fc1
//            @grad/fc2                      a' f32[8] = Gelu(h') @recompute/act
//   dh ... = GeluGrad(h, da) @grad/act      dw ... = MatMulWeightGrad(dy, a') @grad/fc2
//                                           dh ... = GeluGrad(h', da) @grad/act
//
// PipelineOptions::recompute_segment names the segment of each forward operator, by its
// part. What an operator of the backward phase reads of a segment is made again by copies
// of the segment's operators, "recompute/<name>", right before the first that needs it;
// all of them share the copies, which are of the backward phase and marked (Op::recomputed).
// The copies start from what the segment reads from outside, which is kept. The
// numbers are the same: same operators, same inputs.
//
// Does not apply to outputs of the net and states at exit, which live on anyway,
// nor where a copy would read a state that has been overwritten by then; those
// values are kept.
//
// Runs before residual_norm_fusion, so that the sum of a residual and the norm of
// it can lie on different sides of a segment's border.
//
// When it hurts: always in time (the copies' operators), never in numbers.
#ifndef GRAPH_PASSES_RECOMPUTE_H_
#define GRAPH_PASSES_RECOMPUTE_H_

#include <functional>
#include <string>
#include <utility>

#include "graph/passes/pass.h"

namespace graph {

class RecomputePass : public Pass {
 public:
  using SegmentOf = std::function<std::string(absl::string_view part)>;

  // Not set: nothing is made again.
  explicit RecomputePass(SegmentOf segment_of) : segment_of_(std::move(segment_of)) {}
  absl::string_view name() const override { return "recompute"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;

 private:
  SegmentOf segment_of_;
};

}  // namespace graph

#endif  // GRAPH_PASSES_RECOMPUTE_H_
