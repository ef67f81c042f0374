#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "graph/base/random.h"
#include "ops/initializer.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::Attrs Xavier(std::vector<int64_t> shape, int64_t fan_in, int64_t fan_out, int64_t seed) {
  return {{"shape", shape},
          {"initializer", std::string("xavier_uniform")},
          {"fan_in", fan_in},
          {"fan_out", fan_out},
          {"seed", seed}};
}

graph::Attrs Named(const std::string& name, std::vector<int64_t> shape) {
  return {{"shape", shape}, {"initializer", name}};
}

graph::Attrs With(graph::Attrs attrs, const std::string& name, graph::AttrValue value) {
  attrs[name] = std::move(value);
  return attrs;
}

TEST(Initialize, Cases) {
  const graph::Attrs normal = With(Named("normal", {1, 1, 33}), "value", 0.02f);
  RunCase({"XavierFill", Xavier({5, 3, 2, 2}, 12, 5, 7), {}, {F32({5, 3, 2, 2})}});
  RunCase({"XavierFill", Xavier({1}, 1, 1, -7), {}, {F32({1})}});
  RunCase({"XavierFill", With(normal, "seed", int64_t{3}), {}, {F32({1, 1, 33})}});
  RunCase(
      {"XavierFill", With(Named("uniform_fan_in", {17}), "fan_in", int64_t{12}), {}, {F32({17})}});
  RunCase({"XavierFill",
           With(Named("sincos2d", {1, 7, 8}), "grid", std::vector<int64_t>{2, 3}),
           {},
           {F32({1, 7, 8})}});
  RunCase({"XavierFill", With(Named("constant", {2, 3}), "value", 1.5f), {}, {F32({2, 3})}});
  RunCase({"ConstantFill",
           {{"shape", std::vector<int64_t>{2, 1, 3}}, {"value", 0.1f}},
           {},
           {F32({2, 1, 3})}});
  RunCase({"ConstantFill",
           {{"shape", std::vector<int64_t>{5}}, {"value", 7.0f}, {"dtype", std::string("i32")}},
           {},
           {{graph::DType::kI32, {5}}}});
}

std::vector<double> Fill(const std::string& kind, graph::Shape shape, uint64_t seed, int64_t fan_in,
                         int64_t fan_out, double value) {
  ops::Initializer init;
  init.kind = kind;
  init.shape = shape;
  init.seed = seed;
  init.fan_in = fan_in;
  init.fan_out = fan_out;
  init.value = value;
  EXPECT_TRUE(ops::Validate(init).ok()) << ops::Validate(init);
  std::vector<double> values(graph::NumElements(shape));
  ops::FillInitial(init, 0, absl::MakeSpan(values));
  return values;
}

struct Moments {
  double min, max, mean, variance;
};

Moments MomentsOf(const std::vector<double>& values) {
  Moments m = {values[0], values[0], 0, 0};
  for (double v : values) {
    m.min = std::min(m.min, v);
    m.max = std::max(m.max, v);
    m.mean += v / static_cast<double>(values.size());
  }
  for (double v : values) {
    m.variance += (v - m.mean) * (v - m.mean) / static_cast<double>(values.size());
  }
  return m;
}

// A uniform sample in [-bound, bound): within the bounds and close to them, mean
// and variance within five standard errors.
void ExpectUniform(const std::vector<double>& values, double bound) {
  const Moments m = MomentsOf(values);
  const double n = static_cast<double>(values.size());
  EXPECT_GE(m.min, -bound);
  EXPECT_LT(m.max, bound);
  EXPECT_LT(m.min, -0.99 * bound);
  EXPECT_GT(m.max, 0.99 * bound);
  EXPECT_NEAR(m.mean, 0.0, 5 * bound / std::sqrt(3 * n));
  EXPECT_NEAR(m.variance, bound * bound / 3, 5 * bound * bound * std::sqrt(4.0 / 45 / n));
}

TEST(Initialize, XavierUniformBoundsAndVariance) {
  // qkv as one (3D, D) matrix, D = 64.
  ExpectUniform(Fill("xavier_uniform", {192, 64}, 11, 64, 192, 0), std::sqrt(6.0 / 256));
}

TEST(Initialize, UniformFanInBoundsAndVariance) {
  ExpectUniform(Fill("uniform_fan_in", {20000}, 12, 768, 0, 0), 1 / std::sqrt(768.0));
}

TEST(Initialize, NormalMoments) {
  const std::vector<double> values = Fill("normal", {1, 1, 40000}, 13, 0, 0, 0.02);
  const Moments m = MomentsOf(values);
  EXPECT_NEAR(m.mean, 0.0, 5 * 0.02 / std::sqrt(40000.0));
  EXPECT_NEAR(m.variance, 0.0004, 5 * 0.0004 * std::sqrt(2.0 / 40000));
  EXPECT_GT(m.max, 3 * 0.02);  // not truncated
  int within_one = 0;
  for (double v : values) within_one += std::fabs(v) < 0.02;
  EXPECT_NEAR(within_one / 40000.0, 0.682689, 5 * std::sqrt(0.6827 * 0.3173 / 40000));
}

TEST(Initialize, DependsOnSeedAndIndexOnly) {
  for (const char* kind : {"xavier_uniform", "uniform_fan_in", "normal"}) {
    const auto whole = Fill(kind, {6, 4}, 5, 4, 6, 0.02);
    const auto part = Fill(kind, {5}, 5, 4, 6, 0.02);
    const auto other = Fill(kind, {6, 4}, 6, 4, 6, 0.02);
    for (size_t i = 0; i < part.size(); ++i) EXPECT_EQ(part[i], whole[i]) << kind;
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_NE(other[i], whole[i]) << kind;
  }
}

TEST(Initialize, FloatsAreRoundedDoubles) {
  const std::vector<double> exact = Fill("normal", {33}, 21, 0, 0, 0.02);
  ops::Initializer init;
  init.kind = "normal";
  init.shape = {33};
  init.seed = 21;
  init.value = 0.02;
  std::vector<float> values(33);
  ops::FillInitial(init, 0, absl::MakeSpan(values));
  for (int i = 0; i < 33; ++i) EXPECT_EQ(values[i], static_cast<float>(exact[i]));
}

// Threads fill pieces; where the pieces begin must not matter. Elements are the
// words of the seed's stream, as ever.
TEST(Initialize, PiecesMakeTheWhole) {
  for (const char* kind : {"xavier_uniform", "uniform_fan_in", "normal", "constant"}) {
    ops::Initializer init;
    init.kind = kind;
    init.shape = {7, 11};
    init.seed = 0x123456789abcdef;
    init.fan_in = init.fan_out = 3;
    init.value = 0.02;
    std::vector<double> whole(77);
    ops::FillInitial(init, 0, absl::MakeSpan(whole));
    for (int64_t step : {1, 2, 3, 10, 76}) {
      std::vector<double> pieces(77);
      for (int64_t i = 0; i < 77; i += step) {
        ops::FillInitial(init, i, absl::MakeSpan(pieces).subspan(i, step));
      }
      EXPECT_EQ(pieces, whole) << kind << " in steps of " << step;
    }
    if (init.kind != "uniform_fan_in") continue;
    for (int64_t i = 0; i < 77; ++i) {
      const uint64_t word = graph::RandomWord(init.seed, graph::Purpose::kInitialize, i);
      const double unit = static_cast<double>(word >> 11) * 0x1p-53;
      EXPECT_EQ(whole[i], 1 / std::sqrt(3.0) * (2.0 * unit - 1.0)) << i;
    }
  }
}

TEST(Initialize, EveryBackendHasTheSameBits) {
  const graph::Attrs attrs = With(With(Named("normal", {3, 5001}), "value", 0.02f), "seed",
                                  int64_t{77});
  std::vector<float> values(3 * 5001);
  graph::Op op;
  op.type = "XavierFill";
  op.attrs = attrs;
  ASSERT_TRUE(TestRegistry().CompleteAttrs(&op).ok());
  ops::FillInitial(ops::InitializerOf(op), 0, absl::MakeSpan(values));
  for (const graph::Backend& backend : TestBackends()) {
    for (int threads : {1, 3}) {
      SCOPED_TRACE(absl::StrCat(backend.name, ", ", threads, " threads"));
      const auto out = RunOn(backend, op.type, attrs, {}, threads);
      ASSERT_TRUE(out.ok()) << out.status();
      for (size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ((*out)[0].Get(static_cast<int64_t>(i)), values[i]) << i;
      }
    }
  }
}

TEST(Initialize, HugeFansDoNotOverflow) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  for (double v : Fill("xavier_uniform", {33}, 1, kHuge, kHuge, 0)) {
    EXPECT_LE(std::fabs(v), std::sqrt(6.0 / 0x1p64));
  }
}

std::vector<double> SinCos(int64_t grid_h, int64_t grid_w, int64_t dim) {
  const int64_t rows = 1 + grid_h * grid_w;
  const auto y = Reference("XavierFill",
                           {{"shape", std::vector<int64_t>{1, rows, dim}},
                            {"initializer", std::string("sincos2d")},
                            {"grid", std::vector<int64_t>{grid_h, grid_w}},
                            {"dtype", std::string("f64")}},
                           {});
  return y.empty() ? std::vector<double>(rows * dim) : y[0].Values();
}

TEST(Initialize, SinCosEqualsTheOfficialTable) {
  // pos_embed of the official DropPos code: 4 × 4 grid, width 32, in f32.
  const struct {
    int row, column;
    double value;
  } expected[] = {
      {0, 0, 0.0},
      {1, 0, 0.0},
      {1, 8, 1.0},
      {2, 0, 0.8414709568023682},
      {2, 3, 0.031617507338523865},
      {2, 9, 0.9504152536392212},
      {2, 16, 0.0},
      {5, 0, 0.0},
      {5, 16, 0.8414709568023682},
      {5, 25, 0.9504152536392212},
      {7, 1, 0.5911270976066589},
      {12, 5, 0.00948669109493494},
      {16, 7, 0.0009486831841059029},
      {16, 15, 0.9999995231628418},
      {16, 18, 0.29552021622657776},
      {16, 31, 0.9999995231628418},
  };
  const std::vector<double> table = SinCos(4, 4, 32);
  for (const auto& e : expected) {
    EXPECT_NEAR(table[e.row * 32 + e.column], e.value, 1e-6) << e.row << ", " << e.column;
  }
  for (int column = 0; column < 32; ++column) EXPECT_EQ(table[column], 0.0);
}

TEST(Initialize, SinCosOfAnOblongGridPutsWidthFirst) {
  // Row h = 1, w = 2 of a 2 × 3 grid: [sin w, sin w/100, cos w, cos w/100, the same of h].
  const double expected[] = {0.9092974268256817, 0.01999866669333308, -0.4161468365471424,
                             0.9998000066665778, 0.8414709848078965,  0.009999833334166664,
                             0.5403023058681398, 0.9999500004166653};
  const std::vector<double> table = SinCos(2, 3, 8);
  for (int i = 0; i < 8; ++i) EXPECT_NEAR(table[6 * 8 + i], expected[i], 1e-15) << i;
}

TEST(Initialize, RefusesBadAttributes) {
  const auto refused = [](graph::Attrs attrs, const char* message) {
    ExpectRefused("XavierFill", std::move(attrs), {}, message);
  };
  refused(Named("he_normal", {3}), "unknown initializer 'he_normal'");
  refused(Xavier({3, 4}, 0, 3, 1), "fan_in and fan_out");
  refused(Named("uniform_fan_in", {3}), "fan_in");
  refused(With(Named("normal", {3}), "value", -1.0f), "standard deviation");
  refused(Xavier({}, 3, 3, 1), "'shape' is empty");
  refused(Xavier({3, -4}, 3, 3, 1), "negative dimension");
  refused(With(Xavier({3}, 3, 3, 1), "dtype", std::string("i32")), "'dtype' is 'i32'");
  const auto sincos = [&](std::vector<int64_t> shape, std::vector<int64_t> grid) {
    refused(With(Named("sincos2d", shape), "grid", grid), "sincos2d");
  };
  sincos({1, 7, 8}, {});
  sincos({1, 7, 8}, {0, 3});
  sincos({1, 6, 8}, {2, 3});
  sincos({1, 7, 6}, {2, 3});
  sincos({7, 8}, {2, 3});
  sincos({2, 7, 8}, {2, 3});
  // 1 + 2^32 * 2^32 would wrap around to 1.
  sincos({1, 1, 8}, {int64_t{1} << 32, int64_t{1} << 32});
  ExpectRefused("ConstantFill", Named("normal", {3}), {}, "belongs to XavierFill");
  for (float value : {std::nanf(""), 0x1p31f, -1e30f}) {
    ExpectRefused(
        "ConstantFill",
        {{"shape", std::vector<int64_t>{3}}, {"value", value}, {"dtype", std::string("i32")}}, {},
        "which i32 cannot hold");
  }
  ExpectRefused("ConstantFill", {}, {}, "'shape' is missing");
}

}  // namespace
}  // namespace harness
