// SmoothedPositionCE on the rows that it scores, and ScoredRows, which names them; the
// rest is in smoothed_position_ce_test.cc.
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "ops/droppos/smoothed_position_ce.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

using Args = ops::droppos::SmoothedPositionCEArgs;

constexpr const char* kOp = "SmoothedPositionCE";
constexpr const char* kGrad = "SmoothedPositionCEGrad";
constexpr int64_t kBatch = 3, kCells = 12;

// Logits of `rows` of `visible` patches; of each image `scored` are dropped.
OpCase Case(int64_t rows, int64_t visible, int64_t scored, bool official, bool conf_ignore,
            bool weighted) {
  OpCase c;
  c.type = kOp;
  c.attrs = {{"grid_h", int64_t{official ? 4 : 3}},
             {"grid_w", int64_t{4}},
             {"targets", std::string(official ? "official" : "paper")},
             {"conf_ignore", int64_t{conf_ignore}},
             {"scored", scored}};
  c.inputs = {{F32({kBatch, rows, kCells}), Normal(3.0), true},
              {I32({kBatch, visible}), DistinctIds(kCells)},
              {U8({kBatch, visible}), MaskOf(scored)},
              {F32({1}), Constant(1.0)}};
  if (weighted) c.inputs.push_back({F32({kBatch, visible}), Uniform(0.0, 1.0)});
  c.outputs = {F32({1}), F32({1}), F32({1}), I32({kBatch}), I32({kBatch}), I32({kBatch})};
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
                                const graph::Attrs& attrs, std::vector<HostTensor> inputs) {
  if (type == kGrad) inputs.insert(inputs.begin() + 4, HostTensor(F32({1}), {0.7}));
  auto out = RunOn(backend, type, attrs, inputs, 2);
  if (!out.ok()) {
    ADD_FAILURE() << backend.name << ": " << out.status();
    return std::vector<HostTensor>(6, HostTensor(F32({1}), {NAN}));
  }
  return *std::move(out);
}

TEST(SmoothedPositionCERows, Cases) {
  for (bool official : {false, true}) {
    for (bool conf_ignore : {false, true}) {
      for (bool weighted : {false, true}) {
        for (int64_t scored : {1, 3, 5}) {
          for (int64_t rows : {scored, int64_t{5}}) {
            const OpCase c = Case(rows, 5, scored, official, conf_ignore, weighted);
            RunCase(c);
            RunCase(GradCase(c));
          }
        }
      }
    }
  }
}

TEST(SmoothedPositionCERows, TheRowsGiveWhatAllRowsGive) {
  for (const graph::Backend& backend : TestBackends()) {
    for (bool conf_ignore : {false, true}) {
      for (int64_t scored : {1, 4, 6}) {
        SCOPED_TRACE(backend.name + " " + std::to_string(scored));
        const OpCase c = Case(7, 7, scored, /*official=*/true, conf_ignore, /*weighted=*/true);
        const std::vector<HostTensor> all = MakeInputs(c);
        const auto rows = Outputs(backend, "ScoredRows", {{"scored", scored}}, {all[2]});
        ASSERT_EQ(rows[0].type(), I32({kBatch, scored}));
        std::vector<HostTensor> few = all;
        few[0] = Outputs(backend, "GatherRows", {}, {all[0], rows[0]})[0];

        const auto want = Outputs(backend, kOp, c.attrs, all);
        const auto got = Outputs(backend, kOp, c.attrs, few);
        // Only where a row lies in memory may round differently.
        for (size_t i = 0; i < want.size(); ++i) ExpectClose(got[i], want[i], 1e-6);
        for (int64_t b = 0; b < kBatch; ++b) EXPECT_EQ(got[Args::kScored].GetInt(b), scored);

        const auto dlogits = Outputs(backend, kGrad, c.attrs, all);
        const auto dfew = Outputs(backend, kGrad, c.attrs, few);
        ASSERT_EQ(dfew[0].type(), few[0].type());
        // The gradients of the other rows are zero.
        const graph::Attrs whole = {{"rows", int64_t{7}}};
        ExpectClose(Outputs(backend, "ScatterRows", whole, {dfew[0], rows[0]})[0], dlogits[0],
                    1e-6);
      }
    }
  }
}

TEST(ScoredRows, NamesTheOnesInOrder) {
  const HostTensor mask(U8({3, 5}), {0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1});
  for (const graph::Backend& backend : TestBackends()) {
    EXPECT_EQ(Outputs(backend, "ScoredRows", {{"scored", int64_t{3}}}, {mask})[0],
              HostTensor(I32({3, 3}), {1, 3, 4, 0, 1, 2, 0, 2, 4}))
        << backend.name;
  }
  OpCase c = {"ScoredRows", {{"scored", int64_t{2}}}, {{U8({4, 6}), MaskOf(2)}}, {I32({4, 2})}};
  RunCase(c);
}

// Fewer rows than promised would leave some unwritten, more would be written past the end.
TEST(SmoothedPositionCERows, ABrokenPromiseIsAnError) {
  for (double other : {0.0, 1.0}) {
    for (int64_t rows : {2, 4}) {
      std::vector<HostTensor> inputs = MakeInputs(Case(rows, 4, 2, false, false, false));
      for (int64_t v = 0; v < 4; ++v) inputs[2].SetInt(4 + v, static_cast<int64_t>(other));
      std::vector<HostTensor> grad = inputs;
      grad.insert(grad.begin() + 4, HostTensor(F32({1}), {1}));
      const graph::Attrs attrs = Case(rows, 4, 2, false, false, false).attrs;
      for (const graph::Backend& backend : TestBackends()) {
        for (const auto& out :
             {RunOn(backend, kOp, attrs, inputs), RunOn(backend, kGrad, attrs, grad),
              RunOn(backend, "ScoredRows", {{"scored", int64_t{2}}}, {inputs[2]})}) {
          EXPECT_EQ(out.status().code(), absl::StatusCode::kInvalidArgument) << backend.name;
          EXPECT_NE(std::string(out.status().message())
                        .find(other == 0 ? "'case': scored=2, but mask_pos of image 1 drops 0"
                                         : "'case': scored=2, but mask_pos of image 1 drops 4"),
                    std::string::npos)
              << out.status();
        }
      }
    }
  }
}

TEST(SmoothedPositionCERows, Refuses) {
  const auto refused = [](int64_t scored, int64_t rows, const char* message) {
    const graph::Attrs attrs = {{"grid_h", int64_t{3}}, {"grid_w", int64_t{4}}, {"scored", scored}};
    const auto logits = F32({2, rows, kCells}), one = F32({1});
    const auto ids = I32({2, 5});
    const auto mask = U8({2, 5});
    ExpectRefused(kOp, attrs, {logits, ids, mask, one}, message);
    ExpectRefused(kGrad, attrs, {logits, ids, mask, one, one}, message);
  };
  refused(0, 3, "input 1");  // nobody said that three are all
  refused(2, 3, "input 1");  // neither the scored nor all
  refused(-1, 5, "scored=-1 must be between 0 and the 5 rows");
  refused(6, 5, "scored=6 must be between 0 and the 5 rows");
  refused(6, 6, "scored=6 must be between 0 and the 5 rows");
  refused(int64_t{1} << 62, 5, "must be between 0 and the 5 rows");
  // The rows fit, the patches do not.
  const graph::Attrs three = {
      {"grid_h", int64_t{3}}, {"grid_w", int64_t{4}}, {"scored", int64_t{3}}};
  ExpectRefused(kOp, three, {F32({2, 3, kCells}), I32({2, 5}), U8({2, 4}), F32({1})}, "input 2");
  ExpectRefused(kOp, three, {F32({2, 3, kCells}), I32({10}), U8({2, 5}), F32({1})}, "input 1");
  ExpectRefused(kOp, three, {F32({2, 3, kCells}), I32({3, 5}), U8({3, 5}), F32({1})}, "input 1");
  ExpectRefused(kOp, three, {F32({2, 3, kCells}), I32({2, 5}), U8({2, 5}), F32({1}), F32({2, 3})},
                "input 4");

  const auto rows = [](int64_t scored, graph::TensorType mask, const char* message) {
    ExpectRefused("ScoredRows", {{"scored", scored}}, {mask}, message);
  };
  rows(0, U8({2, 5}), "scored=0");
  rows(6, U8({2, 5}), "scored=6");
  rows(-1, U8({2, 5}), "scored=-1");
  rows(2, I32({2, 5}), "input 0");
  rows(2, U8({2, 5, 1}), "input 0");
}

}  // namespace
}  // namespace harness
