#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(GeluWithDerivative, Cases) {
  for (const graph::Shape& shape :
       {graph::Shape{1}, {37}, {3, 5}, {2, 17, 1}, {2, 1, 3, 9}, {5, 197}, {3, 4096}}) {
    for (const graph::TensorType& type : {F32(shape), BF16(shape)}) {
      RunCase({"GeluWithDerivative", {}, {{type, Normal(2.0)}}, {type, type}});
    }
  }
}

TEST(GeluWithDerivative, FarOutAndNotFinite) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> x = {inf, -inf, std::nan(""), 40, -40, 1e-39, -1e-39, 0, -0.0, 5};
  for (const graph::TensorType& type : {F32({10}), BF16({10})}) {
    RunCase({"GeluWithDerivative", {}, {{type, Values(x)}}, {type, type}});
  }
}

TEST(GeluWithDerivative, IsGeluAndWhatGeluGradMultipliesBy) {
  for (const graph::TensorType& type : {F32({1000}), BF16({1000})}) {
    HostTensor x(type), one(type);
    for (int64_t i = 0; i < x.size(); ++i) {
      x.Set(i, (i - 500) / 50.0);
      one.Set(i, 1.0);
    }
    for (const graph::Backend& backend : TestBackends()) {
      const auto both = RunOn(backend, "GeluWithDerivative", {}, {x});
      const auto y = RunOn(backend, "Gelu", {}, {x});
      const auto d = RunOn(backend, "GeluGrad", {}, {x, one});
      ASSERT_TRUE(both.ok() && y.ok() && d.ok()) << backend.name;
      const double bound = type.dtype == graph::DType::kF32 ? 2e-7 : 4e-3;  // of one rounding
      ExpectClose((*both)[0], (*y)[0], bound);
      ExpectClose((*both)[1], (*d)[0], bound);
    }
  }
}

TEST(GeluWithDerivative, RefusesBadInputs) {
  ExpectRefused("GeluWithDerivative", {}, {I32({3})}, "input 0");
  ExpectRefused("GeluWithDerivative", {}, {F32({3}), F32({3})}, "takes (x)");
}

}  // namespace
}  // namespace harness
