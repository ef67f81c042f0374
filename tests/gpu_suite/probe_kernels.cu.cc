#include "tests/gpu_suite/probe_kernels.h"

#include "backends/cuda/device.h"

namespace gpu_suite {
namespace {

using backends::cuda::CpAsync16;
using backends::cuda::CpAsyncCommit;
using backends::cuda::CpAsyncWait;
using backends::cuda::FromFloat;
using backends::cuda::LdMatrixX4;
using backends::cuda::Load;
using backends::cuda::MmaBf16;
using backends::cuda::Store;
using backends::cuda::Vector;

template <bool kTransposed>
__global__ void LoadMatricesKernel(const BFloat16* x, uint32_t* registers) {
  __shared__ __align__(16) BFloat16 tile[256];
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 8; ++i) tile[lane * 8 + i] = x[lane * 8 + i];
  __syncwarp();
  uint32_t to[4];
  LdMatrixX4<kTransposed>(tile + lane * 8, to);
  for (int i = 0; i < 4; ++i) registers[lane * 4 + i] = to[i];
}

__device__ uint32_t Pair(BFloat16 low, BFloat16 high) {
  return low.bits | static_cast<uint32_t>(high.bits) << 16;
}

// Fragments as backends/cuda/device.h says, put together element by element: no ldmatrix.
__global__ void MultiplyKernel(const BFloat16* a, const BFloat16* b, float* c) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4 * 2;
  uint32_t of_a[4], of_b[2];
  for (int i = 0; i < 4; ++i) {
    const BFloat16* const at = a + (g + i % 2 * 8) * 16 + t + i / 2 * 8;
    of_a[i] = Pair(at[0], at[1]);
  }
  for (int i = 0; i < 2; ++i) {
    const BFloat16* const at = b + g * 16 + t + i * 8;
    of_b[i] = Pair(at[0], at[1]);
  }
  float sum[4] = {};
  MmaBf16(of_a, of_b, sum);
  for (int i = 0; i < 4; ++i) c[(g + i / 2 * 8) * 8 + t + i % 2] = sum[i];
}

__global__ void CopyInGroupsKernel(const uint8_t* x, uint8_t* y) {
  __shared__ __align__(16) uint8_t memory[3 * 512];
  const int lane = static_cast<int>(threadIdx.x), at = lane * 16;
  for (int group = 0; group < 3; ++group) {
    CpAsync16(memory + group * 512 + at, x + group * 512 + at, lane % 3 == group);
    CpAsyncCommit();
  }
  const auto store = [&](int group) {
    for (int i = 0; i < 16; ++i) y[group * 512 + at + i] = memory[group * 512 + at + i];
  };
  CpAsyncWait<2>();
  store(0);
  CpAsyncWait<1>();
  store(1);
  CpAsyncWait<0>();
  store(2);
}

template <Function kFunction>
__global__ void ApplyKernel(const float* x, int count, float* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  switch (kFunction) {
    case Function::kExp:
      y[i] = expf(x[i]);
      break;
    case Function::kExp2:
      y[i] = exp2f(x[i]);
      break;
    case Function::kLog:
      y[i] = logf(x[i]);
      break;
    case Function::kErf:
      y[i] = erff(x[i]);
      break;
    case Function::kSqrt:
      y[i] = sqrtf(x[i]);
      break;
    case Function::kReciprocal:
      y[i] = 1.0f / x[i];
      break;
  }
}

__global__ void RoundKernel(const float* x, int count, BFloat16* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) y[i] = FromFloat<BFloat16>(x[i]);
}

__global__ void ReduceKernel(const float* x, float* sum, float* max) {
  const float mine = x[threadIdx.x];
  sum[threadIdx.x] = backends::cuda::WarpSum(mine);
  max[threadIdx.x] = backends::cuda::WarpMax(mine);
}

__global__ void AddOneKernel(const float* x, int count, float* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) y[i] = x[i] + 1.0f;
}

__global__ void SpinKernel(float start, float* y) {
  float sum = start;
  for (int i = 0; i < 8000000; ++i) sum = sum * 0.999f + 1.0f;
  *y = sum;
}

__global__ void NothingKernel(float* y) {
  if (y != nullptr) *y = 0.0f;
}

__global__ void ReadVectorKernel(const void* x, float* y) {
  using V = Vector<float, 4>;
  Store(y, Load<V>(x));
}

template <Function kFunction>
int ApplyOne(const float* x, int count, float* y, Stream stream) {
  const unsigned blocks = static_cast<unsigned>((count + 127) / 128);
  return CUDA_LAUNCH(ApplyKernel<kFunction>, blocks, 128, 0, stream, x, count, y);
}

}  // namespace

int LoadMatrices(const BFloat16* x, bool transposed, uint32_t* registers, Stream stream) {
  if (transposed) return CUDA_LAUNCH(LoadMatricesKernel<true>, 1, 32, 0, stream, x, registers);
  return CUDA_LAUNCH(LoadMatricesKernel<false>, 1, 32, 0, stream, x, registers);
}

int Multiply(const BFloat16* a, const BFloat16* b, float* c, Stream stream) {
  return CUDA_LAUNCH(MultiplyKernel, 1, 32, 0, stream, a, b, c);
}

int CopyInGroups(const uint8_t* x, uint8_t* y, Stream stream) {
  return CUDA_LAUNCH(CopyInGroupsKernel, 1, 32, 0, stream, x, y);
}

int Apply(Function function, const float* x, int count, float* y, Stream stream) {
  switch (function) {
    case Function::kExp:
      return ApplyOne<Function::kExp>(x, count, y, stream);
    case Function::kExp2:
      return ApplyOne<Function::kExp2>(x, count, y, stream);
    case Function::kLog:
      return ApplyOne<Function::kLog>(x, count, y, stream);
    case Function::kErf:
      return ApplyOne<Function::kErf>(x, count, y, stream);
    case Function::kSqrt:
      return ApplyOne<Function::kSqrt>(x, count, y, stream);
    default:
      return ApplyOne<Function::kReciprocal>(x, count, y, stream);
  }
}

int RoundToBf16(const float* x, int count, BFloat16* y, Stream stream) {
  const unsigned blocks = static_cast<unsigned>((count + 127) / 128);
  return CUDA_LAUNCH(RoundKernel, blocks, 128, 0, stream, x, count, y);
}

int Reduce(const float* x, float* sum, float* max, Stream stream) {
  return CUDA_LAUNCH(ReduceKernel, 1, 32, 0, stream, x, sum, max);
}

int AddOne(const float* x, int count, float* y, Stream stream) {
  const unsigned blocks = static_cast<unsigned>((count + 127) / 128);
  return CUDA_LAUNCH(AddOneKernel, blocks, 128, 0, stream, x, count, y);
}

int Spin(float* y, Stream stream) { return CUDA_LAUNCH(SpinKernel, 1, 1, 0, stream, 1.0f, y); }

int Nothing(unsigned grid_x, unsigned grid_y, unsigned block_x, unsigned block_z,
            size_t shared_bytes, Stream stream) {
  return CUDA_LAUNCH(NothingKernel, dim3(grid_x, grid_y), dim3(block_x, 1, block_z), shared_bytes,
                     stream, nullptr);
}

int AllowShared(int bytes) { return CUDA_ALLOW_SHARED(AddOneKernel, bytes); }

int ReadVector(const void* x, float* y, Stream stream) {
  return CUDA_LAUNCH(ReadVectorKernel, 1, 1, 0, stream, x, y);
}

}  // namespace gpu_suite
