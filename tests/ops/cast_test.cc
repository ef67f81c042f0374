#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::TensorType x, const std::string& dtype, graph::TensorType y) {
  return {"Cast", {{"dtype", dtype}}, {{x, Normal(), x.elements() < 100}}, {y}};
}

TEST(Cast, Cases) {
  RunCase(Case(F32({1}), "bf16", BF16({1})));
  RunCase(Case(F32({2, 3, 5}), "bf16", BF16({2, 3, 5})));
  RunCase(Case(F32({37, 271}), "bf16", BF16({37, 271})));
  RunCase(Case(BF16({2, 3, 5}), "f32", F32({2, 3, 5})));
  RunCase(Case(BF16({37, 271}), "f32", F32({37, 271})));
  RunCase(Case(BF16({3, 5}), "bf16", BF16({3, 5})));
  RunCase(Case(F32({3, 5}), "f32", F32({3, 5})));
}

TEST(Cast, RoundsToNearestEven) {
  const float inf = std::numeric_limits<float>::infinity();
  // bf16 has steps of 2^-7 from 1 to 2.
  const std::vector<double> x = {1.0,       1.0 + 0x1p-9,   1.0 + 0x1p-8, 1.0 + 0x1.8p-8,
                                 1 + 3 * 0x1p-8, -1.0 - 0x1p-8, 0x1p-130,     0x1.fffffep+127,
                                 inf,       -inf,           NAN,          -0.0};
  const std::vector<double> y = {1.0,       1.0,            1.0,          1.0 + 0x1p-7,
                                 1 + 0x1p-6, -1.0,          0x1p-130,     inf,
                                 inf,       -inf,           NAN,          -0.0};
  const HostTensor in(F32({12}), x), expected(BF16({12}), y);
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto out = RunOn(backend, "Cast", {{"dtype", std::string("bf16")}}, {in});
    ASSERT_TRUE(out.ok()) << out.status();
    ExpectClose((*out)[0], expected, 0);
    const auto back = RunOn(backend, "Cast", {{"dtype", std::string("f32")}}, *out);
    ASSERT_TRUE(back.ok()) << back.status();
    ExpectClose((*back)[0], HostTensor(F32({12}), y), 0);
  }
}

TEST(Cast, RefusesBadInputs) {
  ExpectRefused("Cast", {{"dtype", std::string("bf16")}}, {I32({3})}, "input 0");
  ExpectRefused("Cast", {{"dtype", std::string("same")}}, {F32({3})}, "'same'");
  ExpectRefused("Cast", {{"dtype", std::string("i32")}}, {F32({3})}, "'i32'");
  ExpectRefused("Cast", {{"dtype", std::string("f64")}}, {F32({3})}, "'f64'");
  ExpectRefused("Cast", {{"dtype", std::string("f32")}}, {F64({3})}, "'f32'");
  ExpectRefused("Cast", {}, {F32({3})}, "'dtype' is missing");
}

}  // namespace
}  // namespace harness
