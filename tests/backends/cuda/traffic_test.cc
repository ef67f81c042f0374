// What kernels move in global memory, to the byte: each tensor once, 16 bytes an access, but for
// what the comments name.
#include <cstdint>
#include <vector>

#include "backends/cuda/droppos/pixel_loss_launch.h"
#include "backends/cuda/droppos/position_weights_launch.h"
#include "backends/cuda/droppos/smoothed_position_ce_launch.h"
#include "backends/cuda/layer_norm_launch.h"
#include "graph/runtime/fault.h"
#include "gtest/gtest.h"
#include "tests/backends/cuda/kernel_testing.h"
#include "tests/simt/device_array.h"

namespace backends::cuda {
namespace {

using simt::DeviceArray;
using simt::Traffic;

constexpr uint64_t kLanes = 32;  // each of which reads what a row has once, such as its mean

std::vector<Traffic> recorded;

// Counts each launch while it lives, in order.
class Recorder {
 public:
  Recorder() {
    recorded.clear();
    simt::submit = [](simt::LaunchRequest launch) {
      simt::BeginOperation(launch.name, 0, {});
      simt::Run(launch.name, launch.thread, launch.grid, launch.block, launch.shared_bytes);
      recorded.push_back(simt::GlobalTraffic());
      return 0;
    };
  }
  ~Recorder() { simt::submit = nullptr; }
};

// `vector_bytes` in accesses of 16, and `scalars` of `scalar_bytes` together.
void ExpectLoads(const Traffic& t, uint64_t vector_bytes, uint64_t scalars, uint64_t scalar_bytes) {
  EXPECT_EQ(t.load_bytes, vector_bytes + scalar_bytes);
  EXPECT_EQ(t.loads, vector_bytes / 16 + scalars);
}
void ExpectStores(const Traffic& t, uint64_t vector_bytes, uint64_t scalars,
                  uint64_t scalar_bytes) {
  EXPECT_EQ(t.store_bytes, vector_bytes + scalar_bytes);
  EXPECT_EQ(t.stores, vector_bytes / 16 + scalars);
}

TEST(Traffic, LayerNormGrad) {
  const int64_t rows = 40, cols = 768, warps = 40;  // a row each
  const DeviceArray<float> x(Normal<float>(rows * cols, 1), "x"),
      gamma(Normal<float>(cols, 2), "gamma"), mean(Normal<float>(rows, 3), "mean"),
      variance(std::vector<float>(rows, 1.0f), "variance"),
      dy(Normal<float>(rows * cols, 4), "dy"), dx(rows * cols, "dx"), dgamma(cols, "dgamma"),
      dbeta(cols, "dbeta"), scratch(LayerNormGradScratch(rows, cols), "scratch");
  const Recorder recorder;
  ASSERT_EQ(LayerNormGrad(
                LayerNormGradArgs<float, float>{x.data(), gamma.data(), mean.data(),
                                                variance.data(), dy.data(), nullptr, dx.data(),
                                                dgamma.data(), dbeta.data(), scratch.data(), rows,
                                                cols, 1e-6f},
                nullptr),
            0);
  ASSERT_EQ(recorded.size(), 2u);
  // x and dy; gamma once a warp, from the cache. The parts are what the second kernel reads.
  ExpectLoads(recorded[0], (2 * rows + warps) * cols * 4, 2 * rows * kLanes, 2 * rows * kLanes * 4);
  ExpectStores(recorded[0], rows * cols * 4, scratch.size(), scratch.size() * 4);
  ExpectLoads(recorded[1], 0, scratch.size(), scratch.size() * 4);
  ExpectStores(recorded[1], 0, 2 * cols, 2 * cols * 4);
}

TEST(Traffic, PositionWeights) {
  const int batch = 2, patches = 8, dim = 768;
  const DeviceArray<float> features(Normal<float>(batch * (1 + patches) * dim, 1), "features"),
      full(batch * patches, "full");
  droppos::PositionWeightsArgs args = {};
  args.features = features.data();
  args.batch = batch;
  args.patches = patches;
  args.dim = dim;
  args.tau = 0.1f;
  args.full = full.data();
  const Recorder recorder;
  ASSERT_EQ(droppos::PositionWeights(args, nullptr), 0);
  ASSERT_EQ(recorded.size(), 2u);
  // The class token for every fourth patch, from the cache.
  ExpectLoads(recorded[0], batch * (patches + patches / 4) * dim * 4, 0, 0);
  ExpectStores(recorded[0], 0, batch * patches, batch * patches * 4);
}

TEST(Traffic, PixelLoss) {
  const uint64_t patch_bytes = 16 * 16 * 3 * 4, patches = 4, masked = 3;
  const DeviceArray<float> pred(Normal<float>(patches * patch_bytes / 4, 1), "pred"),
      images(Normal<float>(3 * 32 * 32, 2), "images"), loss(1, "loss"), per_image(1, "per_image"),
      dloss(std::vector<float>{1}, "dloss");
  const DeviceArray<uint8_t> mask({1, 1, 0, 1}, "mask");
  const DeviceArray<double> scratch(2, "scratch");
  droppos::PixelLossArgs args = {pred.data(), images.data(), mask.data(), scratch.data(), 1, 32,
                                 32,          16,            false,       1e-6};
  for (const bool normalise : {false, true}) {
    args.normalise = normalise;
    // Mean and variance read a patch again from the cache.
    const uint64_t read = masked * patch_bytes * (normalise ? 4 : 2);
    const Recorder recorder;
    ASSERT_EQ(droppos::PixelLoss(args, loss.data(), per_image.data(), nullptr), 0);
    ASSERT_EQ(recorded.size(), 2u);
    ExpectLoads(recorded[0], read, patches * kLanes, patches * kLanes);
  }
  args.normalise = false;
  const DeviceArray<float> dpred(pred.size(), "dpred");
  const Recorder recorder;
  ASSERT_EQ(droppos::PixelLossGrad(args, dloss.data(), dpred.data(), nullptr), 0);
  ASSERT_EQ(recorded.size(), 2u);
  // The mask of all patches; dloss and the number of hidden ones by those.
  ExpectLoads(recorded[1], masked * patch_bytes * 2, (patches + 2 * masked) * kLanes,
              (patches + (4 + 8) * masked) * kLanes);
  ExpectStores(recorded[1], patches * patch_bytes, 0, 0);
}

TEST(Traffic, SmoothedPositionCEGradWritesOnce) {
  droppos::SmoothedPositionCEShape shape = {2, 3, 16, 4, 4, false, false};
  const DeviceArray<float> logits(Normal<float>(2 * 3 * 16, 1), "logits"),
      sigma(std::vector<float>{1}, "sigma"), dloss(std::vector<float>{1}, "dloss"),
      dlogits(logits.size(), "dlogits");
  const DeviceArray<int32_t> ids({1, 5, 9, 0, 15, 7}, "ids");
  const DeviceArray<uint8_t> mask({1, 0, 1, 1, 1, 0}, "mask");
  const DeviceArray<uint8_t> scratch(shape.scratch_bytes(), "scratch");
  const DeviceArray<graph::Fault> fault(std::vector<graph::Fault>(1), "fault");
  const droppos::SmoothedPositionCEInputs in = {
      logits.data(), ids.data(), mask.data(), sigma.data(), nullptr, scratch.data(),
      {fault.data(), 0}};
  const Recorder recorder;
  ASSERT_EQ(droppos::SmoothedPositionCEGrad(shape, in, dloss.data(), dlogits.data(), nullptr), 0);
  ASSERT_EQ(recorded.size(), 4u);
  ExpectStores(recorded[3], logits.size() * 4, 0, 0);
}

}  // namespace
}  // namespace backends::cuda
