#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::TensorType Float(graph::Shape shape, bool bf16) { return bf16 ? BF16(shape) : F32(shape); }

OpCase Case(graph::Shape x, graph::Shape token, bool bf16) {
  return {"PrependToken",
          {},
          {{Float(x, bf16), Normal(), true}, {Float(token, bf16), Normal(), true}},
          {Float({x[0], 1 + x[1], x[2]}, bf16)}};
}

TEST(PrependToken, Cases) {
  for (bool bf16 : {false, true}) {
    RunCase(Case({1, 1, 1}, {1, 1, 1}, bf16));
    RunCase(Case({2, 3, 5}, {1, 1, 5}, bf16));
    RunCase(Case({3, 1, 7}, {7}, bf16));
    RunCase(Case({5, 4, 1}, {1, 1}, bf16));
    RunCase(Case({2, 17, 33}, {1, 1, 33}, bf16));
    RunCase(Case({2, 3, 16}, {1, 1, 16}, bf16));
  }
}

TEST(PrependToken, TokenComesFirst) {
  const auto y =
      Reference("PrependToken", {},
                {HostTensor(F32({2, 1, 2}), {1, 2, 3, 4}), HostTensor(F32({1, 1, 2}), {8, 9})});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(y[0], HostTensor(F32({2, 2, 2}), {8, 9, 1, 2, 8, 9, 3, 4}));
}

TEST(PrependToken, RefusesBadInputs) {
  ExpectRefused("PrependToken", {}, {F32({2, 3, 5}), F32({1, 1, 4})}, "input 1 (token)");
  ExpectRefused("PrependToken", {}, {F32({2, 3, 5}), F32({5, 1})}, "input 1 (token)");
  ExpectRefused("PrependToken", {}, {F32({2, 3, 5}), F32({2, 1, 5})}, "input 1 (token)");
  ExpectRefused("PrependToken", {}, {F32({2, 3, 5}), F64({1, 1, 5})}, "input 1");
  ExpectRefused("PrependToken", {}, {F32({3, 5}), F32({1, 1, 5})}, "input 0");
}

}  // namespace
}  // namespace harness
