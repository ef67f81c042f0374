#include "models/data/random_erasing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "absl/types/optional.h"
#include "graph/base/random.h"
#include "nlohmann/json.hpp"
#include "tests/models/data/golden_augment.h"

namespace models {
namespace {

// Gives what timm drew.
struct GoldenDraws {
  std::deque<double> left;
  double Uniform(double, double) { return Take(); }
  uint64_t Below(uint64_t) { return static_cast<uint64_t>(Take()); }

 private:
  double Take() {
    const double value = left.front();
    left.pop_front();
    return value;
  }
};

TEST(SampleErased, MakesTimmsBoxes) {
  const nlohmann::json cases = GoldenAugment().Metadata("erasing");
  ASSERT_EQ(cases.size(), 40u);
  for (const nlohmann::json& one : cases) {
    GoldenDraws draws = {one["draws"].get<std::deque<double>>()};
    const absl::optional<PixelBox> box = SampleErased(one["W"], one["H"], 1, &draws);
    ASSERT_TRUE(box.has_value()) << one;
    EXPECT_EQ((std::vector<int>{box->y, box->x, box->height, box->width}),
              one["box"].get<std::vector<int>>());
    EXPECT_TRUE(draws.left.empty()) << one;
  }
}

TEST(SampleErased, GivesUpAfterTenTries) {
  GoldenDraws draws;
  for (int i = 0; i < 10; ++i) draws.left.insert(draws.left.end(), {0.33, std::log(1 / 0.3)});
  EXPECT_FALSE(SampleErased(8, 8, 1, &draws).has_value()) << "8.4 pixels high";
  EXPECT_TRUE(draws.left.empty());
}

// A box as high as the picture is not one.
TEST(SampleErased, IsStrictlySmallerThanThePicture) {
  GoldenDraws draws = {{0.25, std::log(4.0), 0.25, std::log(1.0), 3, 2}};
  const auto box = SampleErased(10, 10, 1, &draws);
  ASSERT_TRUE(box.has_value());
  EXPECT_EQ(box->height, 5);
  EXPECT_EQ(box->y, 3);
}

TEST(DrawErased, HitsItsShareWithinTimmsBounds) {
  const ErasingOptions options = {0.25, EraseMode::kPixel, 1};
  constexpr int kKeys = 20000;
  int hit = 0;
  double least = 1, most = 0;
  for (uint64_t key = 0; key < kKeys; ++key) {
    const auto boxes = DrawErased(options, 224, 200, key);
    hit += !boxes.empty();
    for (const PixelBox& box : boxes) {
      EXPECT_TRUE(box.x >= 0 && box.y >= 0 && box.x + box.width <= 224);
      EXPECT_LE(box.y + box.height, 200);
      const double area = box.width * box.height / (224.0 * 200);
      least = std::min(least, area);
      most = std::max(most, area);
    }
  }
  EXPECT_NEAR(hit, kKeys / 4, 310);  // five standard deviations
  EXPECT_NEAR(least, 0.02, 0.001);
  EXPECT_NEAR(most, 1.0 / 3, 0.005);
  EXPECT_TRUE(DrawErased({}, 224, 200, 1).empty());
}

TEST(DrawErased, SeveralShareTheArea) {
  const ErasingOptions options = {1, EraseMode::kPixel, 4};
  int counts[5] = {};
  for (uint64_t key = 0; key < 4000; ++key) {
    const auto boxes = DrawErased(options, 200, 200, key);
    ASSERT_LE(boxes.size(), 4u);
    ++counts[boxes.size()];
    if (boxes.size() == 4) {
      for (const PixelBox& box : boxes) EXPECT_LE(box.width * box.height, 40000 / 3.0 / 4 * 1.1);
    }
  }
  for (int n = 1; n <= 4; ++n) EXPECT_NEAR(counts[n], 1000, 150) << n;
}

class Erased : public testing::Test {
 protected:
  static constexpr int kSide = 64, kChannels = 3;
  static constexpr float kBefore = 100;

  std::vector<float> Picture(EraseMode mode, uint64_t key) {
    std::vector<float> picture(kChannels * kSide * kSide, kBefore);
    Erase(boxes_, mode, key, kChannels, kSide, kSide, picture.data());
    for (int i = 0; i < kChannels * kSide * kSide; ++i) {
      const int x = i % kSide, y = i / kSide % kSide;
      const bool inside = x >= 5 && x < 45 && y >= 7 && y < 57;
      EXPECT_EQ(picture[i] != kBefore, inside) << x << " " << y;
    }
    return picture;
  }
  std::vector<float> Inside(const std::vector<float>& picture) {
    std::vector<float> inside;
    std::copy_if(picture.begin(), picture.end(), std::back_inserter(inside),
                 [](float value) { return value != kBefore; });
    return inside;
  }

  const std::vector<PixelBox> boxes_ = {{5, 7, 40, 50}};
};

TEST_F(Erased, PixelIsNoise) {
  const std::vector<float> values = Inside(Picture(EraseMode::kPixel, 1));
  ASSERT_EQ(values.size(), 6000u);
  double sum = 0, squares = 0, cubes = 0, neighbours = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += values[i];
    squares += values[i] * values[i];
    cubes += values[i] * values[i] * values[i];
    if (i > 0) neighbours += values[i] * values[i - 1];
  }
  const double n = static_cast<double>(values.size());
  // Five standard deviations of each for independent normals.
  EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(cubes / n, 0, 5 * std::sqrt(15 / n));
  EXPECT_NEAR(neighbours / n, 0, 5 / std::sqrt(n));
  EXPECT_NE(Inside(Picture(EraseMode::kPixel, 2)), values);
}

TEST_F(Erased, ConstIsTheMeanColour) {
  for (const float value : Inside(Picture(EraseMode::kConst, 1))) EXPECT_EQ(value, 0);
}

TEST_F(Erased, RandIsOneColour) {
  const std::vector<float> values = Inside(Picture(EraseMode::kRand, 1));
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], values[i / 2000 * 2000]);
  EXPECT_NE(values[0], values[2000]);
  EXPECT_NE(values[2000], values[4000]);
}

}  // namespace
}  // namespace models
