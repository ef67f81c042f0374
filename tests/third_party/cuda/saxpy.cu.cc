#include "tests/third_party/cuda/saxpy.h"

#include "backends/cuda/device.h"

namespace {

using backends::cuda::Load;
using backends::cuda::Store;
using V = backends::cuda::Vector<float, 4>;

__global__ void __launch_bounds__(128)
    SaxpyKernel(float a, const float* x, int64_t count, float* y) {
  const int64_t at = (static_cast<int64_t>(blockIdx.x) * 128 + threadIdx.x) * V::count;
  if (at + V::count <= count) {
    const V from = Load<V>(x + at);
    V to = Load<V>(y + at);
    for (int i = 0; i < V::count; ++i) to.v[i] += a * from.v[i];
    Store(y + at, to);
  } else {
    for (int64_t i = at; i < count; ++i) y[i] += a * x[i];
  }
}

}  // namespace

int Saxpy(float a, const float* x, int64_t count, float* y, backends::cuda::Stream stream) {
  const unsigned blocks = static_cast<unsigned>((count + 511) / 512);
  return CUDA_LAUNCH(SaxpyKernel, blocks, 128, 0, stream, a, x, count, y);
}
