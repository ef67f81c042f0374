#include <cmath>

#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::Shape x, graph::Shape statistics, std::vector<int> gradient_of,
            float eps = 1e-6f) {
  const graph::Shape c = {x.back()};
  // Where nothing reads y, gamma and beta have no gradient.
  const bool reads_y = gradient_of.back() == 1;
  return {"AddLayerNorm",
          {{"eps", eps}},
          {{F32(x), Normal(), true},
           {F32(x), Normal(2.0), true},
           {F32(c), Normal(0.5, 1.0), reads_y},
           {F32(c), Normal(), reads_y}},
          {F32(x), F32(x), F32(statistics), F32(statistics)},
          gradient_of};
}

TEST(AddLayerNorm, Cases) {
  for (const std::vector<int>& gradient_of :
       {std::vector<int>{0}, std::vector<int>{1}, std::vector<int>{0, 1}}) {
    RunCase(Case({7}, {1}, gradient_of));
    RunCase(Case({3, 5}, {3}, gradient_of));
    RunCase(Case({3, 1}, {3}, gradient_of, 0.5f));
    RunCase(Case({2, 1, 9}, {2, 1}, gradient_of));
    RunCase(Case({2, 1, 3, 5}, {2, 1, 3}, gradient_of, 0.5f));
  }
  OpCase wide = Case({33, 131}, {33}, {0, 1});
  for (auto& input : wide.inputs) input.check_gradient = false;
  RunCase(wide);
}

OpCase Typed(graph::TensorType a, graph::TensorType b, const char* dtype, graph::TensorType y) {
  OpCase c = Case(a.shape, graph::Shape(a.shape.begin(), a.shape.end() - 1), {0, 1});
  c.attrs["dtype"] = std::string(dtype);
  c.inputs[0].type = a;
  c.inputs[1].type = b;
  c.outputs[1] = y;
  for (auto& input : c.inputs) input.check_gradient = false;
  return c;
}

TEST(AddLayerNorm, EitherPrecision) {
  for (const graph::Shape& x : {graph::Shape{3, 1}, {3, 7}, {5, 64}, {7, 197}, {17, 768}}) {
    for (const auto& a : {F32(x), BF16(x)}) {
      for (const auto& b : {F32(x), BF16(x)}) {
        RunCase(Typed(a, b, "same", a));
        RunCase(Typed(a, b, "f32", F32(x)));
        RunCase(Typed(a, b, "bf16", BF16(x)));
      }
    }
  }
}

TEST(AddLayerNorm, RowsWithALargeMean) {
  OpCase c = Typed(F32({5, 197}), F32({5, 197}), "f32", F32({5, 197}));
  // Not larger: the sum is rounded to f32 before it is normalised, the reference's is not.
  c.inputs[0].generate = Normal(1.0, 30.0);
  RunCase(c);
}

TEST(AddLayerNorm, NonFiniteElementsShow) {
  OpCase c = Typed(F32({2, 19}), BF16({2, 19}), "bf16", BF16({2, 19}));
  std::vector<double> values(38, 1.0);
  values[18] = std::nan("");
  values[1] = 2.0;
  values[20] = 3.0;
  c.inputs[1].generate = Values(values);
  RunCase(c);
}

// `rows` rows of scales, of which the last is taken.
OpCase Scaled(OpCase c, int64_t rows) {
  const int64_t images = c.inputs[0].type.dim(0);
  c.inputs.push_back({rows == 0 ? F32({images}) : F32({rows, images}), Normal(1.0, 1.0)});
  c.attrs["index"] = rows == 0 ? int64_t{0} : rows - 1;
  return c;
}

TEST(AddLayerNorm, ScalesABranchByImage) {
  for (const std::vector<int>& gradient_of :
       {std::vector<int>{0}, std::vector<int>{1}, std::vector<int>{0, 1}}) {
    RunCase(Scaled(Case({3, 5}, {3}, gradient_of), 0));
    RunCase(Scaled(Case({2, 3, 5}, {2, 3}, gradient_of), 1));
    RunCase(Scaled(Case({2, 1, 3, 5}, {2, 1, 3}, gradient_of, 0.5f), 3));
  }
  for (const graph::Shape& x : {graph::Shape{3, 2, 7}, {2, 9, 192}, {5, 3, 768}}) {
    for (const auto& a : {F32(x), BF16(x)}) {
      for (const auto& b : {F32(x), BF16(x)}) {
        RunCase(Scaled(Typed(a, b, "f32", F32(x)), 4));
        RunCase(Scaled(Typed(a, b, "bf16", BF16(x)), 4));
      }
    }
  }
}

// Scales of one are no scales, bit for bit.
TEST(AddLayerNorm, ScalesOfOneChangeNothing) {
  for (const int64_t c : {7, 192}) {
    std::vector<HostTensor> in = MakeInputs(Case({4, 3, c}, {4, 3}, {0, 1}));
    for (const graph::Backend& backend : TestBackends()) {
      SCOPED_TRACE(backend.name);
      const auto want = RunOn(backend, "AddLayerNorm", {{"eps", 1e-6f}}, in);
      std::vector<HostTensor> scaled = in;
      scaled.push_back(HostTensor(F32({4}), {1, 1, 1, 1}));
      const auto got = RunOn(backend, "AddLayerNorm", {{"eps", 1e-6f}}, scaled);
      ASSERT_TRUE(want.ok() && got.ok()) << want.status() << got.status();
      EXPECT_TRUE(*got == *want);
    }
  }
}

TEST(AddLayerNorm, IsAddThenLayerNorm) {
  const std::vector<HostTensor> in = MakeInputs(Case({3, 5}, {3}, {0, 1}));
  const auto sum = Reference("Add", {}, {in[0].ToF64(), in[1].ToF64()});
  ASSERT_EQ(sum.size(), 1u);
  const auto norm =
      Reference("LayerNorm", {{"eps", 1e-6f}}, {sum[0], in[2].ToF64(), in[3].ToF64()});
  const auto actual = Reference("AddLayerNorm", {{"eps", 1e-6f}},
                                {in[0].ToF64(), in[1].ToF64(), in[2].ToF64(), in[3].ToF64()});
  ASSERT_EQ(norm.size(), 3u);
  ASSERT_EQ(actual.size(), 4u);
  EXPECT_EQ(actual[0], sum[0]);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(actual[i + 1], norm[i]) << i;
}

TEST(AddLayerNorm, ScalesHaveNoGradient) {
  graph::NetBuilder b(&TestRegistry(), "net");
  const auto x = F32({2, 3});
  b.OpN("AddLayerNorm", "norm",
        {b.Input("a", x), b.Input("b", x), b.Input("g", F32({3})), b.Input("h", F32({3})),
         b.Input("scales", F32({2}))},
        {{"eps", 1e-6f}});
  const graph::BlobId dy = b.Input("dy", x);
  graph::GradientBuilder all(&b, b.net().ops.back(), {dy, graph::kNone, graph::kNone, graph::kNone},
                             {true, true, false, false, true});
  EXPECT_EQ(TestRegistry().Find("AddLayerNorm")->gradient(&all).message(),
            "AddLayerNorm 'norm': the scales have no gradient; put a StopGradient before them");
}

TEST(AddLayerNorm, RefusesBadInputs) {
  const graph::Attrs eps = {{"eps", 1e-6f}};
  const auto x = F32({2, 3});
  ExpectRefused("AddLayerNorm", eps, {x, F32({3, 2}), F32({3}), F32({3})}, "input 1");
  ExpectRefused("AddLayerNorm", eps, {x, x, F32({2}), F32({3})}, "input 2");
  ExpectRefused("AddLayerNorm", eps, {x, x, F32({3}), F64({3})}, "input 3");
  ExpectRefused("AddLayerNorm", eps, {x, F64({2, 3}), F32({3}), F32({3})}, "input 1");
  ExpectRefused("AddLayerNorm", eps, {BF16({2, 3}), x, BF16({3}), F32({3})}, "input 2");
  ExpectRefused("AddLayerNorm", {{"eps", 1e-6f}, {"dtype", std::string("i8")}},
                {x, x, F32({3}), F32({3})}, "'dtype' is 'i8'");
  ExpectRefused("AddLayerNorm", eps, {I32({2, 3}), x, F32({3}), F32({3})}, "input 0");
  const std::vector<graph::TensorType> scaled = {x, x, F32({3}), F32({3}), F32({4, 2})};
  ExpectRefused("AddLayerNorm", {{"eps", 1e-6f}, {"index", int64_t{4}}}, scaled,
                "'index' is 4, outside the 4 rows");
  ExpectRefused("AddLayerNorm", eps, {x, x, F32({3}), F32({3}), F32({3})}, "of B=2 images");
  ExpectRefused("AddLayerNorm", eps, {F32({3}), F32({3}), F32({3}), F32({3}), F32({3})}, "input 0");
  ExpectRefused("AddLayerNorm", {{"eps", 1e-6f}, {"index", int64_t{0}}}, {x, x, F32({3}), F32({3})},
                "'index' is of input 4 (scales), which is missing");
  ExpectRefused("AddLayerNorm", {{"eps", -1.0f}}, {x, x, F32({3}), F32({3})}, "'eps' is -1");
}

}  // namespace
}  // namespace harness
