// What benchmarks read. Numbers matter to time: zeros are compressed by no kernel, but
// denormal numbers slow several of them down tenfold, so memory as it comes will not do.
#ifndef TOOLS_BENCHMARK_RANDOM_FILL_H_
#define TOOLS_BENCHMARK_RANDOM_FILL_H_

#include <cstddef>
#include <cstdint>

#include "graph/base/types.h"
#include "graph/runtime/tensor.h"

namespace tools {

// `count` normally distributed numbers of a float type: a fixed block of 65,521 repeated.
void FillNormal(graph::DType dtype, size_t count, void* data);

// Floats: FillNormal. i64: random bits, which is what keys are. i32, u8, i8: 0, 1, ...,
// ids - 1 over and over, so that they are legal as ids of `ids` rows, classes or patches.
// `ids` is at least 1 and at most 128 for the types of one byte.
absl::Status FillRandom(int64_t ids, const graph::Tensor& tensor);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_RANDOM_FILL_H_
