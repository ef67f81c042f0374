#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

graph::Attrs Attrs(float eps = 1e-6f, float momentum = 0.1f) {
  return {{"eps", eps}, {"momentum", momentum}};
}

OpCase Case(const graph::Shape& shape, const graph::Attrs& attrs = Attrs()) {
  const auto x = F32(shape), column = F32({shape.back()});
  return {"BatchNorm",
          attrs,
          {{x, Normal(2.0), graph::NumElements(shape) <= 400},
           {column, Normal()},
           {column, Uniform(0.5, 2)}},
          {x, column, column, column}};
}

OpCase GradCase(const graph::Shape& shape) {
  const auto x = F32(shape), column = F32({shape.back()});
  return {"BatchNormGrad",
          {},
          {{x, Normal()}, {column, Uniform(0.2, 1)}, {x, Normal()}},
          {x}};
}

OpCase InferenceCase(const graph::Shape& shape) {
  const auto x = F32(shape), column = F32({shape.back()});
  return {"BatchNormInference",
          {{"eps", 1e-6f}},
          {{x, Normal(2.0)}, {column, Normal()}, {column, Uniform(0.5, 2)}},
          {x}};
}

// Rows and columns on both sides of what a thread or a block has at once.
TEST(BatchNorm, Cases) {
  for (const graph::Shape& shape : {graph::Shape{2, 1},
                                    {3, 5},
                                    {7, 31},
                                    {8, 32},
                                    {9, 33},
                                    {5, 64},
                                    {12, 65},
                                    {100, 130},
                                    {2, 1, 5},
                                    {2, 3, 1, 5},
                                    {1, 4, 37}}) {
    RunCase(Case(shape));
    RunCase(Case(shape, Attrs(1e-2f, 1.0f)));
    RunCase(GradCase(shape));
  }
  for (const graph::Shape& shape :
       {graph::Shape{0, 3}, {1, 1}, {2, 33}, {9, 130}, {100, 64}, {2, 3, 1, 5}}) {
    RunCase(InferenceCase(shape));
  }
}

HostTensor Column(std::vector<double> values) {
  return HostTensor(F64({static_cast<int64_t>(values.size())}), values);
}

// torch.nn.BatchNorm1d(2, affine=False): the batch is divided by the biased variance, 4, and the
// state moves by the unbiased one, 6.
TEST(BatchNorm, KnownValues) {
  const auto out = Reference("BatchNorm", Attrs(0.0f, 0.25f),
                             {HostTensor(F64({3, 1}), {1, 1 + std::sqrt(6.0), 1 - std::sqrt(6.0)}),
                              Column({5}), Column({2})});
  ASSERT_EQ(out.size(), 4u);
  EXPECT_NEAR(out[0].Get(0), 0.0, 1e-15);
  EXPECT_NEAR(out[0].Get(1), std::sqrt(1.5), 1e-15);
  EXPECT_NEAR(out[1].Get(0), 0.5, 1e-15);
  EXPECT_NEAR(out[2].Get(0), 0.75 * 5 + 0.25 * 1, 1e-15);
  EXPECT_NEAR(out[3].Get(0), 0.75 * 2 + 0.25 * 6, 1e-15);
}

TEST(BatchNorm, InferenceReadsTheState) {
  const auto out = Reference("BatchNormInference", {{"eps", 1.0f}},
                             {HostTensor(F64({1, 2}), {7, -1}), Column({5, 1}), Column({3, 0})});
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].Values(), (std::vector<double>{1, -2}));
}

// Of a feature that does not vary only eps is left.
TEST(BatchNorm, AConstantColumnIsZero) {
  OpCase c = Case({6, 3});
  c.inputs[0] = {F32({6, 3}), Constant(1e4), false};
  RunCase(c);
  const std::vector<HostTensor> in = MakeInputs(c);
  for (const graph::Backend& backend : TestBackends()) {
    const auto out = RunOn(backend, c.type, c.attrs, in);
    ASSERT_TRUE(out.ok()) << out.status();
    for (double y : (*out)[0].Values()) EXPECT_EQ(y, 0.0) << backend.name;
    EXPECT_NEAR((*out)[1].Get(0), 1e3, 1e-3) << backend.name;
  }
}

// In f32 the squares' mean less the mean's square would have no digit left.
TEST(BatchNorm, FarFromZero) {
  OpCase c = Case({50, 3});
  c.inputs[0] = {F32({50, 3}), Uniform(10000, 10001), false};
  RunCase(c);
}

TEST(BatchNorm, NonFiniteElementsStayInTheirColumn) {
  for (double bad : {std::nan(""), kInf}) {
    OpCase c = Case({3, 2});
    c.inputs[0] = {F32({3, 2}), Values({1, 2, 3, bad, 5, 7}), false};
    RunCase(c);
    OpCase inference = InferenceCase({3, 2});
    inference.inputs[0] = c.inputs[0];
    RunCase(inference);
    const auto out = Reference(c.type, c.attrs, MakeInputs(c));
    ASSERT_EQ(out.size(), 4u);
    for (const HostTensor& tensor : out) {
      EXPECT_TRUE(std::isfinite(tensor.Get(0)));
      EXPECT_FALSE(std::isfinite(tensor.Get(1)) && tensor.Get(1) != 0);
    }
  }
}

TEST(BatchNorm, RefusesBadInputs) {
  const auto x = F32({3, 4}), c = F32({4});
  ExpectRefused("BatchNorm", Attrs(), {F32({1, 4}), c, c}, "two images or more in a micro-batch");
  ExpectRefused("BatchNorm", Attrs(), {F32({0, 4}), c, c}, "fewer than two rows");
  ExpectRefused("BatchNorm", Attrs(), {F32({1, 1, 4}), c, c}, "fewer than two rows");
  ExpectRefused("BatchNorm", Attrs(), {F32({4}), c, c}, "input 0");
  ExpectRefused("BatchNorm", Attrs(), {I32({3, 4}), c, c}, "input 0");
  ExpectRefused("BatchNorm", Attrs(), {x, F32({3}), c}, "input 1");
  ExpectRefused("BatchNorm", Attrs(), {x, c, F64({4})}, "input 2");
  ExpectRefused("BatchNorm", Attrs(-1e-6f), {x, c, c}, "'eps' is -1e-06");
  ExpectRefused("BatchNorm", Attrs(1e-6f, 1.5f), {x, c, c}, "'momentum' is 1.5");
  ExpectRefused("BatchNormGrad", {}, {x, c, F32({4, 3})}, "input 2");
  ExpectRefused("BatchNormGrad", {}, {F32({1, 4}), c, F32({1, 4})}, "fewer than two rows");
  ExpectRefused("BatchNormGrad", {}, {x, F32({3}), x}, "input 1");
  ExpectRefused("BatchNormInference", {{"eps", 1e-6f}}, {x, F32({3}), c}, "input 1");
  ExpectRefused("BatchNormInference", {{"eps", -1.0f}}, {x, c, c}, "'eps' is -1");
}

}  // namespace
}  // namespace harness
