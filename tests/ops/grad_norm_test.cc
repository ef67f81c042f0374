#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(GradNorm, Cases) {
  for (const graph::Shape& shape :
       {graph::Shape{1}, {37}, {3, 5}, {2, 1, 5}, {2, 3, 1, 5}, {31}, {32}, {33}, {3, 33333}}) {
    RunCase({"GradNorm", {}, {{F32(shape), Normal(3.0)}}, {F32({1})}});
  }
}

TEST(GradNorm, KnownValuesAndNoOverflow) {
  const auto norm = Reference("GradNorm", {}, {HostTensor(F32({2}), {3, -4})});
  ASSERT_EQ(norm.size(), 1u);
  EXPECT_EQ(norm[0].Get(0), 5.0);
  // The squares are beyond f32.
  RunCase({"GradNorm", {}, {{F32({2, 2}), Constant(1e30)}}, {F32({1})}});
  const auto large = Reference("GradNorm", {}, {HostTensor(F64({4}), {1e30, 1e30, 1e30, 1e30})});
  ASSERT_EQ(large.size(), 1u);
  EXPECT_NEAR(large[0].Get(0) / 2e30, 1.0, 1e-15);
}

TEST(GradNorm, NonFiniteElementsShow) {
  const double inf = std::numeric_limits<double>::infinity();
  RunCase({"GradNorm", {}, {{F32({3}), Values({1, inf, 2})}}, {F32({1})}});
  RunCase({"GradNorm", {}, {{F32({3}), Values({1, std::nan(""), inf})}}, {F32({1})}});
  const auto norm = Reference("GradNorm", {}, {HostTensor(F32({2}), {std::nan(""), 1})});
  ASSERT_EQ(norm.size(), 1u);
  EXPECT_TRUE(std::isnan(norm[0].Get(0)));
}

TEST(GradNorm, RefusesBadInputs) { ExpectRefused("GradNorm", {}, {I32({3})}, "input 0"); }

}  // namespace
}  // namespace harness
