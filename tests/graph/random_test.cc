#include "graph/base/random.h"

#include <cmath>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace graph {
namespace {

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Philox({0, 0}, {0, 0, 0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  EXPECT_EQ(Philox({ones, ones}, {ones, ones, ones, ones}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, PurposesAndKeysAreIndependent) {
  std::set<uint64_t> words;
  for (uint64_t key : {0, 1, 2}) {
    for (Purpose purpose : {Purpose::kFlip, Purpose::kPermutation, Purpose::kCrop}) {
      RandomStream stream(key, purpose);
      for (int i = 0; i < 100; ++i) words.insert(stream.Next());
    }
  }
  EXPECT_EQ(words.size(), 900u);
}

TEST(RandomStream, MomentsOfUniformAndNormal) {
  RandomStream stream(7, Purpose::kNoise);
  const int n = 100000;
  double uniform = 0, mean = 0, square = 0;
  for (int i = 0; i < n; ++i) {
    const double u = stream.Uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    uniform += u;
    const double z = stream.Normal();
    mean += z;
    square += z * z;
  }
  // Five standard errors of each estimate.
  EXPECT_NEAR(uniform / n, 0.5, 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(mean / n, 0.0, 5 / std::sqrt(n));
  EXPECT_NEAR(square / n, 1.0, 5 * std::sqrt(2.0 / n));
}

TEST(RandomStream, BelowCoversItsRange) {
  RandomStream stream(3, Purpose::kPermutation);
  std::vector<int> count(5);
  for (int i = 0; i < 5000; ++i) ++count[stream.Below(5)];
  for (int c : count) EXPECT_NEAR(c, 1000, 5 * std::sqrt(800));
}

TEST(HashName, DiffersByNameAndLength) {
  EXPECT_NE(HashName("a/b.jpg"), HashName("a/c.jpg"));
  EXPECT_NE(HashName(""), HashName(absl::string_view("\0", 1)));
}

}  // namespace
}  // namespace graph
