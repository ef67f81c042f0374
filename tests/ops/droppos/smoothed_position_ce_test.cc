#include "ops/droppos/smoothed_position_ce.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"
#include "tests/ops/droppos/golden_excerpt.h"

namespace harness {
namespace {

using Args = ops::droppos::SmoothedPositionCEArgs;

constexpr const char* kOp = "SmoothedPositionCE";
constexpr const char* kGrad = "SmoothedPositionCEGrad";

graph::Attrs Grid(int64_t h, int64_t w) { return {{"grid_h", h}, {"grid_w", w}}; }

OpCase Case(int64_t b, int64_t v, int64_t h, int64_t w, double sigma, bool weighted) {
  OpCase c;
  c.type = kOp;
  c.attrs = Grid(h, w);
  c.inputs = {{F32({b, v, h * w}), Normal(2.0), true},
              {I32({b, v}), DistinctIds(h * w)},
              {U8({b, v}), Mask(0.7)},
              {F32({1}), Constant(sigma)}};
  if (weighted) c.inputs.push_back({F32({b, v}), Uniform(0.0, 1.0)});
  c.outputs = {F32({1}), F32({1}), F32({1}), I32({b}), I32({b}), I32({b})};
  return c;
}

// The same use of the gradient operator.
OpCase GradCase(OpCase c) {
  c.type = kGrad;
  c.inputs.insert(c.inputs.begin() + 4, {F32({1}), Constant(0.7)});
  c.inputs[0].check_gradient = false;
  c.outputs = {c.inputs[0].type};
  return c;
}

std::vector<HostTensor> Outputs(const graph::Backend& backend, const std::string& type,
                                const graph::Attrs& attrs, const std::vector<HostTensor>& inputs,
                                int threads = 1) {
  auto out = RunOn(backend, type, attrs, inputs, threads);
  if (!out.ok()) {
    ADD_FAILURE() << backend.name << ": " << out.status();
    return std::vector<HostTensor>(6, HostTensor(F32({1}), {NAN}));
  }
  return *std::move(out);
}

// Forward's inputs as the gradient operator takes them.
std::vector<HostTensor> WithDLoss(std::vector<HostTensor> inputs, double dloss) {
  inputs.insert(inputs.begin() + 4, HostTensor({inputs[0].type().dtype, {1}}, {dloss}));
  return inputs;
}

TEST(SmoothedPositionCE, Cases) {
  for (bool weighted : {false, true}) {
    for (double sigma : {0.0, 0.5, 1.0, 2.0}) {
      for (const OpCase& c : {Case(3, 4, 4, 4, sigma, weighted), Case(2, 5, 3, 5, sigma, weighted),
                              Case(4, 3, 7, 1, sigma, weighted)}) {
        RunCase(c);
        RunCase(GradCase(c));
      }
    }
    RunCase(Case(1, 1, 1, 1, 1.0, weighted));
    RunCase(GradCase(Case(1, 1, 1, 1, 1.0, weighted)));
    OpCase large = Case(3, 9, 14, 14, 1.0, weighted);
    large.inputs[0].check_gradient = false;
    RunCase(large);
    RunCase(GradCase(large));
  }
}

// exp(-d²/σ²) and a softmax written out; weights of `inputs`, where given.
double DirectLoss(const std::vector<HostTensor>& inputs, int64_t w, double sigma) {
  const int64_t n = inputs[0].type().dim(2);
  double loss = 0, sum_w = 0;
  for (int64_t r = 0; r < inputs[1].size(); ++r) {
    const double weight = inputs[2].Get(r) * (inputs.size() > 4 ? inputs[4].Get(r) : 1);
    const int64_t i = inputs[1].GetInt(r);
    double partition = 0, target_sum = 0, ce = 0;
    for (int64_t j = 0; j < n; ++j) partition += std::exp(inputs[0].Get(r * n + j));
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t j = 0; j < n; ++j) {
        const double dy = i / w - j / w, dx = i % w - j % w;
        const double t = std::exp(-(dy * dy + dx * dx) / (sigma * sigma));
        if (pass == 0) target_sum += t;
        if (pass == 1)
          ce -= t / target_sum * std::log(std::exp(inputs[0].Get(r * n + j)) / partition);
      }
    }
    loss += weight * ce;
    sum_w += weight;
  }
  return loss / sum_w;
}

TEST(SmoothedPositionCE, EqualsTheFormula) {
  for (bool weighted : {false, true}) {
    for (double sigma : {0.5, 1.0, 3.0}) {
      const auto inputs = MakeInputs(Case(3, 6, 3, 5, sigma, weighted));
      for (const graph::Backend& backend : TestBackends()) {
        const auto out = Outputs(backend, kOp, Grid(3, 5), inputs);
        EXPECT_NEAR(out[Args::kLoss].Get(0), DirectLoss(inputs, 5, sigma), 2e-6) << backend.name;
      }
    }
  }
}

TEST(SmoothedPositionCE, Golden) {
  for (const GoldenLoss& g : GoldenLosses()) {
    const int64_t batch = g.ids_keep.size() / 4;
    std::vector<HostTensor> inputs = {
        HostTensor(F32({batch, 4, 16}), g.logits), HostTensor(I32({batch, 4}), g.ids_keep),
        HostTensor(U8({batch, 4}), g.mask_pos), HostTensor(F32({1}), {g.sigma})};
    if (!g.weights.empty()) inputs.emplace_back(F32({batch, 4}), g.weights);
    for (const graph::Backend& backend : TestBackends()) {
      SCOPED_TRACE(std::string(g.name) + " " + backend.name);
      const auto out = Outputs(backend, kOp, Grid(4, 4), inputs);
      EXPECT_NEAR(out[Args::kLoss].Get(0), g.loss, 2e-6 * g.loss);
      EXPECT_NEAR(out[Args::kAccuracyWeighted].Get(0), g.accuracy, 1e-6);
      if (g.bias_grad.empty()) continue;
      const auto dlogits = Outputs(backend, kGrad, Grid(4, 4), WithDLoss(inputs, 1));
      std::vector<double> bias(16);
      for (int64_t i = 0; i < dlogits[0].size(); ++i) bias[i % 16] += dlogits[0].Get(i);
      for (int j = 0; j < 16; ++j) EXPECT_NEAR(bias[j], g.bias_grad[j], 1e-6);
    }
  }
}

TEST(SmoothedPositionCE, UniformLogitsGiveLogOfCellsAndIndexZeroWins) {
  // Image 0 has its patch at cell 0, where the lowest of all equal logits is.
  const std::vector<HostTensor> inputs = {HostTensor(F32({2, 2, 6}), std::vector<double>(24, 3.5)),
                                          HostTensor(I32({2, 2}), {0, 4, 5, 1}),
                                          HostTensor(U8({2, 2}), {1, 1, 1, 0}),
                                          HostTensor(F32({1}), {1.0})};
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto out = Outputs(backend, kOp, Grid(2, 3), inputs);
    EXPECT_NEAR(out[Args::kLoss].Get(0), std::log(6.0), 1e-6);
    EXPECT_FLOAT_EQ(out[Args::kAccuracy].Get(0), 1.0 / 3);
    EXPECT_EQ(out[Args::kCorrect].IntValues(), std::vector<int64_t>({1, 0}));
    EXPECT_EQ(out[Args::kScored].IntValues(), std::vector<int64_t>({2, 1}));
  }
}

TEST(SmoothedPositionCE, TheLowestOfEqualLogitsWins) {
  for (int64_t id = 0; id < 4; ++id) {
    const std::vector<HostTensor> inputs = {HostTensor(F32({1, 1, 4}), {-1, 7, 2, 7}),
                                            HostTensor(I32({1, 1}), {1.0 * id}),
                                            HostTensor(U8({1, 1}), {1}), HostTensor(F32({1}), {0})};
    for (const graph::Backend& backend : TestBackends()) {
      EXPECT_EQ(Outputs(backend, kOp, Grid(2, 2), inputs)[Args::kAccuracy].Get(0), id == 1)
          << backend.name;
    }
  }
}

TEST(SmoothedPositionCE, WeightedAndPlainAccuracy) {
  // Right, wrong, right but position kept, right.
  const std::vector<HostTensor> inputs = {
      HostTensor(F32({2, 2, 2}), {1, 0, 1, 0, 0, 1, 0, 1}), HostTensor(I32({2, 2}), {0, 1, 1, 1}),
      HostTensor(U8({2, 2}), {1, 1, 0, 1}), HostTensor(F32({1}), {1}),
      HostTensor(F32({2, 2}), {0.5, 0.25, 9, 0.25})};
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto out = Outputs(backend, kOp, Grid(1, 2), inputs);
    EXPECT_FLOAT_EQ(out[Args::kAccuracy].Get(0), 2.0 / 3);
    EXPECT_FLOAT_EQ(out[Args::kAccuracyWeighted].Get(0), 0.75);
    EXPECT_EQ(out[Args::kCorrect].IntValues(), std::vector<int64_t>({1, 1}));
    EXPECT_EQ(out[Args::kScored].IntValues(), std::vector<int64_t>({2, 1}));
  }
}

TEST(SmoothedPositionCE, NoWeightGivesZeroLossAndGradient) {
  for (bool weighted : {false, true}) {
    OpCase c = Case(3, 4, 3, 3, 1.0, weighted);
    // Nothing dropped; or everything dropped and no weight.
    c.inputs[2].generate = Constant(weighted ? 1 : 0);
    if (weighted) c.inputs[4].generate = Constant(0);
    const auto inputs = MakeInputs(c);
    for (const graph::Backend& backend : TestBackends()) {
      SCOPED_TRACE(backend.name);
      const auto out = Outputs(backend, kOp, c.attrs, inputs);
      EXPECT_EQ(out[Args::kLoss].Get(0), 0);
      EXPECT_EQ(out[Args::kAccuracyWeighted].Get(0), 0);
      EXPECT_EQ(out[Args::kScored].IntValues(), std::vector<int64_t>(3, weighted ? 4 : 0));
      EXPECT_EQ(out[Args::kIgnored].IntValues(), std::vector<int64_t>(3, 0));
      if (!weighted) {
        EXPECT_EQ(out[Args::kAccuracy].Get(0), 0);
      }
      const auto dlogits = Outputs(backend, kGrad, c.attrs, WithDLoss(inputs, 1));
      for (double d : dlogits[0].Values()) EXPECT_EQ(d, 0);
    }
  }
}

TEST(SmoothedPositionCE, WeightsThatCancelGiveZeroLossAndGradient) {
  const std::vector<HostTensor> inputs = {HostTensor(F32({1, 2, 2}), {1, 0, 0, 3}),
                                          HostTensor(I32({1, 2}), {0, 1}),
                                          HostTensor(U8({1, 2}), {1, 1}), HostTensor(F32({1}), {1}),
                                          HostTensor(F32({1, 2}), {0.5, -0.5})};
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto out = Outputs(backend, kOp, Grid(1, 2), inputs);
    EXPECT_EQ(out[Args::kLoss].Get(0), 0);
    EXPECT_EQ(out[Args::kAccuracyWeighted].Get(0), 0);
    const auto dlogits = Outputs(backend, kGrad, Grid(1, 2), WithDLoss(inputs, 1));
    for (double d : dlogits[0].Values()) EXPECT_EQ(d, 0);
  }
}

TEST(SmoothedPositionCE, KeptRowsAddNothing) {
  std::vector<HostTensor> inputs = MakeInputs(Case(3, 5, 3, 3, 1.0, true));
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto before = Outputs(backend, kOp, Grid(3, 3), inputs);
    const auto grad_before = Outputs(backend, kGrad, Grid(3, 3), WithDLoss(inputs, 1));
    std::vector<HostTensor> spoilt = inputs;
    int64_t kept = 0;
    for (int64_t r = 0; r < 15; ++r) {
      if (inputs[2].GetInt(r) != 0) continue;
      ++kept;
      spoilt[4].Set(r, NAN);
      for (int64_t j = 0; j < 9; ++j) spoilt[0].Set(r * 9 + j, NAN);
    }
    ASSERT_GT(kept, 0);
    ASSERT_LT(kept, 15);
    const auto after = Outputs(backend, kOp, Grid(3, 3), spoilt);
    for (size_t o = 0; o < before.size(); ++o) EXPECT_TRUE(before[o] == after[o]);
    EXPECT_TRUE(Outputs(backend, kGrad, Grid(3, 3), WithDLoss(spoilt, 1))[0] == grad_before[0]);
  }
}

TEST(SmoothedPositionCE, NonFiniteLogitsMakeTheLossNaN) {
  std::vector<HostTensor> inputs = MakeInputs(Case(2, 3, 3, 3, 1.0, false));
  for (int64_t r = 0; r < 6; ++r) inputs[2].SetInt(r, 1);
  inputs[0].Set(20, NAN);
  for (const graph::Backend& backend : TestBackends()) {
    EXPECT_TRUE(std::isnan(Outputs(backend, kOp, Grid(3, 3), inputs)[Args::kLoss].Get(0)));
  }
}

TEST(SmoothedPositionCE, ExtremeLogitsAndSigmas) {
  const auto inputs = MakeInputs(Case(3, 5, 3, 4, 0.0, false));
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto sharp = Outputs(backend, kOp, Grid(3, 4), inputs);
    const auto sharp_grad = Outputs(backend, kGrad, Grid(3, 4), WithDLoss(inputs, 1));
    for (double sigma : {1e-45, 1e-38, 1e-20, 1e-3}) {
      std::vector<HostTensor> changed = inputs;
      changed[3].Set(0, sigma);
      EXPECT_TRUE(Outputs(backend, kOp, Grid(3, 4), changed)[0] == sharp[0]) << sigma;
      EXPECT_TRUE(Outputs(backend, kGrad, Grid(3, 4), WithDLoss(changed, 1))[0] == sharp_grad[0]);
    }
    for (double sigma : {0.0, 1e-30, 1.0, 1e30}) {
      std::vector<HostTensor> changed = inputs;
      changed[3].Set(0, sigma);
      for (int64_t i = 0; i < changed[0].size(); ++i) {
        changed[0].Set(i, inputs[0].Get(i) * 2000);
      }
      EXPECT_TRUE(std::isfinite(Outputs(backend, kOp, Grid(3, 4), changed)[0].Get(0))) << sigma;
      for (double d : Outputs(backend, kGrad, Grid(3, 4), WithDLoss(changed, 1))[0].Values()) {
        EXPECT_TRUE(std::isfinite(d)) << sigma;
      }
    }
  }
}

// The decay of sigma reaches a kernel that is already prepared.
TEST(SmoothedPositionCE, SigmaIsReadAtEachRun) {
  std::vector<HostTensor> inputs = MakeInputs(Case(2, 4, 4, 4, 2.0, false));
  std::vector<graph::TensorType> types;
  for (const HostTensor& t : inputs) types.push_back(t.type());
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto op = MakeOp(kOp, Grid(4, 4), types);
    ASSERT_TRUE(op.ok()) << op.status();
    auto runner = OpRunner::Create(backend, *op, 2);
    ASSERT_TRUE(runner.ok()) << runner.status();
    for (double sigma : {2.0, 1.0, 0.0, 0.5}) {
      inputs[3].Set(0, sigma);
      const auto out = (*runner)->Run(inputs);
      ASSERT_TRUE(out.ok()) << out.status();
      EXPECT_TRUE((*out)[0] == Outputs(backend, kOp, Grid(4, 4), inputs)[0]) << sigma;
    }
    for (double sigma : {-1.0, -1e-30, std::nan("")}) {
      inputs[3].Set(0, sigma);
      const auto out = (*runner)->Run(inputs);
      EXPECT_EQ(out.status().code(), absl::StatusCode::kOutOfRange);
      EXPECT_NE(std::string(out.status().message()).find("at element 0, and must be at least 0"),
                std::string::npos)
          << out.status();
    }
  }
}

// Of a kept position, too.
TEST(SmoothedPositionCE, AnIdOutOfRangeIsAFault) {
  for (const int64_t id : {-1, 16}) {
    for (const bool dropped : {false, true}) {
      std::vector<HostTensor> inputs = MakeInputs(Case(3, 4, 4, 4, 1.0, true));
      inputs[1].SetInt(7, id);
      inputs[2].SetInt(7, dropped);
      for (const graph::Backend& backend : TestBackends()) {
        for (const char* type : {kOp, kGrad}) {
          SCOPED_TRACE(absl::StrCat(backend.name, ", ", type));
          const auto out = RunOn(backend, type, Grid(4, 4),
                                 type == kOp ? inputs : WithDLoss(inputs, 1));
          EXPECT_EQ(out.status().code(), absl::StatusCode::kOutOfRange);
          EXPECT_NE(std::string(out.status().message())
                        .find(absl::StrCat("is ", id, " at element 7, and must be at least 0 and "
                                                      "below 16")),
                    std::string::npos)
              << out.status();
        }
      }
    }
  }
}

TEST(SmoothedPositionCE, SameForAnyThreads) {
  const auto inputs = MakeInputs(Case(13, 9, 5, 7, 1.0, true));
  for (const graph::Backend& backend : TestBackends()) {
    const auto one = Outputs(backend, kOp, Grid(5, 7), inputs, 1);
    const auto grad = Outputs(backend, kGrad, Grid(5, 7), WithDLoss(inputs, 1), 1);
    for (int threads = 2; threads <= 4; ++threads) {
      const auto more = Outputs(backend, kOp, Grid(5, 7), inputs, threads);
      for (size_t o = 0; o < one.size(); ++o) EXPECT_TRUE(more[o] == one[o]) << backend.name;
      EXPECT_TRUE(Outputs(backend, kGrad, Grid(5, 7), WithDLoss(inputs, 1), threads)[0] == grad[0]);
    }
  }
}

// The status of the gradient maker when `needs` inputs and `through` outputs are asked for.
absl::Status MakeGradient(const std::vector<bool>& needs, int through, graph::BlobId* dlogits) {
  graph::NetBuilder b(&TestRegistry(), "net");
  const auto out = b.OpN(
      kOp, "loss",
      {b.Input("logits", F32({2, 3, 4})), b.Input("ids", I32({2, 3})), b.Input("mask", U8({2, 3})),
       b.Input("sigma", F32({1})), b.Input("weights", F32({2, 3}))},
      Grid(2, 2));
  std::vector<graph::BlobId> dy(6, graph::kNone);
  dy[through] = b.Input("dy", F32({1}));
  graph::GradientBuilder g(&b, b.net().ops.back(), dy, needs);
  RETURN_IF_ERROR(TestRegistry().Find(kOp)->gradient(&g));
  *dlogits = g.grad_input(0);
  return b.status();
}

TEST(SmoothedPositionCE, GradientMaker) {
  graph::BlobId dlogits = graph::kNone;
  EXPECT_TRUE(MakeGradient({true, false, false, false, false}, Args::kLoss, &dlogits).ok());
  EXPECT_NE(dlogits, graph::kNone);
  for (const std::vector<bool>& needs :
       {std::vector<bool>{true, false, false, false, true}, {true, false, false, true, false}}) {
    const absl::Status status = MakeGradient(needs, Args::kLoss, &dlogits);
    EXPECT_NE(std::string(status.message()).find("'loss': sigma and weights have no gradient"),
              std::string::npos)
        << status;
  }
  for (int through : {Args::kAccuracy, Args::kAccuracyWeighted}) {
    const absl::Status status = MakeGradient({true, false, false, false, false}, through, &dlogits);
    EXPECT_NE(std::string(status.message()).find("an accuracy has no gradient"), std::string::npos)
        << status;
  }
}

TEST(SmoothedPositionCE, Refuses) {
  const graph::TensorType x = F32({2, 3, 12}), ids = I32({2, 3}), mask = U8({2, 3}), s = F32({1});
  const auto refused = [](graph::Attrs attrs, std::vector<graph::TensorType> in,
                          const std::string& message, bool gradient_too = true) {
    ExpectRefused(kOp, attrs, in, message);
    if (!gradient_too) return;
    in.insert(in.begin() + 4, F32({1}));
    ExpectRefused(kGrad, attrs, in, message);
  };
  refused(Grid(3, 5), {x, ids, mask, s}, "grid_h=3 x grid_w=5 makes 15");
  refused(Grid(12, 0), {x, ids, mask, s}, "grid_w=0");
  refused(Grid(-3, -4), {x, ids, mask, s}, "grid_h=-3");
  refused(Grid(int64_t{1} << 62, 12), {x, ids, mask, s}, "grid_h=");
  refused(Grid(3, 4), {F32({6, 12}), ids, mask, s}, "input 0");
  refused(Grid(3, 4), {I32({2, 3, 12}), ids, mask, s}, "input 0");
  refused(Grid(3, 4), {x, I64({2, 3}), mask, s}, "input 1");
  refused(Grid(3, 4), {x, I32({3, 2}), mask, s}, "input 1");
  refused(Grid(3, 4), {x, ids, I32({2, 3}), s}, "input 2");
  refused(Grid(3, 4), {x, ids, U8({2, 4}), s}, "input 2");
  refused(Grid(3, 4), {x, ids, mask, F32({2})}, "input 3");
  refused(Grid(3, 4), {x, ids, mask, F64({1})}, "input 3");
  refused(Grid(3, 4), {x, ids, mask, s, F32({2, 4})}, "input 4", false);
  refused(Grid(3, 4), {x, ids, mask, s, F64({2, 3})}, "input 4", false);
  ExpectRefused(kGrad, Grid(3, 4), {x, ids, mask, s, F32({2})}, "input 4");
  ExpectRefused(kGrad, Grid(3, 4), {x, ids, mask, s, F64({1})}, "input 4");
  ExpectRefused(kGrad, Grid(3, 4), {x, ids, mask, s, s, F32({3, 2})}, "input 5");
}

}  // namespace
}  // namespace harness
