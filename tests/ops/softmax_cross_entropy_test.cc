#include <cmath>

#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::Shape logits, double std = 1.0) {
  const int64_t classes = logits.back();
  const int64_t rows = graph::NumElements(logits) / classes;
  return {"SoftmaxCrossEntropy",
          {},
          {{F32(logits), Normal(std), true}, {I32({rows}), Ids(classes)}},
          {F32({1}), I32({rows})}};
}

OpCase GradCase(graph::Shape logits) {
  OpCase c = Case(logits);
  c.type = "SoftmaxCrossEntropyGrad";
  c.inputs[0].check_gradient = false;
  c.inputs.push_back({F32({1}), Constant(-1.5)});
  c.outputs = {F32(logits)};
  return c;
}

TEST(SoftmaxCrossEntropy, Cases) {
  for (const graph::Shape& shape :
       {graph::Shape{1, 1}, {1, 7}, {5, 1}, {3, 10}, {2, 3, 5}, {2, 1, 3, 4}, {17, 33}}) {
    RunCase(Case(shape));
    RunCase(GradCase(shape));
  }
}

TEST(SoftmaxCrossEntropy, LargeLogitsDoNotOverflow) {
  OpCase c = Case({3, 10}, 500.0);
  c.inputs[0].check_gradient = false;
  RunCase(c);
  const auto out = Reference(c.type, {}, MakeInputs(c));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_TRUE(std::isfinite(out[0].Get(0)));
}

TEST(SoftmaxCrossEntropy, KnownValues) {
  // Equal logits: log 3 whatever the label, and the lowest index is the argmax.
  const HostTensor logits(F64({3, 3}), {7, 7, 7, 0, 0, 0, -1, -1, -1});
  const HostTensor labels(I32({3}), {0, 1, 2});
  const auto out = Reference("SoftmaxCrossEntropy", {}, {logits, labels});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_NEAR(out[0].Get(0), 1.0986122886681098, 1e-15);
  EXPECT_EQ(out[1].IntValues(), (std::vector<int64_t>{1, 0, 0}));
  const auto grad =
      Reference("SoftmaxCrossEntropyGrad", {}, {logits, labels, HostTensor(F64({1}), {9})});
  ASSERT_EQ(grad.size(), 1u);
  EXPECT_NEAR(grad[0].Get(0), -2.0, 1e-14);
  EXPECT_NEAR(grad[0].Get(1), 1.0, 1e-14);
  // One row with logits 0 and 1, label 0: log(1 + e).
  const auto two = Reference("SoftmaxCrossEntropy", {},
                             {HostTensor(F64({1, 2}), {0, 1}), HostTensor(I32({1}), {0})});
  ASSERT_EQ(two.size(), 2u);
  EXPECT_NEAR(two[0].Get(0), 1.3132616875182228, 1e-15);
}

TEST(SoftmaxCrossEntropy, RefusesBadInputs) {
  ExpectRefused("SoftmaxCrossEntropy", {}, {F32({3, 4}), I32({4})}, "input 1");
  ExpectRefused("SoftmaxCrossEntropy", {}, {F32({3, 4}), I64({3})}, "input 1");
  ExpectRefused("SoftmaxCrossEntropy", {}, {F32({4}), I32({1})}, "input 0");
  ExpectRefused("SoftmaxCrossEntropy", {}, {F32({0, 4}), I32({0})}, "input 0 (logits)");
  ExpectRefused("SoftmaxCrossEntropyGrad", {}, {F32({3, 4}), I32({3}), F32({3})}, "input 2");
  ExpectRefused("SoftmaxCrossEntropyGrad", {}, {F32({3, 4}), I32({3}), F64({1})}, "input 2");
}

}  // namespace
}  // namespace harness
