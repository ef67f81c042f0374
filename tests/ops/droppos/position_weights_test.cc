#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"
#include "tests/ops/droppos/golden_excerpt.h"

namespace harness {
namespace {

OpCase Case(int64_t b, int64_t l, int64_t d, int64_t v) {
  OpCase c;
  c.type = "PositionWeights";
  c.inputs = {{F32({b, 1 + l, d}), Normal()}, {I32({b, v}), DistinctIds(l)}};
  c.outputs = {F32({b, v}), F32({b, l})};
  return c;
}

TEST(PositionWeights, Cases) {
  RunCase(Case(1, 1, 1, 1));
  RunCase(Case(3, 16, 32, 4));
  RunCase(Case(7, 15, 5, 15));
  RunCase(Case(2, 196, 67, 49));
  OpCase sharp = Case(4, 9, 8, 3);
  sharp.attrs = {{"tau", 0.5f}};
  RunCase(sharp);
}

// From the rows that TokenRows names come the weights that PositionWeights makes of all.
TEST(PositionWeights, GatheredRowsAreEnough) {
  OpCase gathered;
  gathered.type = "GatheredPositionWeights";
  gathered.inputs = {{F32({5, 8, 33}), Normal()}};
  gathered.outputs = {F32({5, 7})};
  RunCase(gathered);
  gathered.inputs = {{F32({1, 2, 1}), Normal()}};
  gathered.outputs = {F32({1, 1})};
  gathered.attrs = {{"tau", 0.5f}};
  RunCase(gathered);
  OpCase rows;
  rows.type = "TokenRows";
  rows.inputs = {{I32({3, 4}), DistinctIds(9)}};
  rows.outputs = {I32({3, 5})};
  RunCase(rows);

  const std::vector<HostTensor> inputs = MakeInputs(Case(3, 16, 5, 4));
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto want = RunOn(backend, "PositionWeights", {}, inputs);
    ASSERT_TRUE(want.ok()) << want.status();
    const auto ids = RunOn(backend, "TokenRows", {}, {inputs[1]});
    ASSERT_TRUE(ids.ok()) << ids.status();
    for (int64_t b = 0; b < 3; ++b) {
      EXPECT_EQ((*ids)[0].GetInt(b * 5), 0);
      for (int64_t v = 0; v < 4; ++v) {
        EXPECT_EQ((*ids)[0].GetInt(b * 5 + 1 + v), 1 + inputs[1].GetInt(b * 4 + v));
      }
    }
    const auto features = RunOn(backend, "GatherRows", {}, {inputs[0], (*ids)[0]});
    ASSERT_TRUE(features.ok()) << features.status();
    const auto got = RunOn(backend, "GatheredPositionWeights", {}, {(*features)[0]});
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE((*got)[0] == (*want)[0]);
  }
}

// The formula as the official code writes it, gather and renormalise included.
TEST(PositionWeights, Formula) {
  const int64_t batch = 3, l = 6, d = 4, v = 3;
  const std::vector<HostTensor> inputs = MakeInputs(Case(batch, l, d, v));
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto out = RunOn(backend, "PositionWeights", {}, inputs);
    ASSERT_TRUE(out.ok()) << out.status();
    for (int64_t b = 0; b < batch; ++b) {
      const auto x = [&](int64_t t, int64_t k) { return inputs[0].Get((b * (1 + l) + t) * d + k); };
      std::vector<double> p(l);
      for (int64_t i = 0; i < l; ++i) {
        double dot = 0, aa = 0, bb = 0;
        for (int64_t k = 0; k < d; ++k) {
          dot += x(0, k) * x(1 + i, k);
          aa += x(0, k) * x(0, k);
          bb += x(1 + i, k) * x(1 + i, k);
        }
        p[i] = std::exp(dot / std::sqrt(aa * bb) / 0.1);
      }
      const double sum = std::accumulate(p.begin(), p.end(), 0.0);
      double visible = 0;
      for (int64_t i = 0; i < v; ++i) visible += p[inputs[1].GetInt(b * v + i)];
      for (int64_t i = 0; i < l; ++i) EXPECT_NEAR((*out)[1].Get(b * l + i), p[i] / sum, 3e-6);
      for (int64_t i = 0; i < v; ++i) {
        EXPECT_NEAR((*out)[0].Get(b * v + i), p[inputs[1].GetInt(b * v + i)] / visible, 3e-6);
      }
    }
  }
}

// The official run's own numbers: a gather, divided by its sum.
TEST(PositionWeights, GoldenWeightsAreTheGatheredSoftmax) {
  const GoldenMasks g = GoldenMaskSample();
  // Features of two dimensions whose cosines to the class token (1, 0) give the
  // recorded softmax back: s = 0.1 ln p + constant, within [-1, 1].
  HostTensor features(F64({3, 17, 2}));
  for (int64_t b = 0; b < 3; ++b) {
    features.Set(b * 34, 1);
    for (int64_t i = 0; i < 16; ++i) {
      const double cosine = 0.1 * std::log(g.attn_full[b * 16 + i]) + 0.3;
      features.Set(b * 34 + 2 + 2 * i, 5 * cosine);
      features.Set(b * 34 + 3 + 2 * i, 5 * std::sqrt(1 - cosine * cosine));
    }
  }
  const HostTensor ids(I32({3, 4}), std::vector<double>(g.ids_keep.begin(), g.ids_keep.end()));
  const auto out = Reference("PositionWeights", {}, {features, ids});
  ASSERT_EQ(out.size(), 2u);
  for (int i = 0; i < 48; ++i) EXPECT_NEAR(out[1].Get(i), g.attn_full[i], 1e-6);
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(out[0].Get(i), g.attn[i], 1e-6);
}

TEST(PositionWeights, ZeroVectorsAndUnderflow) {
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    // A class token of zeros has cosine 0 with everything.
    const auto zero = RunOn(backend, "PositionWeights", {},
                            {HostTensor(F32({1, 5, 2}), {0, 0, 1, 2, 3, 4, 0, 0, 5, 6}),
                             HostTensor(I32({1, 2}), {3, 1})});
    ASSERT_TRUE(zero.ok()) << zero.status();
    for (int i = 0; i < 4; ++i) EXPECT_FLOAT_EQ((*zero)[1].Get(i), 0.25);
    for (int i = 0; i < 2; ++i) EXPECT_FLOAT_EQ((*zero)[0].Get(i), 0.5);
    // Every visible patch underflows in the full softmax; their weights do not.
    const auto sharp =
        RunOn(backend, "PositionWeights", {{"tau", 1e-3f}},
              {HostTensor(F32({1, 4, 1}), {1, 2, -1, -3}), HostTensor(I32({1, 2}), {1, 2})});
    ASSERT_TRUE(sharp.ok()) << sharp.status();
    EXPECT_FLOAT_EQ((*sharp)[1].Get(0), 1);
    for (int i = 0; i < 2; ++i) EXPECT_FLOAT_EQ((*sharp)[0].Get(i), 0.5);
  }
}

TEST(PositionWeights, SameForAnyThreads) {
  const std::vector<HostTensor> inputs = MakeInputs(Case(11, 25, 33, 6));
  for (const graph::Backend& backend : TestBackends()) {
    const auto one = RunOn(backend, "PositionWeights", {}, inputs, 1);
    ASSERT_TRUE(one.ok()) << one.status();
    for (int threads = 2; threads <= 4; ++threads) {
      const auto more = RunOn(backend, "PositionWeights", {}, inputs, threads);
      ASSERT_TRUE(more.ok()) << more.status();
      for (int o = 0; o < 2; ++o) EXPECT_TRUE((*more)[o] == (*one)[o]) << backend.name;
    }
  }
}

TEST(PositionWeights, AnIdOutOfRangeIsAFault) {
  for (const int64_t id : {-1, 16}) {
    std::vector<HostTensor> inputs = MakeInputs(Case(3, 16, 8, 4));
    inputs[1].SetInt(7, id);
    for (const graph::Backend& backend : TestBackends()) {
      const absl::Status status = RunOn(backend, "PositionWeights", {}, inputs).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << backend.name << ": " << status;
      EXPECT_NE(std::string(status.message())
                    .find(absl::StrCat("is ", id, " at element 7, and must be at least 0 and "
                                                  "below 16")),
                std::string::npos)
          << backend.name << ": " << status;
    }
  }
}

TEST(PositionWeights, Refuses) {
  const graph::TensorType x = F32({2, 10, 4});
  for (float tau : {0.0f, -1.0f, NAN, INFINITY}) {
    ExpectRefused("PositionWeights", {{"tau", tau}}, {x, I32({2, 3})}, "tau=");
  }
  ExpectRefused("PositionWeights", {}, {F32({2, 4}), I32({2, 3})}, "input 0");
  ExpectRefused("PositionWeights", {}, {I32({2, 10, 4}), I32({2, 3})}, "input 0");
  ExpectRefused("PositionWeights", {}, {F32({2, 1, 4}), I32({2, 1})}, "at least one patch");
  ExpectRefused("PositionWeights", {}, {x, I64({2, 3})}, "input 1");
  ExpectRefused("PositionWeights", {}, {x, I32({3, 3})}, "input 1");
  ExpectRefused("PositionWeights", {}, {x, I32({2, 10})}, "ids_keep");
  ExpectRefused("PositionWeights", {}, {x, I32({2, 0})}, "ids_keep");
  ExpectRefused("GatheredPositionWeights", {{"tau", 0.0f}}, {x}, "tau=");
  ExpectRefused("GatheredPositionWeights", {}, {F32({2, 1, 4})}, "at least one patch");
  ExpectRefused("GatheredPositionWeights", {}, {I32({2, 10, 4})}, "input 0");
  ExpectRefused("TokenRows", {}, {I64({2, 3})}, "input 0");
  ExpectRefused("TokenRows", {}, {I32({2, 3, 1})}, "input 0");
}

}  // namespace
}  // namespace harness
