// The attention kernels, forward and backward, against loops in double, in four orders of blocks,
// warps and lanes that must give equal bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "backends/cuda/attention_launch.h"
#include "graph/runtime/fault.h"
#include "tests/backends/cuda/kernel_testing.h"
#include "tests/simt/device_array.h"

namespace backends::cuda {
namespace {

using simt::DeviceArray;

struct Shape {
  int batch, tokens, heads, head_width;
  int queries = 0;  // 0: no ids, all tokens ask

  int width() const { return heads * head_width; }
  int asked() const { return queries == 0 ? tokens : queries; }
  size_t qkv(int image, int part, int token, int head, int e) const {
    return (size_t(image) * tokens + token) * 3 * width() + part * width() + head * head_width + e;
  }
  size_t y(int image, int query, int head, int e) const {
    return (size_t(image) * asked() + query) * width() + head * head_width + e;
  }
  size_t lse(int image, int head, int query) const {
    return (size_t(image) * heads + head) * asked() + query;
  }
  size_t qkv_size() const { return size_t(batch) * tokens * 3 * width(); }
  size_t y_size() const { return size_t(batch) * asked() * width(); }
  size_t lse_size() const { return size_t(batch) * heads * asked(); }
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << s.batch << " images, " << s.tokens << " tokens, " << s.heads << " heads of "
             << s.head_width << ", " << s.queries << " ids";
}

// As tests/harness/tolerance.cc.
template <typename T>
constexpr double kBound = std::is_same_v<T, float> ? 1e-5 : 1e-2;
constexpr size_t kHopperShared = 227 << 10, kConsumerShared = 99 << 10;

// An id below 0 asks with zeros.
std::vector<int32_t> Ids(const Shape& s) {
  std::mt19937_64 random(5);
  std::vector<int32_t> ids(size_t(s.batch) * s.asked());
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<int32_t>(s.queries == 0 ? i % s.tokens : random() % s.tokens);
  }
  return ids;
}

struct Results {
  std::vector<double> y, lse;
};

template <typename T>
Results Forward(const Shape& s, const std::vector<T>& qkv, const std::vector<int32_t>& ids) {
  Results r = {std::vector<double>(s.y_size()), std::vector<double>(s.lse_size())};
  for (int b = 0; b < s.batch; ++b) {
    for (int h = 0; h < s.heads; ++h) {
      for (int i = 0; i < s.asked(); ++i) {
        const int token = ids[size_t(b) * s.asked() + i];
        std::vector<double> scores(s.tokens);
        for (int k = 0; k < s.tokens; ++k) {
          for (int e = 0; token >= 0 && e < s.head_width; ++e) {
            scores[k] += ToDouble(qkv[s.qkv(b, 0, token, h, e)]) *
                         ToDouble(qkv[s.qkv(b, 1, k, h, e)]) / std::sqrt(double(s.head_width));
          }
        }
        const double top = *std::max_element(scores.begin(), scores.end());
        double sum = 0;
        for (double& x : scores) sum += x = std::exp(x - top);
        r.lse[s.lse(b, h, i)] = top + std::log(sum);
        for (int k = 0; k < s.tokens; ++k) {
          for (int e = 0; e < s.head_width; ++e) {
            r.y[s.y(b, i, h, e)] += scores[k] / sum * ToDouble(qkv[s.qkv(b, 2, k, h, e)]);
          }
        }
      }
    }
  }
  return r;
}

template <typename T>
std::vector<double> Backward(const Shape& s, const std::vector<T>& qkv, const std::vector<T>& y,
                             const std::vector<float>& lse, const std::vector<T>& dy) {
  std::vector<double> dqkv(s.qkv_size());
  const double scale = 1 / std::sqrt(double(s.head_width));
  for (int b = 0; b < s.batch; ++b) {
    for (int h = 0; h < s.heads; ++h) {
      for (int i = 0; i < s.tokens; ++i) {
        double delta = 0;
        for (int e = 0; e < s.head_width; ++e) {
          delta += ToDouble(dy[s.y(b, i, h, e)]) * ToDouble(y[s.y(b, i, h, e)]);
        }
        for (int k = 0; k < s.tokens; ++k) {
          double score = 0, dp = 0;
          for (int e = 0; e < s.head_width; ++e) {
            score += ToDouble(qkv[s.qkv(b, 0, i, h, e)]) * ToDouble(qkv[s.qkv(b, 1, k, h, e)]);
            dp += ToDouble(dy[s.y(b, i, h, e)]) * ToDouble(qkv[s.qkv(b, 2, k, h, e)]);
          }
          const double p = std::exp(score * scale - lse[s.lse(b, h, i)]);
          const double ds = p * (dp - delta) * scale;
          for (int e = 0; e < s.head_width; ++e) {
            dqkv[s.qkv(b, 0, i, h, e)] += ds * ToDouble(qkv[s.qkv(b, 1, k, h, e)]);
            dqkv[s.qkv(b, 1, k, h, e)] += ds * ToDouble(qkv[s.qkv(b, 0, i, h, e)]);
            dqkv[s.qkv(b, 2, k, h, e)] += p * ToDouble(dy[s.y(b, i, h, e)]);
          }
        }
      }
    }
  }
  return dqkv;
}

// What is under test, by type.
struct TensorCores {
  using T = BFloat16;
  static int Run(const AttentionArgs<T>& args) { return Attention(args, nullptr); }
  static int Run(const AttentionGradArgs<T>& args) { return AttentionGrad(args, nullptr); }
  static size_t Scratch(const Shape&) { return 0; }
};
template <typename Storage>
struct Plain {
  using T = Storage;
  static int Run(const AttentionArgs<T>& args) { return PlainAttention(args, nullptr); }
  static int Run(const AttentionGradArgs<T>& args) { return PlainAttentionGrad(args, nullptr); }
  static size_t Scratch(const Shape& s) {
    return PlainAttentionGradScratch(s.batch, s.tokens, s.heads);
  }
};

template <typename Kernel>
void CheckForward(const Shape& s) {
  using T = typename Kernel::T;
  SCOPED_TRACE(testing::Message() << s);
  const auto qkv = Normal<T>(s.qkv_size(), 1, 1.5);
  const std::vector<int32_t> ids = Ids(s);
  const Results expected = Forward(s, qkv, ids);
  const DeviceArray<T> d_qkv(qkv, "qkv");
  const DeviceArray<int32_t> d_ids(ids, "query_ids");
  const std::function<std::vector<T>()> run = [&] {
    const DeviceArray<T> y(s.y_size(), "y");
    const DeviceArray<float> lse(s.lse_size(), "lse");
    const AttentionArgs<T> args = {d_qkv.data(), s.queries > 0 ? d_ids.data() : nullptr,
                                   y.data(),     lse.data(),
                                   s.batch,      s.tokens,
                                   s.asked(),    s.heads,
                                   s.head_width, {}};
    EXPECT_EQ(Kernel::Run(args), 0);
    EXPECT_LT(MaxError(lse.Get(), expected.lse), 1e-5);
    return y.Get();
  };
  EXPECT_LT(MaxError(simt::SameInEveryOrder("the kernel", run), expected.y), kBound<T>);
}

template <typename Kernel>
void CheckBackward(const Shape& s) {
  using T = typename Kernel::T;
  SCOPED_TRACE(testing::Message() << s);
  const auto qkv = Normal<T>(s.qkv_size(), 1, 1.2), dy = Normal<T>(s.y_size(), 2);
  const Results forward = Forward(s, qkv, Ids(s));
  std::vector<T> y;
  for (const double x : forward.y) y.push_back(FromDouble<T>(x));
  const std::vector<float> lse(forward.lse.begin(), forward.lse.end());
  const std::vector<double> expected = Backward(s, qkv, y, lse, dy);
  const DeviceArray<T> d_qkv(qkv, "qkv"), d_y(y, "y"), d_dy(dy, "dy");
  const DeviceArray<float> d_lse(lse, "lse");
  const std::function<std::vector<T>()> run = [&] {
    const DeviceArray<T> dqkv(s.qkv_size(), "dqkv");
    const DeviceArray<float> scratch(Kernel::Scratch(s), "scratch");
    const AttentionGradArgs<T> args = {d_qkv.data(), d_y.data(),     d_lse.data(), d_dy.data(),
                                       dqkv.data(),  scratch.data(), s.batch,      s.tokens,
                                       s.heads,      s.head_width};
    EXPECT_EQ(Kernel::Run(args), 0);
    return dqkv.Get();
  };
  EXPECT_LT(MaxError(simt::SameInEveryOrder("the kernel", run), expected), kBound<T>);
}

// Lengths on both sides of tiles, and those of the zoo.
TEST(TensorCoreAttention, IsTheReference) {
  for (const int tokens : {1, 15, 16, 17, 37, 50, 65, 80}) {
    ASSERT_TRUE(HasAttention(tokens, 32, kHopperShared));
    CheckForward<TensorCores>({1, tokens, 2, 32});
  }
  CheckForward<TensorCores>({1, 33, 1, 48});
  CheckForward<TensorCores>({2, 50, 2, 64});
  CheckForward<TensorCores>({1, 65, 1, 80});
  CheckForward<TensorCores>({1, 197, 1, 64});
  CheckForward<TensorCores>({1, 272, 1, 80});
  // Lengths that leave whole tiles of the kernel empty.
  CheckForward<TensorCores>({1, 81, 1, 32});
  CheckForward<TensorCores>({1, 215, 1, 32});
  EXPECT_FALSE(HasAttention(273, 64, kHopperShared));
  EXPECT_TRUE(HasAttention(257, 80, kHopperShared));
  EXPECT_FALSE(HasAttention(257, 80, kConsumerShared));
  EXPECT_TRUE(HasAttention(197, 64, kConsumerShared));
  EXPECT_FALSE(HasAttention(50, 40, kHopperShared));
}

TEST(TensorCoreAttention, AsksForSomeRows) {
  CheckForward<TensorCores>({2, 50, 1, 32, 37});
  CheckForward<TensorCores>({1, 197, 1, 64, 50});
}

TEST(TensorCoreAttentionGrad, IsTheReference) {
  for (const int tokens : {1, 16, 17, 37, 50, 65, 80}) {
    ASSERT_TRUE(HasAttentionGrad(tokens, 32));
    CheckBackward<TensorCores>({1, tokens, 2, 32});
  }
  CheckBackward<TensorCores>({1, 33, 1, 48});
  CheckBackward<TensorCores>({2, 50, 2, 64});
  CheckBackward<TensorCores>({1, 65, 1, 80});
  EXPECT_FALSE(HasAttentionGrad(81, 64));
  EXPECT_FALSE(HasAttentionGrad(50, 40));
}

// One tile and several, widths that are compiled in and odd ones.
TEST(PlainAttention, IsTheReference) {
  for (const int tokens : {1, 63, 65, 130}) CheckForward<Plain<float>>({1, tokens, 2, 8});
  CheckForward<Plain<float>>({2, 9, 3, 5});
  CheckForward<Plain<float>>({1, 66, 1, 50});
  CheckForward<Plain<float>>({1, 20, 1, 128});
  CheckForward<Plain<float>>({1, 37, 1, 129});
  CheckForward<Plain<BFloat16>>({1, 66, 2, 40});
  CheckForward<Plain<BFloat16>>({1, 33, 1, 7});
  CheckForward<Plain<BFloat16>>({1, 33, 1, 256});
  EXPECT_FALSE(HasPlainAttention(257));
  EXPECT_LE(PlainAttentionGradShared(64), kConsumerShared);
  EXPECT_GT(PlainAttentionGradShared(80), kConsumerShared);
}

TEST(PlainAttention, AsksForSomeRows) {
  CheckForward<Plain<float>>({2, 70, 1, 6, 3});
  CheckForward<Plain<float>>({1, 3, 2, 4, 66});
  CheckForward<Plain<BFloat16>>({2, 20, 1, 72, 9});
}

TEST(PlainAttentionGrad, IsTheReference) {
  for (const int tokens : {1, 63, 65}) CheckBackward<Plain<float>>({1, tokens, 2, 8});
  CheckBackward<Plain<float>>({2, 9, 3, 5});
  CheckBackward<Plain<float>>({1, 66, 1, 50});
  CheckBackward<Plain<float>>({1, 20, 1, 128});
  CheckBackward<Plain<float>>({1, 37, 1, 129});
  CheckBackward<Plain<BFloat16>>({1, 82, 1, 32});
  CheckBackward<Plain<BFloat16>>({1, 33, 1, 7});
  CheckBackward<Plain<BFloat16>>({1, 33, 1, 256});
}

// Scores that a running maximum must follow from tile to tile, up and down.
TEST(PlainAttention, ScoresOfManySizes) {
  const Shape s = {1, 200, 1, 4};
  for (const bool rising : {false, true}) {
    auto qkv = Normal<float>(s.qkv_size(), 1);
    for (int t = 0; t < s.tokens; ++t) {
      for (int e = 0; e < 4; ++e) qkv[s.qkv(0, 1, t, 0, e)] *= 0.2f * (rising ? t : 200 - t);
    }
    const Results expected = Forward(s, qkv, Ids(s));
    const DeviceArray<float> d_qkv(qkv, "qkv"), y(s.y_size(), "y"), lse(s.lse_size(), "lse");
    EXPECT_EQ(PlainAttention(
                  AttentionArgs<float>{
                      d_qkv.data(), nullptr, y.data(), lse.data(), 1, s.tokens, s.tokens, 1, 4, {}},
                  nullptr),
              0);
    EXPECT_LT(MaxError(y.Get(), expected.y), 1e-5);
    EXPECT_LT(MaxError(lse.Get(), expected.lse), 1e-5);
  }
}

// A NaN of one value comes out in its column, of one query in its row.
template <typename Kernel>
void CheckNaN() {
  using T = typename Kernel::T;
  const Shape s = {1, 20, 1, 32};
  auto qkv = Normal<T>(s.qkv_size(), 1);
  const T nan = FromDouble<T>(std::numeric_limits<double>::quiet_NaN());
  qkv[s.qkv(0, 2, 7, 0, 3)] = nan;
  qkv[s.qkv(0, 0, 5, 0, 1)] = nan;
  const DeviceArray<T> d_qkv(qkv, "qkv"), y(s.y_size(), "y");
  const DeviceArray<float> lse(s.lse_size(), "lse");
  EXPECT_EQ(Kernel::Run(AttentionArgs<T>{
                d_qkv.data(), nullptr, y.data(), lse.data(), 1, s.tokens, s.tokens, 1, 32, {}}),
            0);
  const std::vector<T> results = y.Get();
  for (int t = 0; t < s.tokens; ++t) {
    for (int e = 0; e < 32; ++e) {
      EXPECT_EQ(std::isnan(ToDouble(results[s.y(0, t, 0, e)])), t == 5 || e == 3) << t << ", " << e;
    }
    EXPECT_EQ(std::isnan(lse.Get()[t]), t == 5) << t;
  }
}

TEST(TensorCoreAttention, NaNComesOut) { CheckNaN<TensorCores>(); }
TEST(PlainAttention, NaNComesOut) { CheckNaN<Plain<float>>(); }

// The other queries get what they would without it.
template <typename Kernel>
void CheckFaults() {
  using T = typename Kernel::T;
  const Shape s = {2, 20, 2, 32, 5};
  const auto qkv = Normal<T>(s.qkv_size(), 1, 1.5);
  const DeviceArray<T> d_qkv(qkv, "qkv");
  for (const int32_t wrong :
       {-1, 20, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}) {
    std::vector<int32_t> ids = Ids(s);
    ids[7] = wrong;
    const DeviceArray<int32_t> d_ids(ids, "query_ids");
    const DeviceArray<T> y(s.y_size(), "y");
    const DeviceArray<float> lse(s.lse_size(), "lse");
    const DeviceArray<graph::Fault> fault({graph::Fault()}, "fault");
    EXPECT_EQ(Kernel::Run(AttentionArgs<T>{d_qkv.data(),
                                           d_ids.data(),
                                           y.data(),
                                           lse.data(),
                                           2,
                                           s.tokens,
                                           s.queries,
                                           2,
                                           32,
                                           {fault.data(), 3}}),
              0);
    const graph::Fault found = fault.Get()[0];
    EXPECT_EQ(found.found, 1);
    EXPECT_EQ(found.op, 3);
    EXPECT_EQ(found.input, 1);
    EXPECT_EQ(found.element, 7);
    EXPECT_EQ(found.value, wrong);
    EXPECT_EQ(found.low, 0);
    EXPECT_EQ(found.high, 20);
    ids[7] = -1;
    EXPECT_LT(MaxError(y.Get(), Forward(s, qkv, ids).y), kBound<T>);
  }
}

TEST(TensorCoreAttention, ReportsIdsOutsideTheRows) { CheckFaults<TensorCores>(); }
TEST(PlainAttention, ReportsIdsOutsideTheRows) { CheckFaults<Plain<float>>(); }

TEST(Attention, OfNothingStartsNothing) {
  EXPECT_EQ(
      Attention(AttentionArgs<BFloat16>{nullptr, nullptr, nullptr, nullptr, 0, 50, 50, 2, 32, {}},
                nullptr),
      0);
  EXPECT_EQ(AttentionGrad(AttentionGradArgs<BFloat16>{nullptr, nullptr, nullptr, nullptr, nullptr,
                                                      nullptr, 0, 50, 2, 32},
                          nullptr),
            0);
  EXPECT_EQ(
      PlainAttention(AttentionArgs<float>{nullptr, nullptr, nullptr, nullptr, 2, 5, 0, 2, 3, {}},
                     nullptr),
      0);
  EXPECT_EQ(PlainAttentionGrad(AttentionGradArgs<float>{nullptr, nullptr, nullptr, nullptr, nullptr,
                                                        nullptr, 2, 0, 2, 3},
                               nullptr),
            0);
}

// Each byte once, in vectors of 16 bytes but for lse.
TEST(TensorCoreAttention, Traffic) {
  if (!simt::IsEmulated()) GTEST_SKIP() << "a GPU counts no accesses";
  const Shape s = {2, 50, 2, 64};
  const uint64_t row = 2 * s.width(), rows = s.batch * s.tokens;
  const DeviceArray<BFloat16> qkv(Normal<BFloat16>(s.qkv_size(), 1), "qkv"), y(s.y_size(), "y"),
      dy(Normal<BFloat16>(s.y_size(), 2), "dy"), dqkv(s.qkv_size(), "dqkv");
  const DeviceArray<float> lse(s.lse_size(), "lse");
  EXPECT_EQ(Attention({qkv.data(),
                       nullptr,
                       y.data(),
                       lse.data(),
                       s.batch,
                       s.tokens,
                       s.tokens,
                       s.heads,
                       s.head_width,
                       {}},
                      nullptr),
            0);
  simt::Traffic t = simt::GlobalTraffic();
  EXPECT_EQ(t.load_bytes, 3 * row * rows);
  EXPECT_EQ(t.loads, t.load_bytes / 16);
  EXPECT_EQ(t.store_bytes, row * rows + 4 * s.lse_size());
  EXPECT_EQ(t.stores, row * rows / 16 + s.lse_size());

  EXPECT_EQ(AttentionGrad({qkv.data(), y.data(), lse.data(), dy.data(), dqkv.data(), nullptr,
                           s.batch, s.tokens, s.heads, s.head_width},
                          nullptr),
            0);
  t = simt::GlobalTraffic();
  // Four lanes read a row's lse.
  EXPECT_EQ(t.load_bytes, 5 * row * rows + 4 * 4 * s.lse_size());
  EXPECT_EQ(t.loads, 5 * row * rows / 16 + 4 * s.lse_size());
  EXPECT_EQ(t.store_bytes, 3 * row * rows);
  EXPECT_EQ(t.stores, t.store_bytes / 16);
}

TEST(PlainAttention, Traffic) {
  if (!simt::IsEmulated()) GTEST_SKIP() << "a GPU counts no accesses";
  const Shape s = {2, 50, 2, 16};
  const uint64_t row = 4 * s.width(), rows = s.batch * s.tokens;
  const DeviceArray<float> qkv(Normal<float>(s.qkv_size(), 1), "qkv"), y(s.y_size(), "y"),
      lse(s.lse_size(), "lse");
  EXPECT_EQ(PlainAttention(AttentionArgs<float>{qkv.data(),
                                                nullptr,
                                                y.data(),
                                                lse.data(),
                                                s.batch,
                                                s.tokens,
                                                s.tokens,
                                                s.heads,
                                                s.head_width,
                                                {}},
                           nullptr),
            0);
  const simt::Traffic t = simt::GlobalTraffic();
  EXPECT_EQ(t.load_bytes, 3 * row * rows);
  EXPECT_EQ(t.loads, t.load_bytes / 16);
  EXPECT_EQ(t.store_bytes, row * rows + 4 * s.lse_size());
}

}  // namespace
}  // namespace backends::cuda
