#include "ops/droppos/random_order.h"

#include <cmath>
#include <string>
#include <vector>

#include "graph/base/random.h"
#include "gtest/gtest.h"
#include "ops/droppos/purposes.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

using Ints = std::vector<int64_t>;

graph::Attrs Order(int64_t count, const std::string& purpose = "shuffle") {
  return {{"count", count}, {"purpose", purpose}};
}

HostTensor KeyTensor(const std::vector<uint64_t>& keys) {
  HostTensor t(I64({static_cast<int64_t>(keys.size())}));
  for (size_t i = 0; i < keys.size(); ++i) t.SetInt(i, static_cast<int64_t>(keys[i]));
  return t;
}

// order and inverse, all images in a row.
std::vector<Ints> Draw(const graph::Backend& backend, const graph::Attrs& attrs,
                       const HostTensor& input, int threads = 1) {
  const auto outputs = RunOn(backend, "RandomOrder", attrs, {input}, threads);
  if (!outputs.ok()) {
    ADD_FAILURE() << outputs.status();
    return std::vector<Ints>(2);
  }
  return {(*outputs)[0].IntValues(), (*outputs)[1].IntValues()};
}

TEST(RandomOrder, Cases) {
  const int64_t sizes[][2] = {{1, 1}, {1, 7}, {5, 1}, {3, 13}, {4, 147}, {33, 49}};
  for (const auto& [b, n] : sizes) {
    for (const char* purpose : {"shuffle", "wrong_position"}) {
      RunCase({"RandomOrder", Order(n, purpose), {{I64({b}), Keys()}}, {I32({b, n}), I32({b, n})}});
    }
    RunCase({"RandomOrder", Order(n), {{F32({b, n}), Uniform(0, 1)}}, {I32({b, n}), I32({b, n})}});
  }
}

// From a Philox and an argsort written in Python: what a seed means must not
// change, on any backend.
TEST(RandomOrder, KnownAnswers) {
  const HostTensor keys = KeyTensor({0, 0x123456789abcdef0, 0xffffffffffffffff});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto shuffle = Draw(backend, Order(7, "shuffle"), keys);
    EXPECT_EQ(shuffle[0], Ints({4, 5, 0, 6, 1, 3, 2, 6, 5, 3, 2, 0, 1, 4, 3, 6, 4, 1, 2, 0, 5}));
    EXPECT_EQ(shuffle[1], Ints({2, 4, 6, 5, 0, 1, 3, 4, 5, 3, 2, 6, 1, 0, 5, 3, 4, 0, 2, 6, 1}));
    const auto wrong = Draw(backend, Order(7, "wrong_position"), keys);
    EXPECT_EQ(wrong[0], Ints({1, 2, 4, 0, 6, 3, 5, 1, 5, 4, 3, 0, 6, 2, 0, 3, 1, 6, 2, 5, 4}));
    EXPECT_EQ(wrong[1], Ints({3, 0, 1, 5, 2, 6, 4, 4, 0, 6, 3, 2, 1, 5, 0, 2, 4, 1, 6, 5, 3}));
  }
}

TEST(RandomOrder, NoiseIsSortedStably) {
  const HostTensor noise(F32({2, 4}), {0.5, 0.1, 0.5, 0.1, std::nan(""), 3, -1, 2});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    for (const char* purpose : {"shuffle", "wrong_position"}) {
      const auto out = Draw(backend, Order(4, purpose), noise);
      EXPECT_EQ(out[0], Ints({1, 3, 0, 2, 2, 3, 1, 0}));
      EXPECT_EQ(out[1], Ints({2, 0, 3, 1, 3, 2, 0, 1}));
    }
  }
}

TEST(RandomOrder, SameForAnyThreadsAndPlaceInTheBatch) {
  const int64_t n = 37;
  std::vector<uint64_t> keys;
  for (int b = 0; b < 7; ++b) keys.push_back(graph::SampleKey(5, 0, b));
  const auto whole = Draw(ReferenceBackend(), Order(n), KeyTensor(keys));
  for (const graph::Backend& backend : TestBackends()) {
    for (int threads = 1; threads <= 4; ++threads) {
      SCOPED_TRACE(backend.name + " " + std::to_string(threads));
      EXPECT_EQ(Draw(backend, Order(n), KeyTensor(keys), threads), whole);
      const auto one = Draw(backend, Order(n), KeyTensor({keys[5]}), threads);
      for (int o = 0; o < 2; ++o) {
        EXPECT_EQ(one[o], Ints(whole[o].begin() + 5 * n, whole[o].begin() + 6 * n));
      }
    }
  }
}

// Each element is equally likely at each place, and purposes do not agree more
// often than chance has it.
TEST(RandomOrder, UniformAndIndependent) {
  const int64_t n = 8, draws = 8000;
  std::vector<uint64_t> keys;
  for (int64_t b = 0; b < draws; ++b) keys.push_back(graph::SampleKey(3, b % 5, b));
  const graph::Backend backend = TestBackends().back();
  const auto shuffle = Draw(backend, Order(n, "shuffle"), KeyTensor(keys))[0];
  const auto wrong = Draw(backend, Order(n, "wrong_position"), KeyTensor(keys))[0];
  std::vector<double> counts(n * n);
  double agreements = 0;
  for (int64_t i = 0; i < draws * n; ++i) {
    ++counts[i % n * n + shuffle[i]];
    agreements += shuffle[i] == wrong[i];
  }
  // 1000 of each are expected, with a deviation of 30; 5 deviations are passed by
  // one of the 64 with a probability of 4e-5.
  for (double count : counts) EXPECT_NEAR(count, 1000, 150);
  // One agreement a draw is expected, with a variance of 1: a deviation of 89.
  EXPECT_NEAR(agreements, 8000, 450);
}

TEST(RandomOrder, Purposes) {
  EXPECT_EQ(ops::droppos::OrderPurpose("shuffle"), ops::droppos::kShuffle);
  EXPECT_EQ(ops::droppos::OrderPurpose("wrong_position"), ops::droppos::kWrongPosition);
  EXPECT_FALSE(ops::droppos::OrderPurpose("").has_value());
}

// With other numbers the seed of an earlier run would mean other masks.
TEST(Purposes, KeepTheirNumbers) {
  using namespace ops::droppos;  // NOLINT
  int number = 0;
  for (const graph::Purpose purpose : {kPatchMask, kPositionMask, kShuffle, kWrongPosition}) {
    EXPECT_EQ(static_cast<int>(purpose), ++number);
  }
}

TEST(RandomOrder, Refuses) {
  ExpectRefused("RandomOrder", Order(0), {I64({2})}, "count=0");
  ExpectRefused("RandomOrder", Order(-3), {I64({2})}, "count=-3");
  ExpectRefused("RandomOrder", Order(int64_t{1} << 40), {I64({2})}, "count=");
  ExpectRefused("RandomOrder", Order(4, "order"), {I64({2})}, "purpose=\"order\"");
  ExpectRefused("RandomOrder", Order(4, ""), {F32({2, 4})}, "purpose=\"\"");
  ExpectRefused("RandomOrder", {{"count", int64_t{4}}}, {I64({2})}, "missing");
  ExpectRefused("RandomOrder", Order(4), {I64({2, 4})}, "input 0");
  ExpectRefused("RandomOrder", Order(4), {I32({2})}, "input 0");
  ExpectRefused("RandomOrder", Order(4), {I32({2, 4})}, "input 0");
  ExpectRefused("RandomOrder", Order(4), {F32({2, 5})}, "input 0");
  ExpectRefused("RandomOrder", Order(4), {F32({4})}, "input 0");
}

}  // namespace
}  // namespace harness
