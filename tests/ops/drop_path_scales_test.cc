#include "ops/drop_path_scales.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

using Rates = std::vector<float>;

HostTensor KeyTensor(const std::vector<uint64_t>& keys) {
  HostTensor t(I64({static_cast<int64_t>(keys.size())}));
  for (size_t i = 0; i < keys.size(); ++i) t.SetInt(i, static_cast<int64_t>(keys[i]));
  return t;
}

// The scales of all branches, one after another.
std::vector<double> Draw(const graph::Backend& backend, const Rates& rates,
                         const std::vector<uint64_t>& keys, int threads = 1) {
  const auto outputs =
      RunOn(backend, "DropPathScales", {{"rates", rates}}, {KeyTensor(keys)}, threads);
  if (outputs.ok()) return (*outputs)[0].Values();
  ADD_FAILURE() << outputs.status();
  return {};
}

std::vector<uint64_t> ImageKeys(int64_t count) {
  std::vector<uint64_t> keys;
  for (int64_t b = 0; b < count; ++b) keys.push_back(graph::SampleKey(3, b % 5, b));
  return keys;
}

// 300 branches are more than a launch of the CUDA backend takes.
TEST(DropPathScales, Cases) {
  for (const int64_t batch : {1, 7, 129}) {
    for (const int64_t branches : {1, 2, 22, 300}) {
      Rates rates(branches);
      for (int64_t n = 0; n < branches; ++n) rates[n] = 0.9f * n / branches;
      RunCase({"DropPathScales",
               {{"rates", rates}},
               {{I64({batch}), Keys()}},
               {F32({branches, batch})}});
    }
  }
}

// From a Philox written in Python: what a seed means must not change, on any backend.
TEST(DropPathScales, KnownAnswers) {
  const Rates rates = {0.3f, 0.3f, 0.5f, 0.1f, 0.9f};
  const bool kept[5][5] = {{0, 1, 0, 0, 0}, {0, 1, 1, 1, 1}, {1, 1, 0, 0, 0}, {0, 0, 1, 1, 1},
                           {0, 0, 0, 0, 1}};
  std::vector<double> want;
  for (int n = 0; n < 5; ++n) {
    const double scale = static_cast<float>(1 / (1 - double{rates[n]}));
    for (int b = 0; b < 5; ++b) want.push_back(kept[n][b] ? scale : 0);
  }
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    EXPECT_EQ(Draw(backend, rates, {0, 0x123456789abcdef0, 0xffffffffffffffff, 7, 8}), want);
  }
}

// An image's scales do not depend on its batch, nor on the number of threads.
TEST(DropPathScales, BelongToTheImage) {
  const std::vector<uint64_t> keys = ImageKeys(9);
  const Rates rates = {0.25f, 0.5f, 0.75f};
  const std::vector<double> whole = Draw(ReferenceBackend(), rates, keys);
  ASSERT_EQ(whole.size(), 27u);
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    for (int threads = 1; threads <= 4; ++threads) {
      EXPECT_EQ(Draw(backend, rates, keys, threads), whole);
    }
    EXPECT_EQ(Draw(backend, rates, {keys[8], keys[5]}),
              (std::vector<double>{whole[8], whole[5], whole[17], whole[14], whole[26], whole[23]}));
  }
}

// Rates are kept to, each branch draws of its own, and a mean over many images is left as it was.
TEST(DropPathScales, FrequencyAndIndependence) {
  const int64_t images = 20000;
  const Rates rates = {0.0f, 0.3f, 0.3f};
  const std::vector<double> scales = Draw(TestBackends().back(), rates, ImageKeys(images));
  ASSERT_EQ(scales.size(), 3u * images);
  double dropped[3] = {}, both = 0, sum = 0;
  for (int64_t b = 0; b < images; ++b) {
    for (int n = 0; n < 3; ++n) dropped[n] += scales[n * images + b] == 0;
    both += scales[images + b] == 0 && scales[2 * images + b] == 0;
    sum += scales[images + b];
  }
  EXPECT_EQ(dropped[0], 0);
  EXPECT_EQ(scales[0], 1);
  // 6000 are expected, with a deviation of 65; of both 1800, with one of 40.
  EXPECT_NEAR(dropped[1], 6000, 325);
  EXPECT_NEAR(dropped[2], 6000, 325);
  EXPECT_NEAR(both, 1800, 200);
  EXPECT_NEAR(sum / images, 1, 0.025);
}

// With another number the seed of an earlier run would mean other branches.
TEST(DropPathScales, PurposeKeepsItsNumber) {
  EXPECT_EQ(static_cast<int>(graph::Purpose::kDropPath), 11);
}

TEST(DropPathScales, Refuses) {
  const auto refused = [](const Rates& rates, const std::string& message) {
    ExpectRefused("DropPathScales", {{"rates", rates}}, {I64({2})}, message);
  };
  refused({}, "'rates' is an empty list");
  refused({0.5f, 1.0f}, "rate 1 of branch 1 is outside [0, 1)");
  refused({-0.1f}, "rate -0.1 of branch 0");
  refused({std::numeric_limits<float>::quiet_NaN()}, "rate nan of branch 0");
  const graph::Attrs half = {{"rates", Rates{0.5f}}};
  ExpectRefused("DropPathScales", {}, {I64({2})}, "missing");
  ExpectRefused("DropPathScales", half, {I32({2})}, "input 0");
  ExpectRefused("DropPathScales", half, {I64({2, 2})}, "input 0");
  ExpectRefused("DropPathScales", {{"rates", Rates{0.5f}}, {"dtype", std::string("bf16")}},
                {I64({2})}, "'dtype' is 'bf16'");
}

}  // namespace
}  // namespace harness
