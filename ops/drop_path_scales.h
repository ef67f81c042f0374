// DropPathScales: which branches each image skips, and by what the others are multiplied (drop
// path, stochastic depth).
//
//   keys    (B) i64, one random key an image
//   scales  (N, B) of attribute dtype ("f32", the default, or "f64")
//
//   scales[n, b] = 0 with probability rates[n], else 1 / (1 - rates[n])
//
// Attribute rates: N floats in [0, 1), one a branch. Each number is a function of the image's key
// and of n alone (DropPathScale), so it depends on neither batch, workers nor resuming, and is
// bit-equal on every backend. No gradient.
// Source: timm's drop_path, floor(keep + U[0, 1)) for each image.
#ifndef OPS_DROP_PATH_SCALES_H_
#define OPS_DROP_PATH_SCALES_H_

#include <cstdint>

#include "graph/base/random.h"
#include "graph/schema/schema.h"

namespace ops {

// The scale of branch `branch` for the image with key `key`. backends/cuda/drop_path_scales.cu.cc
// computes the same.
inline double DropPathScale(uint64_t key, int64_t branch, float rate) {
  const uint64_t word = graph::RandomWord(key, graph::Purpose::kDropPath, branch);
  const double uniform = static_cast<double>(word >> 11) * 0x1p-53;
  return uniform < rate ? 0.0 : 1.0 / (1.0 - rate);
}

void RegisterDropPathScales(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_DROP_PATH_SCALES_H_
