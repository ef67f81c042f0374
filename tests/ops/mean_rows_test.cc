#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Mean(graph::Shape x, int64_t start, int64_t count, bool bf16) {
  return {"MeanRows",
          {{"start", start}, {"count", count}},
          {{bf16 ? BF16(x) : F32(x), Normal(1.0, 0.5), true}},
          {F32({x[0], x[2]})}};
}

OpCase Grad(graph::Shape x, int64_t start, int64_t count) {
  return {"MeanRowsGrad",
          {{"start", start}, {"count", count}, {"rows", x[1]}},
          {{F32({x[0], x[2]}), Normal()}},
          {F32(x)}};
}

struct Sizes {
  graph::Shape x;
  int64_t start, count;
};
// Widths of whole vectors and not, more than a piece of the CPU's columns, and all rows or few.
const std::vector<Sizes>& AllSizes() {
  static const std::vector<Sizes> sizes = {
      {{1, 1, 1}, 0, 1},    {{2, 5, 3}, 1, 4},  {{2, 5, 3}, 0, 1},    {{3, 5, 17}, 2, 2},
      {{2, 17, 24}, 1, 16}, {{5, 4, 64}, 0, 4}, {{2, 3, 1100}, 1, 2}, {{70, 3, 8}, 2, 1}};
  return sizes;
}

TEST(MeanRows, Cases) {
  for (const Sizes& sizes : AllSizes()) {
    for (const bool bf16 : {false, true}) RunCase(Mean(sizes.x, sizes.start, sizes.count, bf16));
  }
}

TEST(MeanRowsGrad, Cases) {
  for (const Sizes& sizes : AllSizes()) RunCase(Grad(sizes.x, sizes.start, sizes.count));
}

TEST(MeanRows, KnownValues) {
  const HostTensor x(F32({2, 3, 2}), {90, 91, 1, 2, 3, 6, 92, 93, -1, 0, 1, 0.5});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto y = RunOn(backend, "MeanRows", {{"start", int64_t{1}}, {"count", int64_t{2}}}, {x});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ((*y)[0], HostTensor(F32({2, 2}), {2, 4, 0, 0.25}));
    const auto dx = RunOn(backend, "MeanRowsGrad",
                          {{"start", int64_t{1}}, {"count", int64_t{2}}, {"rows", int64_t{4}}},
                          {HostTensor(F32({1, 2}), {3, -8})});
    ASSERT_TRUE(dx.ok()) << dx.status();
    EXPECT_EQ((*dx)[0], HostTensor(F32({1, 4, 2}), {0, 0, 1.5, -4, 1.5, -4, 0, 0}));
  }
}

// 300 rows of 1 + 2^-7 in bf16: a sum in bf16 would stop at 256.
TEST(MeanRows, SumsOfBfloat16AreInFloat) {
  const HostTensor x(BF16({1, 300, 4}), std::vector<double>(1200, 1.0078125));
  for (const graph::Backend& backend : TestBackends()) {
    const auto y =
        RunOn(backend, "MeanRows", {{"start", int64_t{0}}, {"count", int64_t{300}}}, {x});
    ASSERT_TRUE(y.ok()) << y.status();
    for (int i = 0; i < 4; ++i) EXPECT_NEAR((*y)[0].Get(i), 1.0078125, 1e-6) << backend.name;
  }
}

// Rows outside of the mean are not read, and NaN and infinity come out of it.
TEST(MeanRows, NanAndInfinity) {
  const double nan = std::numeric_limits<double>::quiet_NaN(),
               inf = std::numeric_limits<double>::infinity();
  const HostTensor x(F32({1, 4, 3}), {nan, nan, nan, nan, inf, 1, 0, 0, 3, nan, nan, nan});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto y = RunOn(backend, "MeanRows", {{"start", int64_t{1}}, {"count", int64_t{2}}}, {x});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_TRUE(std::isnan((*y)[0].Get(0)));
    EXPECT_EQ((*y)[0].Get(1), inf);
    EXPECT_EQ((*y)[0].Get(2), 2);
  }
}

TEST(MeanRows, RefusesBadInputs) {
  const auto refuse = [](graph::TensorType x, int64_t start, int64_t count, const char* message) {
    ExpectRefused("MeanRows", {{"start", start}, {"count", count}}, {x}, message);
  };
  refuse(F32({2, 5, 3}), 2, 4, "4 rows of input 0 (x) f32[2,5,3] from 2 on do not fit into 5 rows");
  refuse(F32({2, 5, 3}), 0, 6, "input 0 (x)");
  refuse(F32({2, 5, 3}), -1, 2, "'start' is -1");
  refuse(F32({2, 5, 3}), 1, 0, "'count' is 0");
  refuse(F32({2, 5, 3}), int64_t{1} << 62, int64_t{1} << 62, "input 0 (x)");
  refuse(F32({5, 3}), 0, 1, "input 0");
  refuse(I32({2, 5, 3}), 0, 1, "input 0");
  const auto refuse_grad = [](graph::TensorType dy, int64_t count, int64_t rows,
                              const char* message) {
    ExpectRefused("MeanRowsGrad", {{"start", int64_t{1}}, {"count", count}, {"rows", rows}}, {dy},
                  message);
  };
  refuse_grad(F32({2, 3}), 5, 5, "input 0 (dy)");
  refuse_grad(F32({2, 3}), 0, 5, "'count' is 0");
  refuse_grad(F32({2, 3, 1}), 2, 5, "input 0");
}

}  // namespace
}  // namespace harness
