#include "models/data/overfit_loader.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::HasSubstr;

// Images of one colour each, larger than what is cropped from them; `bad` has none.
class Colours : public Dataset {
 public:
  static constexpr int64_t kAll = -2;
  explicit Colours(int64_t n, int64_t bad = -1) : n_(n), bad_(bad) {}
  int64_t size() const override { return n_; }
  uint64_t image_id(int64_t i) const override { return graph::HashName(name(i)); }
  std::string name(int64_t i) const override { return absl::StrCat("colour ", i); }
  int label(int64_t i) const override { return static_cast<int>(i); }
  int num_classes() const override { return static_cast<int>(n_); }
  std::string description() const override { return "colours"; }
  absl::StatusOr<Image> Load(int64_t i) const override {
    if (i == bad_ || bad_ == kAll) return graph::InvalidArgument(name(i), ": bad");
    Image image;
    image.width = image.height = 12;
    for (int k = 0; k < 12 * 12 * 3; ++k) image.rgb.push_back(static_cast<uint8_t>(k * (i + 3)));
    return image;
  }

 private:
  int64_t n_, bad_;
};

LoaderOptions Options(int workers = 0) {
  LoaderOptions options;
  options.batch_size = 4;
  options.input_height = options.input_width = 8;
  options.seed = 3;
  options.num_workers = workers;
  return options;
}

std::vector<Batch> Take(Loader* loader, int n) {
  std::vector<Batch> batches;
  for (int i = 0; i < n; ++i) {
    const absl::StatusOr<const Batch*> batch = loader->Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (batch.ok()) batches.push_back(**batch);
  }
  return batches;
}

void ExpectSameImages(const Batch& a, const Batch& b) {
  EXPECT_EQ(a.images, b.images);
  EXPECT_EQ(a.keys, b.keys);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.image_ids, b.image_ids);
  EXPECT_EQ(a.valid, b.valid);
}

TEST(OverfitLoader, RepeatsTheFirstWindowOfTheFirstEpoch) {
  const Colours data(22);  // 5 batches an epoch: the last window is half of one
  auto plain = Loader::Create(&data, Options());
  ASSERT_TRUE(plain.ok());
  const std::vector<Batch> first = Take(plain->get(), 16);
  for (const int workers : {0, 2}) {
    auto loader = CreateOverfitLoader(&data, Options(workers), 2);
    ASSERT_TRUE(loader.ok()) << loader.status();
    EXPECT_EQ((*loader)->batches_per_epoch(), 5);
    const std::vector<Batch> batches = Take(loader->get(), 16);
    for (size_t i = 0; i < batches.size(); ++i) {
      ExpectSameImages(batches[i], first[i % 5 % 2]);
      EXPECT_EQ(batches[i].epoch, first[i].epoch);
      EXPECT_EQ(batches[i].index, first[i].index);
      EXPECT_EQ(batches[i].next.epoch, first[i].next.epoch);
      EXPECT_EQ(batches[i].next.batch, first[i].next.batch);
    }
  }
}

TEST(OverfitLoader, GoesOnWhereItStood) {
  const Colours data(22);
  auto whole = CreateOverfitLoader(&data, Options(), 2);
  ASSERT_TRUE(whole.ok());
  const std::vector<Batch> expected = Take(whole->get(), 12);
  for (size_t stop = 0; stop < 11; ++stop) {
    LoaderOptions options = Options();
    options.start = expected[stop].next;
    auto resumed = CreateOverfitLoader(&data, options, 2);
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    const Batch next = Take(resumed->get(), 1)[0];
    ExpectSameImages(next, expected[stop + 1]);
    EXPECT_EQ(next.epoch, expected[stop + 1].epoch);
    EXPECT_EQ(next.index, expected[stop + 1].index);
  }
}

TEST(OverfitLoader, AWindowLongerThanAnEpochIsTheEpoch) {
  const Colours data(9);
  auto loader = CreateOverfitLoader(&data, Options(), 7);
  ASSERT_TRUE(loader.ok());
  const std::vector<Batch> batches = Take(loader->get(), 4);
  ExpectSameImages(batches[2], batches[0]);
  ExpectSameImages(batches[3], batches[1]);
  EXPECT_NE(batches[0].keys, batches[1].keys);
}

TEST(OverfitLoader, BadImagesAreNamedOnceAndCounted) {
  const Colours data(12, /*bad=*/5);
  int named = 0;
  LoaderOptions options = Options();
  options.on_bad_image = [&named](const std::string& message) {
    EXPECT_THAT(message, HasSubstr("colour 5"));
    ++named;
  };
  auto loader = CreateOverfitLoader(&data, options, 3);
  ASSERT_TRUE(loader.ok());
  const std::vector<Batch> batches = Take(loader->get(), 9);
  EXPECT_EQ(named, 1);
  EXPECT_EQ((*loader)->bad_images(), 1);
  EXPECT_EQ(batches[8].valid, 4);
}

TEST(OverfitLoader, ErrorsAreThoseOfALoader) {
  const Colours data(3);
  EXPECT_THAT(std::string(CreateOverfitLoader(&data, Options(), 1).status().message()),
              HasSubstr("larger than the data"));
  const Colours more(8);
  LoaderOptions options = Options();
  options.start = {0, 2, 8};
  EXPECT_THAT(std::string(CreateOverfitLoader(&more, options, 1).status().message()),
              HasSubstr("cannot start at epoch 0, batch 2"));
  const Colours bad(4, Colours::kAll);
  auto loader = CreateOverfitLoader(&bad, Options(), 1);
  ASSERT_TRUE(loader.ok());
  for (int i = 0; i < 2; ++i) EXPECT_FALSE((*loader)->Next().ok());
}

}  // namespace
}  // namespace models
