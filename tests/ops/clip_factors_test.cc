#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

graph::Attrs Clip(float max_norm, const std::string& mode) {
  return {{"max_norm", max_norm}, {"mode", mode}};
}

OpCase Case(const graph::Attrs& attrs, const std::vector<double>& norms) {
  OpCase c = {
      "ClipFactors", attrs, {}, {F32({static_cast<int64_t>(norms.size())}), F32({1}), I32({1})}};
  for (double norm : norms) c.inputs.push_back({F32({1}), Constant(norm)});
  return c;
}

std::vector<HostTensor> Factors(const graph::Attrs& attrs, const std::vector<double>& norms) {
  std::vector<HostTensor> inputs;
  for (double norm : norms) inputs.emplace_back(F64({1}), std::vector<double>{norm});
  return Reference("ClipFactors", attrs, inputs);
}

TEST(ClipFactors, Cases) {
  for (const char* mode : {"parameter", "global"}) {
    for (float max_norm : {0.0f, 5.0f}) {
      RunCase(Case(Clip(max_norm, mode), {3}));
      RunCase(Case(Clip(max_norm, mode), {0, 7, 4.5, 5, 1e20}));
      RunCase(Case(Clip(max_norm, mode), {0, 0}));
      // A factor below 1 that rounds to 1 in f32 counts as clipped.
      RunCase(Case(Clip(max_norm, mode), {4.99999905f}));
      RunCase(Case(Clip(max_norm, mode), {1, kInf, 100}));
      RunCase(Case(Clip(max_norm, mode), {1, std::nan(""), 100}));
    }
  }
}

TEST(ClipFactors, EachParameterByItself) {
  const auto out = Factors(Clip(5.0f, "parameter"), {3, 4, 10, 20});
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].Get(0), 1.0);
  EXPECT_EQ(out[0].Get(1), 1.0);
  EXPECT_DOUBLE_EQ(out[0].Get(2), 5 / (10 + 1e-6));
  EXPECT_DOUBLE_EQ(out[0].Get(3), 5 / (20 + 1e-6));
  EXPECT_DOUBLE_EQ(out[1].Get(0), std::sqrt(525.0));
  EXPECT_EQ(out[2].GetInt(0), 2);
}

TEST(ClipFactors, ClippedIsDecidedBeforeTheFactorIsRounded) {
  for (const graph::Backend& backend : TestBackends()) {
    const auto out = RunOn(backend, "ClipFactors", Clip(5.0f, "parameter"),
                           {HostTensor(F32({1}), {4.99999905f})});
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_EQ((*out)[0].Get(0), 1.0) << backend.name;
    EXPECT_EQ((*out)[2].GetInt(0), 1) << backend.name;
  }
}

TEST(ClipFactors, GloballyTheSameFactor) {
  const auto out = Factors(Clip(5.0f, "global"), {6, 8});
  ASSERT_EQ(out.size(), 3u);
  EXPECT_DOUBLE_EQ(out[0].Get(0), 5 / (10 + 1e-6));
  EXPECT_EQ(out[0].Get(1), out[0].Get(0));
  EXPECT_EQ(out[2].GetInt(0), 2);
  const auto within = Factors(Clip(5.0f, "global"), {3, 3});
  ASSERT_EQ(within.size(), 3u);
  EXPECT_EQ(within[0].Get(0), 1.0);
  EXPECT_EQ(within[2].GetInt(0), 0);
}

TEST(ClipFactors, NonFiniteNormsSpoilAllFactors) {
  for (const char* mode : {"parameter", "global"}) {
    for (float max_norm : {0.0f, 5.0f}) {
      for (double bad : {kInf, std::nan("")}) {
        const auto out = Factors(Clip(max_norm, mode), {100, bad, 1});
        ASSERT_EQ(out.size(), 3u);
        for (double factor : out[0].Values()) EXPECT_TRUE(std::isnan(factor));
        EXPECT_FALSE(std::isfinite(out[1].Get(0)));
        EXPECT_EQ(out[2].GetInt(0), 0);
      }
    }
  }
}

TEST(ClipFactors, RefusesBadInputs) {
  const auto one = F32({1});
  ExpectRefused("ClipFactors", Clip(5, "parameter"), {one, F32({2})}, "input 1");
  ExpectRefused("ClipFactors", Clip(5, "parameter"), {one, F64({1})}, "input 1");
  ExpectRefused("ClipFactors", Clip(5, "parameter"), {I32({1})}, "input 0");
  ExpectRefused("ClipFactors", Clip(5, "parameter"), {}, "norms");
  ExpectRefused("ClipFactors", Clip(5, "layer"), {one}, "'mode' is 'layer'");
  ExpectRefused("ClipFactors", Clip(-1, "global"), {one}, "'max_norm' is -1");
  ExpectRefused("ClipFactors", Clip(std::nanf(""), "global"), {one}, "'max_norm'");
}

}  // namespace
}  // namespace harness
