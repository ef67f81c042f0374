#include <cmath>
#include <string>
#include <vector>

#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::Attrs Row(int64_t index) { return {{"index", index}}; }

// Images that are no whole vectors, and such as are; one that is longer than a piece of work.
TEST(ScaleImages, Cases) {
  const graph::Shape shapes[] = {{1},       {5},        {3, 1},     {3, 5},      {2, 3, 7},
                                 {4, 2, 8}, {3, 17, 4}, {2, 1, 97}, {3, 5, 999}, {2, 3, 1, 1000}};
  for (const graph::Shape& s : shapes) {
    const bool is_small = graph::NumElements(s) < 200;
    RunCase({"ScaleImages", {}, {{F32(s), Normal(), is_small}, {F32({s[0]}), Normal()}}, {F32(s)}});
    RunCase({"ScaleImages",
             Row(2),
             {{F32(s), Normal(), is_small}, {F32({3, s[0]}), Normal()}},
             {F32(s)}});
  }
}

TEST(ScaleImages, EitherPrecision) {
  for (const graph::Shape& s : {graph::Shape{3, 5}, {2, 3, 8}, {3, 17, 64}, {2, 33, 131}}) {
    for (const auto& x : {F32(s), BF16(s)}) {
      for (const auto& y : {F32(s), BF16(s)}) {
        const std::string dtype = y.dtype == graph::DType::kF32 ? "f32" : "bf16";
        RunCase({"ScaleImages",
                 {{"index", int64_t{1}}, {"dtype", dtype}},
                 {{x, Normal()}, {F32({2, s[0]}), Uniform(0, 2)}},
                 {y}});
      }
    }
  }
}

TEST(ScaleImages, Values) {
  const HostTensor x(F32({2, 2}), {1, -2, 3, 4}), scales(F32({2, 2}), {7, 7, 0, 1.25});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto y = RunOn(backend, "ScaleImages", Row(1), {x, scales});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ((*y)[0].Values(), std::vector<double>({0, -0.0, 3.75, 5}));
  }
}

// A branch that is not finite shows, though it is dropped.
TEST(ScaleImages, NonFiniteElementsShow) {
  RunCase({"ScaleImages",
           {},
           {{F32({2, 3}), Values({NAN, INFINITY, 1, NAN, -INFINITY, 1})}, {F32({2}), Values({0, 2})}},
           {F32({2, 3})}});
}

TEST(ScaleImages, GradientMaker) {
  graph::NetBuilder b(&TestRegistry(), "net");
  b.Op("ScaleImages", "drop", {b.Input("x", F32({2, 3})), b.Input("scales", F32({4, 2}))}, Row(3));
  const graph::BlobId dy = b.Input("dy", F32({2, 3}));
  const graph::Op forward = b.net().ops.back();
  const auto make = TestRegistry().Find("ScaleImages")->gradient;
  graph::GradientBuilder x_only(&b, forward, {dy}, {true, false});
  ASSERT_TRUE(make(&x_only).ok());
  ASSERT_TRUE(b.status().ok()) << b.status();
  const graph::Op& backward = b.net().ops.back();
  EXPECT_EQ(backward.type, "ScaleImages");
  EXPECT_EQ(backward.inputs, std::vector<graph::BlobId>({dy, forward.inputs[1]}));
  EXPECT_EQ(backward.Int("index"), 3);
  graph::GradientBuilder scales(&b, forward, {dy}, {true, true});
  EXPECT_EQ(make(&scales).message(),
            "ScaleImages 'drop': the scales have no gradient; put a StopGradient before them");
}

TEST(ScaleImages, RefusesBadInputs) {
  const auto x = F32({2, 3});
  ExpectRefused("ScaleImages", {}, {I32({2, 3}), F32({2})}, "input 0");
  ExpectRefused("ScaleImages", {}, {x, F32({3})}, "(B) or (N, B), of B=2 images");
  ExpectRefused("ScaleImages", {}, {x, F32({2, 1})}, "(B) or (N, B), of B=2 images");
  ExpectRefused("ScaleImages", {}, {x, F32({1, 1, 2})}, "(B) or (N, B), of B=2 images");
  ExpectRefused("ScaleImages", {}, {x, F64({2})}, "input 1");
  ExpectRefused("ScaleImages", {}, {BF16({2, 3}), BF16({2})}, "input 1");
  ExpectRefused("ScaleImages", Row(1), {x, F32({2})}, "'index' is 1, outside the 1 rows");
  ExpectRefused("ScaleImages", Row(-1), {x, F32({4, 2})}, "'index' is -1, outside the 4 rows");
  ExpectRefused("ScaleImages", {{"dtype", std::string("i8")}}, {x, F32({2})}, "'dtype' is 'i8'");
}

}  // namespace
}  // namespace harness
