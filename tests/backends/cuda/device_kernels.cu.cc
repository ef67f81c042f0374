#include "tests/backends/cuda/device_kernels.h"

#include "backends/cuda/device.h"

namespace backends::cuda {
namespace {

__global__ void RoundKernel(const float* x, int count, BFloat16* rounded, uint32_t* above_one,
                            uint32_t* below_one, float* read) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  rounded[i] = FromFloat<BFloat16>(x[i]);
  above_one[i] = PackBf16(1.0f, x[i]);
  below_one[i] = PackBf16(x[i], 1.0f);
  read[i] = ToFloat(FromFloat<BFloat16>(FromFloat<float>(ToFloat(x[i]))));
}

template <int kWidth>
__global__ void CopyKernel(const float* x, int count, float* y) {
  using V = Vector<float, kWidth>;
  const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * kWidth;
  if (at < count) Store(y + at, Load<V>(x + at));
}

__global__ void ReduceKernel(const float* x, float* sum, float* sum_of_4, double* sum_in_double,
                             float* max, float* max_of_4) {
  const float mine = x[threadIdx.x];
  sum[threadIdx.x] = WarpSum(mine);
  sum_of_4[threadIdx.x] = WarpSum<4>(mine);
  sum_in_double[threadIdx.x] = WarpSum(static_cast<double>(mine));
  max[threadIdx.x] = WarpMax(mine);
  max_of_4[threadIdx.x] = WarpMax<4>(mine);
}

__global__ void ExponentialKernel(const float* x, int count, float* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) y[i] = Exp2(x[i]);
}

__global__ void MultiplyKernel(const BFloat16* a, int rows, const BFloat16* b, float* c) {
  // Rows of 24 elements: 48 bytes, so that 8 of them lie in different banks.
  constexpr int kRow = 24;
  __shared__ __align__(16) BFloat16 tile_a[16 * kRow];
  __shared__ __align__(16) BFloat16 tile_b[16 * kRow];
  const int lane = static_cast<int>(threadIdx.x), row = lane / 2, half = lane % 2 * 8;
  CpAsync16(tile_a + row * kRow + half, a + row * 16 + half, row >= rows);
  CpAsyncCommit();
  CpAsync16(tile_b + row * kRow + half, b + row * 16 + half, false);
  CpAsyncCommit();
  uint32_t fragment_a[4], fragment_b[4];
  // Matrices of a by rows of 8, then columns; of b, which is transposed, likewise: registers 0 and
  // 1 have its first eight columns.
  const int place = lane % 16 * kRow + lane / 16 * 8;
  CpAsyncWait<1>();
  __syncwarp();
  LdMatrixX4<false>(tile_a + place, fragment_a);
  CpAsyncWait<0>();
  __syncwarp();
  LdMatrixX4<true>(tile_b + place, fragment_b);
  for (int n = 0; n < 2; ++n) {
    float sum[4] = {};
    const uint32_t of_n[2] = {fragment_b[2 * n], fragment_b[2 * n + 1]};
    MmaBf16(fragment_a, of_n, sum);
    for (int i = 0; i < 2; ++i) {
      const Vector<float, 2> two = {{sum[2 * i], sum[2 * i + 1]}};
      Store(c + (lane / 4 + 8 * i) * 16 + n * 8 + lane % 4 * 2, two);
    }
  }
}

__global__ void FillSharedKernel(int bytes, uint8_t* y) {
  CUDA_DYNAMIC_SHARED(memory);
  for (int i = static_cast<int>(threadIdx.x); i < bytes; i += static_cast<int>(blockDim.x)) {
    memory[i] = static_cast<unsigned char>(i % 251);
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < bytes; i += static_cast<int>(blockDim.x)) {
    y[i] = memory[bytes - 1 - i];
  }
}

}  // namespace

int Round(const float* x, int count, BFloat16* rounded, uint32_t* above_one, uint32_t* below_one,
          float* read, Stream stream) {
  const unsigned blocks = static_cast<unsigned>((count + 63) / 64);
  return CUDA_LAUNCH(RoundKernel, blocks, 64, 0, stream, x, count, rounded, above_one, below_one,
                     read);
}

int CopyVectors(const float* x, int count, int width, float* y, Stream stream) {
  const unsigned blocks = static_cast<unsigned>((count / width + 63) / 64);
  switch (width) {
    case 1:
      return CUDA_LAUNCH(CopyKernel<1>, blocks, 64, 0, stream, x, count, y);
    case 2:
      return CUDA_LAUNCH(CopyKernel<2>, blocks, 64, 0, stream, x, count, y);
    default:
      return CUDA_LAUNCH(CopyKernel<4>, blocks, 64, 0, stream, x, count, y);
  }
}

int Reduce(const float* x, float* sum, float* sum_of_4, double* sum_in_double, float* max,
           float* max_of_4, Stream stream) {
  return CUDA_LAUNCH(ReduceKernel, 1, 32, 0, stream, x, sum, sum_of_4, sum_in_double, max,
                     max_of_4);
}

int Exponentials(const float* x, int count, float* y, Stream stream) {
  const unsigned blocks = static_cast<unsigned>((count + 63) / 64);
  return CUDA_LAUNCH(ExponentialKernel, blocks, 64, 0, stream, x, count, y);
}

int MultiplyTiles(const BFloat16* a, int rows, const BFloat16* b, float* c, Stream stream) {
  return CUDA_LAUNCH(MultiplyKernel, 1, 32, 0, stream, a, rows, b, c);
}

int FillShared(int bytes, uint8_t* y, Stream stream) {
  const int error = CUDA_ALLOW_SHARED(FillSharedKernel, bytes);
  if (error != 0) return error;
  return CUDA_LAUNCH(FillSharedKernel, 1, 128, static_cast<size_t>(bytes), stream, bytes, y);
}

}  // namespace backends::cuda
