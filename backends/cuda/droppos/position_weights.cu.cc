// Cosines: a warp has kPatches neighbouring patches of an image, so that the class token, which
// comes from the cache, is read once for all of them. Traffic: the features once (310 MB at 512
// images of 197 tokens of 768), the cosines.
//
// Softmax: a block of one warp has an image, because there are two softmaxes of a few hundred
// numbers, one in place over what the other reads. Traffic: both outputs, from the cache.
#include "backends/cuda/droppos/position_weights_launch.h"

#include "backends/cuda/device.h"
#include "backends/cuda/fault.h"

namespace backends::cuda::droppos {
namespace {

constexpr int kWarps = 4;    // of a block
constexpr int kPatches = 4;  // of a warp
constexpr int kIdsKeep = 1;  // the input

// A NaN stays one, which fmaxf would not let it.
__device__ float Norm(float squares, float min_norm) {
  const float norm = sqrtf(squares);
  return norm < min_norm ? min_norm : norm;
}

// kWidth divides dim: 4, or 1 for rows that are not aligned.
template <int kWidth>
__global__ void __launch_bounds__(kWarps * 32, 8)
    CosineKernel(PositionWeightsArgs p, int groups_of_image) {
  const int lane = threadIdx.x % 32;
  const int64_t group = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  const int64_t image = group / groups_of_image;
  if (image >= p.batch) return;  // a whole warp
  const int first = static_cast<int>(group % groups_of_image) * kPatches;
  const int count = min(kPatches, p.patches - first);
  const float* const token = p.features + image * (1 + p.patches) * p.dim;
  const float* const rows = token + static_cast<int64_t>(1 + first) * p.dim;
  float token_squares = 0, dot[kPatches] = {}, squares[kPatches] = {};
  for (int i = lane * kWidth; i < p.dim; i += 32 * kWidth) {
    using V = Vector<float, kWidth>;
    const V t = Load<V>(token + i);
    V x[kPatches];
#pragma unroll
    for (int k = 0; k < kPatches; ++k) {
      x[k] = k < count ? Load<V>(rows + static_cast<int64_t>(k) * p.dim + i) : V{};
    }
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      token_squares += t.v[j] * t.v[j];
#pragma unroll
      for (int k = 0; k < kPatches; ++k) {
        dot[k] += t.v[j] * x[k].v[j];
        squares[k] += x[k].v[j] * x[k].v[j];
      }
    }
  }
  const float token_norm = Norm(WarpSum(token_squares), p.min_norm);
  float* const to = p.full + image * p.patches + first;
#pragma unroll
  for (int k = 0; k < kPatches; ++k) {
    const float product = WarpSum(dot[k]);
    const float norm = Norm(WarpSum(squares[k]), p.min_norm);
    if (lane == k && k < count) to[k] = product / token_norm / norm / p.tau;
  }
}

// In place; each lane has elements lane, lane + 32, ... to itself.
__device__ void Softmax(float* s, int n, int lane) {
  float max = -INFINITY;  // fmaxf passes over NaNs, which the sum makes good
  for (int i = lane; i < n; i += 32) max = fmaxf(max, s[i]);
  max = WarpMax(max);
  float sum = 0;
  for (int i = lane; i < n; i += 32) {
    const float e = expf(s[i] - max);
    s[i] = e;
    sum += e;
  }
  const float scale = 1.0f / WarpSum(sum);
  for (int i = lane; i < n; i += 32) s[i] *= scale;
}

__global__ void __launch_bounds__(32) SoftmaxKernel(PositionWeightsArgs p) {
  const int lane = threadIdx.x;
  const int64_t image = blockIdx.x;
  float* const full = p.full + image * p.patches;
  if (p.weights != nullptr) {
    float* const weights = p.weights + image * p.visible;
    for (int v = lane; v < p.visible; v += 32) {
      const int64_t at = image * p.visible + v;
      const int32_t id = p.ids_keep[at];
      weights[v] = IsRow(p.fault, kIdsKeep, at, id, p.patches) ? full[id] : 0.0f;
    }
    __syncthreads();  // all cosines are read before the first is overwritten
    Softmax(weights, p.visible, lane);
  }
  Softmax(full, p.patches, lane);
}

__global__ void TokenRowsKernel(const int32_t* ids_keep, int64_t tokens, int64_t count,
                                int32_t* rows) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const int64_t image = i / tokens;
  // Of the images before, each has one row more than ids.
  rows[i] = i % tokens == 0 ? 0 : 1 + ids_keep[i - image - 1];
}

unsigned Blocks(int64_t items, int64_t of_block) {
  return static_cast<unsigned>((items + of_block - 1) / of_block);
}

}  // namespace

int PositionWeights(const PositionWeightsArgs& p, Stream stream) {
  if (p.batch == 0) return 0;
  const int groups = (p.patches + kPatches - 1) / kPatches;
  const unsigned blocks = Blocks(static_cast<int64_t>(p.batch) * groups, kWarps);
  const int error = p.dim % 4 == 0
                        ? CUDA_LAUNCH(CosineKernel<4>, blocks, kWarps * 32, 0, stream, p, groups)
                        : CUDA_LAUNCH(CosineKernel<1>, blocks, kWarps * 32, 0, stream, p, groups);
  if (error != 0) return error;
  return CUDA_LAUNCH(SoftmaxKernel, p.batch, 32, 0, stream, p);
}

int TokenRows(const int32_t* ids_keep, int64_t batch, int64_t visible, int32_t* rows,
              Stream stream) {
  const int64_t count = batch * (1 + visible);
  if (count == 0) return 0;
  return CUDA_LAUNCH(TokenRowsKernel, Blocks(count, 256), 256, 0, stream, ids_keep, 1 + visible,
                     count, rows);
}

}  // namespace backends::cuda::droppos
