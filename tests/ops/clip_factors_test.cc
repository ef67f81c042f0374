#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "ops/clip_factors.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

graph::Attrs Clip(float max_norm, const std::string& mode) {
  return {{"max_norm", max_norm}, {"mode", mode}};
}

// The mean of `losses` is judged by `limit`.
struct Judged {
  std::vector<double> losses = {2};
  double limit = kInf;
};

OpCase Case(const graph::Attrs& attrs, const std::vector<double>& norms,
            const Judged& judged = {}) {
  OpCase c = {"ClipFactors",
              attrs,
              {{F32({static_cast<int64_t>(judged.losses.size())}), Values(judged.losses)},
               {F32({1}), Constant(judged.limit)}},
              {F32({static_cast<int64_t>(norms.size())}), F32({1}), I32({1}), I32({1})}};
  for (double norm : norms) c.inputs.push_back({F32({1}), Constant(norm)});
  return c;
}

std::vector<HostTensor> Factors(const graph::Attrs& attrs, const std::vector<double>& norms,
                                const Judged& judged = {}) {
  std::vector<HostTensor> inputs;
  inputs.emplace_back(F64({static_cast<int64_t>(judged.losses.size())}), judged.losses);
  inputs.emplace_back(F64({1}), std::vector<double>{judged.limit});
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
      for (double limit : {3.0, 1.5, -kInf}) {
        RunCase(Case(Clip(max_norm, mode), {3, 7}, {{1, 3, 2}, limit}));
      }
      RunCase(Case(Clip(max_norm, mode), {3, 7}, {{1, std::nan("")}}));
    }
  }
}

TEST(ClipFactors, EachParameterByItself) {
  const auto out = Factors(Clip(5.0f, "parameter"), {3, 4, 10, 20});
  ASSERT_EQ(out.size(), 4u);
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
                           {HostTensor(F32({1}), {2}), HostTensor(F32({1}), {kInf}),
                            HostTensor(F32({1}), {4.99999905f})});
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_EQ((*out)[0].Get(0), 1.0) << backend.name;
    EXPECT_EQ((*out)[2].GetInt(0), 1) << backend.name;
  }
}

TEST(ClipFactors, GloballyTheSameFactor) {
  const auto out = Factors(Clip(5.0f, "global"), {6, 8});
  ASSERT_EQ(out.size(), 4u);
  EXPECT_DOUBLE_EQ(out[0].Get(0), 5 / (10 + 1e-6));
  EXPECT_EQ(out[0].Get(1), out[0].Get(0));
  EXPECT_EQ(out[2].GetInt(0), 2);
  const auto within = Factors(Clip(5.0f, "global"), {3, 3});
  ASSERT_EQ(within.size(), 4u);
  EXPECT_EQ(within[0].Get(0), 1.0);
  EXPECT_EQ(within[2].GetInt(0), 0);
}

TEST(ClipFactors, NonFiniteNormsSpoilAllFactors) {
  for (const char* mode : {"parameter", "global"}) {
    for (float max_norm : {0.0f, 5.0f}) {
      for (double bad : {kInf, std::nan("")}) {
        const auto out = Factors(Clip(max_norm, mode), {100, bad, 1});
        ASSERT_EQ(out.size(), 4u);
        for (double factor : out[0].Values()) EXPECT_TRUE(std::isnan(factor));
        EXPECT_FALSE(std::isfinite(out[1].Get(0)));
        EXPECT_EQ(out[2].GetInt(0), 0);
        EXPECT_EQ(out[3].GetInt(0), 0);
      }
    }
  }
}

TEST(ClipFactors, AGlobalNormBeyondTheFloatsIsNotApplied) {
  for (const graph::Backend& backend : TestBackends()) {
    const auto out = RunOn(backend, "ClipFactors", Clip(0, "global"),
                           {HostTensor(F32({1}), {2}), HostTensor(F32({1}), {kInf}),
                            HostTensor(F32({1}), {3e38}), HostTensor(F32({1}), {3e38})});
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_TRUE(std::isinf((*out)[1].Get(0))) << backend.name;
    EXPECT_EQ((*out)[3].GetInt(0), 0) << backend.name;
    EXPECT_TRUE(std::isnan((*out)[0].Get(0))) << backend.name;
  }
}

// More than a GPU takes in one launch.
TEST(ClipFactors, ManyNorms) {
  std::vector<double> norms;
  for (int i = 0; i < 500; ++i) norms.push_back(0.02 * i);
  const OpCase c = Case(Clip(5, "parameter"), norms);
  const std::vector<HostTensor> in = MakeInputs(c);
  const std::vector<HostTensor> expected = Reference(c.type, c.attrs, in);
  ASSERT_EQ(expected.size(), 4u);
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto out = RunOn(backend, c.type, c.attrs, in);
    ASSERT_TRUE(out.ok()) << out.status();
    for (size_t o = 0; o < 4; ++o) ExpectClose((*out)[o], expected[o], 1e-7);
  }
}

// What kernels before it have found wrong in their data.
TEST(ClipFactors, ARunWithAFaultIsNotApplied) {
  const auto op = MakeOp("ClipFactors", Clip(0, "parameter"), {F32({1}), F32({1}), F32({1})});
  ASSERT_TRUE(op.ok()) << op.status();
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    graph::Device* device = backend.device.get();
    graph::KernelSpec spec;
    spec.op = &op->op;
    spec.inputs = op->inputs;
    spec.outputs = op->outputs;
    const auto kernel = (*backend.kernels.Find("ClipFactors"))(spec);
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    std::vector<std::unique_ptr<GuardedBuffer>> buffers;
    const auto buffer = [&](size_t bytes) {
      buffers.push_back(std::make_unique<GuardedBuffer>(device, bytes));
      return buffers.back().get();
    };
    graph::KernelArgs args;
    for (float value : {2.0f, std::numeric_limits<float>::infinity(), 3.0f}) {
      GuardedBuffer* input = buffer(sizeof(float));
      input->Write(&value);
      args.inputs.push_back(input->data());
    }
    std::vector<GuardedBuffer*> outputs;
    for (const graph::TensorType& type : op->outputs) {
      outputs.push_back(buffer(type.bytes()));
      args.outputs.push_back(outputs.back()->data());
    }
    args.scratch = buffer((*kernel)->scratch_bytes())->data();
    args.stream = device->stream(graph::StreamRole::kCompute);
    GuardedBuffer* fault_word = buffer(sizeof(graph::Fault));
    args.fault = static_cast<graph::Fault*>(fault_word->data());
    ASSERT_TRUE((*kernel)->Prepare().ok());
    ASSERT_TRUE((*kernel)->Bind(args).ok());
    for (int found : {0, 1}) {
      graph::Fault fault;
      fault.found = found;
      fault_word->Write(&fault);
      ASSERT_TRUE(device->Launch([&] { return (*kernel)->Run(); }).ok());
      ASSERT_TRUE(device->Synchronize().ok());
      float factor = 0;
      int32_t applied = -1;
      outputs[ops::ClipFactorsArgs::kFactors]->Read(&factor);
      outputs[ops::ClipFactorsArgs::kApplied]->Read(&applied);
      EXPECT_EQ(applied, 1 - found);
      EXPECT_EQ(std::isnan(factor), found == 1) << factor;
    }
  }
}

TEST(ClipFactors, TheMeanLossDecidesWhetherTheStepIsApplied) {
  const graph::Attrs clip = Clip(5, "parameter");
  const auto applied = [&](const Judged& judged) {
    const auto out = Factors(clip, {10, 3}, judged);
    EXPECT_EQ(out.size(), 4u);
    if (out.size() != 4) return false;
    const bool is = out[3].GetInt(0) == 1;
    EXPECT_EQ(std::isnan(out[0].Get(0)), !is);
    EXPECT_EQ(std::isnan(out[0].Get(1)), !is);
    // What is said of the gradients stays what it is.
    EXPECT_DOUBLE_EQ(out[1].Get(0), std::sqrt(109.0));
    EXPECT_EQ(out[2].GetInt(0), 1);
    return is;
  };
  EXPECT_TRUE(applied({{7}, kInf}));
  EXPECT_TRUE(applied({{7}, 7}));
  EXPECT_FALSE(applied({{7}, 6.999}));
  EXPECT_TRUE(applied({{9, 1, 2}, 4}));
  EXPECT_FALSE(applied({{9, 1, 2}, 3.999}));
  EXPECT_FALSE(applied({{-7}, -kInf}));
  EXPECT_FALSE(applied({{kInf}, kInf}));
  EXPECT_FALSE(applied({{1, std::nan("")}, kInf}));
}

TEST(ClipFactors, RefusesBadInputs) {
  const auto one = F32({1});
  const std::vector<graph::TensorType> good = {F32({4}), one, one};
  ExpectRefused("ClipFactors", Clip(5, "parameter"), {one, one, F32({2})}, "input 2");
  ExpectRefused("ClipFactors", Clip(5, "parameter"), {one, one, F64({1})}, "input 2");
  ExpectRefused("ClipFactors", Clip(5, "parameter"), {one, F32({2}), one}, "input 1");
  ExpectRefused("ClipFactors", Clip(5, "parameter"), {F32({2, 2}), one, one}, "input 0");
  ExpectRefused("ClipFactors", Clip(5, "parameter"), {I32({1}), one, one}, "input 0");
  ExpectRefused("ClipFactors", Clip(5, "parameter"), {one, one}, "norms");
  ExpectRefused("ClipFactors", Clip(5, "layer"), good, "'mode' is 'layer'");
  ExpectRefused("ClipFactors", Clip(-1, "global"), good, "'max_norm' is -1");
  ExpectRefused("ClipFactors", Clip(std::nanf(""), "global"), good, "'max_norm'");
}

}  // namespace
}  // namespace harness
