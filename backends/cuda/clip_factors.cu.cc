// Norms are one number each, wherever they lie: kernels gather them by pointers in their arguments,
// then one block decides. A few kilobytes in all; sums in index order, as on the CPU.
#include "backends/cuda/clip_factors_launch.h"

#include <cmath>

#include "backends/cuda/device.h"
#include "backends/cuda/sum_in_order.h"
#include "graph/runtime/fault.h"

namespace backends::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kNormsOfLaunch = 480;  // pointers that fit the arguments of a kernel

// The official clip_gradients adds this to a norm before it divides.
constexpr double kNormEpsilon = 1e-6;

struct Norms {
  const void* norm[kNormsOfLaunch];
  int count;
};

__global__ void __launch_bounds__(kThreads) GatherNorms(Norms norms, float* to) {
  const int i = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (i < norms.count) to[i] = *static_cast<const float*>(norms.norm[i]);
}

__device__ double FactorOf(double max_norm, double norm) {
  if (max_norm <= 0.0) return 1.0;
  const double factor = max_norm / (norm + kNormEpsilon);
  return factor < 1.0 ? factor : 1.0;
}

__global__ void __launch_bounds__(kThreads) Decide(ClipFactorsArgs p) {
  __shared__ double shared_norm;
  __shared__ bool shared_finite, shared_applied;
  const float* const norms = p.scratch;
  const int n = p.num_norms;
  const double mean_loss = SumInOrder<kThreads>(p.num_losses, [&](int64_t i) {
    return static_cast<double>(p.losses[i]) / static_cast<double>(p.num_losses);
  });
  const double squares = SumInOrder<kThreads>(
      n, [&](int64_t i) { return static_cast<double>(norms[i]) * static_cast<double>(norms[i]); });
  const double not_finite =
      SumInOrder<kThreads>(n, [&](int64_t i) { return isfinite(norms[i]) ? 0.0 : 1.0; });
  if (threadIdx.x == 0) {
    shared_norm = sqrt(squares);
    *p.global_norm = static_cast<float>(shared_norm);
    shared_finite = not_finite == 0.0 && isfinite(static_cast<float>(shared_norm));
    shared_applied = shared_finite && isfinite(mean_loss) &&
                     mean_loss <= static_cast<double>(*p.limit) && p.fault->found == 0;
    *p.applied = shared_applied;
  }
  __syncthreads();
  const bool applied = shared_applied, finite = shared_finite;
  const double global_norm = shared_norm;
  const double clipped = SumInOrder<kThreads>(n, [&](int64_t i) {
    const double factor =
        FactorOf(p.max_norm, p.global ? global_norm : static_cast<double>(norms[i]));
    p.factors[i] = applied ? static_cast<float>(factor) : NAN;
    return finite && factor < 1.0 ? 1.0 : 0.0;  // before rounding, which may make it 1
  });
  if (threadIdx.x == 0) *p.clipped = static_cast<int32_t>(clipped);
}

}  // namespace

int ClipFactors(const ClipFactorsArgs& p, Stream stream) {
  Norms norms = {};
  for (int first = 0; first < p.num_norms; first += kNormsOfLaunch) {
    norms.count = p.num_norms - first < kNormsOfLaunch ? p.num_norms - first : kNormsOfLaunch;
    for (int i = 0; i < norms.count; ++i) norms.norm[i] = p.norms[first + i];
    const int error = CUDA_LAUNCH(GatherNorms, (norms.count + kThreads - 1) / kThreads, kThreads, 0,
                                  stream, norms, p.scratch + first);
    if (error != 0) return error;
  }
  return CUDA_LAUNCH(Decide, 1, kThreads, 0, stream, p);
}

}  // namespace backends::cuda
