// What kernels move in global memory, to the byte: each tensor once, in vectors of 16 bytes (of 8
// where bf16 goes beside float), but for what the comments name. Attention's and products' tests
// count theirs.
#include <cmath>
#include <cstdint>
#include <vector>

#include "backends/cuda/adamw_launch.h"
#include "backends/cuda/add_layer_norm_launch.h"
#include "backends/cuda/batch_norm_launch.h"
#include "backends/cuda/drop_path_scales_launch.h"
#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/grad_norm_launch.h"
#include "backends/cuda/lars_launch.h"
#include "backends/cuda/layer_norm_launch.h"
#include "backends/cuda/mean_rows_launch.h"
#include "backends/cuda/mix_images_launch.h"
#include "backends/cuda/resize_rows_launch.h"
#include "backends/cuda/row_copy_launch.h"
#include "backends/cuda/softmax_cross_entropy_launch.h"
#include "backends/cuda/sum_rows_launch.h"
#include "backends/cuda/topk_correct_launch.h"
#include "gtest/gtest.h"
#include "tests/backends/cuda/kernel_testing.h"
#include "tests/backends/cuda/traffic_testing.h"

namespace backends::cuda {
namespace {

TEST(Traffic, LayerNorm) {
  const int64_t rows = 8;
  const int cols = 768;
  const DeviceArray<float> a(Normal<float>(rows * cols, 1), "a"),
      gamma(Normal<float>(cols, 2), "gamma"), beta(Normal<float>(cols, 3), "beta"),
      mean(rows, "mean"), variance(rows, "variance"), sum(rows * cols, "sum"),
      scales(std::vector<float>{1, 2}, "scales");
  const DeviceArray<BFloat16> b(Normal<BFloat16>(rows * cols, 4), "b"), y(rows * cols, "y"),
      z(rows * cols, "z");
  const Recorder recorder(a, b, gamma, beta, mean, variance, sum, scales, y, z);
  ASSERT_EQ(
      LayerNorm(LayerNormArgs<float, BFloat16>{a.data(), gamma.data(), beta.data(), y.data(),
                                               mean.data(), variance.data(), rows, cols, 1e-6f},
                nullptr),
      0);
  recorder.ExpectRead(a, 16);
  recorder.ExpectRead(gamma, 16, rows);  // from the cache
  recorder.ExpectRead(beta, 16, rows);
  recorder.ExpectWritten(mean, 4);
  recorder.ExpectWritten(variance, 4);
  recorder.ExpectWritten(y, 8);
  ASSERT_EQ(AddLayerNorm(
                AddLayerNormArgs<float, BFloat16, BFloat16>{
                    a.data(), b.data(), gamma.data(), beta.data(), sum.data(), z.data(),
                    mean.data(), variance.data(), rows, cols, 1e-6f, scales.data(), rows / 2},
                nullptr),
            0);
  recorder.ExpectRead(a, 16, 2);
  recorder.ExpectRead(b, 8);
  recorder.ExpectRead(scales, 4, kLanes * rows / 2);  // from the cache
  recorder.ExpectWritten(sum, 16);
  recorder.ExpectWritten(z, 8);
}

TEST(Traffic, LayerNormGrad) {
  const int64_t rows = 40, cols = 768, warps = 40;  // a row each
  const DeviceArray<float> x(Normal<float>(rows * cols, 1), "x"),
      gamma(Normal<float>(cols, 2), "gamma"), mean(Normal<float>(rows, 3), "mean"),
      variance(std::vector<float>(rows, 1.0f), "variance"),
      skip(Normal<float>(rows * cols, 5), "skip"), dx(rows * cols, "dx"), dgamma(cols, "dgamma"),
      dbeta(cols, "dbeta"), scratch(LayerNormGradScratch(rows, cols), "scratch");
  const DeviceArray<BFloat16> dy(Normal<BFloat16>(rows * cols, 4), "dy");
  const Recorder recorder(x, gamma, mean, variance, dy, skip, dx, dgamma, dbeta, scratch);
  ASSERT_EQ(LayerNormGrad(
                LayerNormGradArgs<float, BFloat16>{
                    x.data(), gamma.data(), mean.data(), variance.data(), dy.data(), skip.data(),
                    dx.data(), dgamma.data(), dbeta.data(), scratch.data(), rows, cols, 1e-6f},
                nullptr),
            0);
  recorder.ExpectRead(x, 16);
  recorder.ExpectRead(dy, 8);
  recorder.ExpectRead(skip, 16);
  recorder.ExpectRead(gamma, 16, warps);  // from the cache
  recorder.ExpectRead(mean, 4, kLanes);
  recorder.ExpectRead(variance, 4, kLanes);
  recorder.ExpectWritten(dx, 16);
  recorder.ExpectPassedOn(scratch, 4, 16);
  recorder.ExpectWritten(dgamma, 4);
  recorder.ExpectWritten(dbeta, 4);
}

// Two pieces, and a tensor that is less than one.
TEST(Traffic, AdamW) {
  const int64_t sizes[] = {8192, 1000};
  const uint64_t pieces = 3, elements = 9192;
  const DeviceArray<float> lr(std::vector<float>{1e-3f}, "lr"),
      factors(std::vector<float>{1, NAN}, "factors");
  const DeviceArray<int32_t> step(std::vector<int32_t>{1}, "step");
  const DeviceArray<double> scratch(kAdamWScratch, "scratch");
  const DeviceArray<float> w(Normal<float>(elements, 1), "w"), g(Normal<float>(elements, 2), "g"),
      m(std::vector<float>(elements), "m"), v(std::vector<float>(elements), "v");
  std::vector<AdamWTensor> tensors;
  int64_t at = 0;
  for (const int64_t size : sizes) {
    float* const of[] = {w.data() + at, m.data() + at, v.data() + at};
    tensors.push_back(
        {of[0], g.data() + at, of[1], of[2], of[0], of[1], of[2], size, 0, 1.0f, 0.05f});
    at += size;
  }
  const auto run = [&] {
    return AdamW({tensors.data(), 2, lr.data(), factors.data(), step.data(), 0.9f, 0.95f, 1e-8f,
                  scratch.data()},
                 nullptr);
  };
  {
    const Recorder recorder;
    ASSERT_EQ(run(), 0);
    ASSERT_EQ(recorder.launches().size(), 2u);
    // A block reads the learning rate, its factor and two corrections in double.
    ExpectLoads(recorder.launches()[1], 4 * 4 * elements, 4 * pieces, (4 + 4 + 16) * pieces);
    ExpectStores(recorder.launches()[1], 3 * 4 * elements, 0, 0);
  }
  // A step that is not applied moves no tensor.
  for (AdamWTensor& tensor : tensors) tensor.factor = 1;
  const Recorder recorder;
  ASSERT_EQ(run(), 0);
  ExpectLoads(recorder.launches()[1], 0, 4 * pieces, (4 + 4 + 16) * pieces);
  ExpectStores(recorder.launches()[1], 0, 0, 0);
}

// Two pieces of a matrix, and a bias that is less than one.
TEST(Traffic, Lars) {
  const DeviceArray<float> lr(std::vector<float>{1e-3f}, "lr"),
      factors(std::vector<float>{1, NAN}, "factors");
  const DeviceArray<float> w(Normal<float>(8192, 1), "w"), g(Normal<float>(8192, 2), "g"),
      m(std::vector<float>(8192), "m"), new_w(8192, "new_w"), new_m(8192, "new_m");
  const DeviceArray<float> bias(Normal<float>(1000, 3), "bias"), bias_g(Normal<float>(1000, 4), "g"),
      bias_m(std::vector<float>(1000), "bias_m"), new_bias(1000, "new_bias"),
      new_bias_m(1000, "new_bias_m");
  const DeviceArray<double> scratch(LarsScratch(8192) + LarsScratch(1000), "scratch");
  std::vector<LarsTensor> tensors = {
      {w.data(), g.data(), m.data(), new_w.data(), new_m.data(), 8192, 0, 1.0f, 0.0f, true},
      {bias.data(), bias_g.data(), bias_m.data(), new_bias.data(), new_bias_m.data(), 1000, 0, 1.0f,
       0.0f, false}};
  const auto run = [&] {
    return Lars({tensors.data(), 2, lr.data(), factors.data(), 0.9f, 0.001f, scratch.data()},
                nullptr);
  };
  {
    const Recorder recorder(w, g, m, new_w, new_m, bias, bias_g, bias_m, new_bias, new_bias_m);
    ASSERT_EQ(run(), 0);
    recorder.ExpectRead(w, 16, 2);
    recorder.ExpectRead(g, 16, 2);
    recorder.ExpectRead(m, 16);
    recorder.ExpectWritten(new_w, 16);
    recorder.ExpectWritten(new_m, 16);
    recorder.ExpectRead(bias, 16);  // which has no norm
    recorder.ExpectRead(bias_g, 16);
    recorder.ExpectRead(bias_m, 16);
    recorder.ExpectWritten(new_bias, 16);
    recorder.ExpectWritten(new_bias_m, 16);
  }
  // A step that is not applied moves no tensor.
  for (LarsTensor& tensor : tensors) {
    tensor.factor = 1;
    tensor.new_w = const_cast<float*>(tensor.w);
    tensor.new_m = const_cast<float*>(tensor.m);
  }
  const Recorder recorder;
  ASSERT_EQ(run(), 0);
  ASSERT_EQ(recorder.launches().size(), 3u);
  for (const int launch : {0, 2}) {
    // A thread reads its factor.
    ExpectLoads(recorder.launches()[launch], 0, 3 * 256, 4 * 3 * 256);
    ExpectStores(recorder.launches()[launch], 0, 0, 0);
  }
  ExpectLoads(recorder.launches()[1], 0, 32, 4 * 32);
  ExpectStores(recorder.launches()[1], 0, 0, 0);
}

// A warp reads 32 columns of a row, 128 bytes, and a thread one of them.
TEST(Traffic, BatchNorm) {
  const int64_t rows = 20;
  const int cols = 70;
  const DeviceArray<float> x(Normal<float>(rows * cols, 1), "x"),
      running_mean(Normal<float>(cols, 2), "running_mean"),
      running_var(std::vector<float>(cols, 1.0f), "running_var"), y(rows * cols, "y"),
      rstd(cols, "rstd"), new_mean(cols, "new_mean"), new_var(cols, "new_var");
  {
    const Recorder recorder(x, running_mean, running_var, y, rstd, new_mean, new_var);
    ASSERT_EQ(BatchNorm({x.data(), running_mean.data(), running_var.data(), y.data(), rstd.data(),
                         new_mean.data(), new_var.data(), rows, cols, 1e-6f, 0.1f},
                        nullptr),
              0);
    recorder.ExpectRead(x, 4, 3);  // for the mean, the variance and y
    recorder.ExpectRead(running_mean, 4);
    recorder.ExpectRead(running_var, 4);
    for (const auto* written : {&y, &rstd, &new_mean, &new_var}) {
      recorder.ExpectWritten(*written, 4);
    }
  }
  const DeviceArray<float> dy(Normal<float>(rows * cols, 3), "dy"), dx(rows * cols, "dx");
  const double warps = 8;  // each of which reads the statistics of its columns
  {
    const Recorder recorder(y, rstd, dy, dx);
    ASSERT_EQ(BatchNormGrad({y.data(), rstd.data(), dy.data(), dx.data(), rows, cols}, nullptr), 0);
    recorder.ExpectRead(y, 4, 2);
    recorder.ExpectRead(dy, 4, 2);
    recorder.ExpectRead(rstd, 4, warps);
    recorder.ExpectWritten(dx, 4);
  }
  const DeviceArray<float> out(rows * cols, "out");
  const Recorder recorder(x, running_mean, running_var, out);
  ASSERT_EQ(BatchNormInference({x.data(), running_mean.data(), running_var.data(), out.data(), rows,
                                cols, 1e-6f},
                               nullptr),
            0);
  recorder.ExpectRead(x, 4);
  recorder.ExpectRead(running_mean, 4, warps);
  recorder.ExpectRead(running_var, 4, warps);
  recorder.ExpectWritten(out, 4);
}

TEST(Traffic, GradNorm) {
  const DeviceArray<float> a(Normal<float>(20000, 1), "a"), b(Normal<float>(300, 2), "b"),
      norms(2, "norms");
  const GradNormTensor tensors[] = {{a.data(), norms.data(), 20000},
                                    {b.data(), norms.data() + 1, 300}};
  const DeviceArray<double> scratch(GradNormParts(20000) + GradNormParts(300), "scratch");
  const Recorder recorder(a, b, norms, scratch);
  ASSERT_EQ(GradNorm(tensors, 2, scratch.data(), nullptr), 0);
  recorder.ExpectRead(a, 16);
  recorder.ExpectRead(b, 16);
  recorder.ExpectPassedOn(scratch, 8, 8);
  recorder.ExpectWritten(norms, 4);
}

TEST(Traffic, Elementwise) {
  const int64_t n = 6144, suffix = 48;
  const DeviceArray<float> x(Normal<float>(n, 1), "x"), y(n, "y"), sum(n, "sum"),
      biased(n, "biased"), filled(n, "filled"), scaled(n, "scaled"),
      bias(Normal<float>(suffix, 3), "bias");
  const DeviceArray<BFloat16> h(Normal<BFloat16>(n, 2), "h"), dy(Normal<BFloat16>(n, 4), "dy"),
      dh(n, "dh"), cast(n, "cast");
  {
    const Recorder recorder(x, h, sum, biased, bias, cast);
    ASSERT_EQ(Add(x.data(), h.data(), sum.data(), n, nullptr), 0);
    recorder.ExpectRead(x, 16);
    recorder.ExpectRead(h, 8);
    recorder.ExpectWritten(sum, 16);
    ASSERT_EQ(BiasAdd(x.data(), bias.data(), suffix, biased.data(), n, nullptr), 0);
    recorder.ExpectRead(bias, 16, n / suffix);  // from the cache
    recorder.ExpectWritten(biased, 16);
    ASSERT_EQ(Cast(x.data(), cast.data(), n, nullptr), 0);
    recorder.ExpectRead(x, 16, 3);
    recorder.ExpectWritten(cast, 8);
  }
  const Recorder recorder(x, h, y, dy, dh, filled, scaled);
  ASSERT_EQ(Gelu(x.data(), y.data(), n, nullptr), 0);
  recorder.ExpectRead(x, 16);
  recorder.ExpectWritten(y, 16);
  ASSERT_EQ(GeluGrad(h.data(), dy.data(), dh.data(), n, nullptr), 0);
  recorder.ExpectRead(h, 16);
  recorder.ExpectRead(dy, 16);
  recorder.ExpectWritten(dh, 16);
  ASSERT_EQ(Fill(PatternOf(1.0f), filled.data(), n * 4, nullptr), 0);
  recorder.ExpectWritten(filled, 16);
  ASSERT_EQ(Scale(x.data(), 2.0f, nullptr, scaled.data(), n, nullptr), 0);
  recorder.ExpectRead(x, 16, 2);
  recorder.ExpectWritten(scaled, 16);
}

TEST(Traffic, ScaleImages) {
  const int64_t n = 6144, images = 2;
  const DeviceArray<float> x(Normal<float>(n, 1), "x"),
      scales(std::vector<float>{0, 1.25f}, "scales");
  const DeviceArray<BFloat16> cast(n, "cast"), scaled(n, "scaled");
  const Recorder recorder(x, scales, cast, scaled);
  ASSERT_EQ(ScaleImages(x.data(), scales.data(), n / images, cast.data(), n, nullptr), 0);
  recorder.ExpectRead(x, 16);
  recorder.ExpectRead(scales, 4, n / 4 / 2);  // by each vector, from the cache
  recorder.ExpectWritten(cast, 8);
  ASSERT_EQ(ScaleImages<BFloat16>(cast.data(), scales.data(), n / images, scaled.data(), n, nullptr),
            0);
  recorder.ExpectWritten(scaled, 16);
}

TEST(Traffic, DropPathScales) {
  const DeviceArray<int64_t> keys({1, 2, 3, 4, 5}, "keys");
  const DeviceArray<float> scales(10, "scales");
  const float rates[] = {0.1f, 0.2f};
  const Recorder recorder(keys, scales);
  ASSERT_EQ(DropPathScales({keys.data(), rates, 11, 2, 5, scales.data()}, nullptr), 0);
  recorder.ExpectRead(keys, 8, 2);  // for each branch
  recorder.ExpectWritten(scales, 4);
}

TEST(Traffic, RowCopies) {
  const int images = 2, rows = 6, picked = 3, cols = 256;
  const int64_t row_bytes = cols * 4;
  const DeviceArray<float> x(Normal<float>(images * (1 + rows) * cols, 1), "x"),
      gathered(images * (1 + picked) * cols, "gathered"), shifted(images * rows * cols, "shifted"),
      scattered(images * rows * cols, "scattered"),
      dy(Normal<float>(images * picked * cols, 2), "dy");
  const DeviceArray<int32_t> ids({4, 0, 2, 1, 5, 3}, "ids");
  {
    const Recorder recorder(x, ids, gathered);
    ASSERT_EQ(
        GatherRows({x.data(), ids.data(), gathered.data(), images, row_bytes, 1, rows, picked, {}},
                   nullptr),
        0);
    recorder.ExpectRead(x, 16, (1.0 + picked) / (1 + rows));
    recorder.ExpectRead(ids, 4, kLanes);
    recorder.ExpectWritten(gathered, 16);
  }
  {
    const Recorder recorder(x, shifted);
    ASSERT_EQ(ShiftRows({x.data(), nullptr, shifted.data(), images, row_bytes, 1 + rows, rows, 1},
                        nullptr),
              0);
    recorder.ExpectRead(x, 16, 1.0 * rows / (1 + rows));
    recorder.ExpectWritten(shifted, 16);
  }
  const Recorder recorder(dy, ids, scattered);
  ASSERT_EQ(ScatterRows<float>(
                {dy.data(), ids.data(), scattered.data(), images, picked, rows, cols, {}}, nullptr),
            0);
  recorder.ExpectRead(dy, 16);
  // By each row of y for each 512 columns, and once to be checked: from the cache.
  recorder.ExpectRead(ids, 4, rows + 1);
  recorder.ExpectWritten(scattered, 16);
}

TEST(Traffic, Patchify) {
  const DeviceArray<float> images(Normal<float>(2 * 3 * 32 * 48, 1), "images"),
      y(images.size(), "y");
  const Recorder recorder(images, y);
  ASSERT_EQ(Patchify({images.data(), y.data(), 2, 3, 32, 48, 16, 4}, nullptr), 0);
  recorder.ExpectRead(images, 16);
  recorder.ExpectWritten(y, 16);
}

// The rows of the mean alone are read.
TEST(Traffic, MeanRows) {
  const int images = 3, rows = 9, count = 8, cols = 64;
  const DeviceArray<BFloat16> x(Normal<BFloat16>(images * rows * cols, 1), "x");
  const DeviceArray<float> y(images * cols, "y"), dx(images * rows * cols, "dx");
  {
    const Recorder recorder(x, y);
    ASSERT_EQ(MeanRows<BFloat16>({x.data(), y.data(), images, cols, {rows, 1, count}}, nullptr), 0);
    recorder.ExpectRead(x, 16, 1.0 * count / rows);
    recorder.ExpectWritten(y, 4);
  }
  const Recorder recorder(y, dx);
  ASSERT_EQ(MeanRowsGrad({y.data(), dx.data(), images, cols, {rows, 1, count}}, nullptr), 0);
  recorder.ExpectRead(y, 16, count);  // from the cache
  recorder.ExpectWritten(dx, 16);
}

// Both images of a pair at once.
TEST(Traffic, MixImages) {
  const int groups = 2, group = 4;
  const DeviceArray<float> images(Normal<float>(groups * group * 3 * 8 * 16, 1), "images"),
      lam(std::vector<float>{0.25f, 0.5f}, "lam"), y(images.size(), "y");
  const DeviceArray<int32_t> mode({0, 1}, "mode"), box({0, 0, 0, 0, 2, 5, 3, 11}, "box");
  const Recorder recorder(images, y);
  ASSERT_EQ(MixImages({images.data(),
                       mode.data(),
                       lam.data(),
                       box.data(),
                       y.data(),
                       groups,
                       group,
                       3,
                       8,
                       16,
                       {}},
                      nullptr),
            0);
  recorder.ExpectRead(images, 16);
  recorder.ExpectWritten(y, 16);
}

// In parts, and at once where the columns alone are blocks enough.
TEST(Traffic, SumRows) {
  const int64_t rows = 96, cols = 768;
  const DeviceArray<BFloat16> x(Normal<BFloat16>(rows * cols, 1), "x");
  const DeviceArray<float> y(cols, "y"), z(cols, "z"),
      scratch(SumRowsScratch<BFloat16>(rows, cols) / 4, "scratch");
  ASSERT_GT(scratch.size(), 0u);
  const Recorder recorder(x, y, z, scratch);
  ASSERT_EQ(SumRows<BFloat16>({x.data(), y.data(), scratch.data(), rows, cols}, nullptr), 0);
  recorder.ExpectRead(x, 16);
  recorder.ExpectPassedOn(scratch, 4, 16);
  recorder.ExpectWritten(y, 4);
  ASSERT_EQ(SumRowsScratch<BFloat16>(4, cols), 0u);
  ASSERT_EQ(SumRows<BFloat16>({x.data(), z.data(), nullptr, 4, cols}, nullptr), 0);
  recorder.ExpectRead(x, 16, 1 + 4.0 / rows);
  recorder.ExpectWritten(z, 4);
}

// Cells are read for each of their pixels, from the cache.
TEST(Traffic, ResizeRows) {
  const GridOfRows grid = {2, 3, 2, 24, 8, 33};
  const int64_t numbers = grid.cells() * 33, pixels = 2 * 24 * 8;
  const DeviceArray<float> x(Normal<float>(numbers, 1), "x"), y(pixels * 33, "y"),
      dy(Normal<float>(pixels * 33, 2), "dy"), dx(numbers, "dx");
  const DeviceArray<uint8_t> answers(pixels, "answers");
  const Recorder recorder(x, y, dy, dx, answers);
  ASSERT_EQ(ResizeRows(grid, x.data(), y.data(), nullptr), 0);
  ASSERT_EQ(ResizedArgmax(grid, x.data(), answers.data(), nullptr), 0);
  recorder.ExpectRead(x, 4, 2.0 * 4 * pixels / static_cast<double>(grid.cells()));
  recorder.ExpectWritten(y, 4);
  recorder.ExpectWritten(answers, 1);
  ASSERT_EQ(ResizeRowsGrad(grid, dy.data(), dx.data(), nullptr), 0);
  // Pixels before the centre of the last cell are read by two cells: 20 of 24 lines, 6 of 8
  // columns.
  recorder.ExpectRead(dy, 4, (24.0 + 20) / 24 * (8.0 + 6) / 8);
  recorder.ExpectWritten(dx, 4);
}

// No logit is written, and each cell is read by the four blocks around it.
TEST(Traffic, ResizedCrossEntropy) {
  const GridOfRows grid = {2, 2, 3, 8, 12, 5};
  const int64_t numbers = grid.cells() * 5, pixels = 2 * 8 * 12;
  std::vector<uint8_t> classes(pixels, 3);
  classes[7] = 255;
  const DeviceArray<float> x(Normal<float>(numbers, 1), "x"), loss(1, "loss"),
      dloss(std::vector<float>{1}, "dloss"), dx(numbers, "dx"), given(4 * numbers, "given");
  const DeviceArray<double> parts(2 * grid.cells(), "parts");
  const DeviceArray<uint8_t> labels(classes, "labels");
  const DeviceArray<int32_t> labelled(1, "labelled"), count(std::vector<int32_t>{191}, "count");
  const Recorder recorder(x, labels, loss, labelled, parts, dx, given);
  ASSERT_EQ(
      ResizedCrossEntropy(
          {grid, x.data(), labels.data(), loss.data(), labelled.data(), parts.data(), {}}, nullptr),
      0);
  recorder.ExpectRead(x, 4, 4);
  recorder.ExpectRead(labels, 1);
  recorder.ExpectPassedOn(parts, 8, 8);
  recorder.ExpectWritten(loss, 4);
  recorder.ExpectWritten(labelled, 4);
  ASSERT_EQ(
      ResizedCrossEntropyGrad(
          {grid, x.data(), labels.data(), count.data(), dloss.data(), dx.data(), given.data(), {}},
          nullptr),
      0);
  recorder.ExpectRead(x, 4, 8);
  recorder.ExpectRead(labels, 1, 2);
  recorder.ExpectWritten(dx, 4);
}

// A row is read again from the cache: for the sum, and for what the gradient is made of. Rows of
// any number of classes need not be aligned, so accesses are of one number.
TEST(Traffic, SoftmaxCrossEntropy) {
  const int64_t rows = 8;
  const int classes = 100;
  const DeviceArray<float> logits(Normal<float>(rows * classes, 1), "logits"), loss(1, "loss"),
      scratch(rows, "scratch"), dloss(std::vector<float>{1}, "dloss"),
      dlogits(rows * classes, "dlogits"), scale(1, "scale");
  const DeviceArray<int32_t> labels({1, 50, 99, 0, 2, 3, 4, 5}, "labels"), correct(rows, "correct");
  const Recorder recorder(logits, loss, scratch, correct, dlogits);
  ASSERT_EQ(SoftmaxCrossEntropy({logits.data(),
                                 labels.data(),
                                 loss.data(),
                                 correct.data(),
                                 scratch.data(),
                                 rows,
                                 classes,
                                 {},
                                 {}},
                                nullptr),
            0);
  recorder.ExpectRead(logits, 4, 2 + 1.0 / classes);  // and the label's
  recorder.ExpectPassedOn(scratch, 4, 4);
  recorder.ExpectWritten(correct, 4);
  recorder.ExpectWritten(loss, 4);
  ASSERT_EQ(SoftmaxCrossEntropyGrad({logits.data(),
                                     labels.data(),
                                     dloss.data(),
                                     dlogits.data(),
                                     scale.data(),
                                     rows,
                                     classes,
                                     {},
                                     {}},
                                    nullptr),
            0);
  recorder.ExpectRead(logits, 4, 5 + 1.0 / classes);
  recorder.ExpectWritten(dlogits, 4);
}

// Targets of several classes are no tensor: a row reads its partner's label and logit besides.
TEST(Traffic, SoftmaxCrossEntropyOfMixedRows) {
  const int64_t rows = 8;
  const int classes = 100;
  const DeviceArray<float> logits(Normal<float>(rows * classes, 1), "logits"), loss(1, "loss"),
      scratch(rows, "scratch"), dloss(std::vector<float>{1}, "dloss"),
      dlogits(rows * classes, "dlogits"), scale(1, "scale"),
      lam(std::vector<float>{0.25f, 0.5f}, "lam");
  const DeviceArray<int32_t> labels({1, 50, 99, 0, 2, 3, 4, 5}, "labels"), correct(rows, "correct");
  const SoftTargets soft = {lam.data(), rows / 2, 0.1f};
  const Recorder recorder(logits, correct, dlogits);
  ASSERT_EQ(SoftmaxCrossEntropy({logits.data(),
                                 labels.data(),
                                 loss.data(),
                                 correct.data(),
                                 scratch.data(),
                                 rows,
                                 classes,
                                 {},
                                 soft},
                                nullptr),
            0);
  recorder.ExpectRead(logits, 4, 2 + 2.0 / classes);
  recorder.ExpectWritten(correct, 4);
  ASSERT_EQ(SoftmaxCrossEntropyGrad({logits.data(),
                                     labels.data(),
                                     dloss.data(),
                                     dlogits.data(),
                                     scale.data(),
                                     rows,
                                     classes,
                                     {},
                                     soft},
                                    nullptr),
            0);
  recorder.ExpectRead(logits, 4, 5 + 2.0 / classes);
  recorder.ExpectWritten(dlogits, 4);
}

TEST(Traffic, TopKCorrect) {
  const int64_t rows = 8;
  const int classes = 100;
  const DeviceArray<float> logits(Normal<float>(rows * classes, 1), "logits");
  const DeviceArray<int32_t> labels({1, 50, 99, 0, 2, 3, 4, 5}, "labels"), correct(rows, "correct");
  const Recorder recorder(logits, correct);
  ASSERT_EQ(
      TopKCorrect({logits.data(), labels.data(), correct.data(), rows, classes, 5, {}}, nullptr),
      0);
  recorder.ExpectRead(logits, 4, 1 + 1.0 * kLanes / classes);  // the label's by each lane
  recorder.ExpectWritten(correct, 4);
}

}  // namespace
}  // namespace backends::cuda
