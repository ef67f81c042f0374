// Kernels of gpu_probe. All return a cudaError_t.
#ifndef TESTS_GPU_SUITE_PROBE_KERNELS_H_
#define TESTS_GPU_SUITE_PROBE_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace gpu_suite {

using backends::cuda::BFloat16;
using backends::cuda::Stream;

// One warp: what its lanes hold after ldmatrix .x4 of four 8x8 matrices that lie one behind the
// other in x (256 elements): four registers a lane.
int LoadMatrices(const BFloat16* x, bool transposed, uint32_t* registers, Stream stream);

// One warp: c (16x8, row-major) = a (16x16, row-major) · b (16x8, column-major) by one mma.
int Multiply(const BFloat16* a, const BFloat16* b, float* c, Stream stream);

// One warp: three groups of asynchronous copies of 512 bytes each out of x, and y what lies in
// shared memory after waiting for all but the last two, all but the last, and all of them. In group
// g, chunks of 16 bytes whose index modulo 3 is g are zeros instead.
int CopyInGroups(const uint8_t* x, uint8_t* y, Stream stream);

enum class Function { kExp, kExp2, kLog, kErf, kSqrt, kReciprocal };
int Apply(Function function, const float* x, int count, float* y, Stream stream);
int RoundToBf16(const float* x, int count, BFloat16* y, Stream stream);

// One warp: WarpSum and WarpMax over all lanes, as each lane gets them.
int Reduce(const float* x, float* sum, float* max, Stream stream);

// y = x + 1, over `count` elements.
int AddOne(const float* x, int count, float* y, Stream stream);

// Keeps one thread busy for 8 million products and sums that wait for each other, and writes *y.
int Spin(float* y, Stream stream);

// A kernel that does nothing.
int Nothing(unsigned grid_x, unsigned grid_y, unsigned block_x, unsigned block_z,
            size_t shared_bytes, Stream stream);
// cudaFuncSetAttribute of AddOne's kernel, which is never launched with so much: it is remembered.
int AllowShared(int bytes);

// Reads 16 bytes from x, whatever that is.
int ReadVector(const void* x, float* y, Stream stream);

}  // namespace gpu_suite

#endif  // TESTS_GPU_SUITE_PROBE_KERNELS_H_
