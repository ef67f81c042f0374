// The attributes `targets` and `conf_ignore` of SmoothedPositionCE; the rest is in
// smoothed_position_ce_test.cc.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "ops/droppos/position_targets.h"
#include "ops/droppos/smoothed_position_ce.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"
#include "tests/ops/droppos/golden_excerpt.h"

namespace harness {
namespace {

using Args = ops::droppos::SmoothedPositionCEArgs;

constexpr const char* kOp = "SmoothedPositionCE";
constexpr const char* kGrad = "SmoothedPositionCEGrad";

struct Options {
  int64_t grid_h, grid_w;
  bool official;
  bool conf_ignore;

  graph::Attrs attrs() const {
    return {{"grid_h", grid_h},
            {"grid_w", grid_w},
            {"targets", std::string(official ? "official" : "paper")},
            {"conf_ignore", int64_t{conf_ignore}}};
  }
};

// `cells` is L; the logits are wide enough for some patches to be surer than their target.
OpCase Case(const Options& options, int64_t b, int64_t v, int64_t cells, double sigma,
            bool weighted) {
  OpCase c;
  c.type = kOp;
  c.attrs = options.attrs();
  c.inputs = {{F32({b, v, cells}), Normal(3.0), true},
              {I32({b, v}), DistinctIds(cells)},
              {U8({b, v}), Mask(0.7)},
              {F32({1}), Constant(sigma)}};
  if (weighted) c.inputs.push_back({F32({b, v}), Uniform(0.0, 1.0)});
  c.outputs = {F32({1}), F32({1}), F32({1}), I32({b}), I32({b}), I32({b})};
  return c;
}

OpCase GradCase(OpCase c) {
  c.type = kGrad;
  c.inputs.insert(c.inputs.begin() + 4, {F32({1}), Constant(0.7)});
  c.inputs[0].check_gradient = false;
  c.outputs = {c.inputs[0].type};
  return c;
}

std::vector<HostTensor> Outputs(const graph::Backend& backend, const std::string& type,
                                const graph::Attrs& attrs, std::vector<HostTensor> inputs,
                                int threads = 1) {
  if (type == kGrad) {
    inputs.insert(inputs.begin() + 4, HostTensor({inputs[0].type().dtype, {1}}, {0.7}));
  }
  auto out = RunOn(backend, type, attrs, inputs, threads);
  if (!out.ok()) {
    ADD_FAILURE() << backend.name << ": " << out.status();
    return std::vector<HostTensor>(6, HostTensor(F32({1}), {NAN}));
  }
  return *std::move(out);
}

// The contract written out over the whole map, with a plain softmax.
struct Direct {
  double loss = 0, accuracy_weighted = 0;
  std::vector<int64_t> ignored;
  std::vector<double> dlogits;  // for dloss 0.7
  double margin = 1;            // how near a dropped patch comes to conf_ignore's threshold

  Direct(const Options& options, const std::vector<HostTensor>& inputs) {
    const int64_t visible = inputs[0].type().dim(1), cells = inputs[0].type().dim(2);
    const int64_t grid = options.grid_h * options.grid_w;
    const auto map = ops::droppos::PositionTargets(
        options.grid_h, options.grid_w, inputs[3].Get(0),
        options.official ? ops::droppos::TargetNorm::kColumns : ops::droppos::TargetNorm::kRows);
    ignored.resize(inputs[0].type().dim(0));
    dlogits.resize(inputs[0].size());
    double sum_w = 0;
    for (int64_t r = 0; r < inputs[1].size(); ++r) {
      if (inputs[2].GetInt(r) == 0) continue;
      const int64_t i = inputs[1].GetInt(r);
      std::vector<double> p(cells);
      double partition = 0;
      bool right = true;
      for (int64_t j = 0; j < cells; ++j) {
        partition += p[j] = std::exp(inputs[0].Get(r * cells + j));
        right = right && inputs[0].Get(r * cells + j) <= inputs[0].Get(r * cells + i);
      }
      for (double& share : p) share /= partition;
      margin = std::min(margin, std::abs(p[i] - map[i * grid + i]));
      if (options.conf_ignore && p[i] >= map[i * grid + i]) {
        ++ignored[r / visible];
        continue;
      }
      const double w = inputs.size() > 4 ? inputs[4].Get(r) : 1;
      sum_w += w;
      if (right) accuracy_weighted += w;
      double target_sum = 0;
      for (int64_t j = 0; j < cells; ++j) {
        loss -= w * map[i * grid + j] * std::log(p[j]);
        target_sum += map[i * grid + j];
      }
      for (int64_t j = 0; j < cells; ++j) {
        dlogits[r * cells + j] = 0.7 * w * (target_sum * p[j] - map[i * grid + j]);
      }
    }
    if (sum_w == 0) return;
    loss /= sum_w;
    accuracy_weighted /= sum_w;
    for (double& d : dlogits) d /= sum_w;
  }

  int64_t all_ignored() const {
    int64_t sum = 0;
    for (int64_t n : ignored) sum += n;
    return sum;
  }
};

// Grid and L: the whole grid, a last row that is cut, rows that nothing reads, one cell.
constexpr int64_t kSizes[][3] = {{4, 4, 16}, {3, 5, 15}, {4, 5, 17}, {5, 3, 7}, {3, 7, 1}};

TEST(SmoothedPositionCEOptions, Cases) {
  for (bool conf_ignore : {false, true}) {
    for (bool official : {false, true}) {
      int64_t ignored = 0;
      for (const auto& size : kSizes) {
        const Options options = {size[0], size[1], official, conf_ignore};
        if (!official && size[0] * size[1] != size[2]) continue;
        for (double sigma : {0.0, 0.5, 1.0, 2.0}) {
          for (bool weighted : {false, true}) {
            const int64_t visible = std::min<int64_t>(size[2], 5);
            const OpCase c = Case(options, 3, visible, size[2], sigma, weighted);
            const Direct direct(options, MakeInputs(c));
            // On the threshold the gradient has a step. One cell is always on it.
            if (conf_ignore && size[2] > 1) {
              ASSERT_GT(direct.margin, 1e-4);
            }
            if (size[2] > 1) ignored += direct.all_ignored();
            RunCase(c);
            RunCase(GradCase(c));
          }
        }
      }
      EXPECT_EQ(ignored > 0, conf_ignore);
    }
  }
}

// The published setting of 224 pixels: 16 x 16 cells for 14 x 14 patches.
TEST(SmoothedPositionCEOptions, SixteenWideForFourteenPatches) {
  for (bool conf_ignore : {false, true}) {
    OpCase c = Case({16, 16, true, conf_ignore}, 3, 9, 196, 1.0, true);
    c.inputs[0].check_gradient = false;
    c.inputs[1].generate = Values({0,   15,  16,  17,  100, 191, 192, 193, 195,  //
                                   195, 1,   2,   3,   4,   5,   6,   7,   8,    //
                                   176, 177, 178, 179, 180, 181, 182, 183, 184});
    RunCase(c);
    RunCase(GradCase(c));
  }
}

TEST(SmoothedPositionCEOptions, EqualTheFormula) {
  for (const auto& size : kSizes) {
    for (bool conf_ignore : {false, true}) {
      for (double sigma : {0.0, 0.7, 1.5, 1e30}) {
        const Options options = {size[0], size[1], true, conf_ignore};
        const auto inputs =
            MakeInputs(Case(options, 4, std::min<int64_t>(size[2], 6), size[2], sigma, true));
        const Direct direct(options, inputs);
        for (const graph::Backend& backend : TestBackends()) {
          SCOPED_TRACE(backend.name);
          const auto out = Outputs(backend, kOp, options.attrs(), inputs);
          EXPECT_NEAR(out[Args::kLoss].Get(0), direct.loss, 2e-6);
          EXPECT_NEAR(out[Args::kAccuracyWeighted].Get(0), direct.accuracy_weighted, 1e-6);
          EXPECT_EQ(out[Args::kIgnored].IntValues(), direct.ignored);
          const auto grad = Outputs(backend, kGrad, options.attrs(), inputs);
          ASSERT_EQ(grad[0].size(), static_cast<int64_t>(direct.dlogits.size()));
          for (size_t i = 0; i < direct.dlogits.size(); ++i) {
            ASSERT_NEAR(grad[0].Get(i), direct.dlogits[i], 1e-6);
          }
        }
      }
    }
  }
}

TEST(SmoothedPositionCEOptions, GoldenOfficialGrid) {
  const GoldenLoss g = GoldenOfficialGrid();
  const std::vector<HostTensor> inputs = {
      HostTensor(F32({2, 4, 16}), g.logits), HostTensor(I32({2, 4}), g.ids_keep),
      HostTensor(U8({2, 4}), g.mask_pos), HostTensor(F32({1}), {g.sigma}),
      HostTensor(F32({2, 4}), g.weights)};
  const graph::Attrs attrs = Options{8, 8, true, false}.attrs();
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto out = Outputs(backend, kOp, attrs, inputs);
    EXPECT_NEAR(out[Args::kLoss].Get(0), g.loss, 2e-6 * g.loss);
    EXPECT_NEAR(out[Args::kAccuracyWeighted].Get(0), g.accuracy, 1e-6);
    const auto dlogits = Outputs(backend, kGrad, attrs, inputs);
    std::vector<double> bias(16);
    for (int64_t i = 0; i < dlogits[0].size(); ++i) bias[i % 16] += dlogits[0].Get(i) / 0.7;
    for (int j = 0; j < 16; ++j) EXPECT_NEAR(bias[j], g.bias_grad[j], 1e-6);
    // The same numbers would not come of the paper's map.
    const auto paper = Outputs(backend, kOp, Options{4, 4, false, false}.attrs(), inputs);
    EXPECT_GT(std::abs(paper[Args::kLoss].Get(0) - g.loss), 1e-3);
  }
}

TEST(SmoothedPositionCEOptions, OneHotMapsAreEqual) {
  const auto inputs = MakeInputs(Case({3, 5, true, true}, 3, 6, 15, 0.0, true));
  for (const graph::Backend& backend : TestBackends()) {
    for (bool conf_ignore : {false, true}) {
      const graph::Attrs paper = Options{3, 5, false, conf_ignore}.attrs();
      // A grid of another width has other rows, but the same patches.
      for (const auto& grid : {std::array<int64_t, 2>{3, 5}, {4, 4}, {16, 16}, {1, 15}}) {
        const graph::Attrs official = Options{grid[0], grid[1], true, conf_ignore}.attrs();
        for (const char* type : {kOp, kGrad}) {
          const auto a = Outputs(backend, type, paper, inputs);
          const auto b = Outputs(backend, type, official, inputs);
          for (size_t o = 0; o < a.size(); ++o) EXPECT_TRUE(a[o] == b[o]) << backend.name;
        }
      }
    }
  }
}

TEST(SmoothedPositionCEOptions, ConfIgnoreMayLeaveOutAll) {
  // Every logit names the patch's own cell, so every share is above its target.
  const std::vector<HostTensor> inputs = {
      HostTensor(F32({2, 2, 4}), {9, 0, 0, 0, 0, 0, 0, 9, 0, 9, 0, 0, 0, 0, 9, 0}),
      HostTensor(I32({2, 2}), {0, 3, 1, 2}), HostTensor(U8({2, 2}), {1, 1, 0, 1}),
      HostTensor(F32({1}), {1})};
  for (const graph::Backend& backend : TestBackends()) {
    for (bool official : {false, true}) {
      SCOPED_TRACE(backend.name);
      const graph::Attrs attrs = Options{2, 2, official, true}.attrs();
      const auto out = Outputs(backend, kOp, attrs, inputs);
      EXPECT_EQ(out[Args::kLoss].Get(0), 0);
      EXPECT_EQ(out[Args::kAccuracyWeighted].Get(0), 0);
      EXPECT_EQ(out[Args::kIgnored].IntValues(), std::vector<int64_t>({2, 1}));
      // Left out of the loss, not of the count of right ones.
      EXPECT_EQ(out[Args::kAccuracy].Get(0), 1);
      EXPECT_EQ(out[Args::kCorrect].IntValues(), std::vector<int64_t>({2, 1}));
      EXPECT_EQ(out[Args::kScored].IntValues(), std::vector<int64_t>({2, 1}));
      for (double d : Outputs(backend, kGrad, attrs, inputs)[0].Values()) EXPECT_EQ(d, 0);
    }
  }
}

// A share equal to the target is left out; a patch without weight is counted.
TEST(SmoothedPositionCEOptions, ConfIgnoreAtTheThresholdAndWithoutWeight) {
  const std::vector<HostTensor> one_cell = {HostTensor(F32({1, 1, 1}), {-3}),
                                            HostTensor(I32({1, 1}), {0}),
                                            HostTensor(U8({1, 1}), {1}), HostTensor(F32({1}), {1})};
  const std::vector<HostTensor> no_weight = {
      HostTensor(F32({1, 2, 2}), {9, 0, 0, 1}), HostTensor(I32({1, 2}), {0, 0}),
      HostTensor(U8({1, 2}), {1, 1}), HostTensor(F32({1}), {1}), HostTensor(F32({1, 2}), {0, 2})};
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    auto out = Outputs(backend, kOp, Options{1, 1, false, true}.attrs(), one_cell);
    EXPECT_EQ(out[Args::kIgnored].GetInt(0), 1);
    EXPECT_EQ(out[Args::kAccuracyWeighted].Get(0), 0);
    out = Outputs(backend, kOp, Options{1, 2, false, true}.attrs(), no_weight);
    EXPECT_EQ(out[Args::kIgnored].GetInt(0), 1);
    EXPECT_GT(out[Args::kLoss].Get(0), 0);
  }
}

// Of two cells the first has the share 1 / (1 + exp(-x)): a hundred-thousandth below its
// target it counts, as far above it does not.
TEST(SmoothedPositionCEOptions, ConfIgnoreBeginsAtTheTarget) {
  for (const bool official : {false, true}) {
    const Options options = {1, 2, official, true};
    const double target = ops::droppos::PositionTargets(
        1, 2, 1.0,
        official ? ops::droppos::TargetNorm::kColumns : ops::droppos::TargetNorm::kRows)[0];
    for (const bool above : {false, true}) {
      const double share = target * (above ? 1 + 1e-5 : 1 - 1e-5);
      const std::vector<HostTensor> inputs = {
          HostTensor(F32({1, 1, 2}), {std::log(share / (1 - share)), 0}),
          HostTensor(I32({1, 1}), {0}), HostTensor(U8({1, 1}), {1}), HostTensor(F32({1}), {1})};
      for (const graph::Backend& backend : TestBackends()) {
        SCOPED_TRACE(absl::StrCat(backend.name, official ? " official" : " paper", above));
        const auto out = Outputs(backend, kOp, options.attrs(), inputs);
        EXPECT_EQ(out[Args::kIgnored].GetInt(0), above);
        EXPECT_EQ(out[Args::kLoss].Get(0) == 0, above);
        const auto grad = Outputs(backend, kGrad, options.attrs(), inputs);
        EXPECT_EQ(grad[0].Get(1) == 0, above);
      }
    }
  }
}

TEST(SmoothedPositionCEOptions, KeptRowsAddNothingToConfIgnore) {
  const Options options = {3, 3, true, true};
  const auto inputs = MakeInputs(Case(options, 3, 5, 9, 1.0, true));
  std::vector<HostTensor> spoilt = inputs;
  for (int64_t r = 0; r < 15; ++r) {
    if (inputs[2].GetInt(r) != 0) continue;
    spoilt[4].Set(r, NAN);
    for (int64_t j = 0; j < 9; ++j) spoilt[0].Set(r * 9 + j, NAN);
  }
  ASSERT_FALSE(inputs[0] == spoilt[0]);
  for (const graph::Backend& backend : TestBackends()) {
    for (const char* type : {kOp, kGrad}) {
      const auto before = Outputs(backend, type, options.attrs(), inputs);
      const auto after = Outputs(backend, type, options.attrs(), spoilt);
      for (size_t o = 0; o < before.size(); ++o) EXPECT_TRUE(before[o] == after[o]) << type;
    }
  }
}

// Not-a-number is not sure of anything: the trainer is to see it.
TEST(SmoothedPositionCEOptions, ConfIgnoreDoesNotHideNaN) {
  const Options options = {3, 3, true, true};
  auto inputs = MakeInputs(Case(options, 2, 3, 9, 1.0, false));
  for (int64_t r = 0; r < 6; ++r) inputs[2].SetInt(r, 1);
  for (int64_t j = 0; j < 9; ++j) inputs[0].Set(9 + j, NAN);
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    EXPECT_TRUE(std::isnan(Outputs(backend, kOp, options.attrs(), inputs)[0].Get(0)));
    EXPECT_TRUE(std::isnan(Outputs(backend, kGrad, options.attrs(), inputs)[0].Get(9)));
  }
}

TEST(SmoothedPositionCEOptions, SameForAnyThreads) {
  const Options options = {6, 7, true, true};
  const auto inputs = MakeInputs(Case(options, 13, 9, 37, 1.0, true));
  for (const graph::Backend& backend : TestBackends()) {
    for (const char* type : {kOp, kGrad}) {
      const auto one = Outputs(backend, type, options.attrs(), inputs, 1);
      for (int threads = 2; threads <= 4; ++threads) {
        const auto more = Outputs(backend, type, options.attrs(), inputs, threads);
        for (size_t o = 0; o < one.size(); ++o) EXPECT_TRUE(more[o] == one[o]) << type;
      }
    }
  }
}

TEST(SmoothedPositionCEOptions, TheGradientOperatorGetsThem) {
  for (const bool set : {false, true}) {
    graph::NetBuilder b(&TestRegistry(), "net");
    const graph::Attrs attrs = set ? Options{3, 4, true, true}.attrs()
                                   : graph::Attrs{{"grid_h", int64_t{3}}, {"grid_w", int64_t{4}}};
    b.OpN(kOp, "loss",
          {b.Input("logits", F32({2, 3, 12})), b.Input("ids", I32({2, 3})),
           b.Input("mask", U8({2, 3})), b.Input("sigma", F32({1}))},
          attrs);
    std::vector<graph::BlobId> dy(6, graph::kNone);
    dy[Args::kLoss] = b.Input("dy", F32({1}));
    graph::GradientBuilder g(&b, b.net().ops.back(), dy, {true, false, false, false});
    ASSERT_TRUE(TestRegistry().Find(kOp)->gradient(&g).ok());
    ASSERT_TRUE(b.status().ok()) << b.status();
    ASSERT_EQ(b.net().ops.size(), 2u);
    const graph::Op& grad = b.net().ops.back();
    EXPECT_EQ(grad.Int("grid_h"), 3);
    EXPECT_EQ(grad.Int("grid_w"), 4);
    EXPECT_EQ(grad.Str("targets"), set ? "official" : "paper");
    EXPECT_EQ(grad.Int("conf_ignore"), set);
  }
}

TEST(SmoothedPositionCEOptions, Refuses) {
  const auto refused = [](graph::Attrs attrs, int64_t cells, const std::string& message) {
    std::vector<graph::TensorType> in = {F32({2, 3, cells}), I32({2, 3}), U8({2, 3}), F32({1})};
    ExpectRefused(kOp, attrs, in, message);
    in.push_back(F32({1}));
    ExpectRefused(kGrad, attrs, in, message);
  };
  graph::Attrs attrs = Options{3, 4, true, false}.attrs();
  refused(attrs, 13, "name 13 cells, but grid_h=3 x grid_w=4 makes 12, which must be no fewer");
  attrs["targets"] = std::string("paper");
  refused(attrs, 11, "name 11 cells, but grid_h=3 x grid_w=4 makes 12");
  for (const char* unknown : {"", "Official", "rows"}) {
    attrs["targets"] = std::string(unknown);
    refused(attrs, 12, "is unknown; use \"paper\" or \"official\"");
  }
  attrs["targets"] = std::string("paper");
  for (int64_t conf_ignore : {-1, 2}) {
    attrs["conf_ignore"] = conf_ignore;
    refused(attrs, 12, "conf_ignore=" + std::to_string(conf_ignore) + " must be 0 or 1");
  }
}

}  // namespace
}  // namespace harness
