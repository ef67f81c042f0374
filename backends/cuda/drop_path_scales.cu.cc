// A thread has a scale, and computes it as ops::DropPathScale does, bit for bit. Rates are
// parameters of the launch, a few branches' at a time.
#include "backends/cuda/drop_path_scales_launch.h"

#include <algorithm>

#include "backends/cuda/device.h"
#include "backends/cuda/random.h"

namespace backends::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kBranches = 128;  // of a launch: two of each block of the deepest ViT, and more

struct Branches {
  float rates[kBranches];
  const int64_t* keys;
  float* scales;  // of the first of these branches
  int64_t batch;
  int first, count;
  uint32_t purpose;
};

__global__ void __launch_bounds__(kThreads) DropPathScalesKernel(Branches p) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= p.count * p.batch) return;
  const int branch = static_cast<int>(i / p.batch);
  const uint64_t word = RandomWord(p.keys[i % p.batch], p.purpose, p.first + branch);
  const double uniform = static_cast<double>(word >> 11) * 0x1p-53;
  const double rate = p.rates[branch];
  p.scales[i] = uniform < rate ? 0.0f : static_cast<float>(1.0 / (1.0 - rate));
}

}  // namespace

int DropPathScales(const DropPathScalesArgs& args, Stream stream) {
  if (args.batch == 0) return 0;
  for (int first = 0; first < args.branches; first += kBranches) {
    Branches p = {};
    p.count = std::min(kBranches, args.branches - first);
    std::copy_n(args.rates + first, p.count, p.rates);
    p.keys = args.keys;
    p.scales = args.scales + first * args.batch;
    p.batch = args.batch;
    p.first = first;
    p.purpose = args.purpose;
    const int64_t blocks = (p.count * p.batch + kThreads - 1) / kThreads;
    const int error = CUDA_LAUNCH(DropPathScalesKernel, static_cast<unsigned>(blocks), kThreads, 0,
                                  stream, p);
    if (error != 0) return error;
  }
  return 0;
}

}  // namespace backends::cuda
