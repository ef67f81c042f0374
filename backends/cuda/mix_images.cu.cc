// By pairs: threads have the same row of pixels of an image and of its partner, so that each byte
// is read once and written once, at 512 images of 224 pixels 308 + 308 MB.
#include "backends/cuda/mix_images_launch.h"

#include "backends/cuda/device.h"
#include "backends/cuda/fault.h"
#include "backends/cuda/rows.h"

namespace backends::cuda {
namespace {

// What happens to two rows of pixels.
struct Mix {
  bool is_cutmix;
  float lam;
  int left, right;  // of cutmix: the columns that change places

  __device__ float operator()(float own, float other, int column) const {
    if (is_cutmix) return column >= left && column < right ? other : own;
    return own * lam + other * (1.0f - lam);
  }
};

__device__ Mix MixOfRow(const MixImagesArgs& p, int64_t group, int row) {
  const int32_t mode = p.mode[group];
  if (mode == 0) return {false, p.lam[group], 0, 0};
  const int32_t* const box = p.box + 4 * group;
  if (mode != 1 || row < box[0] || row >= box[1]) return {true, 0.0f, 0, 0};
  return {true, 0.0f, box[2], box[3]};
}

// A group of 2^log_lanes threads has a row of pixels of a pair; blockIdx.y counts pairs.
template <typename V>
__global__ void __launch_bounds__(kRowThreads, kRowBlocks)
    MixImagesKernel(MixImagesArgs p, int log_lanes) {
  const int line = RowOfThread(log_lanes);  // of all channels
  if (line >= p.channels * p.height) return;
  const int lanes = 1 << log_lanes, lane = static_cast<int>(threadIdx.x) & (lanes - 1);
  const int half = p.group / 2;
  const int64_t size = static_cast<int64_t>(p.channels) * p.height * p.width;
  for (int64_t pair = blockIdx.y; pair < p.groups * half; pair += gridDim.y) {
    const int64_t group = pair / half, place = pair % half;
    if (line == 0 && lane == 0 && place == 0) IsRow(p.fault, 1, group, p.mode[group], 2);
    const Mix mix = MixOfRow(p, group, line % p.height);
    const int64_t at = static_cast<int64_t>(line) * p.width;
    const int64_t a = (group * p.group + place) * size + at;
    const int64_t b = (group * p.group + p.group - 1 - place) * size + at;
    for (int column = lane * V::count; column < p.width; column += lanes * V::count) {
      const V own = Load<V>(p.images + a + column), other = Load<V>(p.images + b + column);
      V to_a, to_b;
#pragma unroll
      for (int k = 0; k < V::count; ++k) {
        to_a.v[k] = mix(own.v[k], other.v[k], column + k);
        to_b.v[k] = mix(other.v[k], own.v[k], column + k);
      }
      Store(p.y + a + column, to_a);
      Store(p.y + b + column, to_b);
    }
  }
}

}  // namespace

int MixImages(const MixImagesArgs& p, Stream stream) {
  const int64_t pairs = p.groups * (p.group / 2);
  if (pairs == 0 || p.channels == 0 || p.height == 0 || p.width == 0) return 0;
  return VisitWidth<float>(p.width, [&](auto vector) {
    using V = decltype(vector);
    const int log_lanes = LogLanes(p.width / V::count);
    return CUDA_LAUNCH((MixImagesKernel<V>), RowBlocks(pairs, p.channels * p.height, log_lanes),
                       kRowThreads, 0, stream, p, log_lanes);
  });
}

}  // namespace backends::cuda
