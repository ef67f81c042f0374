// Inputs for benchmarks. Values affect time: no kernel is faster on zeros, but denormal numbers
// slow several of them tenfold, so uninitialised memory will not do.
#ifndef TOOLS_BENCHMARK_RANDOM_FILL_H_
#define TOOLS_BENCHMARK_RANDOM_FILL_H_

#include <cstddef>
#include <cstdint>

#include "graph/base/types.h"
#include "graph/runtime/tensor.h"

namespace tools {

// `count` normally distributed numbers of a float type: a fixed block of 65,521 repeated.
void FillNormal(graph::DType dtype, size_t count, void* data);

// Floats: FillNormal. i64: random bits, as in keys. i32, u8, i8: 0, 1, ..., ids - 1 repeated, so
// that they are valid ids of `ids` rows, classes or patches. `ids` is at least 1, and at most 128
// for the one-byte types.
absl::Status FillRandom(int64_t ids, const graph::Tensor& tensor);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_RANDOM_FILL_H_
