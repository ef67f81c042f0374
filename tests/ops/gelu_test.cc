#include <cmath>

#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(Gelu, Cases) {
  for (const graph::Shape& shape : {graph::Shape{1}, {37}, {3, 5}, {2, 17, 1}, {2, 1, 3, 9}}) {
    RunCase({"Gelu", {}, {{F32(shape), Normal(2.0), true}}, {F32(shape)}});
    RunCase({"GeluGrad", {}, {{F32(shape), Normal(2.0)}, {F32(shape), Normal()}}, {F32(shape)}});
  }
}

TEST(Gelu, KnownValues) {
  // torch.nn.functional.gelu in double; the tanh form gives 0.8411920 at 1.
  const HostTensor x(F64({6}), {0, 1, -1, 2, -30, 30});
  const auto y = Reference("Gelu", {}, {x});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(y[0].Get(0), 0.0);
  EXPECT_NEAR(y[0].Get(1), 0.8413447460685429, 1e-15);
  EXPECT_NEAR(y[0].Get(2), -0.15865525393145707, 1e-15);
  EXPECT_NEAR(y[0].Get(3), 1.9544997361036416, 1e-15);
  EXPECT_NEAR(y[0].Get(4), 0.0, 1e-100);
  EXPECT_EQ(y[0].Get(5), 30.0);
}

TEST(Gelu, GradientAtZeroAndFarOut) {
  const HostTensor x(F64({2}), {0, 30}), dy(F64({2}), {3, 5});
  const auto dx = Reference("GeluGrad", {}, {x, dy});
  ASSERT_EQ(dx.size(), 1u);
  EXPECT_NEAR(dx[0].Get(0), 1.5, 1e-15);
  EXPECT_NEAR(dx[0].Get(1), 5.0, 1e-15);
}

TEST(Gelu, RefusesBadInputs) {
  ExpectRefused("Gelu", {}, {I32({3})}, "input 0");
  ExpectRefused("GeluGrad", {}, {F32({3}), F32({4})}, "input 1");
  ExpectRefused("GeluGrad", {}, {F32({3}), F64({3})}, "input 1");
}

}  // namespace
}  // namespace harness
