// Of two kernels a block has a piece of a parameter and a thread vectors of four elements: the
// first sums squares in double, the last makes the step. Between them a warp adds the pieces of
// each parameter, in an order that depends on its size alone. Moves 28 bytes an element: w and g
// are read twice, m once, w and m written. A parameter whose rate follows from no norms is skipped
// by the first two, and a step that is not applied by all where the new values lie over the old
// ones.
#include <cmath>

#include "backends/cuda/device.h"
#include "backends/cuda/lars_launch.h"
#include "backends/cuda/tensor_pieces.h"

namespace backends::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kVectors = 4;  // of a thread
constexpr int64_t kPiece = kThreads * kVectors * 4;

constexpr int kTensorsOfLaunch = 56;
using Group = TensorGroup<LarsTensor, kTensorsOfLaunch>;

// What the parameters share. `squares`: of each piece of the group Σ w² and Σ d². The ratio of a
// parameter's norms takes the place of its first piece's.
struct Shared {
  const float* lr;
  const float* factors;
  float momentum, trust;
  double* squares;
};
static_assert(sizeof(Group) + sizeof(Shared) <= kArgumentBytes, "the arguments of a kernel");

// The gradient with the decay.
__device__ __forceinline__ float Decayed(const LarsTensor& t, float factor, float g, float w) {
  return g * factor + t.weight_decay * w;
}

__device__ __forceinline__ double Square(float x) {
  return static_cast<double>(x) * static_cast<double>(x);
}

// Calls `fn(V(), element)` for this thread's vectors of four of a piece, and for single elements at
// a tensor's end.
template <typename Function>
__device__ __forceinline__ void ForEachVector(int64_t begin, int64_t count, const Function& fn) {
  const int64_t end = begin + kPiece < count ? begin + kPiece : count;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int64_t at = begin + (i * kThreads + static_cast<int>(threadIdx.x)) * 4;
    if (at + 4 <= end) {
      fn(Vector<float, 4>(), at);
    } else {
      for (int64_t e = at; e < end; ++e) fn(Vector<float, 1>(), e);
    }
  }
}

__global__ void __launch_bounds__(kThreads) LarsSquares(Group group, Shared shared) {
  __shared__ double sums[2][kWarps];
  const int piece = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int tensor = group.TensorOf(piece);
  const LarsTensor t = group.tensors[tensor];
  const float factor = shared.factors[t.factor];
  if (!t.adapts || !isfinite(factor)) return;
  double of_w = 0.0, of_d = 0.0;
  ForEachVector((piece - group.first_piece[tensor]) * kPiece, t.count,
                [&](auto vector, int64_t at) {
                  using V = decltype(vector);
                  const V w = Load<V>(t.w + at), g = Load<V>(t.g + at);
#pragma unroll
                  for (int k = 0; k < V::count; ++k) {
                    of_w += Square(w.v[k]);
                    of_d += Square(Decayed(t, factor, g.v[k], w.v[k]));
                  }
                });
  of_w = WarpSum(of_w);
  of_d = WarpSum(of_d);
  if (thread % 32 == 0) {
    sums[0][thread / 32] = of_w;
    sums[1][thread / 32] = of_d;
  }
  __syncthreads();
  if (thread >= 2) return;
  double total = 0.0;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) total += sums[thread][w];
  shared.squares[2 * piece + thread] = total;
}

__global__ void __launch_bounds__(kThreads) LarsRatios(Group group, Shared shared) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int tensor = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / 32;
  if (tensor >= group.count) return;  // a whole warp
  const LarsTensor& t = group.tensors[tensor];
  const int pieces = group.PiecesOf(tensor);
  if (!t.adapts || pieces == 0 || !isfinite(shared.factors[t.factor])) return;
  double* const squares = shared.squares + 2 * group.first_piece[tensor];
  double of_w = 0.0, of_d = 0.0;
  for (int i = lane; i < pieces; i += 32) {
    of_w += squares[2 * i];
    of_d += squares[2 * i + 1];
  }
  of_w = WarpSum(of_w);
  of_d = WarpSum(of_d);
  if (lane != 0) return;
  squares[0] =
      of_w > 0.0 && of_d > 0.0 ? static_cast<double>(shared.trust) * sqrt(of_w) / sqrt(of_d) : 1.0;
}

__global__ void __launch_bounds__(kThreads) LarsKernel(Group group, Shared shared) {
  const int piece = static_cast<int>(blockIdx.x);
  const int tensor = group.TensorOf(piece);
  const LarsTensor t = group.tensors[tensor];
  const float factor = shared.factors[t.factor];
  const bool update = isfinite(factor);  // else all stays as it is, bit for bit
  if (!update && t.new_w == t.w && t.new_m == t.m) return;
  const float ratio =
      update && t.adapts ? static_cast<float>(shared.squares[2 * group.first_piece[tensor]]) : 1.0f;
  const float lr =
      static_cast<float>(static_cast<double>(*shared.lr) * static_cast<double>(t.lr_scale));
  ForEachVector(
      (piece - group.first_piece[tensor]) * kPiece, t.count, [&](auto vector, int64_t at) {
        using V = decltype(vector);
        V w = Load<V>(t.w + at), m = Load<V>(t.m + at);
        if (update) {
          const V g = Load<V>(t.g + at);
#pragma unroll
          for (int k = 0; k < V::count; ++k) {
            m.v[k] = shared.momentum * m.v[k] + ratio * Decayed(t, factor, g.v[k], w.v[k]);
            w.v[k] = w.v[k] - lr * m.v[k];
          }
        }
        Store(t.new_w + at, w);
        Store(t.new_m + at, m);
      });
}

}  // namespace

int64_t LarsScratch(int64_t count) { return 2 * PiecesOf(count, kPiece); }

int Lars(const LarsArgs& p, Stream stream) {
  return ForEachGroup<kTensorsOfLaunch>(p.tensors, p.num_tensors, kPiece, [&](const Group& group) {
    if (group.pieces() == 0) return 0;
    const Shared shared = {p.lr, p.factors, p.momentum, p.trust,
                           p.scratch + 2 * group.pieces_before};
    int error = CUDA_LAUNCH(LarsSquares, group.pieces(), kThreads, 0, stream, group, shared);
    if (error != 0) return error;
    error = CUDA_LAUNCH(LarsRatios, (group.count + kWarps - 1) / kWarps, kThreads, 0, stream, group,
                        shared);
    if (error != 0) return error;
    return CUDA_LAUNCH(LarsKernel, group.pieces(), kThreads, 0, stream, group, shared);
  });
}

}  // namespace backends::cuda
