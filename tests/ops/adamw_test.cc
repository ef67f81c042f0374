#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

// Of as many parameters as there are indices, all with one decay.
graph::Attrs Attrs(float beta1, float beta2, float eps, float weight_decay,
                   std::vector<int64_t> indices, float lr_scale = 1.0f) {
  const size_t n = indices.size();
  return {{"beta1", beta1},
          {"beta2", beta2},
          {"eps", eps},
          {"indices", std::move(indices)},
          {"lr_scales", std::vector<float>(n, lr_scale)},
          {"weight_decays", std::vector<float>(n, weight_decay)}};
}

OpCase Case(graph::Shape shape, const graph::Attrs& attrs, double factor, double step) {
  return {"AdamW",
          attrs,
          {{F32({1}), Constant(0.01)},
           {F32({3}), Values({1.0, 1.0, factor})},
           {I32({1}), Constant(step)},
           {F32(shape), Normal()},
           {F32(shape), Normal(3.0)},
           {F32(shape), Normal(0.1)},
           {F32(shape), Uniform(0, 0.1)}},
          {F32(shape), F32(shape), F32(shape)}};
}

TEST(AdamW, Cases) {
  for (const graph::Shape& shape : {graph::Shape{1}, {37}, {3, 5}, {2, 1, 5}, {2, 3, 1, 5}}) {
    RunCase(Case(shape, Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {2}), 0.25, 1));
    RunCase(Case(shape, Attrs(0.9f, 0.999f, 1e-6f, 0.0f, {0}), 0.25, 1000));
    RunCase(Case(shape, Attrs(0.0f, 0.5f, 1e-3f, 0.5f, {1}), 0.25, 3));
    RunCase(Case(shape, Attrs(0.9f, 0.999f, 1e-8f, 0.05f, {1}, 0.0238f), 0.25, 3));
  }
}

TEST(AdamW, TorchFormula) {
  // torch.optim.AdamW's arithmetic by hand: g 3 after clipping by 0.5 is 1.5,
  // third step, exact powers of two.
  const auto scalar = [](double value) { return HostTensor(F64({1}), {value}); };
  const auto out =
      Reference("AdamW", Attrs(0.5f, 0.75f, 1e-8f, 0.25f, {1}),
                {scalar(0.125), HostTensor(F64({2}), {9, 0.5}), HostTensor(I32({1}), {3}),
                 scalar(2), scalar(3), scalar(0.5), scalar(4)});
  ASSERT_EQ(out.size(), 3u);
  EXPECT_NEAR(out[0].Get(0), 1.8799513160052379, 1e-15);
  EXPECT_EQ(out[1].Get(0), 1.0);
  EXPECT_EQ(out[2].Get(0), 3.5625);
}

// The scale is one of the rate, so of the decay, too: PyTorch's group with lr·scale.
TEST(AdamW, AScaleIsAnotherRate) {
  OpCase scaled = Case({37}, Attrs(0.9f, 0.999f, 1e-8f, 0.05f, {1}, 0.25f), 1, 3);
  OpCase other = Case({37}, Attrs(0.9f, 0.999f, 1e-8f, 0.05f, {1}), 1, 3);
  scaled.inputs[0].generate = Constant(0.01);
  other.inputs[0].generate = Constant(0.0025);
  for (const graph::Backend& backend : TestBackends()) {
    const auto a = RunOn(backend, "AdamW", scaled.attrs, MakeInputs(scaled));
    const auto b = RunOn(backend, "AdamW", other.attrs, MakeInputs(other));
    ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    for (int k = 0; k < 3; ++k) EXPECT_TRUE((*a)[k] == (*b)[k]) << backend.name << " " << k;
  }
}

TEST(AdamW, FirstStepMovesByTheLearningRate) {
  // Zero moments, no decay: m/(1-b1) / sqrt(v/(1-b2)) is the sign of g.
  const HostTensor zero(F64({2}), {0, 0});
  const auto out = Reference(
      "AdamW", Attrs(0.9f, 0.95f, 0.0f, 0.0f, {0}),
      {HostTensor(F64({1}), {0.125}), HostTensor(F64({1}), {1}), HostTensor(I32({1}), {1}),
       HostTensor(F64({2}), {1, 1}), HostTensor(F64({2}), {1e-3, -50}), zero, zero});
  ASSERT_EQ(out.size(), 3u);
  EXPECT_NEAR(out[0].Get(0), 0.875, 1e-12);
  EXPECT_NEAR(out[0].Get(1), 1.125, 1e-12);
}

TEST(AdamW, NonFiniteFactorChangesNothing) {
  const double inf = std::numeric_limits<double>::infinity();
  for (double factor : {std::nan(""), inf, -inf}) {
    OpCase c = Case({3, 5}, Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {2}), factor, 1);
    c.inputs[4].generate = Constant(inf);  // the gradient that caused it
    RunCase(c);
    const std::vector<HostTensor> in = MakeInputs(c);
    for (const graph::Backend& backend : TestBackends()) {
      const auto out = RunOn(backend, c.type, c.attrs, in);
      ASSERT_TRUE(out.ok()) << out.status();
      EXPECT_TRUE((*out)[0] == in[3]) << backend.name;
      EXPECT_TRUE((*out)[1] == in[5]) << backend.name;
      EXPECT_TRUE((*out)[2] == in[6]) << backend.name;
    }
  }
}

TEST(AdamW, RefusesBadInputs) {
  const graph::Attrs good = Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {0});
  const auto w = F32({2, 3}), one = F32({1});
  const auto refused = [&](graph::Attrs attrs, int input, graph::TensorType type,
                           const char* message) {
    std::vector<graph::TensorType> inputs = {one, F32({4}), I32({1}), w, w, w, w};
    if (input >= 0) inputs[input] = type;
    ExpectRefused("AdamW", std::move(attrs), inputs, message);
  };
  refused(good, 0, F32({2}), "input 0");
  refused(good, 0, I32({1}), "input 0");
  refused(good, 1, F64({4}), "input 1");
  refused(good, 1, F32({2, 2}), "input 1");
  refused(good, 2, F32({1}), "input 2");
  refused(good, 2, I32({2}), "input 2");
  refused(good, 3, I32({2, 3}), "input 3");
  refused(good, 3, F64({2, 3}), "input 3");
  refused(good, 4, F32({3, 2}), "input 4");
  refused(good, 5, F64({2, 3}), "input 5");
  refused(good, 6, F32({6}), "input 6");
  refused(Attrs(1.0f, 0.95f, 1e-8f, 0.05f, {0}), -1, w, "'beta1' is 1");
  refused(Attrs(0.9f, -0.5f, 1e-8f, 0.05f, {0}), -1, w, "'beta2' is -0.5");
  refused(Attrs(0.9f, 0.95f, -1.0f, 0.05f, {0}), -1, w, "'eps' is -1");
  refused(Attrs(0.9f, 0.95f, 1e-8f, -1.0f, {0}), -1, w, "'weight_decays' is -1");
  refused(Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {0}, -0.5f), -1, w, "'lr_scales' is -0.5");
  refused(Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {4}), -1, w, "'indices' has 4");
  refused(Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {-1}), -1, w, "'indices' has -1");
  for (const char* list : {"indices", "lr_scales", "weight_decays"}) {
    graph::Attrs longer = good;
    longer[list] = Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {0, 1})[list];
    refused(longer, -1, w, "' has 2 numbers for 1");
  }
  // The second parameter.
  const graph::Attrs two = Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {0, 3});
  const std::vector<graph::TensorType> first = {one, F32({4}), I32({1}), w, w, w, w};
  const auto second_refused = [&](const graph::Attrs& attrs, std::vector<graph::TensorType> more,
                                  const char* message) {
    std::vector<graph::TensorType> inputs = first;
    inputs.insert(inputs.end(), more.begin(), more.end());
    ExpectRefused("AdamW", attrs, inputs, message);
  };
  const auto u = F32({5}), f64 = F64({5});
  second_refused(two, {u, u, w, u}, "input 9");
  second_refused(two, {f64, f64, f64, f64}, "input 7");
  second_refused(Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {0, 4}), {u, u, u, u}, "'indices' has 4");
  for (int inputs = 1; inputs < 4; ++inputs) {
    second_refused(two, std::vector<graph::TensorType>(inputs, u),
                   "(lr, factors, step, w, g, m, v, w, g, m, v, ...)");
  }
}

// `n` parameters of many sizes in one operator, and each in its own, on every backend and
// team: the same bits. One of the factors is not finite.
TEST(AdamW, ParametersDoNotChangeEachOther) {
  const std::vector<int64_t> sizes = {1, 4096, 37, 0, 4097, 30000, 8, 12288, 3};
  OpCase all = Case({1}, Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {0}), std::nan(""), 3);
  all.inputs.resize(3);
  all.outputs.clear();
  std::vector<int64_t> indices;
  std::vector<float> lr_scales, weight_decays;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const OpCase one = Case({sizes[i]}, all.attrs, 1, 1);
    all.inputs.insert(all.inputs.end(), one.inputs.begin() + 3, one.inputs.end());
    all.outputs.insert(all.outputs.end(), one.outputs.begin(), one.outputs.end());
    indices.push_back(i == 5 ? 2 : static_cast<int64_t>(i % 2));
    lr_scales.push_back(i % 3 == 0 ? 1.0f : 0.75f);
    weight_decays.push_back(i % 2 == 0 ? 0.05f : 0.0f);
  }
  all.attrs["indices"] = indices;
  all.attrs["lr_scales"] = lr_scales;
  all.attrs["weight_decays"] = weight_decays;
  const std::vector<HostTensor> in = MakeInputs(all);
  for (const graph::Backend& backend : TestBackends()) {
    for (int threads = 1; threads <= 4; ++threads) {
      SCOPED_TRACE(absl::StrCat(backend.name, ", ", threads, " threads"));
      const auto together = RunOn(backend, all.type, all.attrs, in, threads);
      ASSERT_TRUE(together.ok()) << together.status();
      for (size_t i = 0; i < sizes.size(); ++i) {
        std::vector<HostTensor> own(in.begin(), in.begin() + 3);
        own.insert(own.end(), in.begin() + 3 + 4 * i, in.begin() + 7 + 4 * i);
        graph::Attrs attrs = all.attrs;
        attrs["indices"] = std::vector<int64_t>{indices[i]};
        attrs["lr_scales"] = std::vector<float>{lr_scales[i]};
        attrs["weight_decays"] = std::vector<float>{weight_decays[i]};
        const auto alone = RunOn(backend, all.type, attrs, own);
        ASSERT_TRUE(alone.ok()) << alone.status();
        for (int k = 0; k < 3; ++k) EXPECT_TRUE((*together)[3 * i + k] == (*alone)[k]) << i;
      }
      EXPECT_TRUE((*together)[15] == in[23]);
    }
  }
}

// More than a GPU takes in one launch; each with numbers of its own.
TEST(AdamW, ManyParameters) {
  constexpr int kCount = 50;
  OpCase c = Case({1}, Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {0}), 0.25, 3);
  c.inputs.resize(3);
  std::vector<int64_t> indices;
  std::vector<float> lr_scales, weight_decays;
  for (int i = 0; i < kCount; ++i) {
    const OpCase one = Case({i % 7 == 3 ? 0 : 1 + 10 * i}, c.attrs, 1, 1);
    c.inputs.insert(c.inputs.end(), one.inputs.begin() + 3, one.inputs.end());
    indices.push_back(i % 3);
    lr_scales.push_back(1.0f - 0.01f * i);
    weight_decays.push_back(0.01f * i);
  }
  c.attrs["indices"] = indices;
  c.attrs["lr_scales"] = lr_scales;
  c.attrs["weight_decays"] = weight_decays;
  const std::vector<HostTensor> in = MakeInputs(c);
  const std::vector<HostTensor> expected = Reference(c.type, c.attrs, in);
  ASSERT_EQ(expected.size(), 3u * kCount);
  for (const graph::Backend& backend : TestBackends()) {
    const auto out = RunOn(backend, c.type, c.attrs, in);
    ASSERT_TRUE(out.ok()) << out.status();
    for (size_t k = 0; k < expected.size(); ++k) {
      SCOPED_TRACE(absl::StrCat(backend.name, ", output ", k));
      ExpectClose((*out)[k], expected[k], 1e-5);
    }
  }
}

TEST(AdamW, CasesOfSeveralParameters) {
  OpCase c = Case({3, 5}, Attrs(0.9f, 0.95f, 1e-8f, 0.05f, {2, 0}), 0.25, 2);
  const OpCase more = Case({37}, c.attrs, 1, 1);
  c.inputs.insert(c.inputs.end(), more.inputs.begin() + 3, more.inputs.end());
  c.outputs.insert(c.outputs.end(), more.outputs.begin(), more.outputs.end());
  RunCase(c);
}

}  // namespace
}  // namespace harness
