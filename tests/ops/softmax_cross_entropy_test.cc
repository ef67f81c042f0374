#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
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

// The case with λ for each of `groups`, where that is not 0, and smoothing.
OpCase Soft(OpCase c, int64_t groups, float smoothing) {
  if (groups > 0) c.inputs.push_back({F32({groups}), Uniform(0, 1)});
  c.attrs["smoothing"] = smoothing;
  return c;
}

TEST(SoftmaxCrossEntropy, SoftTargets) {
  // Of one class the loss is 0; its gradient is what rounding leaves, which has no scale.
  RunCase(Soft(Case({5, 1}), 0, 0.1f));
  RunCase(Soft(Case({2, 1}), 1, 0.1f));
  for (const graph::Shape& shape : {graph::Shape{1, 7}, {3, 10}, {2, 3, 5}, {17, 33}}) {
    RunCase(Soft(Case(shape), 0, 0.1f));
    RunCase(Soft(GradCase(shape), 0, 0.1f));
  }
  for (const float smoothing : {0.0f, 0.1f}) {
    for (const auto& [shape, groups] : std::vector<std::pair<graph::Shape, int64_t>>{
             {{2, 10}, 1}, {{6, 3}, 3}, {{2, 4, 5}, 2}, {{12, 33}, 3}, {{300, 2}, 5}}) {
      RunCase(Soft(Case(shape), groups, smoothing));
      RunCase(Soft(GradCase(shape), groups, smoothing));
    }
  }
}

// The targets that the gradient takes off, by definition, on every backend: two groups of four.
TEST(SoftmaxCrossEntropy, TargetsOfMirroredRows) {
  const int rows = 8, classes = 5;
  const float smoothing = 0.2f;
  const std::vector<double> labels = {0, 1, 2, 3, 4, 4, 1, 4}, lam = {0.75, 0.375};
  const HostTensor logits(F32({rows, classes}), std::vector<double>(rows * classes, 1.5));
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto grad = RunOn(backend, "SoftmaxCrossEntropyGrad", {{"smoothing", smoothing}},
                            {logits, HostTensor(I32({rows}), labels), HostTensor(F32({1}), {rows}),
                             HostTensor(F32({2}), lam)});
    ASSERT_TRUE(grad.ok()) << grad.status();
    for (int r = 0; r < rows; ++r) {
      std::vector<double> target(classes, 0.2 / classes);
      target[labels[r]] += 0.8 * lam[r / 4];
      target[labels[r / 4 * 4 + 3 - r % 4]] += 0.8 * (1 - lam[r / 4]);
      for (int k = 0; k < classes; ++k) {
        EXPECT_NEAR((*grad)[0].Get(r * classes + k), 1.0 / classes - target[k], 1e-6) << r << k;
      }
    }
  }
}

// λ = 1 and no smoothing are hard labels, and the gradient has the same bits.
TEST(SoftmaxCrossEntropy, AHardTargetOfAMixIsAHardLabel) {
  const HostTensor logits = Random(F32({6, 9}), 3), dloss(F32({1}), {0.7});
  const HostTensor labels(I32({6}), {8, 0, 3, 3, 1, 2}), ones(F32({3}), {1, 1, 1});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto hard = RunOn(backend, "SoftmaxCrossEntropyGrad", {}, {logits, labels, dloss});
    const auto mixed = RunOn(backend, "SoftmaxCrossEntropyGrad", {}, {logits, labels, dloss, ones});
    ASSERT_TRUE(hard.ok() && mixed.ok()) << hard.status() << mixed.status();
    EXPECT_EQ((*hard)[0], (*mixed)[0]);
    // A logit of minus infinity that a weight of 0 meets does not count.
    const HostTensor cut(F32({2, 2}), {0, -INFINITY, 1, 1});
    const auto loss = RunOn(backend, "SoftmaxCrossEntropy", {},
                            {cut, HostTensor(I32({2}), {0, 1}), HostTensor(F32({1}), {1})});
    ASSERT_TRUE(loss.ok()) << loss.status();
    EXPECT_NEAR((*loss)[0].Get(0), std::log(2.0) / 2, 1e-6);
    const auto other = RunOn(backend, "SoftmaxCrossEntropy", {},
                             {cut, HostTensor(I32({2}), {1, 0}), HostTensor(F32({1}), {0})});
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_NEAR((*other)[0].Get(0), std::log(2.0) / 2, 1e-6);
  }
}

TEST(SoftmaxCrossEntropy, SharesHaveNoGradient) {
  graph::NetBuilder b(&TestRegistry(), "net");
  b.OpN("SoftmaxCrossEntropy", "loss",
        {b.Input("logits", F32({2, 3})), b.Input("labels", I32({2})), b.Input("lam", F32({1}))});
  const graph::BlobId dloss = b.Input("dloss", F32({1}));
  const graph::Op forward = b.net().ops.back();
  const auto make = TestRegistry().Find("SoftmaxCrossEntropy")->gradient;
  graph::GradientBuilder logits(&b, forward, {dloss, graph::kNone}, {true, false, false});
  EXPECT_TRUE(make(&logits).ok());
  graph::GradientBuilder all(&b, forward, {dloss, graph::kNone}, {true, false, true});
  EXPECT_EQ(make(&all).message(),
            "SoftmaxCrossEntropy 'loss': the shares have no gradient; put a StopGradient before "
            "them");
}

// Equal logits cost log K whatever the targets; a logit that is far ahead costs what the other
// classes have of them.
TEST(SoftmaxCrossEntropy, KnownSoftValues) {
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const HostTensor logits(F32({2, 4}), {7, 7, 7, 7, 0, 40, 0, 0});
    const auto out = RunOn(backend, "SoftmaxCrossEntropy", {{"smoothing", 0.1f}},
                           {logits, HostTensor(I32({2}), {2, 1}), HostTensor(F32({1}), {0.25})});
    ASSERT_TRUE(out.ok()) << out.status();
    // Row 1: 0.9 · 0.75 for label 2 of row 0, and three quarters of 0.1.
    EXPECT_NEAR((*out)[0].Get(0), (std::log(4.0) + 40 * (0.9 * 0.75 + 0.075)) / 2, 1e-5);
    EXPECT_EQ((*out)[1].IntValues(), (std::vector<int64_t>{0, 1}));
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

TEST(SoftmaxCrossEntropy, CorrectIsTheLowestIndexOfEqualOnes) {
  HostTensor logits(F32({4, 100}));
  logits.Set(200 + 70, 2.0);
  logits.Set(200 + 41, 2.0);
  logits.Set(300 + 70, 2.0);
  logits.Set(300 + 41, 2.0);
  const HostTensor labels(I32({4}), {0, 1, 41, 70});
  for (const graph::Backend& backend : TestBackends()) {
    const auto out = RunOn(backend, "SoftmaxCrossEntropy", {}, {logits, labels});
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_EQ((*out)[1].IntValues(), (std::vector<int64_t>{1, 0, 1, 0})) << backend.name;
  }
}

// Labels from -2 to classes - 1; row 1 is never scored.
OpCase SomeRows(OpCase c) {
  const int64_t classes = c.inputs[0].type.cols();
  c.inputs[1].generate = [classes](HostTensor* labels, graph::RandomStream* random) {
    for (int64_t r = 0; r < labels->size(); ++r) {
      labels->SetInt(r, r == 1 ? -1 : static_cast<int64_t>(random->Below(classes + 2)) - 2);
    }
  };
  return c;
}

TEST(SoftmaxCrossEntropy, RowsThatAreNotScored) {
  for (const graph::Shape& shape : {graph::Shape{2, 1}, {5, 3}, {2, 3, 5}, {37, 2}, {300, 2}}) {
    RunCase(SomeRows(Case(shape)));
    RunCase(SomeRows(GradCase(shape)));
  }
}

TEST(SoftmaxCrossEntropy, RowsThatAreNotScoredInAMix) {
  for (const graph::Shape& shape : {graph::Shape{2, 3}, {12, 3}, {300, 2}}) {
    RunCase(SomeRows(Soft(Case(shape), shape[0] / 2, 0.1f)));
    RunCase(SomeRows(Soft(GradCase(shape), shape[0] / 2, 0.1f)));
  }
  // Rows 0 and 3 are partners, and so are 1 and 2, of which one has no label.
  const HostTensor logits(F32({4, 2}), {0, 0, 5, 1, 1, 5, 0, 0}), lam(F32({1}), {0.5});
  const HostTensor labels(I32({4}), {0, 1, -1, 1});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto loss = RunOn(backend, "SoftmaxCrossEntropy", {}, {logits, labels, lam});
    ASSERT_TRUE(loss.ok()) << loss.status();
    EXPECT_NEAR((*loss)[0].Get(0), std::log(2.0), 1e-6);
    EXPECT_EQ((*loss)[1].IntValues(), (std::vector<int64_t>{1, 0, 0, 0}));
  }
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// On every backend, in f32, which all of them have.
TEST(SoftmaxCrossEntropy, RowsThatAreNotScoredDoNotCount) {
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    // Rows 0 and 2 are padding: whatever they hold, the mean is that of row 1.
    const HostTensor logits(F32({3, 2}), {kNan, 1, 0, 1, 8, 8});
    const HostTensor labels(I32({3}), {-1, 0, -1});
    const auto loss = RunOn(backend, "SoftmaxCrossEntropy", {}, {logits, labels});
    ASSERT_TRUE(loss.ok()) << loss.status();
    EXPECT_NEAR((*loss)[0].Get(0), 1.3132616875182228, 1e-6);
    EXPECT_EQ((*loss)[1].IntValues(), (std::vector<int64_t>{0, 0, 0}));
    const auto grad =
        RunOn(backend, "SoftmaxCrossEntropyGrad", {}, {logits, labels, HostTensor(F32({1}), {1})});
    ASSERT_TRUE(grad.ok()) << grad.status();
    const double expected[] = {0, 0, -0.7310585786300049, 0.7310585786300049, 0, 0};
    for (int i = 0; i < 6; ++i) EXPECT_NEAR((*grad)[0].Get(i), expected[i], 1e-6) << i;
  }
}

TEST(SoftmaxCrossEntropy, NoRowIsScored) {
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const HostTensor logits(F32({2, 3}), {1, 2, 3, 4, 5, 6});
    const HostTensor labels(I32({2}), {-1, -7});
    const auto loss = RunOn(backend, "SoftmaxCrossEntropy", {}, {logits, labels});
    ASSERT_TRUE(loss.ok()) << loss.status();
    EXPECT_EQ((*loss)[0].Get(0), 0.0);
    EXPECT_EQ((*loss)[1].IntValues(), (std::vector<int64_t>{0, 0}));
    const auto grad =
        RunOn(backend, "SoftmaxCrossEntropyGrad", {}, {logits, labels, HostTensor(F32({1}), {1})});
    ASSERT_TRUE(grad.ok()) << grad.status();
    EXPECT_EQ((*grad)[0].Values(), std::vector<double>(6, 0.0));
  }
}

TEST(SoftmaxCrossEntropy, ALabelBeyondTheClassesIsAFaultThatNamesTheRow) {
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const HostTensor logits(F32({3, 2}), {1, 2, 3, 4, 5, 6});
    const HostTensor dloss(F32({1}), {1});
    for (int64_t label : {int64_t{2}, int64_t{2147483647}}) {
      HostTensor labels(I32({3}), {1, -1, 0});
      labels.SetInt(2, label);
      for (const absl::Status& status :
           {RunOn(backend, "SoftmaxCrossEntropy", {}, {logits, labels}).status(),
            RunOn(backend, "SoftmaxCrossEntropyGrad", {}, {logits, labels, dloss}).status()}) {
        EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
        const std::string message =
            absl::StrCat("i32[3] is ", label, " at element 2, and must be below 2");
        EXPECT_NE(status.ToString().find(message), std::string::npos) << status;
      }
    }
  }
}

TEST(SoftmaxCrossEntropy, RefusesBadInputs) {
  ExpectRefused("SoftmaxCrossEntropy", {}, {F32({3, 4}), I32({4})}, "input 1");
  ExpectRefused("SoftmaxCrossEntropy", {}, {F32({3, 4}), I64({3})}, "input 1");
  ExpectRefused("SoftmaxCrossEntropy", {}, {F32({4}), I32({1})}, "input 0");
  ExpectRefused("SoftmaxCrossEntropy", {}, {F32({0, 4}), I32({0})}, "input 0 (logits)");
  ExpectRefused("SoftmaxCrossEntropyGrad", {}, {F32({3, 4}), I32({3}), F32({3})}, "input 2");
  ExpectRefused("SoftmaxCrossEntropyGrad", {}, {F32({3, 4}), I32({3}), F64({1})}, "input 2");
  ExpectRefused("SoftmaxCrossEntropy", {{"smoothing", 1.0f}}, {F32({3, 4}), I32({3})},
                "'smoothing' is 1, must be at least 0 and below 1");
  ExpectRefused("SoftmaxCrossEntropyGrad", {{"smoothing", -0.1f}},
                {F32({3, 4}), I32({3}), F32({1})}, "'smoothing'");
  for (const int64_t groups : {0, 2, 4}) {
    ExpectRefused("SoftmaxCrossEntropy", {}, {F32({6, 4}), I32({6}), F32({groups})},
                  "groups of equal and even size, but there are 6 images");
  }
  ExpectRefused("SoftmaxCrossEntropy", {}, {F32({6, 4}), I32({6}), F64({3})}, "input 2");
  ExpectRefused("SoftmaxCrossEntropy", {}, {F32({6, 4}), I32({6}), F32({3, 1})}, "input 2");
  ExpectRefused("SoftmaxCrossEntropyGrad", {}, {F32({6, 4}), I32({6}), F32({1}), F32({2})},
                "input 3 (f32[2]) asks for 2 groups");
}

}  // namespace
}  // namespace harness
