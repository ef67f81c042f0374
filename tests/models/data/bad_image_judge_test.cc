#include "models/data/bad_image_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "models/data/loader.h"
#include "tests/models/data/fake_dataset.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Calls Next() until it fails.
absl::Status RunToError(Loader* loader) {
  for (int i = 0; i < 1000; ++i) {
    const auto batch = loader->Next();
    if (!batch.ok()) return batch.status();
  }
  return absl::OkStatus();
}

TEST(Loader, TooManyBadImagesAreAnError) {
  std::set<int64_t> bad;
  for (int64_t i = 0; i < 100; i += 4) bad.insert(i);
  const FakeDataset data(100, bad);
  for (int workers : {0, 3}) {
    LoaderOptions options = Options(LoaderMode::kTrain, 10, workers);
    options.max_bad_share = 0.05;
    auto loader = MustCreate(data, options);
    const absl::Status status = RunToError(loader.get());
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("images cannot be decoded"), HasSubstr("5%"), HasSubstr(".jpg")));
    EXPECT_LT(loader->bad_images(), 15);         // long before the epoch's end
    EXPECT_EQ(loader->Next().status(), status);  // and stays
    options.max_bad_share = 0.5;
    EXPECT_TRUE(RunToError(MustCreate(data, options).get()).ok());
  }
}

// How often Next() gives a batch before its error, and the error.
std::pair<int, absl::Status> BatchesToError(const Dataset& data, const LoaderOptions& options,
                                            std::vector<Batch>* batches) {
  auto loader = MustCreate(data, options);
  for (int count = 0; count < 1000; ++count) {
    const auto batch = loader->Next();
    if (!batch.ok()) return {count, batch.status()};
    batches->push_back(**batch);
  }
  return {1000, absl::OkStatus()};
}

TEST(Loader, AResumedEpochIsJudgedAsAWhole) {
  // 7% of the data, the share being 5%: no part of the epoch alone shows that.
  std::set<int64_t> bad;
  for (int64_t i = 0; i < 14; ++i) bad.insert(14 * i);
  const FakeDataset data(200, bad);
  for (uint64_t seed = 0; seed < 5; ++seed) {
    LoaderOptions options = Options(LoaderMode::kTrain, 4);
    options.seed = seed;
    options.max_bad_share = 0.05;
    std::vector<Batch> whole;
    const auto [count, error] = BatchesToError(data, options, &whole);
    EXPECT_THAT(std::string(error.message()), HasSubstr("images cannot be decoded"));
    for (int cut = 0; cut < count; cut += 3) {
      LoaderOptions rest = options;
      rest.start = whole[cut].next;
      rest.num_workers = cut % 2;
      std::vector<Batch> batches;
      const auto [later, same] = BatchesToError(data, rest, &batches);
      EXPECT_EQ(later, count - cut - 1) << "seed " << seed << ", cut after " << cut;
      // All but the reason of the last bad image, which may lie before the cut.
      const auto numbers = [](const absl::Status& status) {
        const std::string text(status.message());
        return text.substr(0, text.find("The last"));
      };
      EXPECT_THAT(numbers(error), HasSubstr(numbers(same)));
      ExpectSame(batches, {whole.begin() + cut + 1, whole.end()});
    }
  }
}

TEST(Loader, BatchesCountTheEpochsBadImages) {
  const FakeDataset data(12, {2, 7});
  for (const LoaderMode mode : {LoaderMode::kTrain, LoaderMode::kEvaluate}) {
    const auto batches = Take(MustCreate(data, Options(mode, 5)).get(), 4);
    // Training: epochs of two batches that need all ten good ones. Evaluation: the same.
    for (int epoch = 0; epoch < 2; ++epoch) {
      const Batch& last = batches[2 * epoch + 1];
      EXPECT_LE(batches[2 * epoch].bad, 2);
      EXPECT_GE(batches[2 * epoch].seen, 5 + batches[2 * epoch].bad);
      EXPECT_GE(last.seen, 10 + last.bad);
      EXPECT_LE(last.seen, 12);
      EXPECT_TRUE(mode == LoaderMode::kTrain || last.bad == 2);
    }
  }
}

TEST(Loader, TheFirstBadImageStopsWhereThatIsWanted) {
  const FakeDataset data(40, {5, 6, 30});
  for (const LoaderMode mode : {LoaderMode::kTrain, LoaderMode::kEvaluate}) {
    for (int workers : {0, 2}) {
      LoaderOptions options = Options(mode, 4, workers);
      options.stop_at_bad_image = true;
      bool told = false;
      options.on_bad_image = [&](const std::string&) { told = true; };
      std::vector<Batch> batches;
      const auto [count, error] = BatchesToError(data, options, &batches);
      EXPECT_THAT(std::string(error.message()),
                  AllOf(HasSubstr("cannot decode image"), HasSubstr("--on_bad_image=skip")));
      EXPECT_FALSE(told);
      EXPECT_TRUE(mode == LoaderMode::kTrain || count == 1);
      for (const Batch& batch : batches) EXPECT_EQ(batch.bad, 0);
    }
  }
  // Bad ones that the run had passed over before are none of this loader's.
  LoaderOptions options = Options(LoaderMode::kTrain, 4);
  options.max_bad_share = 1;
  std::vector<Batch> batches = Take(MustCreate(data, options).get(), 9);
  int64_t last_bad = 0;
  for (int i = 0; i < 9; ++i) {
    if (batches[i].bad > 0 && batches[i].bad == batches[8].bad && last_bad == 0) last_bad = i;
  }
  ASSERT_GT(batches[last_bad].next.bad, 0);
  ASSERT_LT(last_bad, 8);
  options.start = batches[last_bad].next;
  options.stop_at_bad_image = true;
  const auto rest = Take(MustCreate(data, options).get(), static_cast<int>(8 - last_bad));
  EXPECT_EQ(rest.size(), 8u - last_bad);
}

TEST(Loader, AFewBadImagesCloseTogetherAreNoError) {
  // 3% of the data, the share being 5%: whatever the permutation, no false alarm.
  const FakeDataset data(300, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  LoaderOptions options = Options(LoaderMode::kTrain, 30);
  options.max_bad_share = 0.05;
  EXPECT_TRUE(RunToError(MustCreate(data, options).get()).ok());
  // In the data's own order they come first, which looks like 3 in 10.
  options.mode = LoaderMode::kEvaluate;
  EXPECT_FALSE(RunToError(MustCreate(data, options).get()).ok());
}

TEST(Loader, SmallDataAreJudgedWhenAllIsSeen) {
  LoaderOptions options = Options(LoaderMode::kEvaluate, 2);
  options.max_bad_share = 0.05;
  const FakeDataset half(6, {0, 1, 2});
  EXPECT_THAT(std::string(RunToError(MustCreate(half, options).get()).message()),
              HasSubstr("3 of the first 6"));
  const FakeDataset two(6, {0, 1});  // a couple of broken files stops nobody
  EXPECT_TRUE(RunToError(MustCreate(two, options).get()).ok());
}

TEST(Loader, NothingDecodableIsAnError) {
  for (int64_t size : {1, 2, 5}) {
    std::set<int64_t> bad;
    for (int64_t i = 0; i < size; ++i) bad.insert(i);
    const FakeDataset data(size, bad);
    for (int workers : {0, 2}) {
      for (LoaderMode mode : {LoaderMode::kTrain, LoaderMode::kEvaluate}) {
        auto loader = MustCreate(data, Options(mode, 1, workers));
        EXPECT_THAT(std::string(RunToError(loader.get()).message()),
                    AllOf(HasSubstr("none of the images"), HasSubstr("cannot decode")));
      }
    }
  }
}

}  // namespace
}  // namespace models
