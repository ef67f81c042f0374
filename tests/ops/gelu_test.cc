#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(Gelu, Cases) {
  for (const graph::Shape& shape :
       {graph::Shape{1}, {37}, {3, 5}, {2, 17, 1}, {2, 1, 3, 9}, {3, 64}, {7, 197}}) {
    for (const graph::TensorType& type : {F32(shape), BF16(shape)}) {
      RunCase({"Gelu", {}, {{type, Normal(2.0), true}}, {type}});
      RunCase({"GeluGrad", {}, {{type, Normal(2.0)}, {type, Normal()}}, {type}});
    }
  }
}

// Each element beside the exact value, not beside the largest of a tensor.
TEST(Gelu, EveryBackendIsAccurateOverTheWholeRange) {
  HostTensor x(F32({48001})), one(F32({48001}));
  for (int64_t i = 0; i < x.size(); ++i) {
    x.Set(i, (i - 24000) / 2000.0);
    one.Set(i, 1.0);
  }
  const auto exact = Reference("Gelu", {}, {x.ToF64()});
  const auto exact_grad = Reference("GeluGrad", {}, {x.ToF64(), one.ToF64()});
  ASSERT_TRUE(exact.size() == 1 && exact_grad.size() == 1);
  for (const graph::Backend& backend : TestBackends()) {
    const auto y = RunOn(backend, "Gelu", {}, {x});
    const auto d = RunOn(backend, "GeluGrad", {}, {x, one});
    ASSERT_TRUE(y.ok() && d.ok()) << backend.name;
    for (int64_t i = 0; i < x.size(); ++i) {
      const double expected = exact[0].Get(i);
      ASSERT_NEAR((*y)[0].Get(i), expected, 3e-7 * (1 + std::fabs(expected)))
          << backend.name << " at " << x.Get(i);
      ASSERT_NEAR((*d)[0].Get(i), exact_grad[0].Get(i), 1e-6) << backend.name << " at " << x.Get(i);
    }
  }
}

TEST(Gelu, FarOutAndNotFinite) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> x = {inf, -inf, std::nan(""), 40, -40, 1e-39, -1e-39, 0, -0.0, 5};
  for (const graph::TensorType& type : {F32({10}), BF16({10})}) {
    RunCase({"Gelu", {}, {{type, Values(x)}}, {type}});
    RunCase({"GeluGrad", {}, {{type, Values(x)}, {type, Normal()}}, {type}});
    RunCase({"GeluGrad", {}, {{type, Normal()}, {type, Values(x)}}, {type}});
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
  ExpectRefused("GeluGrad", {}, {F32({3}), BF16({3})}, "input 1");
}

}  // namespace
}  // namespace harness
