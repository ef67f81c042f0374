// What stands around cuBLASLt's products, kernel by kernel.
#include <gtest/gtest.h>

#include <type_traits>

#include "backends/cuda/product_launch.h"
#include "tests/backends/cuda/kernel_testing.h"
#include "tests/simt/device_array.h"

namespace backends::cuda {
namespace {

using simt::DeviceArray;

double Phi(double x) { return 0.5 + 0.5 * std::erf(x * std::sqrt(0.5)); }
double GeluDerivative(double x) {
  return Phi(x) + x * std::exp(-0.5 * x * x) / std::sqrt(2 * std::acos(-1.0));
}

// What an epilogue has; a derivative is of times, which it has then.
struct Parts {
  bool bias = false, gelu = false, times = false, add = false, derivative = false, pre = false;
};

template <typename Y, typename Times>
void CheckEpilogue(int64_t rows, int64_t cols, const Parts& has) {
  SCOPED_TRACE(testing::Message() << rows << " x " << cols << (has.bias ? ", bias" : "")
                                  << (has.gelu ? ", gelu" : "") << (has.times ? ", times" : "")
                                  << (has.add ? ", add" : "")
                                  << (has.derivative ? ", derivative" : "")
                                  << (has.pre ? ", pre" : ""));
  const auto product = Normal<float>(rows * cols, 1), b = Normal<float>(cols, 2);
  const auto factor = Normal<Times>(rows * cols, 3);
  const auto added = Normal<float>(rows * cols, 4);
  std::vector<double> expected, expected_pre;
  for (int64_t i = 0; i < rows * cols; ++i) {
    double x = product[i];
    if (has.bias) x += b[i % cols];
    if (has.add) x += added[i];
    expected_pre.push_back(x);
    if (has.gelu) x *= Phi(x);
    if (has.times) x *= has.derivative ? GeluDerivative(ToDouble(factor[i])) : ToDouble(factor[i]);
    expected.push_back(x);
  }
  const DeviceArray<float> d_bias(b, "bias");
  const DeviceArray<Times> d_times(factor, "times");
  std::vector<Y> pre;
  const std::function<std::vector<Y>()> run = [&] {
    const DeviceArray<float> d_product(product, "product");
    const DeviceArray<float> d_add(added, "add");
    const DeviceArray<Y> own_y(rows * cols, "y"), d_pre(rows * cols, "pre");
    // f32 lies over the product, as in the backend.
    constexpr bool kOver = std::is_same_v<Y, float>;
    Y* y = own_y.data();
    if constexpr (kOver) y = has.add ? d_add.data() : d_product.data();
    ProductEpilogueArgs<Y, Times> args = {};
    args.product = d_product.data();
    if (has.bias) args.bias = d_bias.data();
    if (has.add) args.add = d_add.data();
    if (has.times) args.times = d_times.data();
    args.times_derivative = has.derivative;
    args.gelu = has.gelu;
    if (has.pre) args.pre = d_pre.data();
    args.y = y;
    args.rows = rows;
    args.cols = cols;
    EXPECT_EQ(ProductEpilogue(args, nullptr), 0);
    if (simt::IsEmulated()) {
      const simt::Traffic t = simt::GlobalTraffic();
      const uint64_t size = rows * cols;
      EXPECT_EQ(t.load_bytes, size * 4 + (has.bias ? size * 4 : 0) + (has.add ? size * 4 : 0) +
                                  (has.times ? size * sizeof(Times) : 0));
      EXPECT_EQ(t.store_bytes, size * sizeof(Y) * (has.pre ? 2 : 1));
      const uint64_t vectors = cols % 4 == 0 ? size / 4 : size;
      EXPECT_EQ(t.loads, vectors * (1 + has.bias + has.add + has.times));
      EXPECT_EQ(t.stores, vectors * (has.pre ? 2 : 1));
    }
    if (has.pre) pre = d_pre.Get();
    if constexpr (kOver) return has.add ? d_add.Get() : d_product.Get();
    return own_y.Get();
  };
  const double bound = std::is_same_v<Y, float> ? 1e-6 : 4e-3;
  EXPECT_LT(MaxError(simt::SameInEveryOrder("the kernel", run), expected), bound);
  if (has.pre) {
    EXPECT_LT(MaxError(pre, expected_pre), bound);
  }
}

TEST(ProductEpilogue, IsTheReference) {
  for (const bool bias : {false, true}) {
    for (const bool gelu : {false, true}) {
      for (const bool times : {false, true}) {
        for (const int64_t cols : {1, 7, 24}) {
          const Parts has = {bias, gelu, times};
          CheckEpilogue<float, float>(5, cols, has);
          CheckEpilogue<float, BFloat16>(5, cols, has);
          CheckEpilogue<BFloat16, float>(5, cols, has);
          CheckEpilogue<BFloat16, BFloat16>(5, cols, has);
        }
      }
    }
  }
  CheckEpilogue<BFloat16, float>(37, 264, {true, true, false});
  CheckEpilogue<float, BFloat16>(37, 197, {true, false, true});
}

TEST(ProductEpilogue, KeepsWhatGeluReadsAddsAndTakesItsDerivative) {
  for (const int64_t cols : {1, 7, 24}) {
    Parts kept = {/*bias=*/true, /*gelu=*/true};
    kept.pre = true;
    CheckEpilogue<float, float>(5, cols, kept);
    CheckEpilogue<BFloat16, float>(5, cols, kept);
    for (const bool bias : {false, true}) {
      Parts added = {bias};
      added.add = true;
      CheckEpilogue<float, float>(5, cols, added);
    }
    Parts derived;
    derived.times = derived.derivative = true;
    CheckEpilogue<float, float>(5, cols, derived);
    CheckEpilogue<float, BFloat16>(5, cols, derived);
    CheckEpilogue<BFloat16, float>(5, cols, derived);
    CheckEpilogue<BFloat16, BFloat16>(5, cols, derived);
  }
}

TEST(ProductEpilogue, OfNothingStartsNothing) {
  EXPECT_EQ(ProductEpilogue(ProductEpilogueArgs<float, float>{}, nullptr), 0);
  EXPECT_EQ(PadRows({}, nullptr), 0);
  EXPECT_EQ(PlainProduct(PlainProductArgs<float>{}, nullptr), 0);
}

template <typename T>
void CheckProduct(int64_t rows, int64_t cols, int64_t inner) {
  for (const bool trans_x : {false, true}) {
    for (const bool trans_w : {false, true}) {
      SCOPED_TRACE(testing::Message() << rows << " x " << inner << " x " << cols << ", transposed "
                                      << trans_x << trans_w);
      const auto x = Normal<T>(rows * inner, 1), w = Normal<T>(inner * cols, 2);
      std::vector<double> expected(rows * cols);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          for (int64_t k = 0; k < inner; ++k) {
            expected[r * cols + c] += ToDouble(x[trans_x ? k * rows + r : r * inner + k]) *
                                      ToDouble(w[trans_w ? c * inner + k : k * cols + c]);
          }
        }
      }
      const DeviceArray<T> d_x(x, "x"), d_w(w, "w");
      const std::function<std::vector<float>()> run = [&] {
        const DeviceArray<float> y(rows * cols, "y");
        EXPECT_EQ(PlainProduct(PlainProductArgs<T>{d_x.data(), d_w.data(), y.data(), rows, cols,
                                                   inner, trans_x, trans_w},
                               nullptr),
                  0);
        return y.Get();
      };
      EXPECT_LT(MaxError(simt::SameInEveryOrder("the kernel", run), expected), 2e-6);
    }
  }
}

TEST(PlainProduct, IsTheReference) {
  CheckProduct<float>(1, 1, 1);
  CheckProduct<float>(5, 7, 0);
  CheckProduct<float>(3, 70, 33);
  CheckProduct<float>(65, 64, 16);
  CheckProduct<BFloat16>(64, 129, 17);
  CheckProduct<BFloat16>(2, 3, 5);
}

TEST(PadRows, CopiesAndFillsWithZeros) {
  for (const int64_t cols : {1, 7, 9, 12, 196}) {
    SCOPED_TRACE(cols);
    constexpr int64_t kRows = 11;
    const int64_t stride = (cols + 7) / 8 * 8;
    const auto from = Normal<BFloat16>(kRows * cols, 1);
    const DeviceArray<BFloat16> d_from(from, "from");
    const std::function<std::vector<BFloat16>()> run = [&] {
      const DeviceArray<BFloat16> to(kRows * stride, "to");
      EXPECT_EQ(PadRows({d_from.data(), to.data(), kRows, cols, stride}, nullptr), 0);
      if (simt::IsEmulated()) {
        const simt::Traffic t = simt::GlobalTraffic();
        EXPECT_EQ(t.load_bytes, uint64_t(2 * kRows * cols));
        EXPECT_EQ(t.loads, uint64_t(kRows * cols / (cols % 4 == 0 ? 4 : 1)));
        EXPECT_EQ(t.stores, uint64_t(kRows * stride / 8));
      }
      return to.Get();
    };
    const auto to = simt::SameInEveryOrder("the kernel", run);
    for (int64_t i = 0; i < kRows * stride; ++i) {
      const int64_t row = i / stride, at = i % stride;
      EXPECT_EQ(to[i].bits, at < cols ? from[row * cols + at].bits : 0) << row << ", " << at;
    }
  }
}

}  // namespace
}  // namespace backends::cuda
