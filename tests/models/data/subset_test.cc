#include "models/data/subset.h"

#include <algorithm>
#include <map>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::HasSubstr;

// Image i of 100 is of class i % 4, but for class 3, of which there are two.
class Labelled : public Dataset {
 public:
  explicit Labelled(int classes = 4) : classes_(classes) {}
  int64_t size() const override { return 100; }
  std::string name(int64_t i) const override { return "image " + std::to_string(i); }
  int label(int64_t i) const override {
    const int label = static_cast<int>(i % 4);
    return label < 3 || i == 3 || i == 7 ? label : -1;
  }
  int num_classes() const override { return classes_; }
  absl::StatusOr<Image> Load(int64_t) const override { return Image::Sized(1, 1); }
  std::string description() const override { return "100 names"; }

 private:
  const int classes_;
};

std::map<int, int> PerClass(const Dataset& data, const std::vector<int64_t>& indices) {
  std::map<int, int> count;
  for (int64_t i : indices) ++count[data.label(i)];
  return count;
}

TEST(ChooseLabelled, TakesOfEachClassItsShareOrNumber) {
  const Labelled data;
  using Counts = std::map<int, int>;
  EXPECT_EQ(PerClass(data, *ChooseLabelled(data, {0.2})), (Counts{{0, 5}, {1, 5}, {2, 5}, {3, 1}}));
  EXPECT_EQ(PerClass(data, *ChooseLabelled(data, {0.01})),
            (Counts{{0, 1}, {1, 1}, {2, 1}, {3, 1}}));
  EXPECT_EQ(PerClass(data, *ChooseLabelled(data, {1, 2})), (Counts{{0, 2}, {1, 2}, {2, 2}, {3, 2}}));
}

TEST(ChooseLabelled, ASmallerBudgetIsPartOfALargerOne) {
  const Labelled data;
  const std::vector<int64_t> few = *ChooseLabelled(data, {0.2}), more = *ChooseLabelled(data, {0.4});
  EXPECT_TRUE(std::includes(more.begin(), more.end(), few.begin(), few.end()));
  EXPECT_NE(few, *ChooseLabelled(data, {0.2, {}, /*seed=*/1}));
}

TEST(ChooseLabelled, SaysWhatIsMissing) {
  const auto error = [](const Dataset& data, const LabelBudget& budget) {
    return std::string(ChooseLabelled(data, budget).status().message());
  };
  EXPECT_THAT(error(Labelled(), {1, 3}), HasSubstr("--labels_per_class=3, but class 3 of 100 names "
                                                   "has 2 images"));
  EXPECT_THAT(error(Labelled(5), {0.5}), HasSubstr("class 4 of 100 names has no image"));
  EXPECT_THAT(error(Labelled(0), {0.5}), HasSubstr("has no labels"));
}

TEST(Subset, ImagesStayWhatTheyAre) {
  const Subset subset(std::make_unique<Labelled>(), {2, 7});
  EXPECT_EQ(subset.size(), 2);
  EXPECT_EQ(subset.name(1), "image 7");
  EXPECT_EQ(subset.label(1), 3);
  EXPECT_EQ(subset.image_id(1), Labelled().image_id(7));
  EXPECT_EQ(subset.description(), "2 of 100 names");
}

}  // namespace
}  // namespace models
