#include "tools/evaluation/spread_dataset.h"

#include <numeric>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "models/data/embedded_dataset.h"

namespace tools {
namespace {

TEST(SpreadIndices, TakesOneOfEachStretch) {
  for (const auto& [size, count] : std::vector<std::pair<int64_t, int64_t>>{
           {10, 3}, {12800, 1280}, {7, 6}, {100, 1}, {int64_t{1} << 40, 5}}) {
    const std::vector<int64_t> indices = SpreadIndices(size, count);
    ASSERT_EQ(indices.size(), count);
    for (int64_t i = 0; i < count; ++i) {
      EXPECT_GE(indices[i], static_cast<int64_t>(static_cast<__int128>(i) * size / count));
      EXPECT_LT(indices[i], static_cast<int64_t>(static_cast<__int128>(i + 1) * size / count));
    }
    EXPECT_EQ(indices, SpreadIndices(size, count));
  }
}

TEST(SpreadIndices, AllWhereThereAreNoMore) {
  std::vector<int64_t> all(9);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(SpreadIndices(9, 9), all);
  EXPECT_EQ(SpreadIndices(9, 100), all);
  EXPECT_TRUE(SpreadIndices(9, 0).empty());
  EXPECT_TRUE(SpreadIndices(0, 5).empty());
}

TEST(SpreadDataset, DoesNotFallInStepWithTheClasses) {
  const models::EmbeddedDataset data(models::SceneSplit::kTrain, 8, 8);
  const SpreadDataset spread(&data, data.size() / 10);  // labels are i % 10
  std::vector<int> counts(10);
  for (int64_t i = 0; i < spread.size(); ++i) ++counts[spread.label(i)];
  for (const int count : counts) EXPECT_NEAR(count, 128, 60);
}

TEST(SpreadDataset, ImagesStayWhatTheyAre) {
  const models::EmbeddedDataset data(models::SceneSplit::kHeldOut, 8, 8);
  const SpreadDataset spread(&data, 7);
  const std::vector<int64_t> indices = SpreadIndices(data.size(), 7);
  ASSERT_EQ(spread.size(), 7);
  for (int64_t i = 0; i < 7; ++i) {
    EXPECT_EQ(spread.name(i), data.name(indices[i]));
    EXPECT_EQ(spread.image_id(i), data.image_id(indices[i]));
    EXPECT_EQ(spread.label(i), data.label(indices[i]));
    EXPECT_EQ(spread.Load(i)->rgb, data.Load(indices[i])->rgb);
  }
  EXPECT_EQ(spread.description(), "7 of " + data.description());
  EXPECT_EQ(SpreadDataset(&data, 1 << 20).description(), data.description());
}

}  // namespace
}  // namespace tools
