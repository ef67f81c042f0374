#include "models/data/rand_augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "models/data/image.h"
#include "models/data/pillow_operations.h"
#include "nlohmann/json.hpp"
#include "tests/models/data/golden_augment.h"

namespace models {
namespace {

using testing::HasSubstr;

AugmentOp OpCalled(const std::string& name) {
  for (int i = 0; i < kAugmentOps; ++i) {
    if (AugmentOpName(static_cast<AugmentOp>(i)) == name) return static_cast<AugmentOp>(i);
  }
  ADD_FAILURE() << "no operation " << name;
  return AugmentOp::kInvert;
}

OpDraw DrawOf(const nlohmann::json& op) {
  return {OpCalled(op[0]), op[1].is_null() ? 0.0 : op[1].get<double>(), op[2].get<bool>()};
}

TEST(RandAugmenter, MakesPillowsBytes) {
  const GoldenAugment golden;
  const nlohmann::json cases = golden.Metadata("cases");
  ASSERT_EQ(cases.size(), 174u);
  std::set<AugmentOp> seen;
  RandAugmenter augmenter;
  for (const nlohmann::json& one : cases) {
    Image image = golden.Picture(one["image"]);
    const Image wanted = golden.Picture(one["tensor"]);
    for (const nlohmann::json& op : one["ops"]) {
      augmenter.Apply(DrawOf(op), &image);
      seen.insert(OpCalled(op[0]));
    }
    EXPECT_EQ(image.width, wanted.width);
    EXPECT_EQ(image.height, wanted.height);
    EXPECT_TRUE(image.rgb == wanted.rgb) << one["ops"];
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kAugmentOps));
}

TEST(OpDraw, ItsArgumentIsTimms) {
  const GoldenAugment golden;
  int with_argument = 0;
  for (const nlohmann::json& one : golden.Metadata("cases")) {
    for (const nlohmann::json& op : one["ops"]) {
      if (op[3].empty()) continue;
      ++with_argument;
      EXPECT_EQ(DrawOf(op).Argument(), op[3][0].get<double>()) << op;
    }
  }
  EXPECT_GT(with_argument, 100);
}

TEST(OpDraw, SaysWhatItDoes) {
  EXPECT_EQ((OpDraw{AugmentOp::kRotate, 9, true}.ToString()), "Rotate -27.0°");
  EXPECT_EQ((OpDraw{AugmentOp::kInvert, 9, true}.ToString()), "Invert");
  EXPECT_EQ((OpDraw{AugmentOp::kColor, 9, false}.ToString()), "ColorIncreasing ×1.81");
  for (int i = 0; i < kAugmentOps; ++i) {
    const OpDraw draw = {static_cast<AugmentOp>(i), 5, false};
    EXPECT_THAT(draw.ToString(), HasSubstr(std::string(AugmentOpName(draw.op))));
  }
}

// Pictures of a single row, column or pixel have no inside, and nothing beside them is read.
TEST(RandAugmenter, TakesPicturesOfAnySize) {
  RandAugmenter augmenter;
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 9}, {9, 1}, {2, 2}, {3, 3}, {40, 3}}) {
    for (int i = 0; i < kAugmentOps; ++i) {
      for (const bool negative : {false, true}) {
        Image image = Image::Sized(width, height);
        for (size_t k = 0; k < image.rgb.size(); ++k) image.rgb[k] = static_cast<uint8_t>(37 * k);
        augmenter.Apply({static_cast<AugmentOp>(i), 10, negative}, &image);
        EXPECT_EQ(image.rgb.size(), size_t{3} * width * height);
      }
    }
  }
}

TEST(PillowOperations, TheWeakestChangeNothing) {
  Image image = Image::Sized(16, 16);
  for (size_t k = 0; k < image.rgb.size(); ++k) image.rgb[k] = static_cast<uint8_t>(k * k / 5);
  const std::vector<uint8_t> before = image.rgb;
  std::vector<uint8_t> copy;
  Posterize(8, &image);
  Solarize(256, &image);
  SolarizeAdd(0, &image);
  Saturate(1, &image);
  Contrast(1, &image);
  Brightness(1, &image);
  Sharpness(1, &copy, &image);
  Rotate(0, &copy, &image);
  Affine({1, 0, 0, 0, 1, 0}, &copy, &image);
  EXPECT_EQ(image.rgb, before);
  Rotate(360, &copy, &image);
  EXPECT_EQ(image.rgb, before);
}

TEST(PillowOperations, WhatComesFromOutsideIsTheMeanColour) {
  Image image = Image::Sized(4, 1);
  std::fill(image.rgb.begin(), image.rgb.end(), uint8_t{200});
  std::vector<uint8_t> copy;
  Affine({1, 0, 2, 0, 1, 0}, &copy, &image);
  EXPECT_EQ(image.rgb,
            (std::vector<uint8_t>{200, 200, 200, 200, 200, 200, 124, 116, 104, 124, 116, 104}));
}

TEST(DrawOperations, AreFairAndOfTheKeyAlone) {
  const RandAugmentPolicy policy = *ParseRandAugment("rand-m9-mstd0.5-inc1");
  constexpr int kKeys = 20000;
  std::map<AugmentOp, int> counts;
  int applied = 0, negative = 0;
  double sum = 0, squares = 0;
  for (uint64_t key = 0; key < kKeys; ++key) {
    const std::vector<OpDraw> draws = DrawOperations(policy, key);
    ASSERT_LE(draws.size(), 2u);
    for (const OpDraw& draw : draws) {
      ++applied;
      ++counts[draw.op];
      negative += draw.negative;
      ASSERT_TRUE(draw.level >= 0 && draw.level <= 10);
      sum += draw.level;
      squares += (draw.level - 9) * (draw.level - 9);
    }
    const std::vector<OpDraw> again = DrawOperations(policy, key);
    ASSERT_EQ(again.size(), draws.size());
    for (size_t i = 0; i < draws.size(); ++i) ASSERT_EQ(again[i].level, draws[i].level);
  }
  // Five standard deviations of what is counted. Levels are cut at 10, two deviations above 9.
  EXPECT_NEAR(applied, kKeys, 500);
  EXPECT_NEAR(negative, applied / 2, 360);
  ASSERT_EQ(counts.size(), static_cast<size_t>(kAugmentOps));
  for (const auto& [op, count] : counts) {
    EXPECT_NEAR(count, applied / 15.0, 180) << AugmentOpName(op);
  }
  EXPECT_NEAR(sum / applied, 9, 0.02);
  EXPECT_NEAR(std::sqrt(squares / applied), 0.5, 0.02);
}

TEST(ParseRandAugment, ReadsTimmsGrammar) {
  EXPECT_EQ(ParseRandAugment("none")->operations, 0);
  const RandAugmentPolicy usual = *ParseRandAugment("rand-m9-mstd0.5-inc1");
  EXPECT_EQ(usual.operations, 2);
  EXPECT_EQ(usual.magnitude, 9);
  EXPECT_EQ(usual.deviation, 0.5);
  const RandAugmentPolicy all = *ParseRandAugment("rand-inc1-n3-mstd2-m0");
  EXPECT_EQ(all.operations, 3);
  EXPECT_EQ(all.magnitude, 0);
  EXPECT_EQ(all.deviation, 2);
  const RandAugmentPolicy bare = *ParseRandAugment("rand-inc1");
  EXPECT_EQ(bare.magnitude, 10);
  EXPECT_EQ(bare.deviation, 0);
  for (const OpDraw& draw : DrawOperations(*ParseRandAugment("rand-m4-n50-inc1"), 1)) {
    EXPECT_EQ(draw.level, 4);
  }
}

TEST(ParseRandAugment, RefusesTheRestByName) {
  const std::pair<const char*, const char*> cases[] = {
      {"augmix-m5", "there is no policy 'augmix'"},
      {"v0", "there is no policy 'v0'"},
      {"", "there is no policy ''"},
      {"rand-m9", "write rand-m9-inc1"},
      {"rand-m9-inc0", "'inc0'"},
      {"rand-m9.5-inc1", "'m9.5': m must be a whole number from 0 to 10"},
      {"rand-m11-inc1", "'m11'"},
      {"rand-n0-inc1", "'n0': n must be a whole number from 1 to 100"},
      {"rand-mstdinf-inc1", "'mstdinf'"},
      {"rand-mstd-1-inc1", "'mstd': mstd must be a number from 0 to 10"},
      {"rand-w0-inc1", "'w0' is none of mX, nY, mstdZ and inc1"},
      {"rand--inc1", "'' is none of"},
      {"rand-m9-m8-inc1", "'m8' says again"},
  };
  for (const auto& [text, error] : cases) {
    const auto policy = ParseRandAugment(text);
    ASSERT_FALSE(policy.ok()) << text;
    EXPECT_THAT(std::string(policy.status().message()), HasSubstr(error));
  }
}

}  // namespace
}  // namespace models
