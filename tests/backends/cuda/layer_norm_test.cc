#include "backends/cuda/layer_norm_launch.h"

#include <cmath>
#include <functional>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/backends/cuda/kernel_testing.h"
#include "tests/simt/device_array.h"

namespace backends::cuda {
namespace {

using simt::DeviceArray;

template <typename T>
constexpr double kBound = std::is_same_v<T, float> ? 1e-5 : 1e-2;  // as tests/harness/tolerance.cc

template <typename X, typename Y>
void CheckForward(int64_t rows, int cols) {
  SCOPED_TRACE(testing::Message() << rows << " x " << cols);
  const auto x = Normal<X>(rows * cols, 1, 2.0, 3.0);
  const auto gamma = Normal<float>(cols, 2), beta = Normal<float>(cols, 3);
  std::vector<double> y(rows * cols), mean(rows), variance(rows);
  for (int64_t r = 0; r < rows; ++r) {
    for (int i = 0; i < cols; ++i) mean[r] += ToDouble(x[r * cols + i]) / cols;
    for (int i = 0; i < cols; ++i) {
      variance[r] += std::pow(ToDouble(x[r * cols + i]) - mean[r], 2) / cols;
    }
    for (int i = 0; i < cols; ++i) {
      y[r * cols + i] = (ToDouble(x[r * cols + i]) - mean[r]) / std::sqrt(variance[r] + 1e-6) *
                            gamma[i] + beta[i];
    }
  }
  const DeviceArray<X> dx(x, "x");
  const DeviceArray<float> dgamma(gamma, "gamma"), dbeta(beta, "beta");
  const std::function<std::vector<Y>()> run = [&] {
    const DeviceArray<Y> dy(rows * cols, "y");
    const DeviceArray<float> dmean(rows, "mean"), dvariance(rows, "variance");
    const LayerNormArgs<X, Y> args = {dx.data(), dgamma.data(), dbeta.data(), dy.data(),
                                      dmean.data(), dvariance.data(), rows, cols, 1e-6f};
    EXPECT_EQ(LayerNorm(args, nullptr), 0);
    EXPECT_LT(MaxError(dmean.Get(), mean), 1e-5);
    EXPECT_LT(MaxError(dvariance.Get(), variance), 1e-5);
    return dy.Get();
  };
  const auto result = simt::SameInEveryOrder("the kernel", run);
  EXPECT_LT(MaxError(result, y), kBound<Y>);
}

TEST(LayerNorm, IsTheReference) {
  for (const int cols : {1, 5, 33, 128, 192, 384, 768, 1280}) {
    for (const int64_t rows : {1, 7}) {
      CheckForward<float, float>(rows, cols);
      CheckForward<float, BFloat16>(rows, cols);
      CheckForward<BFloat16, BFloat16>(rows, cols);
    }
  }
}

template <typename X, typename DY>
void CheckBackward(int64_t rows, int cols, bool has_skip) {
  SCOPED_TRACE(testing::Message() << rows << " x " << cols << (has_skip ? " with skip" : ""));
  const auto x = Normal<X>(rows * cols, 1, 2.0, 3.0);
  const auto dy = Normal<DY>(rows * cols, 2);
  const auto gamma = Normal<float>(cols, 3), skip = Normal<float>(rows * cols, 4);
  std::vector<float> mean(rows), variance(rows);
  std::vector<double> dx(rows * cols), dgamma(cols), dbeta(cols);
  for (int64_t r = 0; r < rows; ++r) {
    double m = 0, v = 0;
    for (int i = 0; i < cols; ++i) m += ToDouble(x[r * cols + i]) / cols;
    for (int i = 0; i < cols; ++i) v += std::pow(ToDouble(x[r * cols + i]) - m, 2) / cols;
    mean[r] = m;
    variance[r] = v;
    const double scale = 1 / std::sqrt(double{variance[r]} + 1e-6);
    const auto normed = [&](int i) { return (ToDouble(x[r * cols + i]) - mean[r]) * scale; };
    double average = 0, average_normed = 0;
    for (int i = 0; i < cols; ++i) {
      const double d = ToDouble(dy[r * cols + i]), g = d * gamma[i];
      average += g / cols;
      average_normed += g * normed(i) / cols;
      dgamma[i] += d * normed(i);
      dbeta[i] += d;
    }
    for (int i = 0; i < cols; ++i) {
      dx[r * cols + i] = scale * (ToDouble(dy[r * cols + i]) * gamma[i] - average -
                                  normed(i) * average_normed) + (has_skip ? skip[r * cols + i] : 0);
    }
  }
  const DeviceArray<X> d_x(x, "x");
  const DeviceArray<float> d_gamma(gamma, "gamma"), d_mean(mean, "mean"),
      d_variance(variance, "variance");
  const bool over_dy = !has_skip && std::is_same_v<DY, float>;
  const std::function<std::vector<float>()> run = [&] {
    DeviceArray<DY> own_dy(dy, "dy");
    DeviceArray<float> d_skip(skip, "skip"), d_dx(rows * cols, "dx"), d_dgamma(cols, "dgamma"),
        d_dbeta(cols, "dbeta"), scratch(LayerNormGradScratch(rows, cols), "scratch");
    // In place, as the planner likes.
    float* const out = has_skip  ? d_skip.data()
                       : over_dy ? reinterpret_cast<float*>(own_dy.data())
                                 : d_dx.data();
    const LayerNormGradArgs<X, DY> args = {
        d_x.data(), d_gamma.data(), d_mean.data(), d_variance.data(), own_dy.data(),
        has_skip ? d_skip.data() : nullptr, out, d_dgamma.data(), d_dbeta.data(), scratch.data(),
        rows, cols, 1e-6f};
    EXPECT_EQ(LayerNormGrad(args, nullptr), 0);
    std::vector<float> all;
    if (has_skip) all = d_skip.Get();
    if (!has_skip && !over_dy) all = d_dx.Get();
    if constexpr (std::is_same_v<DY, float>) {
      if (over_dy) all = own_dy.Get();
    }
    for (const auto* a : {&d_dgamma, &d_dbeta}) {
      const auto values = a->Get();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  };
  auto all = simt::SameInEveryOrder("the kernel", run);
  EXPECT_LT(MaxError(std::vector<float>(all.end() - cols, all.end()), dbeta), 1e-5);
  EXPECT_LT(MaxError(std::vector<float>(all.end() - 2 * cols, all.end() - cols), dgamma),
            1e-5);
  EXPECT_LT(MaxError(all, dx), 1e-5);
}

TEST(LayerNorm, GradIsTheReference) {
  for (const int cols : {1, 5, 128, 192, 768}) {
    for (const int64_t rows : {1, 7, 50}) {
      CheckBackward<float, float>(rows, cols, false);
      CheckBackward<float, float>(rows, cols, true);
      CheckBackward<float, BFloat16>(rows, cols, true);
      CheckBackward<BFloat16, BFloat16>(rows, cols, false);
    }
  }
}

// Each input once, each output once, 16 bytes an access; gamma and beta once a row, from the cache.
TEST(LayerNorm, ReadsEachByteOnce) {
  if (!simt::IsEmulated()) GTEST_SKIP() << "a GPU counts no accesses";
  const int64_t rows = 40, cols = 768;
  const DeviceArray<BFloat16> x(Normal<BFloat16>(rows * cols, 1), "x");
  const DeviceArray<float> gamma(Normal<float>(cols, 2), "gamma"),
      beta(Normal<float>(cols, 3), "beta");
  const DeviceArray<BFloat16> y(rows * cols, "y");
  const DeviceArray<float> mean(rows, "mean"), variance(rows, "variance");
  const LayerNormArgs<BFloat16, BFloat16> args = {x.data(), gamma.data(), beta.data(), y.data(),
                                                  mean.data(), variance.data(), rows, cols, 1e-6f};
  ASSERT_EQ(LayerNorm(args, nullptr), 0);
  const simt::Traffic t = simt::GlobalTraffic();
  EXPECT_EQ(t.load_bytes, static_cast<uint64_t>(rows * cols * (2 + 2 * 4)));
  EXPECT_EQ(t.loads * 16, t.load_bytes);
  EXPECT_EQ(t.store_bytes, static_cast<uint64_t>(rows * cols * 2 + rows * 2 * 4));
  // And mean and variance of each row.
  EXPECT_EQ(t.stores, static_cast<uint64_t>(rows * cols * 2 / 16 + rows * 2));
}

}  // namespace
}  // namespace backends::cuda
