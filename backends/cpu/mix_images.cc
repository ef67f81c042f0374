// By pairs: an image and its partner are read once and both written.
#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

// Cutmix of a pair's rows of pixels: columns [left, right) change places.
void SwapColumns(const float* a, const float* b, int64_t left, int64_t right, int64_t width,
                 float* to_a, float* to_b) {
  std::copy_n(a, left, to_a);
  std::copy_n(b, left, to_b);
  std::copy(b + left, b + right, to_a + left);
  std::copy(a + left, a + right, to_b + left);
  std::copy(a + right, a + width, to_a + right);
  std::copy(b + right, b + width, to_b + right);
}

void MixRows(const float* a, const float* b, float lam, int64_t count, float* to_a, float* to_b) {
  const float rest = 1.0f - lam;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float own = a[i], other = b[i];
    to_a[i] = own * lam + other * rest;
    to_b[i] = other * lam + own * rest;
  }
}

std::unique_ptr<graph::Kernel> MakeMixImages(const graph::KernelSpec& spec) {
  const int64_t batch = spec.in(0).dim(0), channels = spec.in(0).dim(1);
  const int64_t height = spec.in(0).dim(2), width = spec.in(0).dim(3);
  const int64_t groups = spec.in(1).dim(0), group_size = batch / groups;
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    if (!IdsAreRows(args, 1, groups, 2)) return;
    const float* images = In<float>(args, 0);
    float* y = Out<float>(args, 0);
    // A task is one channel of a pair, `place` the first of the pair's places in its group.
    ParallelFor(threads, batch / 2 * channels, 2 * height * width, [=, &args](int64_t task) {
      const int64_t pair = task / channels, channel = task % channels;
      const int64_t group = pair / (group_size / 2), place = pair % (group_size / 2);
      const auto plane = [&](int64_t at) {
        return ((group * group_size + at) * channels + channel) * height * width;
      };
      const int64_t a = plane(place), b = plane(group_size - 1 - place);
      if (In<int32_t>(args, 1)[group] == 0) {
        MixRows(images + a, images + b, In<float>(args, 2)[group], height * width, y + a, y + b);
        return;
      }
      const int32_t* const box = In<int32_t>(args, 3) + 4 * group;
      const int64_t left = std::clamp<int64_t>(box[2], 0, width);
      const int64_t right = std::clamp<int64_t>(box[3], left, width);
      for (int64_t row = 0; row < height; ++row) {
        const bool is_inside = row >= box[0] && row < box[1];
        const int64_t at = row * width;
        SwapColumns(images + a + at, images + b + at, left, is_inside ? right : left, width,
                    y + a + at, y + b + at);
      }
    });
  });
}

}  // namespace

void RegisterMixImages(graph::KernelTable* table) { AddFloat32(table, "MixImages", MakeMixImages); }

}  // namespace backends::cpu
