#include "models/data/epoch_order.h"

#include <gtest/gtest.h>

#include <set>

namespace models {
namespace {

TEST(EpochPermutation, IsAPermutationOfItsSeedAndEpoch) {
  const auto a = EpochPermutation(100, 1, 0);
  EXPECT_EQ(std::set<int64_t>(a.begin(), a.end()).size(), 100u);
  EXPECT_EQ(a, EpochPermutation(100, 1, 0));
  EXPECT_NE(a, EpochPermutation(100, 1, 1));
  EXPECT_NE(a, EpochPermutation(100, 2, 0));
  EXPECT_EQ(EpochPermutation(1, 3, 4), std::vector<int64_t>{0});
}

// All orders, those in which images keep their places too; and the very ones that runs before
// this had.
TEST(EpochPermutation, IsAnyOrderAndAlwaysTheSame) {
  std::set<std::vector<int64_t>> orders;
  for (int64_t epoch = 0; epoch < 100; ++epoch) orders.insert(EpochPermutation(3, 1, epoch));
  EXPECT_EQ(orders.size(), 6u);
  EXPECT_EQ(EpochPermutation(8, 1, 0), (std::vector<int64_t>{3, 7, 6, 2, 1, 4, 0, 5}));
}

TEST(EpochOrder, IsThePermutationOfEitherEpochAskedFor) {
  EpochOrder order(10, 3);
  // Loaders look one epoch ahead and back again.
  for (const int64_t epoch : {0, 1, 0, 2, 1, 3}) {
    const auto expected = EpochPermutation(10, 3, epoch);
    for (int64_t place = 0; place < 25; ++place) {
      EXPECT_EQ(order.At(epoch, place), expected[place % 10]);
    }
  }
}

}  // namespace
}  // namespace models
