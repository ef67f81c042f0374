#include "models/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <limits>
#include <mutex>
#include <set>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "models/data/epoch_order.h"
#include "models/data/image_folder.h"
#include "tests/models/data/fake_dataset.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string CreateError(const Dataset& data, const LoaderOptions& options) {
  return std::string(Loader::Create(&data, options).status().message());
}

TEST(Loader, TrainingVisitsThePermutationAndDropsTheRest) {
  const FakeDataset data(11);
  auto loader = MustCreate(data, Options(LoaderMode::kTrain, 4));
  EXPECT_EQ(loader->batches_per_epoch(), 2);
  const auto batches = Take(loader.get(), 6);
  for (int b = 0; b < 6; ++b) {
    EXPECT_EQ(batches[b].epoch, b / 2);
    EXPECT_EQ(batches[b].index, b % 2);
    EXPECT_EQ(batches[b].valid, 4);
    const auto order = EpochPermutation(11, 7, b / 2);
    for (int i = 0; i < 4; ++i) {
      const int64_t image = order[(b % 2) * 4 + i];
      EXPECT_EQ(batches[b].labels[i], image);
      EXPECT_EQ(batches[b].image_ids[i], data.image_id(image));
      EXPECT_EQ(batches[b].keys[i],
                static_cast<int64_t>(graph::SampleKey(7, b / 2, data.image_id(image))));
    }
  }
}

TEST(Loader, EvaluationIsInOrderPaddedAndRepeats) {
  const FakeDataset data(10);
  auto loader = MustCreate(data, Options(LoaderMode::kEvaluate, 4));
  EXPECT_EQ(loader->batches_per_epoch(), 3);
  for (int pass = 0; pass < 2; ++pass) {
    for (int b = 0; b < 3; ++b) {
      const auto batch = loader->Next();
      ASSERT_TRUE(batch.ok());
      ASSERT_NE(*batch, nullptr);
      EXPECT_EQ((*batch)->index, b);
      EXPECT_EQ((*batch)->epoch, 0);
      EXPECT_EQ((*batch)->valid, b < 2 ? 4 : 2);
      for (int i = 0; i < (*batch)->valid; ++i) {
        EXPECT_EQ((*batch)->labels[i], 4 * b + i);
        EXPECT_EQ((*batch)->keys[i],
                  static_cast<int64_t>(graph::SampleKey(7, 0, data.image_id(4 * b + i))));
      }
      if (b < 2) continue;
      EXPECT_EQ((*batch)->labels[2], -1);
      EXPECT_EQ((*batch)->keys[3], 0);
      for (size_t i = 2 * 3 * kSide * kSide; i < (*batch)->images.size(); ++i) {
        ASSERT_EQ((*batch)->images[i], 0.0f);
      }
    }
    const auto end = loader->Next();
    ASSERT_TRUE(end.ok());
    EXPECT_EQ(*end, nullptr);
  }
}

TEST(Loader, WorkersDoNotChangeWhatComes) {
  for (const LoaderMode mode : {LoaderMode::kTrain, LoaderMode::kEvaluate}) {
    for (const std::set<int64_t>& bad :
         {std::set<int64_t>{}, std::set<int64_t>{0, 3, 4, 5, 17, 22}}) {
      const FakeDataset data(23, bad, 300);
      std::vector<std::string> warnings[3];
      std::vector<Batch> expected;
      int run = 0;
      for (int workers : {0, 1, 3}) {
        LoaderOptions options = Options(mode, 5, workers);
        options.transform.rand_augment = *ParseRandAugment("rand-m9-mstd0.5-inc1");
        options.transform.erasing.probability = 0.5;
        options.on_bad_image = [&, run](const std::string& m) { warnings[run].push_back(m); };
        auto loader = MustCreate(data, options);
        const auto batches = Take(loader.get(), 25);
        EXPECT_EQ(loader->bad_images(), static_cast<int64_t>(warnings[run].size()));
        if (run == 0) {
          expected = batches;
        } else {
          ExpectSame(batches, expected);
          EXPECT_EQ(warnings[run], warnings[0]);
        }
        ++run;
      }
      EXPECT_EQ(warnings[0].empty(), bad.empty());
    }
  }
}

TEST(Loader, BatchesAreTheNextDecodableImages) {
  const std::set<int64_t> bad = {2, 7};
  const FakeDataset data(12, bad);
  std::vector<std::string> warnings;
  LoaderOptions options = Options(LoaderMode::kTrain, 4, 2);
  options.on_bad_image = [&](const std::string& m) { warnings.push_back(m); };
  auto loader = MustCreate(data, options);
  EXPECT_EQ(loader->batches_per_epoch(), 3);
  for (int epoch = 0; epoch < 2; ++epoch) {
    const auto batches = Take(loader.get(), 3);
    std::vector<int64_t> wanted;
    const auto order = EpochPermutation(12, 7, epoch);
    for (int64_t image : order) {
      if (bad.count(image) == 0) wanted.push_back(image);
    }
    // Two are missing at the end: the permutation begins again.
    wanted.push_back(wanted[0]);
    wanted.push_back(wanted[1]);
    for (int b = 0; b < 3; ++b) {
      for (int i = 0; i < 4; ++i) EXPECT_EQ(batches[b].labels[i], wanted[4 * b + i]);
    }
  }
  EXPECT_EQ(loader->bad_images(), 4);
  ASSERT_EQ(warnings.size(), 4u);
  EXPECT_THAT(warnings[0], HasSubstr(".jpg"));
}

TEST(Loader, RanksTogetherGiveTheBatchesOfOne) {
  const FakeDataset data(47);
  for (const LoaderMode mode : {LoaderMode::kTrain, LoaderMode::kEvaluate}) {
    const auto whole = Take(MustCreate(data, Options(mode, 12)).get(), 6);  // two epochs, or passes
    const int64_t values = int64_t{3} * kSide * kSide;
    for (int world : {1, 2, 3, 4}) {
      for (int rank = 0; rank < world; ++rank) {
        LoaderOptions options = Options(mode, 12 / world, rank % 3);
        options.rank = rank;
        options.world_size = world;
        auto loader = MustCreate(data, options);
        if (mode == LoaderMode::kTrain) {
          EXPECT_EQ(loader->batches_per_epoch(), 3);
        }
        const auto own = Take(loader.get(), 3);
        for (int b = 0; b < 3; ++b) {
          for (int i = 0; i < own[b].valid; ++i) {
            const int at = i * world + rank;
            ASSERT_LT(at, whole[b].valid);
            EXPECT_EQ(own[b].keys[i], whole[b].keys[at]);
            EXPECT_EQ(own[b].image_ids[i], whole[b].image_ids[at]);
            EXPECT_TRUE(std::equal(own[b].images.begin() + i * values,
                                   own[b].images.begin() + (i + 1) * values,
                                   whole[b].images.begin() + at * values));
          }
          const int64_t expected = (whole[b].valid - rank + world - 1) / world;
          EXPECT_EQ(own[b].valid, expected);
        }
      }
    }
  }
}

TEST(Loader, NoImageComesTwiceOnTwoRanks) {
  const FakeDataset data(40, {3, 4, 11, 20, 21});
  std::multiset<int32_t> seen;
  for (int rank : {0, 1}) {
    LoaderOptions options = Options(LoaderMode::kTrain, 4, 2);
    options.rank = rank;
    options.world_size = 2;
    options.batches_per_epoch = 3;
    for (const Batch& batch : Take(MustCreate(data, options).get(), 3)) {
      seen.insert(batch.labels.begin(), batch.labels.end());
    }
  }
  EXPECT_EQ(seen.size(), 24u);
  EXPECT_EQ(std::set<int32_t>(seen.begin(), seen.end()).size(), 24u);
}

TEST(Loader, ImpossibleRanksAreRefused) {
  const FakeDataset data(10);
  for (const auto& [rank, world] : {std::pair{-1, 2}, {2, 2}, {0, 0}, {0, -1}}) {
    LoaderOptions options = Options(LoaderMode::kTrain, 2);
    options.rank = rank;
    options.world_size = world;
    EXPECT_THAT(CreateError(data, options), HasSubstr("no rank"));
  }
  LoaderOptions options = Options(LoaderMode::kTrain, 6);
  options.world_size = 2;  // five images each
  EXPECT_THAT(CreateError(data, options), HasSubstr("larger than the data"));
}

// A file goes or changes while a run reads it.
TEST(Loader, AFileThatGoesIsABadImage) {
  const std::string root = NewFolder("going");
  std::vector<ImageFolderDataset::Item> items;
  for (int i = 0; i < 30; ++i) {
    items.push_back({absl::StrCat(i, ".jpg"), i});
    WriteFile(root + "/" + items.back().path, EncodeJpeg(GradientImage(20, 20, i)));
  }
  const ImageFolderDataset data(root, items, 30, "thirty");
  std::vector<std::string> messages;
  LoaderOptions options = Options(LoaderMode::kTrain, 5, 2);
  options.on_bad_image = [&](const std::string& message) { messages.push_back(message); };
  auto loader = MustCreate(data, options);
  Take(loader.get(), 6);
  EXPECT_THAT(messages, testing::IsEmpty());
  std::filesystem::remove(root + "/7.jpg");
  WriteFile(root + "/8.jpg", EncodeJpeg(GradientImage(20, 20)).substr(0, 300));
  std::filesystem::create_directories(root + "/9");
  std::filesystem::remove(root + "/9.jpg");
  std::filesystem::rename(root + "/9", root + "/9.jpg");
  Take(loader.get(), 18);
  EXPECT_THAT(messages, testing::Contains(AllOf(HasSubstr(root + "/7.jpg"), HasSubstr("No such"),
                                                HasSubstr("; "))));
  EXPECT_THAT(messages, testing::Contains(AllOf(HasSubstr(root + "/8.jpg"),
                                                HasSubstr("Premature end"), HasSubstr("; "))));
  EXPECT_THAT(messages, testing::Contains(AllOf(HasSubstr(root + "/9.jpg"), HasSubstr("directory"),
                                                HasSubstr("; "))));
}

TEST(Loader, EvaluationThatEndsInBadImagesEnds) {
  const FakeDataset data(10, {8, 9});
  for (int workers : {0, 2}) {
    auto loader = MustCreate(data, Options(LoaderMode::kEvaluate, 4, workers));
    for (int pass = 0; pass < 2; ++pass) {
      EXPECT_EQ((*loader->Next())->valid, 4);
      EXPECT_EQ((*loader->Next())->valid, 4);
      const auto end = loader->Next();
      ASSERT_TRUE(end.ok());
      EXPECT_EQ(*end, nullptr);
      EXPECT_EQ(loader->bad_images(), 2 * (pass + 1));
    }
  }
}

TEST(Loader, ContinuesWhereABatchSaysItWould) {
  const FakeDataset data(13, {1, 6, 9}, 100);
  auto whole = MustCreate(data, Options(LoaderMode::kTrain, 3, 2));
  const auto batches = Take(whole.get(), 13);
  for (size_t cut : {0, 2, 3, 6}) {
    LoaderOptions options = Options(LoaderMode::kTrain, 3, cut % 2 == 0 ? 0 : 3);
    options.start = batches[cut].next;
    const auto rest = Take(MustCreate(data, options).get(), static_cast<int>(12 - cut));
    ExpectSame(rest, {batches.begin() + cut + 1, batches.end()});
  }
}

TEST(Loader, FewerBatchesPerEpoch) {
  const FakeDataset data(20);
  LoaderOptions options = Options(LoaderMode::kTrain, 3, 1);
  options.batches_per_epoch = 4;
  auto loader = MustCreate(data, options);
  const auto batches = Take(loader.get(), 9);
  EXPECT_EQ(batches[3].epoch, 0);
  EXPECT_EQ(batches[4].epoch, 1);
  EXPECT_EQ(batches[8].epoch, 2);
  EXPECT_EQ(batches[3].next.epoch, 1);
  EXPECT_EQ(batches[3].next.batch, 0);
}

TEST(Loader, ImpossibleOptionsAreRefused) {
  const FakeDataset data(10);
  LoaderOptions options = Options(LoaderMode::kTrain, 11);
  EXPECT_THAT(CreateError(data, options), AllOf(HasSubstr("11"), HasSubstr("--batch_size=10")));
  options.mode = LoaderMode::kEvaluate;
  EXPECT_EQ(CreateError(data, options), "");
  options.batch_size = 0;
  EXPECT_THAT(CreateError(data, options), HasSubstr("impossible batch"));
  options = Options(LoaderMode::kTrain, 2);
  options.max_bad_share = 1.5;
  EXPECT_THAT(CreateError(data, options), HasSubstr("1.5"));
  options = Options(LoaderMode::kTrain, 2);
  options.num_workers = -1;
  EXPECT_THAT(CreateError(data, options), HasSubstr("--num_workers"));
  options = Options(LoaderMode::kTrain, 2);
  options.batches_per_epoch = 6;
  EXPECT_THAT(CreateError(data, options), HasSubstr("6 batches"));
  options = Options(LoaderMode::kTrain, 2);
  options.start.batch = 5;
  EXPECT_THAT(CreateError(data, options), HasSubstr("cannot start"));
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (const LoaderPosition& start :
       {LoaderPosition{0, 0, kMost}, LoaderPosition{kMost, 0, 0}, LoaderPosition{0, 0, data.size()},
        LoaderPosition{0, 1, 1}, LoaderPosition{0, 1, 3 * data.size()}}) {
    options.start = start;
    EXPECT_THAT(CreateError(data, options), HasSubstr("cannot start")) << start.position;
  }
  options.start = {0, 1, 3 * data.size() - 1};  // two images decoded, each once in a round
  EXPECT_EQ(CreateError(data, options), "");
  for (const int64_t bad : {-1, 3}) {  // of 2 places passed over
    options.start = {0, 1, 4, bad};
    EXPECT_THAT(CreateError(data, options), HasSubstr("cannot start"));
  }
  options.start = {0, 1, 4, 2};
  EXPECT_EQ(CreateError(data, options), "");
  EXPECT_THAT(CreateError(FakeDataset(0), Options(LoaderMode::kEvaluate, 2)),
              HasSubstr("no images"));
}

// For the sanitizers, which see what is let go of too early or not at all.
TEST(Loader, StopsCleanlyUnderLoad) {
  for (int round = 0; round < 40; ++round) {
    const FakeDataset data(50, {3, 9}, 200);
    LoaderOptions options = Options(LoaderMode::kTrain, 4, 1 + round % 4);
    auto loader = MustCreate(data, options);
    Take(loader.get(), round % 5);
  }
}

// Counts images whose decoding began, and waits for them.
class Decoded : public LoaderObserver {
 public:
  bool Watching() const override { return true; }
  void Begins(int, LoaderWork work, int64_t) override {
    if (work != LoaderWork::kDecode) return;
    const std::lock_guard<std::mutex> lock(mu_);
    most_ahead_ = std::max(most_ahead_, ++count_ - allowed_);
    changed_.notify_all();
  }
  void Worked(int, LoaderWork, int64_t, Time, Time) override {}

  // So many may have begun; more than that show in most_ahead().
  void Allow(int64_t count) {
    const std::lock_guard<std::mutex> lock(mu_);
    allowed_ = count;
  }
  void WaitFor(int64_t count) {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }
  // By how many there were more than allowed, at the worst; below 0: fewer.
  int64_t most_ahead() {
    const std::lock_guard<std::mutex> lock(mu_);
    return most_ahead_;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  int64_t count_ = 0, allowed_ = 0;
  int64_t most_ahead_ = std::numeric_limits<int64_t>::min();
};

TEST(Loader, TheQueueIsBounded) {
  const FakeDataset data(1000);
  Decoded decoded;
  LoaderOptions options = Options(LoaderMode::kTrain, 4, 2);
  options.observer = &decoded;
  // Before the first call three batches are ready and the ring of four is full; each call lends
  // one out, and the second and later ones give one back.
  constexpr int64_t kAhead = 3 * 4 + 4;
  decoded.Allow(kAhead + 4);
  auto loader = MustCreate(data, options);
  for (int64_t taken = 0; taken < 100; ++taken) {
    // As full as it gets; and whoever went on from here would be seen in the next rounds.
    decoded.WaitFor(kAhead + 4 * taken);
    decoded.Allow(kAhead + 4 * (taken + 1));
    Take(loader.get(), 1);
  }
  EXPECT_LE(decoded.most_ahead(), 0);
}

TEST(Loader, BatchMemoryIsReused) {
  const FakeDataset data(40);
  auto loader = MustCreate(data, Options(LoaderMode::kTrain, 4, 2));
  std::set<const float*> addresses;
  for (int i = 0; i < 50; ++i) addresses.insert((*loader->Next())->images.data());
  EXPECT_LE(addresses.size(), 4u);
}

TEST(Loader, AnEvaluationLoadsNothingBeforeItIsAskedFor) {
  const FakeDataset data(10);
  Decoded evaluated;
  LoaderOptions options = Options(LoaderMode::kEvaluate, 4, 2);
  options.observer = &evaluated;
  auto loader = MustCreate(data, options);
  // Training begins ahead: an evaluation that did, too, would have begun long before its last.
  for (int round = 0; round < 10; ++round) {
    Decoded trained;
    options = Options(LoaderMode::kTrain, 4, 2);
    options.observer = &trained;
    auto training = MustCreate(data, options);
    trained.WaitFor(16);
  }
  EXPECT_LT(evaluated.most_ahead(), 0);  // none began
  EXPECT_EQ(Take(loader.get(), 1)[0].valid, 4);
  EXPECT_GT(evaluated.most_ahead(), 0);
}

// A file server that fails, too many open files: an image that is Unavailable for a while.
class Flaky : public FakeDataset {
 public:
  Flaky(int64_t size, int64_t image, int failures)
      : FakeDataset(size), image_(image), failures_(failures) {}
  absl::StatusOr<Image> Load(int64_t i) const override {
    if (i == image_ && failures_-- > 0) return absl::UnavailableError("cannot read it; wait");
    return FakeDataset::Load(i);
  }

 private:
  const int64_t image_;
  mutable std::atomic<int> failures_;
};

TEST(Loader, WhatCannotBeReadForAWhileIsTriedAgain) {
  const FakeDataset data(10);
  for (const LoaderMode mode : {LoaderMode::kTrain, LoaderMode::kEvaluate}) {
    const auto expected = Take(MustCreate(data, Options(mode, 5)).get(), 4);
    for (const int workers : {0, 2}) {
      LoaderOptions options = Options(mode, 5, workers);
      options.retry_pause = absl::ZeroDuration();
      const Flaky flaky(10, 3, 3);
      auto loader = MustCreate(flaky, options);
      ExpectSame(Take(loader.get(), 4), expected);
      EXPECT_EQ(loader->bad_images(), 0);
    }
  }
}

// A bug once: it counted as a bad image, and another took its place.
TEST(Loader, WhatStaysUnreadableIsAnErrorAndNoBadImage) {
  const int64_t image = EpochPermutation(10, 7, 0)[6];
  for (const int workers : {0, 2}) {
    LoaderOptions options = Options(LoaderMode::kTrain, 5, workers);
    options.retry_pause = absl::ZeroDuration();
    const Flaky flaky(10, image, 1000);
    auto loader = MustCreate(flaky, options);
    ASSERT_TRUE(loader->Next().ok());
    const absl::Status status = loader->Next().status();
    EXPECT_TRUE(absl::IsUnavailable(status));
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("four tries"), HasSubstr("cannot read it; wait")));
    EXPECT_EQ(loader->Next().status(), status);
    EXPECT_EQ(loader->bad_images(), 0);
  }
}

TEST(Loader, WaitingIsMeasured) {
  const FakeDataset data(40, {}, 2000);
  auto loader = MustCreate(data, Options(LoaderMode::kTrain, 4));
  EXPECT_EQ(loader->data_wait_seconds(), 0);
  Take(loader.get(), 3);
  EXPECT_GT(loader->data_wait_seconds(), 0);
}

}  // namespace
}  // namespace models
