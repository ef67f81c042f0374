// MaskSample's kernel, compared with the orders of ops/droppos.
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "absl/types/span.h"
#include "backends/cuda/droppos/mask_sample_launch.h"
#include "gtest/gtest.h"
#include "ops/droppos/mask_sampling.h"
#include "ops/droppos/purposes.h"
#include "tests/backends/cuda/kernel_testing.h"
#include "tests/simt/device_array.h"

namespace backends::cuda::droppos {
namespace {

using simt::DeviceArray;
using Order = std::vector<int32_t>;

struct Counts {
  int patches, visible, kept;
};

// All outputs in a row, as numbers.
template <typename... T>
std::vector<int32_t> Join(const std::vector<T>&... outputs) {
  std::vector<int32_t> all;
  (all.insert(all.end(), outputs.begin(), outputs.end()), ...);
  return all;
}

// What the outputs must be, from the orders of each image's patches and positions.
std::vector<int32_t> Expected(const std::vector<Order>& patch, const std::vector<Order>& position,
                              const Counts& n) {
  std::vector<int32_t> ids_keep, ids_restore, ids_dropped, mask, mask_pos;
  for (size_t b = 0; b < patch.size(); ++b) {
    std::vector<int32_t> restore(n.patches), hidden(n.patches), dropped(n.visible);
    for (int i = 0; i < n.patches; ++i) {
      restore[patch[b][i]] = i;
      hidden[patch[b][i]] = i >= n.visible;
      if (i < n.visible) ids_keep.push_back(patch[b][i]);
    }
    for (int i = 0; i < n.visible; ++i) dropped[position[b][i]] = i >= n.kept;
    for (int v = 0; v < n.visible; ++v) {
      if (dropped[v] != 0) ids_dropped.push_back(patch[b][v]);
    }
    ids_restore = Join(ids_restore, restore);
    mask = Join(mask, hidden);
    mask_pos = Join(mask_pos, dropped);
  }
  return Join(ids_keep, mask, ids_restore, mask_pos, ids_dropped);
}

// Of keys, or of noise where there are none.
std::vector<int32_t> OnDevice(const std::vector<int64_t>& keys,
                              const std::vector<float>& noise_patch,
                              const std::vector<float>& noise_pos, int batch, const Counts& n) {
  const DeviceArray<int64_t> device_keys(keys, "keys");
  const DeviceArray<float> patch(noise_patch, "noise_patch"), pos(noise_pos, "noise_pos");
  const size_t visible = static_cast<size_t>(batch) * n.visible;
  const size_t patches = static_cast<size_t>(batch) * n.patches;
  const DeviceArray<int32_t> ids_keep(visible, "ids_keep"), ids_restore(patches, "ids_restore"),
      ids_dropped(static_cast<size_t>(batch) * (n.visible - n.kept), "ids_dropped");
  const DeviceArray<uint8_t> mask(patches, "mask"), mask_pos(visible, "mask_pos");
  const MaskSampleArgs args = {keys.empty() ? nullptr : device_keys.data(),
                               patch.data(),
                               pos.data(),
                               batch,
                               n.patches,
                               n.visible,
                               n.kept,
                               ids_keep.data(),
                               mask.data(),
                               ids_restore.data(),
                               mask_pos.data(),
                               ids_dropped.data()};
  EXPECT_EQ(MaskSample(args, nullptr), 0);
  return Join(ids_keep.Get(), mask.Get(), ids_restore.Get(), mask_pos.Get(), ids_dropped.Get());
}

// In all orders of blocks, warps and lanes.
TEST(MaskSample, IsTheReferenceBitForBit) {
  for (const Counts& n : {Counts{196, 49, 12}, Counts{1, 1, 0}, Counts{64, 16, 4},
                          Counts{257, 257, 3}}) {
    std::mt19937_64 random(n.patches);
    std::vector<int64_t> keys(3);
    for (int64_t& key : keys) key = static_cast<int64_t>(random());
    std::vector<Order> patch, position;
    for (const int64_t key : keys) {
      const auto draw = [&](graph::Purpose purpose, int count, std::vector<Order>* orders) {
        std::vector<ops::droppos::RandomItem> items(count);
        orders->emplace_back(count);
        ops::droppos::RandomOrder(static_cast<uint64_t>(key), purpose, absl::MakeSpan(items),
                                  absl::MakeSpan(orders->back()));
      };
      draw(ops::droppos::kPatchMask, n.patches, &patch);
      draw(ops::droppos::kPositionMask, n.visible, &position);
    }
    const std::function<std::vector<int32_t>()> run = [&] { return OnDevice(keys, {}, {}, 3, n); };
    EXPECT_EQ(simt::SameInEveryOrder("the kernel", run), Expected(patch, position, n)) << n.patches;
  }
}

// All of its patches are visible, which takes the most shared memory.
TEST(MaskSample, TheLargestImageFits) {
  const Counts n = {kMaxPatches, kMaxPatches, kMaxPatches - 1};
  std::vector<float> noise(kMaxPatches);
  Order order(kMaxPatches);
  for (int i = 0; i < kMaxPatches; ++i) {
    order[i] = kMaxPatches - 1 - i;
    noise[i] = static_cast<float>(-i);
  }
  EXPECT_EQ(OnDevice({}, noise, noise, 1, n), Expected({order}, {order}, n));
}

TEST(MaskSample, NoiseWithTiesZerosAndNaN) {
  const Counts n = {40, 17, 5};
  std::vector<float> noise_patch(2 * n.patches), noise_pos(2 * n.visible);
  std::mt19937_64 random(1);
  const float values[] = {0.0f, -0.0f, 0.5f, -1.5f, NAN, INFINITY, -INFINITY, 0.5f, 1e-42f};
  for (float& x : noise_patch) x = values[random() % 9];
  for (float& x : noise_pos) x = values[random() % 9];
  std::vector<Order> patch, position;
  for (int b = 0; b < 2; ++b) {
    const auto order = [&](const std::vector<float>& noise, int count,
                           std::vector<Order>* orders) {
      orders->emplace_back(count);
      ops::droppos::NoiseOrder(absl::MakeConstSpan(noise).subspan(b * count, count),
                               absl::MakeSpan(orders->back()));
    };
    order(noise_patch, n.patches, &patch);
    order(noise_pos, n.visible, &position);
  }
  EXPECT_EQ(OnDevice({}, noise_patch, noise_pos, 2, n), Expected(patch, position, n));
}

}  // namespace
}  // namespace backends::cuda::droppos
