// What DropPos's kernels move in global memory, to the byte: each tensor once, in vectors of 16
// bytes where it has many, but for what the comments name.
#include <cstdint>
#include <vector>

#include "backends/cuda/droppos/embedding_drop_launch.h"
#include "backends/cuda/droppos/mask_sample_launch.h"
#include "backends/cuda/droppos/pixel_loss_launch.h"
#include "backends/cuda/droppos/position_weights_launch.h"
#include "backends/cuda/droppos/random_order_launch.h"
#include "backends/cuda/droppos/restore_rows_launch.h"
#include "backends/cuda/droppos/smoothed_position_ce_launch.h"
#include "backends/cuda/sum_rows_launch.h"
#include "graph/runtime/fault.h"
#include "gtest/gtest.h"
#include "tests/backends/cuda/kernel_testing.h"
#include "tests/backends/cuda/traffic_testing.h"

namespace backends::cuda {
namespace {

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
  ASSERT_EQ(recorder.launches().size(), 2u);
  // The class token for every fourth patch, from the cache.
  ExpectLoads(recorder.launches()[0], batch * (patches + patches / 4) * dim * 4, 0, 0);
  ExpectStores(recorder.launches()[0], 0, batch * patches, batch * patches * 4);
}

TEST(Traffic, PixelLoss) {
  const uint64_t patch_bytes = 16 * 16 * 3 * 4, patches = 4, masked = 3;
  const DeviceArray<float> pred(Normal<float>(patches * patch_bytes / 4, 1), "pred"),
      images(Normal<float>(3 * 32 * 32, 2), "images"), loss(1, "loss"), per_image(1, "per_image"),
      dloss(std::vector<float>{1}, "dloss");
  const DeviceArray<uint8_t> mask({1, 1, 0, 1}, "mask");
  const DeviceArray<double> scratch(2, "scratch");
  droppos::PixelLossArgs args = {pred.data(), images.data(), mask.data(), scratch.data(), 1, 32, 32,
                                 16,          false,         1e-6};
  for (const bool normalise : {false, true}) {
    args.normalise = normalise;
    // Mean and variance read a patch again from the cache.
    const uint64_t read = masked * patch_bytes * (normalise ? 4 : 2);
    const Recorder recorder;
    ASSERT_EQ(droppos::PixelLoss(args, loss.data(), per_image.data(), nullptr), 0);
    ASSERT_EQ(recorder.launches().size(), 2u);
    ExpectLoads(recorder.launches()[0], read, patches * kLanes, patches * kLanes);
  }
  args.normalise = false;
  const DeviceArray<float> dpred(pred.size(), "dpred");
  const Recorder recorder;
  ASSERT_EQ(droppos::PixelLossGrad(args, dloss.data(), dpred.data(), nullptr), 0);
  ASSERT_EQ(recorder.launches().size(), 2u);
  // The mask of all patches; dloss and the number of hidden ones by those.
  ExpectLoads(recorder.launches()[1], masked * patch_bytes * 2, (patches + 2 * masked) * kLanes,
              (patches + (4 + 8) * masked) * kLanes);
  ExpectStores(recorder.launches()[1], patches * patch_bytes, 0, 0);
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
  const droppos::SmoothedPositionCEInputs in = {logits.data(),    ids.data(), mask.data(),
                                                sigma.data(),     nullptr,    scratch.data(),
                                                {fault.data(), 0}};
  const Recorder recorder;
  ASSERT_EQ(droppos::SmoothedPositionCEGrad(shape, in, dloss.data(), dlogits.data(), nullptr), 0);
  ASSERT_EQ(recorder.launches().size(), 4u);
  ExpectStores(recorder.launches()[3], logits.size() * 4, 0, 0);
}

TEST(Traffic, TokenRows) {
  const DeviceArray<int32_t> ids({4, 1, 7, 0, 2, 5}, "ids"), rows(8, "rows");
  const Recorder recorder(ids, rows);
  ASSERT_EQ(droppos::TokenRows(ids.data(), 2, 3, rows.data(), nullptr), 0);
  recorder.ExpectRead(ids, 4);
  recorder.ExpectWritten(rows, 4);
}

// Noise is read once; keys are read again from the cache for each number.
TEST(Traffic, MaskSampleAndRandomOrder) {
  const int batch = 2, patches = 40, visible = 10, kept = 4;
  const DeviceArray<float> noise_patch(Normal<float>(batch * patches, 1), "noise_patch"),
      noise_pos(Normal<float>(batch * visible, 2), "noise_pos");
  const DeviceArray<int32_t> ids_keep(batch * visible, "ids_keep"),
      ids_restore(batch * patches, "ids_restore"),
      ids_dropped(batch * (visible - kept), "ids_dropped"), order(batch * patches, "order"),
      inverse(batch * patches, "inverse");
  const DeviceArray<uint8_t> mask(batch * patches, "mask"), mask_pos(batch * visible, "mask_pos");
  const Recorder recorder(noise_patch, noise_pos, ids_keep, ids_restore, ids_dropped, order,
                          inverse, mask, mask_pos);
  ASSERT_EQ(droppos::MaskSample({nullptr, noise_patch.data(), noise_pos.data(), batch, patches,
                                 visible, kept, ids_keep.data(), mask.data(), ids_restore.data(),
                                 mask_pos.data(), ids_dropped.data()},
                                nullptr),
            0);
  recorder.ExpectRead(noise_patch, 4);
  recorder.ExpectRead(noise_pos, 4);
  recorder.ExpectWritten(ids_keep, 4);
  recorder.ExpectWritten(ids_restore, 4);
  recorder.ExpectWritten(ids_dropped, 4);
  recorder.ExpectWritten(mask, 1);
  recorder.ExpectWritten(mask_pos, 1);
  ASSERT_EQ(
      droppos::RandomOrder(
          {nullptr, noise_patch.data(), 0, batch, patches, order.data(), inverse.data()}, nullptr),
      0);
  recorder.ExpectRead(noise_patch, 4, 2);
  recorder.ExpectWritten(order, 4);
  recorder.ExpectWritten(inverse, 4);
}

TEST(Traffic, EmbeddingDrop) {
  const int images = 2, visible = 4, positions = 9, cols = 768;
  const DeviceArray<float> tokens(Normal<float>(images * visible * cols, 1), "tokens"),
      table(Normal<float>(positions * cols, 2), "table"),
      mask_token(Normal<float>(cols, 3), "mask_token"), y(images * visible * cols, "y");
  const DeviceArray<int32_t> ids({4, 1, 7, 0, 2, 5, 8, 3}, "ids");
  const DeviceArray<uint8_t> mask({1, 0, 0, 1, 0, 1, 0, 0}, "mask_pos");
  droppos::EmbeddingDropArgs<float> args = {};
  args.tokens = tokens.data();
  args.table = table.data();
  args.mask_token = mask_token.data();
  args.ids = ids.data();
  args.mask_pos = mask.data();
  args.y = y.data();
  args.images = images;
  args.visible = visible;
  args.positions = positions;
  args.cols = cols;
  const Recorder recorder(tokens, table, mask_token, y);
  ASSERT_EQ(droppos::EmbeddingDrop(args, nullptr), 0);
  recorder.ExpectRead(tokens, 16);
  recorder.ExpectRead(table, 16, 5.0 / positions);  // the rows of positions that are kept
  recorder.ExpectRead(mask_token, 16, 3);           // from the cache
  recorder.ExpectWritten(y, 16);
}

TEST(Traffic, RestoreRows) {
  const int images = 2, visible = 3, patches = 5, cols = 64;
  const DeviceArray<float> x(Normal<float>(images * (1 + visible) * cols, 1), "x"),
      mask_token(Normal<float>(cols, 2), "mask_token"), y(images * (1 + patches) * cols, "y");
  const DeviceArray<int32_t> ids({4, 0, 2, 1, 2, 3}, "ids");
  const DeviceArray<uint8_t> mask({0, 1, 0, 1, 0, 1, 0, 0, 0, 1}, "mask");
  const Recorder recorder(x, mask_token, y);
  ASSERT_EQ(droppos::RestoreRows({x.data(),
                                  mask_token.data(),
                                  ids.data(),
                                  mask.data(),
                                  y.data(),
                                  images,
                                  cols * 4,
                                  1,
                                  visible,
                                  patches,
                                  {}},
                                 nullptr),
            0);
  recorder.ExpectRead(x, 16);
  recorder.ExpectRead(mask_token, 16, 4);  // from the cache
  recorder.ExpectWritten(y, 16);
}

// Rows that the mask leaves out are not read.
TEST(Traffic, MaskedRowSum) {
  const int images = 2, rows = 100, cols = 64;
  std::vector<uint8_t> some(images * rows);
  for (size_t i = 0; i < some.size(); ++i) some[i] = i % 4 == 1;
  const DeviceArray<uint8_t> mask(some, "mask");
  const DeviceArray<float> x(Normal<float>(images * (1 + rows) * cols, 1), "x"), y(cols, "y");
  const DeviceArray<double> scratch(MaskedRowSumScratch<float>(images, rows, cols) / 8, "scratch");
  ASSERT_GT(scratch.size(), 0u);
  const Recorder recorder(x, y, scratch);
  ASSERT_EQ(MaskedRowSum<float>(
                {x.data(), mask.data(), y.data(), scratch.data(), images, 1, rows, cols}, nullptr),
            0);
  recorder.ExpectRead(x, 16, 50.0 / (images * (1 + rows)));
  recorder.ExpectPassedOn(scratch, 8, 16);
  recorder.ExpectWritten(y, 4);
}

}  // namespace
}  // namespace backends::cuda
