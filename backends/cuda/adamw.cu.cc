// A block has a piece of a parameter, a thread vectors of four elements. Moves 28 bytes an
// element: w, g, m and v are read, w, m and v written, each once. A step that is not applied
// moves nothing where the new values lie over the old ones.
//
// What all parameters share is worked out once, by a kernel of one thread: powers in double are
// long. What is a parameter's own takes few instructions, and each block's first thread does it.
#include "backends/cuda/adamw_launch.h"

#include <cmath>

#include "backends/cuda/device.h"
#include "backends/cuda/tensor_pieces.h"

namespace backends::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kVectors = 4;  // of a thread
constexpr int64_t kPiece = kThreads * kVectors * 4;

constexpr int kTensorsOfLaunch = 46;
using Group = TensorGroup<AdamWTensor, kTensorsOfLaunch>;

// What the parameters share. `corrections`: 1 - beta1^t, 1 - beta2^t.
struct Shared {
  const float* lr;
  const float* factors;
  const double* corrections;
  float beta1, beta2, eps;
};
static_assert(sizeof(Group) + sizeof(Shared) <= kArgumentBytes, "the arguments of a kernel");

// One parameter's scalars of a step, worked out in double and rounded once.
struct Step {
  float factor;
  float decay;  // 1 - lr * lr_scale * weight_decay
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float step_size;   // lr * lr_scale / (1 - beta1^t)
  float root_scale;  // 1 / sqrt(1 - beta2^t)
  float eps;
};

__global__ void AdamWCorrections(const int32_t* step, float beta1, float beta2,
                                 double* corrections) {
  const double t = *step;
  corrections[0] = 1.0 - pow(static_cast<double>(beta1), t);
  corrections[1] = 1.0 - pow(static_cast<double>(beta2), t);
}

__device__ Step StepOf(const Shared& shared, const AdamWTensor& t) {
  const double lr = static_cast<double>(*shared.lr) * static_cast<double>(t.lr_scale);
  const double beta1 = shared.beta1, beta2 = shared.beta2;
  Step s;
  s.factor = shared.factors[t.factor];
  s.decay = static_cast<float>(1.0 - lr * static_cast<double>(t.weight_decay));
  s.beta1 = shared.beta1;
  s.one_minus_beta1 = static_cast<float>(1.0 - beta1);
  s.beta2 = shared.beta2;
  s.one_minus_beta2 = static_cast<float>(1.0 - beta2);
  s.step_size = static_cast<float>(lr / shared.corrections[0]);
  s.root_scale = static_cast<float>(1.0 / sqrt(shared.corrections[1]));
  s.eps = shared.eps;
  return s;
}

__device__ __forceinline__ void UpdateOne(const Step& s, float grad, float& w, float& m, float& v) {
  const float g = grad * s.factor;
  m = s.beta1 * m + s.one_minus_beta1 * g;
  v = s.beta2 * v + s.one_minus_beta2 * g * g;
  w = w * s.decay - s.step_size * m / (sqrtf(v) * s.root_scale + s.eps);
}

// Elements [at, at + V::count): of 4, or of 1 at a tensor's end.
template <typename V>
__device__ __forceinline__ void UpdateVector(const Step& s, bool update, const AdamWTensor& t,
                                             int64_t at) {
  V w = Load<V>(t.w + at), m = Load<V>(t.m + at), v = Load<V>(t.v + at);
  if (update) {
    const V g = Load<V>(t.g + at);
#pragma unroll
    for (int k = 0; k < V::count; ++k) UpdateOne(s, g.v[k], w.v[k], m.v[k], v.v[k]);
  }
  Store(t.new_w + at, w);
  Store(t.new_m + at, m);
  Store(t.new_v + at, v);
}

__global__ void __launch_bounds__(kThreads) AdamWKernel(Group group, Shared shared) {
  __shared__ Step step;
  const int piece = static_cast<int>(blockIdx.x);
  const int tensor = group.TensorOf(piece);
  const AdamWTensor t = group.tensors[tensor];
  if (threadIdx.x == 0) step = StepOf(shared, t);
  __syncthreads();
  const Step s = step;
  const bool update = isfinite(s.factor);  // else all stays as it is, bit for bit
  if (!update && t.new_w == t.w && t.new_m == t.m && t.new_v == t.v) return;
  const int64_t begin = (piece - group.first_piece[tensor]) * kPiece;
  const int64_t end = begin + kPiece < t.count ? begin + kPiece : t.count;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int64_t at = begin + (i * kThreads + static_cast<int>(threadIdx.x)) * 4;
    if (at + 4 <= end) {
      UpdateVector<Vector<float, 4>>(s, update, t, at);
    } else {
      for (int64_t e = at; e < end; ++e) UpdateVector<Vector<float, 1>>(s, update, t, e);
    }
  }
}

}  // namespace

int AdamW(const AdamWArgs& p, Stream stream) {
  const Shared shared = {p.lr, p.factors, p.scratch, p.beta1, p.beta2, p.eps};
  const int error =
      CUDA_LAUNCH(AdamWCorrections, 1, 1, 0, stream, p.step, p.beta1, p.beta2, p.scratch);
  if (error != 0) return error;
  return ForEachGroup<kTensorsOfLaunch>(p.tensors, p.num_tensors, kPiece, [&](const Group& group) {
    if (group.pieces() == 0) return 0;
    return CUDA_LAUNCH(AdamWKernel, group.pieces(), kThreads, 0, stream, group, shared);
  });
}

}  // namespace backends::cuda
