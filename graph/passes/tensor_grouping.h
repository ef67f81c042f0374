// Makes one operator of several that do the same, each to its tensor.
//
//   before                                        after
//   m f32[1] = GradNorm(g) @grad_norm/fc.weight   m f32[1], n f32[1] = GradNorm(g, h)
//   n f32[1] = GradNorm(h) @grad_norm/fc.bias         @grad_norm/2_tensors
//
// A net for training has some hundred GradNorm and AdamW, most of them for biases and
// norms of a few KiB, and a backend starts and ends a team of threads for each. As one
// operator they are one pass over memory: the team is started once and parts all bytes
// evenly, small tensors and large ones together.
//
// Why the tensors are not moved next to each other: a pass over a list of aligned
// tensors reads the same bytes in the same order as one over a single segment. It only
// starts somewhere else as often as a tensor ends, which caches and the processor's
// prefetching do at the end of each page of memory anyway. In exchange parameters keep
// addresses of their own and large ones their huge pages, checkpoints and accumulation
// need not know of segments, and the memory plan stays free to put each gradient where
// there is a gap.
//
// Applies to neighbours in the net: operators of the update phase and of one type whose
// schema says ForEachTensor, with no other type between them, that read the same inputs before
// their tensors' and have the same attributes, lists apart, which are joined: AdamW has its rates
// and decays in lists, so that all its updates make one group. None may read what another one of
// these neighbours writes, nor a state that another one overwrites. A group belongs to the whole
// model and stands where the first of the neighbours stood; as nothing but such operators lies
// between, no tensor lives longer than to the last of them. Values do not change.
//
// Comes after all passes that look at operators one by one.
#ifndef GRAPH_PASSES_TENSOR_GROUPING_H_
#define GRAPH_PASSES_TENSOR_GROUPING_H_

#include "graph/passes/pass.h"

namespace graph {

class TensorGroupingPass : public Pass {
 public:
  absl::string_view name() const override { return "tensor_grouping"; }
  absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) const override;
};

}  // namespace graph

#endif  // GRAPH_PASSES_TENSOR_GROUPING_H_
