// Lars: one step of one parameter or more, each at a rate that follows from its norm and its
// gradient's: MoCo v3's LARS, by which MAE trains linear probes.
//
//   lr        (1), float
//   factors   (n), the same dtype: what ClipFactors says
//   then for each parameter i
//   w, g, m   one shape, the dtype of lr: parameter, gradient, momentum
//   w_out, m_out  as w
//
//   d = g·factors[indices[i]] + weight_decays[i]·w
//   d *= trust·‖w‖/‖d‖, unless w has one dimension or one of the norms is 0
//   m = momentum·m + d;  w -= lr·lr_scales[i]·m
//
// Norms are sums in double over fixed chunks, combined in index order, as GradNorm's are, so they
// depend neither on the number of threads nor on other parameters. A factor that is not finite
// leaves w and m bit for bit as they were. Attributes: momentum, trust (floats); indices,
// lr_scales, weight_decays (one a parameter). In place: w and m. Nets are built with one parameter
// an operator; the tensor_grouping pass joins them.
// Source: You et al., arXiv:1708.03888; util/lars.py of the official code.
#ifndef OPS_LARS_H_
#define OPS_LARS_H_

#include "graph/schema/schema.h"

namespace ops {

// Positions of inputs and outputs, those of a parameter counted from its first.
struct LarsArgs {
  enum Shared { kLr, kFactors, kNumShared };
  enum In { kW, kG, kM, kNumIn };
  enum Out { kNewW, kNewM, kNumOut };

  // The first input and output of parameter i.
  static constexpr int FirstIn(int i) { return kNumShared + i * kNumIn; }
  static constexpr int FirstOut(int i) { return i * kNumOut; }
  static constexpr int NumParameters(size_t inputs) {
    return static_cast<int>((inputs - kNumShared) / kNumIn);
  }
};

// Whether the rate of a parameter of this type follows from the norms.
inline bool LarsAdapts(const graph::TensorType& w) { return w.rank() > 1; }

void RegisterLars(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_LARS_H_
