#include <cmath>

#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(int64_t images, int64_t tokens, int64_t heads, int64_t dim) {
  const int64_t width = heads * dim;
  return {"Attention",
          {{"heads", heads}},
          {{F32({images, tokens, 3 * width}), Normal(), true}},
          {F32({images, tokens, width}), F32({images, heads, tokens})}};
}

TEST(Attention, Cases) {
  RunCase(Case(1, 1, 1, 1));
  RunCase(Case(2, 1, 3, 5));
  RunCase(Case(1, 5, 1, 3));
  RunCase(Case(2, 3, 3, 4));
  RunCase(Case(2, 7, 2, 1));
}

TEST(Attention, LargerThanAnyBlock) {
  OpCase c = Case(3, 37, 3, 11);
  c.inputs[0].check_gradient = false;
  RunCase(c);
}

// Inputs that belong together: y and lse come from the forward operator.
void RunGradCase(int64_t images, int64_t tokens, int64_t heads, int64_t dim) {
  const OpCase forward = Case(images, tokens, heads, dim);
  const std::vector<HostTensor> in = MakeInputs(forward);
  const auto out = Reference("Attention", forward.attrs, in);
  ASSERT_EQ(out.size(), 2u);
  const graph::TensorType y = forward.outputs[0];
  RunCase({"AttentionGrad",
           forward.attrs,
           {{in[0].type(), Values(in[0].Values())},
            {y, Values(out[0].Values())},
            {out[1].type(), Values(out[1].Values())},
            {y, Normal()}},
           {in[0].type()}});
}

TEST(AttentionGrad, Cases) {
  RunGradCase(1, 1, 1, 1);
  RunGradCase(2, 1, 3, 5);
  RunGradCase(2, 5, 2, 3);
  RunGradCase(3, 37, 3, 11);
}

TEST(Attention, OneTokenIsItsValue) {
  // Two heads of one element: q = (0, 1), k = (2, 3), v = (4, 5).
  const auto out = Reference("Attention", {{"heads", int64_t{2}}},
                             {HostTensor(F64({1, 1, 6}), {0, 1, 2, 3, 4, 5})});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0], HostTensor(F64({1, 1, 2}), {4, 5}));
  EXPECT_EQ(out[1], HostTensor(F64({1, 2, 1}), {0, 3}));
}

TEST(Attention, ScaledSoftmaxOfTwoTokens) {
  // One head, dh = 4, scale 1/2: the scores of the first token are 0 and 1, all
  // of the second's are 0.
  const auto out = Reference("Attention", {{"heads", int64_t{1}}},
                             {HostTensor(F64({1, 2, 12}), {1, 1, 0, 0, 0, 0, 9, 9, 1, 0, 0, 2,  //
                                                           0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 4})});
  ASSERT_EQ(out.size(), 2u);
  const double p = 1 / (1 + std::exp(1.0));  // of token 0 for the first row
  EXPECT_NEAR(out[0].Get(0), p, 1e-15);
  EXPECT_NEAR(out[0].Get(1), 1 - p, 1e-15);
  EXPECT_NEAR(out[0].Get(3), 2 * p + 4 * (1 - p), 1e-15);
  EXPECT_NEAR(out[0].Get(7), 3.0, 1e-15);
  EXPECT_NEAR(out[1].Get(0), 1.3132616875182228, 1e-15);
  EXPECT_NEAR(out[1].Get(1), 0.6931471805599453, 1e-15);
}

TEST(Attention, LargeScoresDoNotOverflow) {
  OpCase c = Case(1, 5, 1, 4);
  c.inputs[0].generate = Normal(40.0);
  c.inputs[0].check_gradient = false;
  RunCase(c);
  const auto out = Reference("Attention", c.attrs, MakeInputs(c));
  ASSERT_EQ(out.size(), 2u);
  for (double v : out[1].Values()) EXPECT_TRUE(std::isfinite(v));
}

TEST(Attention, RefusesBadInputs) {
  const graph::Attrs two = {{"heads", int64_t{2}}};
  ExpectRefused("Attention", two, {F32({2, 5, 9})}, "input 0 (qkv)");
  ExpectRefused("Attention", two, {F32({5, 12})}, "input 0");
  ExpectRefused("Attention", two, {I32({2, 5, 12})}, "input 0");
  ExpectRefused("Attention", {{"heads", int64_t{0}}}, {F32({2, 5, 12})}, "'heads' is 0");
  ExpectRefused("Attention", {{"heads", int64_t{1}}}, {F32({2, 5, 13})}, "has 13 columns");
  ExpectRefused("Attention", two, {F32({2, 5, 0})}, "has 0 columns");
  // 3 * heads would wrap around: to 3 * 2^62, and to 1.
  ExpectRefused("Attention", {{"heads", int64_t{1} << 62}}, {F32({2, 5, 12})},
                "q, k and v of 4611686018427387904 heads");
  ExpectRefused("Attention", {{"heads", int64_t{6148914691236517205}}}, {F32({2, 5, 12})},
                "q, k and v of 6148914691236517205 heads");
  const auto qkv = F32({2, 5, 12}), y = F32({2, 5, 4}), lse = F32({2, 2, 5});
  ExpectRefused("AttentionGrad", two, {qkv, F32({2, 5, 6}), lse, y}, "input 1");
  ExpectRefused("AttentionGrad", two, {qkv, y, F32({2, 5, 2}), y}, "input 2");
  ExpectRefused("AttentionGrad", two, {qkv, y, lse, F32({2, 4, 4})}, "input 3");
  ExpectRefused("AttentionGrad", two, {qkv, y, lse, F64({2, 5, 4})}, "input 3");
}

}  // namespace
}  // namespace harness
