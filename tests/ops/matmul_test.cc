#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::Shape x, graph::Shape w, int64_t trans_w, graph::Shape y) {
  return {"MatMul",
          {{"trans_w", trans_w}},
          {{F32(x), Normal(), true}, {F32(w), Normal(), true}},
          {F32(y)}};
}

OpCase GradCase(graph::Shape a, graph::Shape b, graph::Shape y) {
  return {"MatMulWeightGrad",
          {{"shape", std::vector<int64_t>(y.begin(), y.end())}},
          {{F32(a), Normal()}, {F32(b), Normal()}},
          {F32(y)}};
}

TEST(MatMul, Cases) {
  RunCase(Case({1}, {1, 1}, 1, {1}));
  RunCase(Case({5}, {3, 5}, 1, {3}));
  RunCase(Case({3, 5}, {7, 5}, 1, {3, 7}));
  RunCase(Case({3, 5}, {5, 7}, 0, {3, 7}));
  RunCase(Case({2, 3, 5}, {1, 5}, 1, {2, 3, 1}));
  RunCase(Case({2, 1, 5}, {5, 4}, 0, {2, 1, 4}));
  RunCase(Case({2, 3, 1, 1}, {1, 9}, 0, {2, 3, 1, 9}));
  // A patch embedding as a matrix, both ways.
  RunCase(Case({2, 3, 12}, {5, 3, 2, 2}, 1, {2, 3, 5}));
  RunCase(Case({2, 3, 5}, {5, 3, 2, 2}, 0, {2, 3, 12}));
}

TEST(MatMul, LargerThanAnyBlock) {
  for (int64_t trans_w : {0, 1}) {
    OpCase c = Case({3, 43, 67}, trans_w ? graph::Shape{131, 67} : graph::Shape{67, 131}, trans_w,
                    {3, 43, 131});
    for (auto& input : c.inputs) input.check_gradient = false;
    RunCase(c);
  }
}

TEST(MatMulWeightGrad, Cases) {
  RunCase(GradCase({1}, {1}, {1, 1}));
  RunCase(GradCase({3, 5}, {3, 7}, {5, 7}));
  RunCase(GradCase({2, 3, 5}, {6, 1}, {5, 1}));
  RunCase(GradCase({2, 3, 5}, {2, 3, 12}, {5, 3, 2, 2}));
  RunCase(GradCase({4, 33, 17}, {4, 33, 65}, {17, 65}));
}

TEST(MatMul, KnownProduct) {
  const HostTensor x(F32({1, 2}), {1, 10});
  const HostTensor w(F32({2, 2}), {1, 2, 3, 4});
  const auto plain = Reference("MatMul", {{"trans_w", int64_t{0}}}, {x, w});
  const auto transposed = Reference("MatMul", {{"trans_w", int64_t{1}}}, {x, w});
  ASSERT_EQ(plain.size(), 1u);
  ASSERT_EQ(transposed.size(), 1u);
  EXPECT_EQ(plain[0], HostTensor(F32({1, 2}), {31, 42}));
  EXPECT_EQ(transposed[0], HostTensor(F32({1, 2}), {21, 43}));
}

TEST(MatMul, RefusesBadInputs) {
  const auto refused = [](graph::TensorType x, graph::TensorType w, int64_t trans_w,
                          const char* message) {
    ExpectRefused("MatMul", {{"trans_w", trans_w}}, {x, w}, message);
  };
  refused(F32({2, 3}), F32({3, 4}), 1, "input 1 (w)");
  refused(F32({2, 3}), F32({4, 3}), 0, "input 1 (w)");
  refused(F32({2, 3}), F32({3}), 1, "input 1");
  refused(F32({2, 3}), F64({4, 3}), 1, "input 1");
  refused(I32({2, 3}), I32({4, 3}), 1, "input 0");
  refused(F32({2, 3}), F32({4, 3}), 2, "'trans_w' is 2");
  ExpectRefused("MatMul", {}, {F32({2, 3}), F32({4, 3})}, "'trans_w' is missing");
}

TEST(MatMulWeightGrad, RefusesBadInputs) {
  const auto refused = [](graph::TensorType a, graph::TensorType b, std::vector<int64_t> shape,
                          const char* message) {
    ExpectRefused("MatMulWeightGrad", {{"shape", shape}}, {a, b}, message);
  };
  refused(F32({2, 3}), F32({3, 4}), {3, 4}, "rows");
  refused(F32({2, 3}), F32({2, 4}), {4, 3}, "'shape' [4,3]");
  refused(F32({2, 3}), F32({2, 4}), {3, 2, 3}, "'shape' [3,2,3]");
  refused(F32({2, 1}), F32({2, 4}), {4}, "'shape' [4]");
  // 2^62 * 4 would wrap around to 0, and 2^32 * 2^32 with it.
  refused(F32({2, 3}), F32({2, 0}), {3, int64_t{1} << 62, 4}, "more elements");
  refused(F32({2, 3}), F32({2, 4}), {3, int64_t{1} << 32, int64_t{1} << 32}, "more elements");
  refused(F32({2, 3}), F64({2, 4}), {3, 4}, "input 1");
}

}  // namespace
}  // namespace harness
