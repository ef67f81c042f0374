#include "gtest/gtest.h"
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
  RunCase(GradCase({2, 1, 3, 5}, {2, 1, 3}));
  RunCase(GradCase({67, 33}, {67}));
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
  ExpectRefused("LayerNormGrad", eps, {F32({2, 3}), F32({3}), F32({3}), F32({2}), F32({2, 3})},
                "input 2");
  ExpectRefused("LayerNormGrad", eps, {F32({2, 3}), F32({3}), F32({2}), F32({2}), F32({3, 2})},
                "input 4");
}

}  // namespace
}  // namespace harness
