#include <cmath>

#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
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

// qkv in bf16; lse stays f32.
OpCase Bf16Case(int64_t images, int64_t tokens, int64_t heads, int64_t dim) {
  OpCase c = Case(images, tokens, heads, dim);
  c.inputs[0].type.dtype = c.outputs[0].dtype = graph::DType::kBF16;
  c.inputs[0].check_gradient = false;
  return c;
}

// `queries` rows of each image ask, some of them twice.
OpCase WithIds(OpCase c, int64_t queries) {
  const int64_t images = c.inputs[0].type.dim(0), tokens = c.inputs[0].type.dim(1);
  c.inputs[0].check_gradient = false;
  c.inputs.push_back({I32({images, queries}), Ids(tokens)});
  c.outputs[0].shape[1] = c.outputs[1].shape[2] = queries;
  return c;
}

TEST(Attention, Cases) {
  RunCase(Case(1, 1, 1, 1));
  RunCase(Case(2, 1, 3, 5));
  RunCase(Case(1, 5, 1, 3));
  RunCase(Case(2, 3, 3, 4));
  RunCase(Case(2, 7, 2, 1));
}

TEST(Attention, Bf16Cases) {
  RunCase(Bf16Case(1, 1, 1, 1));
  RunCase(Bf16Case(2, 1, 3, 5));
  RunCase(Bf16Case(2, 7, 2, 8));
  RunCase(Bf16Case(3, 37, 3, 11));
}

TEST(Attention, QueriesByIds) {
  RunCase(WithIds(Case(1, 1, 1, 1), 1));
  RunCase(WithIds(Case(2, 5, 3, 4), 9));
  RunCase(WithIds(Case(3, 37, 3, 11), 4));
  RunCase(WithIds(Bf16Case(2, 5, 3, 4), 9));
  RunCase(WithIds(Bf16Case(3, 37, 3, 11), 4));
}

TEST(Attention, IdsPickRowsOfTheWholeResult) {
  const OpCase c = Case(2, 4, 2, 3);
  const std::vector<HostTensor> in = MakeInputs(c);
  const std::vector<int64_t> ids = {3, 0, 3, 1, 1, 2};
  const auto all = Reference("Attention", c.attrs, in);
  HostTensor picked(I32({2, 3}));
  for (int64_t i = 0; i < 6; ++i) picked.SetInt(i, ids[i]);
  const auto some = Reference("Attention", c.attrs, {in[0], picked});
  ASSERT_EQ(all.size(), 2u);
  ASSERT_EQ(some.size(), 2u);
  for (int64_t row = 0; row < 6; ++row) {
    const int64_t image = row / 3, from = image * 4 + ids[row];
    for (int64_t e = 0; e < 6; ++e) {
      EXPECT_EQ(some[0].Get(row * 6 + e), all[0].Get(from * 6 + e)) << row << ", " << e;
    }
    for (int64_t h = 0; h < 2; ++h) {
      EXPECT_EQ(some[1].Get((image * 2 + h) * 3 + row % 3),
                all[1].Get((image * 2 + h) * 4 + ids[row]));
    }
  }
}

TEST(Attention, IdsOutsideTheRowsAreFaults) {
  for (const auto dtype : {graph::DType::kF32, graph::DType::kBF16}) {
    for (const int64_t id : {-1, 5}) {
      const HostTensor qkv({dtype, {2, 5, 12}});
      HostTensor ids(I32({2, 3}));
      ids.SetInt(4, id);
      for (const graph::Backend& backend : TestBackends()) {
        const auto out = RunOn(backend, "Attention", {{"heads", int64_t{2}}}, {qkv, ids}, 2);
        EXPECT_TRUE(absl::IsOutOfRange(out.status())) << backend.name << ": " << out.status();
        const std::string text(out.status().message());
        EXPECT_NE(text.find("'case'"), std::string::npos) << text;
        EXPECT_NE(text.find(absl::StrCat(id, " at element 4, and must be at least 0 and below 5")),
                  std::string::npos)
            << text;
      }
    }
  }
}

TEST(Attention, NoGradientWithIds) {
  graph::NetBuilder b(&TestRegistry(), "net");
  const auto qkv = b.Input("qkv", F32({2, 5, 12})), ids = b.Input("ids", I32({2, 3}));
  const auto out = b.OpN("Attention", "attn", {qkv, ids}, {{"heads", int64_t{2}}});
  const auto dy = b.Input("dy", b.type(out[0]));
  ASSERT_TRUE(b.status().ok()) << b.status();
  graph::GradientBuilder g(&b, b.net().ops.back(), {dy, graph::kNone}, {true, false});
  const auto status = TestRegistry().Find("Attention")->gradient(&g);
  EXPECT_NE(status.message().find("'attn': has no gradient with query_ids"), std::string::npos)
      << status;
}

TEST(Attention, LargerThanAnyBlock) {
  OpCase c = Case(3, 37, 3, 11);
  c.inputs[0].check_gradient = false;
  RunCase(c);
}

// Inputs that belong together: y and lse come from the forward operator.
void RunGradCase(const OpCase& forward) {
  const std::vector<HostTensor> in = MakeInputs(forward);
  const auto out = Reference("Attention", forward.attrs, in);
  ASSERT_EQ(out.size(), 2u);
  const graph::TensorType y = forward.outputs[0];
  OpCase backward = {"AttentionGrad",
                     forward.attrs,
                     {{in[0].type(), Values(in[0].Values())},
                      {y, Values(out[0].Values())},
                      {out[1].type(), Values(out[1].Values())},
                      {y, Normal()}},
                     {in[0].type()}};
  backward.parts = 3;
  RunCase(backward);
}

TEST(AttentionGrad, Cases) {
  RunGradCase(Case(1, 1, 1, 1));
  RunGradCase(Case(2, 1, 3, 5));
  RunGradCase(Case(2, 5, 2, 3));
  RunGradCase(Case(3, 37, 3, 11));
}

TEST(AttentionGrad, Bf16Cases) {
  RunGradCase(Bf16Case(1, 1, 1, 1));
  RunGradCase(Bf16Case(2, 1, 3, 5));
  RunGradCase(Bf16Case(2, 5, 2, 8));
  RunGradCase(Bf16Case(3, 37, 3, 11));
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
  ExpectRefused("Attention", two, {qkv, F32({2, 3})}, "input 1");
  ExpectRefused("Attention", two, {qkv, I32({2, 3, 1})}, "input 1");
  ExpectRefused("Attention", two, {qkv, I32({3, 3})}, "input 1 (query_ids)");
  ExpectRefused("AttentionGrad", two, {qkv, F32({2, 5, 6}), lse, y}, "input 1");
  ExpectRefused("AttentionGrad", two, {qkv, y, F32({2, 5, 2}), y}, "input 2");
  ExpectRefused("AttentionGrad", two, {qkv, y, lse, F32({2, 4, 4})}, "input 3");
  ExpectRefused("AttentionGrad", two, {qkv, y, lse, F64({2, 5, 4})}, "input 3");
  const auto qkv16 = BF16({2, 5, 12}), y16 = BF16({2, 5, 4}), lse16 = BF16({2, 2, 5});
  ExpectRefused("AttentionGrad", two, {qkv16, y, lse, y16}, "input 1");
  ExpectRefused("AttentionGrad", two, {qkv16, y16, lse16, y16}, "input 2");
  ExpectRefused("AttentionGrad", two, {qkv16, y16, lse, y}, "input 3");
}

}  // namespace
}  // namespace harness
