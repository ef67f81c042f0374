#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

constexpr float kEps = 1e-6f;

OpCase Case(graph::Shape x, graph::Shape statistics, float eps = kEps) {
  const graph::Shape c = {x.back()};
  return {"LayerNorm",
          {{"eps", eps}},
          {{F32(x), Normal(2.0, 1.0), true},
           {F32(c), Normal(0.5, 1.0), true},
           {F32(c), Normal(), true}},
          {F32(x), F32(statistics), F32(statistics)}};
}

OpCase GradCase(graph::Shape x, graph::Shape statistics, float eps = kEps) {
  const graph::Shape c = {x.back()};
  return {"LayerNormGrad",
          {{"eps", eps}},
          {{F32(x), Normal(2.0, 1.0)},
           {F32(c), Normal(0.5, 1.0)},
           {F32(statistics), Normal()},
           {F32(statistics), Uniform(0.5, 5.0)},
           {F32(x), Normal()}},
          {F32(x), F32(c), F32(c)}};
}

TEST(LayerNorm, Cases) {
  RunCase(Case({7}, {1}));
  RunCase(Case({3, 5}, {3}));
  RunCase(Case({2, 3, 9}, {2, 3}));
  RunCase(Case({2, 1, 17}, {2, 1}));
  RunCase(Case({2, 1, 3, 5}, {2, 1, 3}, 0.5f));
  // One column: the variance is 0, so x has no influence.
  RunCase(Case({3, 1}, {3}, 0.5f));
  OpCase wide = Case({33, 131}, {33});
  for (auto& input : wide.inputs) input.check_gradient = false;
  RunCase(wide);
}

TEST(LayerNormGrad, Cases) {
  RunCase(GradCase({7}, {1}));
  RunCase(GradCase({3, 1}, {3}));
  RunCase(GradCase({2, 3, 9}, {2, 3}));
  RunCase(GradCase({2, 1, 3, 5}, {2, 1, 3}, 0.5f));
  RunCase(GradCase({67, 33}, {67}, 0.5f));
}

// With `skip` and other element types.
OpCase TypedGrad(graph::TensorType x, graph::TensorType dy, bool skip) {
  OpCase c = GradCase(x.shape, graph::Shape(x.shape.begin(), x.shape.end() - 1));
  c.inputs[0].type = x;
  c.inputs[4].type = dy;
  if (skip) c.inputs.push_back({F32(x.shape), Normal(3.0)});
  return c;
}

TEST(LayerNorm, EitherPrecision) {
  for (const graph::Shape& x : {graph::Shape{3, 1}, {3, 7}, {5, 64}, {7, 197}, {17, 768}}) {
    for (const auto& type : {F32(x), BF16(x)}) {
      OpCase c = Case(x, {x[0]});
      for (auto& input : c.inputs) input.check_gradient = x[1] == 7;
      c.inputs[0].type = type;
      for (const char* dtype : {"same", "f32", "bf16"}) {
        c.attrs["dtype"] = std::string(dtype);
        c.outputs[0] = dtype == std::string("same")  ? type
                       : dtype == std::string("f32") ? F32(x)
                                                     : BF16(x);
        RunCase(c);
      }
    }
  }
}

TEST(LayerNorm, RowsWithALargeMean) {
  for (int64_t cols : {7, 197, 768}) {
    OpCase c = Case({5, cols}, {5});
    for (auto& input : c.inputs) input.check_gradient = false;
    c.inputs[0].generate = Normal(1.0, 1e4);
    RunCase(c);
  }
}

TEST(LayerNorm, ConstantRows) {
  for (int64_t cols : {1, 7, 197, 768}) {
    OpCase c = Case({3, cols}, {3});
    for (auto& input : c.inputs) input.check_gradient = false;
    for (double value : {0.0, 0.3, -1234.567}) {
      c.inputs[0].generate = Constant(value);
      const std::vector<HostTensor> in = MakeInputs(c);
      for (const graph::Backend& backend : TestBackends()) {
        const auto out = RunOn(backend, c.type, {{"eps", kEps}}, in);
        ASSERT_TRUE(out.ok()) << out.status();
        for (int64_t i = 0; i < 3 * cols; ++i) {
          ASSERT_NEAR((*out)[0].Get(i), in[2].Get(i % cols), 1e-3) << backend.name << " " << value;
        }
        EXPECT_NEAR((*out)[2].Get(0), 0.0, 1e-12) << backend.name << " " << value;
      }
    }
  }
}

TEST(LayerNorm, NonFiniteElementsShow) {
  OpCase c = Case({3, 19}, {3});
  for (auto& input : c.inputs) input.check_gradient = false;
  std::vector<double> values(57, 1.0);
  for (size_t i = 0; i < values.size(); i += 2) values[i] = 2.0;
  values[18] = std::nan("");
  c.inputs[0].generate = Values(values);
  RunCase(c);
  const double inf = std::numeric_limits<double>::infinity();
  values[20] = inf;
  for (const auto& type : {F32({3, 19}), BF16({3, 19})}) {
    for (const graph::Backend& backend : TestBackends()) {
      const auto out =
          RunOn(backend, "LayerNorm", {{"eps", kEps}},
                {HostTensor(type, values), HostTensor(F32({19}), std::vector<double>(19, 1.0)),
                 HostTensor(F32({19}), std::vector<double>(19, 0.0))});
      ASSERT_TRUE(out.ok()) << out.status();
      EXPECT_TRUE(std::isnan((*out)[0].Get(0))) << backend.name;
      EXPECT_TRUE(std::isnan((*out)[0].Get(20))) << backend.name;
      EXPECT_TRUE(std::isfinite((*out)[0].Get(40))) << backend.name;
    }
  }
}

TEST(LayerNormGrad, EitherPrecisionAndSkip) {
  for (const graph::Shape& shape :
       {graph::Shape{1, 7}, {3, 1}, {16, 64}, {17, 64}, {67, 197}, {33, 768}, {2000, 7}}) {
    for (bool skip : {false, true}) {
      for (const auto& x : {F32(shape), BF16(shape)}) {
        for (const auto& dy : {F32(shape), BF16(shape)}) RunCase(TypedGrad(x, dy, skip));
      }
    }
  }
}

TEST(LayerNormGrad, EqualForEveryNumberOfThreads) {
  const std::vector<HostTensor> in = MakeInputs(TypedGrad(F32({1030, 67}), F32({1030, 67}), true));
  for (const graph::Backend& backend : TestBackends()) {
    const auto one = RunOn(backend, "LayerNormGrad", {{"eps", kEps}}, in, 1);
    const auto three = RunOn(backend, "LayerNormGrad", {{"eps", kEps}}, in, 3);
    ASSERT_TRUE(one.ok() && three.ok()) << backend.name;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE((*one)[i] == (*three)[i]) << backend.name << " " << i;
  }
}

TEST(LayerNormGrad, NonFiniteElementsShow) {
  std::vector<double> values(57, 1.0);
  for (size_t i = 0; i < values.size(); i += 2) values[i] = 2.0;
  values[18] = std::nan("");
  for (int input : {0, 4, 5}) {
    OpCase c = TypedGrad(F32({3, 19}), F32({3, 19}), true);
    c.inputs[input].generate = Values(values);
    RunCase(c);
  }
}

TEST(LayerNorm, KnownRow) {
  const auto out =
      Reference("LayerNorm", {{"eps", 0.5f}},
                {HostTensor(F64({1, 4}), {1, 2, 4, 7}), HostTensor(F64({4}), {1, 1, 1, 2}),
                 HostTensor(F64({4}), {0, 0, 0, 1})});
  ASSERT_EQ(out.size(), 3u);
  EXPECT_NEAR(out[0].Get(0), -1.0425720702853738, 1e-14);
  EXPECT_NEAR(out[0].Get(1), -0.62554324217122437, 1e-14);
  EXPECT_NEAR(out[0].Get(2), 0.20851441405707477, 1e-14);
  EXPECT_NEAR(out[0].Get(3), 1.4596008983995234 * 2 + 1, 1e-14);
  EXPECT_EQ(out[1].Get(0), 3.5);
  EXPECT_EQ(out[2].Get(0), 5.25);  // biased: divided by 4
}

TEST(LayerNorm, ConstantRowGivesBeta) {
  const auto out = Reference("LayerNorm", {{"eps", kEps}},
                             {HostTensor(F32({1, 3}), {5, 5, 5}), HostTensor(F32({3}), {7, 8, 9}),
                              HostTensor(F32({3}), {-1, 0, 2})});
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0], HostTensor(F32({1, 3}), {-1, 0, 2}));
  EXPECT_EQ(out[1].Get(0), 5.0);
  EXPECT_EQ(out[2].Get(0), 0.0);
}

TEST(LayerNorm, RefusesBadInputs) {
  const graph::Attrs eps = {{"eps", kEps}};
  ExpectRefused("LayerNorm", eps, {F32({2, 3}), F32({2}), F32({3})}, "input 1");
  ExpectRefused("LayerNorm", eps, {F32({2, 3}), F32({3}), F32({1, 3})}, "input 2");
  ExpectRefused("LayerNorm", eps, {F32({2, 3}), F64({3}), F32({3})}, "input 1");
  ExpectRefused("LayerNorm", eps, {I32({2, 3}), F32({3}), F32({3})}, "input 0");
  ExpectRefused("LayerNorm", {{"eps", -1.0f}}, {F32({2, 3}), F32({3}), F32({3})}, "'eps' is -1");
  ExpectRefused("LayerNorm", eps, {BF16({2, 3}), BF16({3}), F32({3})}, "input 1");
  ExpectRefused("LayerNorm", {{"eps", 1e-6f}, {"dtype", std::string("f64")}},
                {F32({2, 3}), F32({3}), F32({3})}, "'dtype' is 'f64'");
  ExpectRefused("LayerNorm", {{"eps", 1e-6f}, {"dtype", std::string("f32")}},
                {F64({2, 3}), F64({3}), F64({3})}, "'dtype' is 'f32'");
  ExpectRefused("LayerNorm", {{"eps", 1e-6f}, {"dtype", std::string("half")}},
                {F32({2, 3}), F32({3}), F32({3})}, "'dtype' is 'half'");
  const auto skip = [&](graph::TensorType type) {
    ExpectRefused("LayerNormGrad", eps,
                  {F32({2, 3}), F32({3}), F32({2}), F32({2}), F32({2, 3}), type}, "input 5");
  };
  skip(F32({3, 2}));
  skip(BF16({2, 3}));
  ExpectRefused("LayerNormGrad", eps, {F32({2, 3}), F32({3}), F32({2}), F32({2}), F64({2, 3})},
                "input 4");
  ExpectRefused("LayerNormGrad", eps, {F32({2, 3}), F32({3}), F32({3}), F32({2}), F32({2, 3})},
                "input 2");
  ExpectRefused("LayerNormGrad", eps, {F32({2, 3}), F32({3}), F32({2}), F32({2}), F32({3, 2})},
                "input 4");
}

}  // namespace
}  // namespace harness
