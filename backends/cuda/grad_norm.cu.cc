// A block sums the squares of a piece of a gradient in double, then a warp adds the pieces of each
// gradient. Every sum's order depends on the gradient's size alone. Reads each gradient once, four
// bytes an element, and eight bytes a piece.
#include "backends/cuda/grad_norm_launch.h"

#include <cmath>

#include "backends/cuda/device.h"
#include "backends/cuda/tensor_pieces.h"

namespace backends::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int64_t kPiece = 16384;  // 16 vectors of four elements a thread

constexpr int kTensorsOfLaunch = 128;
using Group = TensorGroup<GradNormTensor, kTensorsOfLaunch>;
static_assert(sizeof(Group) + sizeof(double*) <= kArgumentBytes, "the arguments of a kernel");

__device__ __forceinline__ double Square(float x) {
  return static_cast<double>(x) * static_cast<double>(x);
}

__global__ void __launch_bounds__(kThreads) SumSquares(Group group, double* parts) {
  __shared__ double sums[kWarps];
  const int piece = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int tensor = group.TensorOf(piece);
  const float* const g = group.tensors[tensor].g;
  const int64_t count = group.tensors[tensor].count;
  const int64_t begin = (piece - group.first_piece[tensor]) * kPiece;
  const int64_t end = begin + kPiece < count ? begin + kPiece : count;
  double sum[4] = {};
#pragma unroll 4
  for (int64_t at = begin + thread * 4; at < end; at += kThreads * 4) {
    if (at + 4 <= end) {
      const Vector<float, 4> v = Load<Vector<float, 4>>(g + at);
#pragma unroll
      for (int k = 0; k < 4; ++k) sum[k] += Square(v.v[k]);
    } else {
      for (int64_t e = at; e < end; ++e) sum[0] += Square(g[e]);
    }
  }
  const double of_warp = WarpSum((sum[0] + sum[1]) + (sum[2] + sum[3]));
  if (thread % 32 == 0) sums[thread / 32] = of_warp;
  __syncthreads();
  if (thread != 0) return;
  double total = 0.0;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) total += sums[w];
  parts[piece] = total;
}

__global__ void __launch_bounds__(kThreads) AddSquares(Group group, const double* parts) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int tensor = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / 32;
  if (tensor >= group.count) return;  // a whole warp
  const double* const part = parts + group.first_piece[tensor];
  const int count = group.PiecesOf(tensor);
  double sum = 0.0;
  for (int i = lane; i < count; i += 32) sum += part[i];
  sum = WarpSum(sum);
  if (lane == 0) *group.tensors[tensor].norm = static_cast<float>(sqrt(sum));
}

}  // namespace

int64_t GradNormParts(int64_t count) { return PiecesOf(count, kPiece); }

int GradNorm(const GradNormTensor* tensors, int num_tensors, double* scratch, Stream stream) {
  return ForEachGroup<kTensorsOfLaunch>(tensors, num_tensors, kPiece, [&](const Group& group) {
    double* const parts = scratch + group.pieces_before;
    if (group.pieces() > 0) {
      const int error = CUDA_LAUNCH(SumSquares, group.pieces(), kThreads, 0, stream, group, parts);
      if (error != 0) return error;
    }
    return CUDA_LAUNCH(AddSquares, (group.count + kWarps - 1) / kWarps, kThreads, 0, stream, group,
                       static_cast<const double*>(parts));
  });
}

}  // namespace backends::cuda
