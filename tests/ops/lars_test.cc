#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Of as many parameters as there are indices, all with one decay.
graph::Attrs Attrs(float momentum, float trust, float weight_decay, std::vector<int64_t> indices,
                   float lr_scale = 1.0f) {
  const size_t n = indices.size();
  return {{"momentum", momentum},
          {"trust", trust},
          {"indices", std::move(indices)},
          {"lr_scales", std::vector<float>(n, lr_scale)},
          {"weight_decays", std::vector<float>(n, weight_decay)}};
}

OpCase Case(graph::Shape shape, const graph::Attrs& attrs, double factor = 0.25) {
  return {"Lars",
          attrs,
          {{F32({1}), Constant(6.4)},
           {F32({3}), Values({1.0, 1.0, factor})},
           {F32(shape), Normal()},
           {F32(shape), Normal(3.0)},
           {F32(shape), Normal(0.1)}},
          {F32(shape), F32(shape)}};
}

TEST(Lars, Cases) {
  for (const graph::Shape& shape :
       {graph::Shape{1}, {37}, {3, 5}, {2, 1, 5}, {2, 3, 1, 5}, {5, 4099}}) {
    RunCase(Case(shape, Attrs(0.9f, 0.001f, 0.0f, {2})));
    RunCase(Case(shape, Attrs(0.9f, 0.001f, 0.5f, {2})));
    RunCase(Case(shape, Attrs(0.0f, 0.02f, 0.1f, {0}, 0.0238f)));
  }
}

// On the reference backend, by the second factor, 0.5.
std::vector<HostTensor> Step(const graph::Attrs& attrs, const graph::Shape& shape,
                             const std::vector<double>& w, const std::vector<double>& g,
                             const std::vector<double>& m, double lr = 0.5) {
  return Reference(
      "Lars", attrs,
      {HostTensor(F64({1}), {lr}), HostTensor(F64({2}), {9, 0.5}), HostTensor(F64(shape), w),
       HostTensor(F64(shape), g), HostTensor(F64(shape), m)});
}

// By hand: ‖w‖ is 5, and d = 0.5·g + 0.5·w is (4.5, 6), of norm 7.5.
TEST(Lars, OfficialFormula) {
  const auto out = Step(Attrs(0.5f, 0.75f, 0.5f, {1}), {1, 2}, {3, 4}, {6, 8}, {1, -2});
  ASSERT_EQ(out.size(), 2u);
  // The ratio is 0.75·5/7.5 = 0.5: m = 0.5·m + 0.5·d, w -= 0.5·m.
  EXPECT_NEAR(out[1].Get(0), 2.75, 1e-15);
  EXPECT_NEAR(out[1].Get(1), 2.0, 1e-15);
  EXPECT_NEAR(out[0].Get(0), 3 - 1.375, 1e-15);
  EXPECT_NEAR(out[0].Get(1), 3.0, 1e-15);
}

// A bias takes the step of plain momentum, of any length.
TEST(Lars, OneDimensionHasNoRatio) {
  const auto out = Step(Attrs(0.5f, 0.75f, 0.0f, {1}), {2}, {3, 4}, {6, 8}, {1, -2});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[1].Values(), (std::vector<double>{3.5, 3}));
  EXPECT_EQ(out[0].Values(), (std::vector<double>{1.25, 2.5}));
}

// Else a weight that is zero would stay so.
TEST(Lars, NormsOfZeroHaveRatioOne) {
  for (const graph::Backend& backend : TestBackends()) {
    const auto run = [&](double w, double g) {
      const HostTensor two(F32({2, 1}), {w, w});
      return RunOn(backend, "Lars", Attrs(0.5f, 0.001f, 0.0f, {0}),
                   {HostTensor(F32({1}), {0.5}), HostTensor(F32({1}), {1}), two,
                    HostTensor(F32({2, 1}), {g, g}), HostTensor(F32({2, 1}), {4, 4})});
    };
    const auto of_zero = run(0, 8), by_zero = run(8, 0);
    ASSERT_TRUE(of_zero.ok() && by_zero.ok()) << of_zero.status() << by_zero.status();
    EXPECT_EQ((*of_zero)[1].Get(0), 10.0) << backend.name;
    EXPECT_EQ((*of_zero)[0].Get(0), -5.0) << backend.name;
    EXPECT_EQ((*by_zero)[1].Get(0), 2.0) << backend.name;
    EXPECT_EQ((*by_zero)[0].Get(0), 7.0) << backend.name;
  }
}

// The rate of a step is its own: what the momentum keeps does not know it.
TEST(Lars, TheRateIsOutsideTheMomentum) {
  const graph::Attrs attrs = Attrs(0.5f, 0.75f, 0.5f, {1});
  const auto slow = Step(attrs, {1, 2}, {3, 4}, {6, 8}, {1, -2}, 0.0);
  const auto fast = Step(attrs, {1, 2}, {3, 4}, {6, 8}, {1, -2}, 2.0);
  EXPECT_EQ(slow[1].Values(), fast[1].Values());
  EXPECT_EQ(slow[0].Values(), (std::vector<double>{3, 4}));
  EXPECT_NE(fast[0].Values(), slow[0].Values());
}

TEST(Lars, NormsBeyondTheFloats) {
  OpCase c = Case({3, 5}, Attrs(0.9f, 0.001f, 0.0f, {0}));
  c.inputs[2].generate = Constant(1e25);  // whose squares f32 cannot hold
  c.inputs[3].generate = Constant(1e30);
  RunCase(c);
}

TEST(Lars, NonFiniteFactorChangesNothing) {
  for (double factor : {std::nan(""), kInf, -kInf}) {
    OpCase c = Case({3, 5}, Attrs(0.9f, 0.001f, 0.05f, {2}), factor);
    c.inputs[3].generate = Constant(kInf);  // the gradient that caused it
    RunCase(c);
    const std::vector<HostTensor> in = MakeInputs(c);
    for (const graph::Backend& backend : TestBackends()) {
      const auto out = RunOn(backend, c.type, c.attrs, in);
      ASSERT_TRUE(out.ok()) << out.status();
      EXPECT_TRUE((*out)[0] == in[2]) << backend.name;
      EXPECT_TRUE((*out)[1] == in[4]) << backend.name;
    }
  }
}

TEST(Lars, NonFiniteElementsShow) {
  OpCase c = Case({2, 3}, Attrs(0.9f, 0.001f, 0.0f, {0}));
  c.inputs[3].generate = Values({1, std::nan(""), 2, 3, 4, 5});
  RunCase(c);
  c.inputs[3].generate = Values({1, kInf, 2, 3, 4, 5});
  RunCase(c);
}

TEST(Lars, RefusesBadInputs) {
  const graph::Attrs good = Attrs(0.9f, 0.001f, 0.05f, {0});
  const auto w = F32({2, 3}), one = F32({1});
  const auto refused = [&](graph::Attrs attrs, int input, graph::TensorType type,
                           const char* message) {
    std::vector<graph::TensorType> inputs = {one, F32({4}), w, w, w};
    if (input >= 0) inputs[input] = type;
    ExpectRefused("Lars", std::move(attrs), inputs, message);
  };
  refused(good, 0, F32({2}), "input 0");
  refused(good, 0, I32({1}), "input 0");
  refused(good, 1, F64({4}), "input 1");
  refused(good, 1, F32({2, 2}), "input 1");
  refused(good, 2, F64({2, 3}), "input 2");
  refused(good, 3, F32({3, 2}), "input 3");
  refused(good, 4, F32({6}), "input 4");
  refused(Attrs(1.0f, 0.001f, 0.05f, {0}), -1, w, "'momentum' is 1");
  refused(Attrs(0.9f, -0.5f, 0.05f, {0}), -1, w, "'trust' is -0.5");
  refused(Attrs(0.9f, 0.001f, -1.0f, {0}), -1, w, "'weight_decays' is -1");
  refused(Attrs(0.9f, 0.001f, 0.05f, {0}, -0.5f), -1, w, "'lr_scales' is -0.5");
  refused(Attrs(0.9f, 0.001f, 0.05f, {4}), -1, w, "'indices' has 4, outside input 1 (factors)");
  refused(Attrs(0.9f, 0.001f, 0.05f, {-1}), -1, w, "'indices' has -1");
  for (const char* list : {"indices", "lr_scales", "weight_decays"}) {
    graph::Attrs longer = good;
    longer[list] = Attrs(0.9f, 0.001f, 0.05f, {0, 1})[list];
    refused(longer, -1, w, "' has 2 numbers for 1");
  }
  ExpectRefused("Lars", Attrs(0.9f, 0.001f, 0.05f, {0, 0}), {one, one, w, w, w, w, w},
                "(lr, factors, w, g, m, w, g, m, ...)");
}

// Parameters of many sizes in one operator, and each in its own, on every backend and team: the
// same bits. One of the factors is not finite. There are more than a GPU takes in one launch.
TEST(Lars, ParametersDoNotChangeEachOther) {
  constexpr int kCount = 60;
  OpCase all = Case({1}, Attrs(0.9f, 0.001f, 0.05f, {0}), std::nan(""));
  all.inputs.resize(2);
  std::vector<int64_t> indices;
  std::vector<float> lr_scales, weight_decays;
  for (int i = 0; i < kCount; ++i) {
    const int64_t size = i == 5 ? 4097 : i == 8 ? 30000 : i % 7 == 3 ? 0 : 1 + 3 * i;
    const graph::Shape shape = i % 3 == 1 ? graph::Shape{size} : graph::Shape{1, size};
    const OpCase one = Case(shape, all.attrs);
    all.inputs.insert(all.inputs.end(), one.inputs.begin() + 2, one.inputs.end());
    indices.push_back(i == 9 ? 2 : i % 2);
    lr_scales.push_back(1.0f - 0.01f * static_cast<float>(i));
    weight_decays.push_back(i % 2 == 0 ? 0.05f : 0.0f);
  }
  all.attrs["indices"] = indices;
  all.attrs["lr_scales"] = lr_scales;
  all.attrs["weight_decays"] = weight_decays;
  const std::vector<HostTensor> in = MakeInputs(all);
  const std::vector<HostTensor> expected = Reference(all.type, all.attrs, in);
  ASSERT_EQ(expected.size(), 2u * kCount);
  for (const graph::Backend& backend : TestBackends()) {
    for (int threads = 1; threads <= 4; ++threads) {
      SCOPED_TRACE(absl::StrCat(backend.name, ", ", threads, " threads"));
      const auto together = RunOn(backend, all.type, all.attrs, in, threads);
      ASSERT_TRUE(together.ok()) << together.status();
      for (int i = 0; i < kCount; ++i) {
        SCOPED_TRACE(i);
        std::vector<HostTensor> own(in.begin(), in.begin() + 2);
        own.insert(own.end(), in.begin() + 2 + 3 * i, in.begin() + 5 + 3 * i);
        graph::Attrs attrs = all.attrs;
        attrs["indices"] = std::vector<int64_t>{indices[i]};
        attrs["lr_scales"] = std::vector<float>{lr_scales[i]};
        attrs["weight_decays"] = std::vector<float>{weight_decays[i]};
        const auto alone = RunOn(backend, all.type, attrs, own);
        ASSERT_TRUE(alone.ok()) << alone.status();
        for (int k = 0; k < 2; ++k) {
          EXPECT_TRUE((*together)[2 * i + k] == (*alone)[k]);
          ExpectClose((*together)[2 * i + k], expected[2 * i + k], 1e-5);
        }
      }
      EXPECT_TRUE((*together)[18] == in[2 + 27]);
    }
  }
}

TEST(Lars, CasesOfSeveralParameters) {
  OpCase c = Case({3, 5}, Attrs(0.9f, 0.001f, 0.05f, {2, 0}));
  const OpCase more = Case({37}, c.attrs);
  c.inputs.insert(c.inputs.end(), more.inputs.begin() + 2, more.inputs.end());
  c.outputs.insert(c.outputs.end(), more.outputs.begin(), more.outputs.end());
  RunCase(c);
}

}  // namespace
}  // namespace harness
