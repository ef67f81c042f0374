#include "models/data/mixing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/training/safetensors.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_runner.h"

namespace models {
namespace {

using graph::Purpose;
using graph::RandomStream;
using harness::F32;
using harness::HostTensor;
using harness::I32;

constexpr int kSize = 32, kBatch = 6, kClasses = 10;

// What timm 0.3.2 made of drawn numbers, at 32 pixels.
struct TimmCutmix {
  double drawn_lam;
  int centre_y, centre_x;
  std::array<int32_t, 4> box;
  double lam;
};
const TimmCutmix kTimmCutmix[] = {
    {0.3688346615518272, 13, 6, {1, 25, 0, 18}, 0.578125},  // 25 pixels, of which one is lost
    {0.43719087368901416, 13, 2, {1, 25, 0, 14}, 0.671875},
    {0.8956116225524569, 31, 28, {26, 32, 23, 32}, 0.947265625},  // 10 pixels, cut at two borders
};

TEST(CutMixing, IsTimms) {
  for (const TimmCutmix& timm : kTimmCutmix) {
    const GroupMixing mixing =
        CutMixing(timm.drawn_lam, timm.centre_y, timm.centre_x, kSize, kSize);
    EXPECT_EQ(mixing.mode, 1);
    EXPECT_EQ(mixing.box, timm.box) << timm.drawn_lam;
    EXPECT_EQ(mixing.lam, timm.lam);
  }
}

TEST(CutMixing, SidesAreOfTheirOwnAxis) {
  const GroupMixing mixing = CutMixing(0.75, 50, 100, 100, 200);  // half of each side
  EXPECT_EQ(mixing.box, (std::array<int32_t, 4>{25, 75, 50, 150}));
  EXPECT_EQ(mixing.lam, 0.75);
  EXPECT_EQ(CutMixing(0, 0, 0, 4, 8).box, (std::array<int32_t, 4>{0, 2, 0, 4}));
  EXPECT_EQ(CutMixing(1, 3, 3, 8, 8).lam, 1);
}

// From the draws of a batch to its images and targets.
class MixedBatch : public testing::Test {
 protected:
  void SetUp() override {
    auto file = SafetensorsFile::Read("tests/models/data/testdata/mixing_timm.safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    file_ = std::make_unique<SafetensorsFile>(*std::move(file));
  }

  HostTensor Floats(const std::string& name, graph::Shape shape) const {
    const auto values = file_->Values<float>(name);
    EXPECT_TRUE(values.ok()) << values.status();
    return HostTensor(F32(shape), std::vector<double>(values->begin(), values->end()));
  }

  // softmax - targets, times the mean's 1/B, of equal logits: so the targets.
  std::vector<double> Targets(const graph::Backend& backend, const std::string& batch,
                              const GroupMixing& mixing) const {
    const auto labels = file_->Values<int32_t>(batch + "/labels");
    EXPECT_TRUE(labels.ok()) << labels.status();
    const auto gradient = harness::RunOn(
        backend, "SoftmaxCrossEntropyGrad", {{"smoothing", 0.1f}},
        {HostTensor(F32({kBatch, kClasses})),
         HostTensor(I32({kBatch}), std::vector<double>(labels->begin(), labels->end())),
         HostTensor(F32({1}), {kBatch}), HostTensor(F32({1}), {mixing.lam})});
    EXPECT_TRUE(gradient.ok()) << gradient.status();
    std::vector<double> targets = (*gradient)[0].Values();
    for (double& t : targets) t = 1.0 / kClasses - t;
    return targets;
  }

  void ExpectTargets(const std::string& batch, const GroupMixing& mixing) const {
    const HostTensor timm = Floats(batch + "/targets", {kBatch, kClasses});
    for (const graph::Backend& backend : harness::TestBackends()) {
      const std::vector<double> targets = Targets(backend, batch, mixing);
      for (size_t i = 0; i < targets.size(); ++i) {
        EXPECT_NEAR(targets[i], timm.Get(static_cast<int64_t>(i)), 1e-6) << backend.name << i;
      }
    }
  }

  std::unique_ptr<SafetensorsFile> file_;
};

TEST_F(MixedBatch, ImagesAndTargetsOfACutmixAreTimms) {
  const TimmCutmix& timm = kTimmCutmix[0];
  const GroupMixing mixing = CutMixing(timm.drawn_lam, timm.centre_y, timm.centre_x, kSize, kSize);
  const HostTensor images = Floats("images", {kBatch, 1, kSize, kSize});
  const HostTensor mode(I32({1}), {double(mixing.mode)}), lam(F32({1}), {mixing.lam});
  const HostTensor box(I32({1, 4}), std::vector<double>(mixing.box.begin(), mixing.box.end()));
  for (const graph::Backend& backend : harness::TestBackends()) {
    const auto mixed = harness::RunOn(backend, "MixImages", {}, {images, mode, lam, box});
    ASSERT_TRUE(mixed.ok()) << mixed.status();
    EXPECT_EQ((*mixed)[0], Floats("mixed", {kBatch, 1, kSize, kSize})) << backend.name;
  }
  ExpectTargets("cutmix", mixing);
}

TEST_F(MixedBatch, TargetsOfAMixupAreTimms) {
  ExpectTargets("mixup", {0, 0.12535024509770695, {}});
}

// The largest distance of the distribution of 20,000 draws from `cdf`.
double Distance(double alpha, const std::function<double(double)>& cdf) {
  constexpr int kDraws = 20000;
  RandomStream random(static_cast<uint64_t>(1000 * alpha), Purpose::kNoise);
  std::vector<double> draws(kDraws);
  for (double& x : draws) x = SampleSymmetricBeta(alpha, &random);
  std::sort(draws.begin(), draws.end());
  double distance = 0;
  for (int i = 0; i < kDraws; ++i) {
    distance = std::max(distance, std::fabs(cdf(draws[i]) - (i + 0.5) / kDraws));
  }
  return distance;
}

// Kolmogorov and Smirnov: 0.0138 is passed by one in a thousand.
TEST(SampleSymmetricBeta, HasItsDistribution) {
  EXPECT_LT(Distance(0.5, [](double x) { return std::asin(std::sqrt(x)) * 2 / M_PI; }), 0.0138);
  EXPECT_LT(Distance(1, [](double x) { return x; }), 0.0138);
  EXPECT_LT(Distance(2, [](double x) { return x * x * (3 - 2 * x); }), 0.0138);
  EXPECT_GT(Distance(0.8, [](double x) { return x; }), 0.0138) << "the test tells 0.8 from 1";
}

TEST(SampleSymmetricBeta, HasItsMoments) {
  for (const double alpha : {0.2, 0.8, 5.0}) {
    RandomStream random(7, Purpose::kNoise);
    constexpr int kDraws = 100000;
    double mean = 0, second = 0, fourth = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double x = SampleSymmetricBeta(alpha, &random) - 0.5;
      mean += x / kDraws;
      second += x * x / kDraws;
      fourth += x * x * x * x / kDraws;
    }
    EXPECT_NEAR(mean, 0, 0.006) << alpha;
    EXPECT_NEAR(second, 1 / (4 * (2 * alpha + 1)), 0.0015) << alpha;
    EXPECT_NEAR(fourth, 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3)), 0.0006) << alpha;
  }
}

// Gammas of so small a shape are below all doubles.
TEST(SampleSymmetricBeta, IsANumberForATinyAlpha) {
  RandomStream random(1, Purpose::kNoise);
  double ones = 0;
  for (int i = 0; i < 1000; ++i) {
    const double x = SampleSymmetricBeta(1e-5, &random);
    ASSERT_TRUE(x >= 0 && x <= 1) << x;
    ones += x > 0.5 ? 1 : 0;
  }
  EXPECT_NEAR(ones, 500, 60);
}

TEST(SampleMixing, TakesWhatIsOn) {
  for (uint64_t place = 0; place < 100; ++place) {
    const GroupMixing none = SampleMixing({}, 1, 2, place, kSize, kSize);
    EXPECT_EQ(none.mode, 0);
    EXPECT_EQ(none.lam, 1);
    const GroupMixing mixup = SampleMixing({0.8, 0}, 1, 2, place, kSize, kSize);
    EXPECT_EQ(mixup.mode, 0);
    EXPECT_LT(mixup.lam, 1);
    EXPECT_EQ(mixup.box, (std::array<int32_t, 4>{}));
    EXPECT_EQ(SampleMixing({0, 1.0}, 1, 2, place, kSize, kSize).mode, 1);
  }
}

TEST(SampleMixing, SharesAreTheProbabilities) {
  int mixed = 0, cutmix = 0;
  for (uint64_t place = 0; place < 10000; ++place) {
    const GroupMixing mixing = SampleMixing({0.8, 1.0, 0.4, 0.25}, 3, 0, place, 224, 224);
    mixed += mixing.lam < 1;
    cutmix += mixing.mode;
  }
  EXPECT_NEAR(mixed, 4000, 160);
  EXPECT_NEAR(cutmix, 1000, 100);
}

TEST(SampleMixing, BoxesLieInThePictureAndLeaveLambda) {
  int top = 0, bottom = 0, left = 0, right = 0;
  for (uint64_t place = 0; place < 2000; ++place) {
    const GroupMixing mixing = SampleMixing({0, 1.0}, 5, 1, place, 20, 30);
    const auto [t, b, l, r] = mixing.box;
    ASSERT_TRUE(0 <= t && t <= b && b <= 20 && 0 <= l && l <= r && r <= 30);
    EXPECT_DOUBLE_EQ(mixing.lam, 1 - (b - t) * (r - l) / 600.0);
    top += t == 0;
    bottom += b == 20;
    left += l == 0;
    right += r == 30;
  }
  // Centres lie in the whole picture, so a border is reached about as often as the other.
  EXPECT_NEAR(top, bottom, 120);
  EXPECT_NEAR(left, right, 120);
  EXPECT_GT(top, 400);
}

TEST(SampleMixing, DependsOnSeedEpochAndPlaceAlone) {
  const MixingOptions options = {0.8, 1.0};
  const auto lam = [&](uint64_t seed, uint64_t epoch, uint64_t place) {
    return SampleMixing(options, seed, epoch, place, 224, 224).lam;
  };
  EXPECT_EQ(lam(1, 2, 3), lam(1, 2, 3));
  EXPECT_NE(lam(1, 2, 3), lam(0, 2, 3));
  EXPECT_NE(lam(1, 2, 3), lam(1, 1, 3));
  EXPECT_NE(lam(1, 2, 3), lam(1, 2, 2));
}

}  // namespace
}  // namespace models
