// Kernels that use each function of backends/cuda/device.h. All return a cudaError_t.
#ifndef TESTS_BACKENDS_CUDA_DEVICE_KERNELS_H_
#define TESTS_BACKENDS_CUDA_DEVICE_KERNELS_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// Of `count` elements: rounded to bf16, alone and (by PackBf16) with 1 above or below it; and what
// is read back.
int Round(const float* x, int count, BFloat16* rounded, uint32_t* above_one, uint32_t* below_one,
          float* read, Stream stream);

// Copies `count` floats `width` at a time: 1, 2 or 4, which divides count.
int CopyVectors(const float* x, int count, int width, float* y, Stream stream);

// Of 32 numbers, what each lane gets: WarpSum over 32 and over 4 lanes and over 32 in double,
// WarpMax over 32 and over 4.
int Reduce(const float* x, float* sum, float* sum_of_4, double* sum_in_double, float* max,
           float* max_of_4, Stream stream);

// y[i] = Exp2(x[i]) for i < count.
int Exponentials(const float* x, int count, float* y, Stream stream);

// c = a · b, row-major 16x16, as one warp computes it: cp.async into shared memory, ldmatrix of a,
// transposed ldmatrix of b, two mma. Rows of a from `rows` on count as zeros and are not read.
int MultiplyTiles(const BFloat16* a, int rows, const BFloat16* b, float* c, Stream stream);

// Sets each of `bytes` of dynamic shared memory to its index modulo 251 and copies them to y, the
// last one first.
int FillShared(int bytes, uint8_t* y, Stream stream);

}  // namespace backends::cuda

#endif  // TESTS_BACKENDS_CUDA_DEVICE_KERNELS_H_
