// Tensors of more than 2^31 elements, as 4096 images have, in kernels of which the last blocks
// alone are run: an index that does not fit its type is an access out of bounds, or at a place that
// nobody has written.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

#include "backends/cuda/adamw_launch.h"
#include "backends/cuda/add_layer_norm_launch.h"
#include "backends/cuda/attention_launch.h"
#include "backends/cuda/droppos/embedding_drop_launch.h"
#include "backends/cuda/droppos/pixel_loss_launch.h"
#include "backends/cuda/droppos/position_weights_launch.h"
#include "backends/cuda/droppos/restore_rows_launch.h"
#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/grad_norm_launch.h"
#include "backends/cuda/lars_launch.h"
#include "backends/cuda/layer_norm_launch.h"
#include "backends/cuda/mean_rows_launch.h"
#include "backends/cuda/mix_images_launch.h"
#include "backends/cuda/product_launch.h"
#include "backends/cuda/row_copy_launch.h"
#include "backends/cuda/sum_rows_launch.h"
#include "tests/simt/device_array.h"

namespace backends::cuda {
namespace {

constexpr int64_t kTokens = 197, kCols = 3072, kImages = 4096, kRows = kImages * kTokens;
constexpr int64_t kElements = kRows * kCols;
static_assert(kElements > int64_t{1} << 31, "what no int holds");
constexpr int kLast = 8;  // blocks that run

// A tensor of which only the last elements are used, so that the others take no memory.
template <typename T>
class Large {
 public:
  // As an input: the last `known` elements are zero.
  explicit Large(int64_t count, int64_t known = 0)
      : array_(static_cast<size_t>(count), known > 0 ? "an input" : "a result") {
    Use(known, /*write=*/true);
  }
  T* data() const { return array_.data(); }

  // A Finding unless the last elements have been written.
  void ExpectWritten(int64_t count = 4) const { Use(count, /*write=*/false); }

 private:
  void Use(int64_t count, bool write) const {
    const int64_t last = std::min(count, static_cast<int64_t>(array_.size()));
    T* const from = array_.data() + array_.size() - last;
    const simt::DeviceAccess access;
    simt::BeginOperation("the host", 0, {});
    simt::Touch(from, last * sizeof(T), write);
    if (write) std::fill(from, from + last, T());
  }

  simt::DeviceArray<T> array_;
};

class LargeTensors : public testing::Test {
 protected:
  LargeTensors() { simt::RunLastBlocks(kLast); }
  ~LargeTensors() override { simt::RunLastBlocks(0); }
};

TEST_F(LargeTensors, Elementwise) {
  const int64_t known = 1 << 16;
  const Large<float> x(kElements, known), y(kElements), sum(kElements), bias(kCols, kCols);
  const Large<BFloat16> h(kElements, known), dh(kElements);
  EXPECT_EQ(Gelu(x.data(), y.data(), kElements, nullptr), 0);
  y.ExpectWritten();
  EXPECT_EQ(GeluGrad(h.data(), h.data(), dh.data(), kElements, nullptr), 0);
  dh.ExpectWritten();
  EXPECT_EQ(Add(x.data(), h.data(), sum.data(), kElements, nullptr), 0);
  sum.ExpectWritten();
  EXPECT_EQ(BiasAdd(x.data(), bias.data(), kCols, sum.data(), kElements, nullptr), 0);
  const Large<float> scales(kImages, kImages), scaled(kElements);
  EXPECT_EQ(
      ScaleImages(x.data(), scales.data(), kElements / kImages, scaled.data(), kElements, nullptr),
      0);
  scaled.ExpectWritten();
  EXPECT_EQ(Fill(PatternOf(0.0f), y.data(), kElements * 4, nullptr), 0);
}

TEST_F(LargeTensors, Norms) {
  constexpr int kWide = 1280;
  const int64_t rows = kElements / kWide, known = 64 * kWide;
  const Large<float> a(rows * kWide, known), gamma(kWide, kWide), sum(rows * kWide), mean(rows),
      variance(rows);
  const Large<BFloat16> y(rows * kWide);
  EXPECT_EQ(AddLayerNorm(
                AddLayerNormArgs<float, float, BFloat16>{
                    a.data(), a.data(), gamma.data(), gamma.data(), sum.data(), y.data(),
                    mean.data(), variance.data(), rows, kWide, 1e-6f},
                nullptr),
            0);
  sum.ExpectWritten();
  y.ExpectWritten();
  variance.ExpectWritten();
  EXPECT_EQ(
      LayerNorm(LayerNormArgs<float, BFloat16>{a.data(), gamma.data(), gamma.data(), y.data(),
                                               mean.data(), variance.data(), rows, kWide, 1e-6f},
                nullptr),
      0);
  // Of no width that is compiled in.
  const int64_t odd = kElements / (kWide + 1);
  const Large<float> z(odd * (kWide + 1), known), wide(kWide + 1, kWide + 1);
  const Large<float> result(odd * (kWide + 1)), moments(odd);
  EXPECT_EQ(
      LayerNorm(LayerNormArgs<float, float>{z.data(), wide.data(), wide.data(), result.data(),
                                            moments.data(), mean.data(), odd, kWide + 1, 1e-6f},
                nullptr),
      0);
  result.ExpectWritten();
  moments.ExpectWritten();
}

// One block of so many rows that it takes a second.
TEST_F(LargeTensors, LayerNormGrad) {
  simt::RunLastBlocks(1);
  constexpr int kWide = 1280;
  const int64_t rows = kElements / kWide, of_block = rows / 200;
  const Large<float> x(rows * kWide, of_block * kWide), gamma(kWide, kWide), mean(rows, of_block),
      dx(rows * kWide), sums(kWide), scratch(LayerNormGradScratch(rows, kWide), 1 << 20);
  EXPECT_EQ(LayerNormGrad(
                LayerNormGradArgs<float, float>{x.data(), gamma.data(), mean.data(), mean.data(),
                                                x.data(), nullptr, dx.data(), sums.data(),
                                                sums.data(), scratch.data(), rows, kWide, 1e-6f},
                nullptr),
            0);
  dx.ExpectWritten();
}

TEST_F(LargeTensors, RowCopies) {
  const int tokens = kTokens, picked = kTokens - 1;
  const int64_t row_bytes = kCols * 4, known = 8 * kTokens * kCols;
  const Large<float> x(kElements, known), y(kElements);
  const Large<int32_t> ids(kImages * picked, 8 * picked);
  EXPECT_EQ(
      GatherRows({x.data(), ids.data(), y.data(), kImages, row_bytes, 1, tokens - 1, picked, {}},
                 nullptr),
      0);
  y.ExpectWritten();
  const Large<float> scattered(kElements), shifted(kElements), restored(kElements);
  EXPECT_EQ(ScatterRows<float>({x.data(),
                                ids.data(),
                                scattered.data(),
                                kImages,
                                picked,
                                tokens,
                                static_cast<int>(kCols),
                                {}},
                               nullptr),
            0);
  scattered.ExpectWritten();
  EXPECT_EQ(ShiftRows({x.data(), nullptr, shifted.data(), kImages, row_bytes, tokens, tokens, -1},
                      nullptr),
            0);
  shifted.ExpectWritten();
  const Large<uint8_t> mask(kImages * (tokens - 1), 8 * tokens);
  EXPECT_EQ(droppos::RestoreRows({x.data(),
                                  x.data(),
                                  ids.data(),
                                  mask.data(),
                                  restored.data(),
                                  kImages,
                                  row_bytes,
                                  1,
                                  picked,
                                  tokens - 1,
                                  {}},
                                 nullptr),
            0);
  restored.ExpectWritten();
}

TEST_F(LargeTensors, PixelsOfManyImages) {
  const int64_t images = 16384, pixels = images * 3 * 224 * 224, patches = images * 196;
  ASSERT_GT(pixels, int64_t{1} << 31);
  const Large<float> x(pixels, 4 * 3 * 224 * 224), y(pixels), loss(1, 1);
  EXPECT_EQ(Patchify({x.data(), y.data(), images, 3, 224, 224, 16, 4}, nullptr), 0);
  y.ExpectWritten();
  const Large<int32_t> mode(images / 2, 1), box(4);
  const Large<float> lam(images / 2, 1), mixed(pixels);
  EXPECT_EQ(MixImages({x.data(),
                       mode.data(),
                       lam.data(),
                       box.data(),
                       mixed.data(),
                       images / 2,
                       2,
                       3,
                       224,
                       224,
                       {}},
                      nullptr),
            0);
  mixed.ExpectWritten();
  const Large<uint8_t> mask(patches, patches);
  const Large<double> scratch(1);
  const Large<float> dpred(pixels);
  const droppos::PixelLossArgs args = {
      x.data(), x.data(), mask.data(), scratch.data(), static_cast<int>(images),
      224,      224,      16,          true,           1e-6};
  EXPECT_EQ(droppos::PixelLossGrad(args, loss.data(), dpred.data(), nullptr), 0);
  dpred.ExpectWritten();
}

TEST_F(LargeTensors, MeanRows) {
  const Large<float> x(kElements, kTokens * kCols), y(kImages * kCols), dx(kElements),
      dy(kImages * kCols, kCols);
  const MeanRange range = {kTokens, 1, kTokens - 1};
  EXPECT_EQ(MeanRows<float>({x.data(), y.data(), kImages, kCols, range}, nullptr), 0);
  y.ExpectWritten();
  EXPECT_EQ(MeanRowsGrad({dy.data(), dx.data(), kImages, kCols, range}, nullptr), 0);
  dx.ExpectWritten();
}

TEST_F(LargeTensors, Embeddings) {
  const Large<float> tokens(kElements, 8 * kTokens * kCols), table(kTokens * kCols, 4 * kCols),
      y(kElements);
  const Large<int32_t> ids(kRows, 8 * kTokens);
  const Large<uint8_t> mask(kRows, 8 * kTokens);
  droppos::EmbeddingDropArgs<float> args = {};
  args.tokens = tokens.data();
  args.table = table.data() + (kTokens - 4) * kCols;  // of which row 0 is asked for
  args.ids = ids.data();
  args.mask_pos = mask.data();
  args.y = y.data();
  args.images = kImages;
  args.visible = kTokens;
  args.positions = 4;
  args.cols = kCols;
  EXPECT_EQ(droppos::EmbeddingDrop(args, nullptr), 0);
  y.ExpectWritten();

  const int images = kImages * 4, dim = 768;
  const Large<float> features(int64_t{images} * kTokens * dim, 4 * kTokens * dim),
      full(int64_t{images} * (kTokens - 1), 8 * kTokens);
  droppos::PositionWeightsArgs weights = {};
  weights.features = features.data();
  weights.batch = images;
  weights.patches = kTokens - 1;
  weights.dim = dim;
  weights.tau = weights.min_norm = 1;
  weights.full = full.data();
  EXPECT_EQ(droppos::PositionWeights(weights, nullptr), 0);
}

TEST_F(LargeTensors, Attention) {
  const int heads = 16, tokens = kTokens, images = kImages, width = heads * 64;
  const int64_t rows = int64_t{images} * tokens;
  const Large<BFloat16> qkv(rows * 3 * width, 2 * tokens * 3 * width), y(rows * width);
  const Large<float> lse(rows * heads);
  EXPECT_EQ(
      Attention({qkv.data(), nullptr, y.data(), lse.data(), images, tokens, tokens, heads, 64, {}},
                nullptr),
      0);
  y.ExpectWritten();
  lse.ExpectWritten();
  const Large<BFloat16> plain(rows * width), dqkv(rows * 3 * width);
  EXPECT_EQ(
      PlainAttention(
          AttentionArgs<BFloat16>{
              qkv.data(), nullptr, plain.data(), lse.data(), images, tokens, tokens, heads, 64, {}},
          nullptr),
      0);
  plain.ExpectWritten();
  // The gradients, of images cut into four.
  const int fewer = 50, more = images * 4;
  const int64_t all = int64_t{more} * fewer, known = 2 * fewer * 3 * width;
  ASSERT_GT(all * 3 * width, int64_t{1} << 31);
  const Large<BFloat16> x(all * 3 * width, known), dy(all * width, known), dx(all * 3 * width);
  const Large<float> sums(all * heads, 2 * fewer * heads), scratch(all * heads, 2 * fewer * heads);
  EXPECT_EQ(AttentionGrad({x.data(), dy.data(), sums.data(), dy.data(), dx.data(), nullptr, more,
                           fewer, heads, 64},
                          nullptr),
            0);
  dx.ExpectWritten();
  const Large<BFloat16> by_tiles(all * 3 * width);
  EXPECT_EQ(PlainAttentionGrad(AttentionGradArgs<BFloat16>{x.data(), dy.data(), sums.data(),
                                                           dy.data(), by_tiles.data(),
                                                           scratch.data(), more, fewer, heads, 64},
                               nullptr),
            0);
  by_tiles.ExpectWritten();
}

TEST_F(LargeTensors, SumsAndUpdates) {
  const int64_t known = 1 << 18;
  const Large<float> w(kElements, known), m(kElements, known), v(kElements, known), one(2, 2),
      norm(1);
  const Large<int32_t> step(1, 1);
  const Large<double> corrections(kAdamWScratch);
  const AdamWTensor tensor = {w.data(), w.data(),  m.data(), v.data(), w.data(), m.data(),
                              v.data(), kElements, 0,        1.0f,     0.0f};
  EXPECT_EQ(AdamW({&tensor, 1, one.data(), one.data(), step.data(), 0.9f, 0.95f, 1e-8f,
                   corrections.data()},
                  nullptr),
            0);
  const int64_t squares = LarsScratch(kElements);
  const Large<double> lars_scratch(squares, squares);
  const LarsTensor adapted = {w.data(), w.data(),  m.data(), w.data(), m.data(),
                              kElements, 0,         1.0f,     0.0f,     true};
  EXPECT_EQ(Lars({&adapted, 1, one.data(), one.data(), 0.9f, 0.001f, lars_scratch.data()}, nullptr),
            0);
  const int64_t parts = GradNormParts(kElements);
  const Large<double> scratch(parts, parts);
  const GradNormTensor gradient = {w.data(), norm.data(), kElements};
  EXPECT_EQ(GradNorm(&gradient, 1, scratch.data(), nullptr), 0);
  norm.ExpectWritten();

  const Large<float> product(kElements, known), bias(kCols, kCols), y(kElements);
  ProductEpilogueArgs<float, float> epilogue = {};
  epilogue.product = product.data();
  epilogue.bias = bias.data();
  epilogue.y = y.data();
  epilogue.rows = kRows;
  epilogue.cols = kCols;
  EXPECT_EQ(ProductEpilogue(epilogue, nullptr), 0);
  y.ExpectWritten();
}

TEST_F(LargeTensors, SumRows) {
  simt::RunLastBlocks(1);
  const int64_t rows_of_part = kRows / 80, floats = SumRowsScratch<BFloat16>(kRows, kCols) / 4;
  const Large<BFloat16> x(kElements, rows_of_part * kCols);
  const Large<float> y(kCols), scratch(floats, floats);
  EXPECT_EQ(SumRows<BFloat16>({x.data(), y.data(), scratch.data(), kRows, kCols}, nullptr), 0);
  y.ExpectWritten();
}

}  // namespace
}  // namespace backends::cuda
