#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "graph/base/random.h"
#include "gtest/gtest.h"
#include "ops/droppos/mask_sampling.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"
#include "tests/ops/droppos/golden_excerpt.h"

namespace harness {
namespace {

using Ints = std::vector<int64_t>;

graph::Attrs Counts(int64_t patches, int64_t visible, int64_t kept) {
  return {{"num_patches", patches}, {"num_visible", visible}, {"num_pos_kept", kept}};
}

std::vector<graph::TensorType> Outputs(int64_t b, int64_t l, int64_t v, int64_t k) {
  return {I32({b, v}), U8({b, l}), I32({b, l}), U8({b, v}), I32({b, v - k})};
}

HostTensor KeyTensor(const std::vector<uint64_t>& keys) {
  HostTensor t(I64({static_cast<int64_t>(keys.size())}));
  for (size_t i = 0; i < keys.size(); ++i) t.SetInt(i, static_cast<int64_t>(keys[i]));
  return t;
}

std::vector<Ints> Sample(const graph::Backend& backend, const std::vector<HostTensor>& inputs,
                         int64_t l, int64_t v, int64_t k, int threads = 1) {
  const auto outputs = RunOn(backend, "MaskSample", Counts(l, v, k), inputs, threads);
  if (!outputs.ok()) {
    ADD_FAILURE() << outputs.status();
    return std::vector<Ints>(5);
  }
  std::vector<Ints> result;
  for (const HostTensor& t : *outputs) result.push_back(t.IntValues());
  return result;
}

// Row `b` of a tensor of rows of `n`.
Ints Row(const Ints& values, int64_t b, int64_t n) {
  return Ints(values.begin() + b * n, values.begin() + (b + 1) * n);
}

TEST(MaskSample, Cases) {
  const int64_t sizes[][4] = {{1, 1, 1, 0},     {3, 16, 4, 1},   {2, 15, 15, 14}, {5, 7, 3, 0},
                              {4, 196, 49, 12}, {64, 64, 16, 4}, {1, 100, 1, 0}};
  for (const auto& s : sizes) {
    const int64_t b = s[0], l = s[1], v = s[2], k = s[3];
    RunCase({"MaskSample", Counts(l, v, k), {{I64({b}), Keys()}}, Outputs(b, l, v, k)});
    RunCase({"MaskSample",
             Counts(l, v, k),
             {{F32({b, l}), Uniform(0, 1)}, {F32({b, v}), Uniform(0, 1)}},
             Outputs(b, l, v, k)});
  }
}

TEST(MaskSample, CountsPermutationsAndInverses) {
  const int64_t batch = 9, l = 49, v = 20, k = 7;
  std::vector<uint64_t> keys;
  for (int64_t b = 0; b < batch; ++b) keys.push_back(graph::SampleKey(1, 2, b));
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto out = Sample(backend, {KeyTensor(keys)}, l, v, k);
    for (int64_t b = 0; b < batch; ++b) {
      const Ints keep = Row(out[0], b, v), mask = Row(out[1], b, l), restore = Row(out[2], b, l);
      const Ints mask_pos = Row(out[3], b, v), dropped = Row(out[4], b, v - k);
      EXPECT_EQ(std::accumulate(mask.begin(), mask.end(), int64_t{0}), l - v);
      EXPECT_EQ(std::accumulate(mask_pos.begin(), mask_pos.end(), int64_t{0}), v - k);
      Ints sorted = restore, all(l);
      std::sort(sorted.begin(), sorted.end());
      std::iota(all.begin(), all.end(), 0);
      EXPECT_EQ(sorted, all);
      for (int64_t i = 0; i < v; ++i) {
        EXPECT_EQ(restore[keep[i]], i);
        EXPECT_EQ(mask[keep[i]], 0);
      }
      for (int64_t p = 0; p < l; ++p) EXPECT_EQ(mask[p], restore[p] >= v);
      Ints expected;
      for (int64_t i = 0; i < v; ++i) {
        if (mask_pos[i] == 1) expected.push_back(keep[i]);
      }
      EXPECT_EQ(dropped, expected);
    }
  }
}

// From a Philox and an argsort written in Python: what a seed means must not
// change, on any backend.
TEST(MaskSample, KnownAnswers) {
  const std::vector<uint64_t> keys = {0, 0x123456789abcdef0, 0xffffffffffffffff};
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto out = Sample(backend, {KeyTensor(keys)}, 12, 5, 2);
    EXPECT_EQ(out[0], Ints({7, 8, 10, 3, 1, 11, 0, 9, 10, 1, 1, 8, 11, 9, 4}));
    EXPECT_EQ(out[1], Ints({1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 1, 1,
                            1, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0}));
    EXPECT_EQ(out[2], Ints({10, 4, 8, 3, 7, 6, 5, 0, 1, 9, 2, 11, 1,  4, 8, 7, 5,  10,
                            11, 6, 9, 2, 3, 0, 5, 0, 9, 8, 4, 7,  10, 6, 1, 3, 11, 2}));
    EXPECT_EQ(out[3], Ints({1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0}));
    EXPECT_EQ(out[4], Ints({7, 8, 1, 9, 10, 1, 8, 11, 9}));
  }
}

TEST(MaskSample, SameForAnyThreadsAndPlaceInTheBatch) {
  const int64_t l = 64, v = 16, k = 4;
  std::vector<uint64_t> keys;
  for (int b = 0; b < 7; ++b) keys.push_back(graph::SampleKey(5, 0, b));
  const auto whole = Sample(ReferenceBackend(), {KeyTensor(keys)}, l, v, k);
  for (const graph::Backend& backend : TestBackends()) {
    for (int threads = 1; threads <= 4; ++threads) {
      SCOPED_TRACE(backend.name + " " + std::to_string(threads));
      EXPECT_EQ(Sample(backend, {KeyTensor(keys)}, l, v, k, threads), whole);
      const auto pair = Sample(backend, {KeyTensor({keys[5], keys[2]})}, l, v, k, threads);
      const int64_t widths[] = {v, l, l, v, v - k};
      for (int o = 0; o < 5; ++o) {
        EXPECT_EQ(Row(pair[o], 0, widths[o]), Row(whole[o], 5, widths[o]));
        EXPECT_EQ(Row(pair[o], 1, widths[o]), Row(whole[o], 2, widths[o]));
      }
    }
  }
}

// Σ (count - mean)² over the variance of a uniform draw; `n` cells, `draws`
// draws of `size` cells each without replacement: chi-square with n - 1
// degrees of freedom.
double ChiSquare(const std::vector<int64_t>& counts, double draws, double size) {
  const double n = static_cast<double>(counts.size()), p = size / n;
  double sum = 0;
  for (int64_t c : counts) sum += (c - draws * p) * (c - draws * p);
  return sum / (draws * p * (1 - p)) * (n - 1) / n;
}

TEST(MaskSample, Uniform) {
  const int64_t l = 64, v = 16, k = 4, draws = 4000;
  std::vector<uint64_t> keys;
  for (int64_t b = 0; b < draws; ++b) keys.push_back(graph::SampleKey(3, b % 5, b));
  const auto out = Sample(TestBackends().back(), {KeyTensor(keys)}, l, v, k);
  std::vector<int64_t> visible(l), first(l), slot(v), dropped(l);
  for (int64_t b = 0; b < draws; ++b) {
    for (int64_t i = 0; i < v; ++i) {
      ++visible[out[0][b * v + i]];
      slot[i] += out[3][b * v + i];
    }
    ++first[out[0][b * v]];
    for (int64_t i = 0; i < v - k; ++i) ++dropped[out[4][b * (v - k) + i]];
  }
  // 63 degrees of freedom leave [23, 132], and 15 leave [1.0, 57], with a
  // probability of 2e-6.
  for (double x : {ChiSquare(visible, draws, v), ChiSquare(first, draws, 1),
                   ChiSquare(dropped, draws, v - k)}) {
    EXPECT_GT(x, 23);
    EXPECT_LT(x, 132);
  }
  EXPECT_GT(ChiSquare(slot, draws, v - k), 1.0);
  EXPECT_LT(ChiSquare(slot, draws, v - k), 57);
}

TEST(MaskSample, ReplaysOfficialRun) {
  const GoldenMasks g = GoldenMaskSample();
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto out = Sample(
        backend, {HostTensor(F32({3, 16}), g.noise_patch), HostTensor(F32({3, 4}), g.noise_pos)},
        16, 4, 1);
    EXPECT_EQ(out[0], g.ids_keep);
    EXPECT_EQ(out[1], g.mask);
    EXPECT_EQ(out[3], g.mask_pos);
  }
}

TEST(MaskSampling, NoiseOrderIsNumpysStableArgsort) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const struct {
    std::vector<double> noise;
    std::vector<int32_t> order;
  } cases[] = {
      {{0.5, 0.1, 0.5, 0.1, nan, 0.0}, {5, 1, 3, 0, 2, 4}},
      {{3, 2, 1}, {2, 1, 0}},
      {{0, 0, 0, 0}, {0, 1, 2, 3}},
      {{0.0, -0.0, -1}, {2, 0, 1}},
      {{nan, 1, nan, -INFINITY, INFINITY}, {3, 1, 4, 0, 2}},
      {{}, {}},
  };
  for (const auto& c : cases) {
    std::vector<int32_t> order(c.noise.size());
    ops::droppos::NoiseOrder(absl::MakeConstSpan(c.noise), absl::MakeSpan(order));
    EXPECT_EQ(order, c.order);
    const std::vector<float> floats(c.noise.begin(), c.noise.end());
    ops::droppos::NoiseOrder(absl::MakeConstSpan(floats), absl::MakeSpan(order));
    EXPECT_EQ(order, c.order);
  }
}

TEST(MaskSampling, TiesOfWordsGoByIndex) {
  std::vector<ops::droppos::RandomItem> items = {{~uint64_t{0}, 0}, {7, 1}, {7, 2}, {0, 3}, {7, 4}};
  std::vector<int32_t> order(5);
  ops::droppos::OrderByWord(absl::MakeSpan(items), absl::MakeSpan(order));
  EXPECT_EQ(order, std::vector<int32_t>({3, 1, 2, 4, 0}));
  // Whatever order they come in.
  std::vector<ops::droppos::RandomItem> many;
  for (int32_t i = 99; i >= 0; --i) many.push_back({5, i});
  order.resize(100);
  ops::droppos::OrderByWord(absl::MakeSpan(many), absl::MakeSpan(order));
  for (int32_t i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST(MaskSample, Refuses) {
  ExpectRefused("MaskSample", Counts(16, 0, 0), {I64({2})}, "num_visible=0");
  ExpectRefused("MaskSample", Counts(16, -1, 0), {I64({2})}, "num_visible=-1");
  ExpectRefused("MaskSample", Counts(0, 1, 0), {I64({2})}, "num_patches=0");
  ExpectRefused("MaskSample", Counts(16, 17, 1), {I64({2})}, "num_visible=17 exceeds");
  ExpectRefused("MaskSample", Counts(16, 4, -1), {I64({2})}, "num_pos_kept=-1");
  ExpectRefused("MaskSample", Counts(16, 4, 4), {I64({2})}, "num_pos_kept=4 of num_visible=4");
  ExpectRefused("MaskSample", Counts(16, 4, 5), {I64({2})}, "num_pos_kept=5 of num_visible=4");
  ExpectRefused("MaskSample", Counts(int64_t{1} << 40, 4, 1), {I64({2})}, "num_patches");
  ExpectRefused("MaskSample", Counts(16, 4, 1), {I32({2})}, "input 0");
  ExpectRefused("MaskSample", Counts(16, 4, 1), {I64({2, 1})}, "input 0");
  ExpectRefused("MaskSample", Counts(16, 4, 1), {F32({2, 15}), F32({2, 4})}, "input 0");
  ExpectRefused("MaskSample", Counts(16, 4, 1), {F32({2, 16}), F32({2, 5})}, "input 1");
  ExpectRefused("MaskSample", Counts(16, 4, 1), {F32({2, 16}), F32({3, 4})}, "input 1");
  ExpectRefused("MaskSample", Counts(16, 4, 1), {F32({2, 16}), F64({2, 4})}, "input 1");
  ExpectRefused("MaskSample", Counts(16, 4, 1), {I64({2, 16}), I64({2, 4})}, "input 0");
  ExpectRefused("MaskSample", {{"num_patches", int64_t{16}}}, {I64({2})}, "missing");
}

}  // namespace
}  // namespace harness
