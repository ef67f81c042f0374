#include "models/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/augment.h"
#include "models/data/epoch_order.h"
#include "models/data/image_folder.h"
#include "models/data/image_io.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kSide = 12;

// Images from memory, some of which cannot be decoded; loading takes an uneven time.
class FakeDataset : public Dataset {
 public:
  explicit FakeDataset(int64_t size, std::set<int64_t> bad = {}, int max_delay_us = 0)
      : size_(size), bad_(std::move(bad)), max_delay_us_(max_delay_us) {}
  int64_t size() const override { return size_; }
  uint64_t image_id(int64_t i) const override { return graph::HashName(name(i)); }
  std::string name(int64_t i) const override { return absl::StrCat("image", i, ".jpg"); }
  int label(int64_t i) const override { return static_cast<int>(i); }
  int num_classes() const override { return static_cast<int>(size_); }
  std::string description() const override { return absl::StrCat(size_, " fakes"); }
  absl::StatusOr<Image> Load(int64_t i) const override {
    ++loads;
    if (max_delay_us_ > 0) {
      std::this_thread::sleep_for(
          std::chrono::microseconds(graph::MixKeys(i, loads) % max_delay_us_));
    }
    if (bad_.count(i) > 0) return absl::InvalidArgumentError("cannot decode " + name(i));
    return GradientImage(kSide + static_cast<int>(i % 3), kSide, static_cast<int>(i));
  }
  mutable std::atomic<int64_t> loads{0};

 private:
  int64_t size_;
  std::set<int64_t> bad_;
  int max_delay_us_;
};

LoaderOptions Options(LoaderMode mode, int64_t batch_size, int workers = 0) {
  LoaderOptions options;
  options.mode = mode;
  options.batch_size = batch_size;
  options.input_height = options.input_width = kSide;
  options.seed = 7;
  options.num_workers = workers;
  options.max_bad_share = 1;
  return options;
}

std::unique_ptr<Loader> MustCreate(const Dataset& data, const LoaderOptions& options) {
  auto loader = Loader::Create(&data, options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return std::move(*loader);
}

std::string CreateError(const Dataset& data, const LoaderOptions& options) {
  return std::string(Loader::Create(&data, options).status().message());
}

// Copies of the next `count` batches; ends of passes are skipped.
std::vector<Batch> Take(Loader* loader, int count) {
  std::vector<Batch> batches;
  while (static_cast<int>(batches.size()) < count) {
    const auto batch = loader->Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok()) break;
    if (*batch != nullptr) batches.push_back(**batch);
  }
  return batches;
}

void ExpectSame(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].images, b[i].images) << "batch " << i;
    EXPECT_EQ(a[i].keys, b[i].keys);
    EXPECT_EQ(a[i].labels, b[i].labels);
    EXPECT_EQ(a[i].image_ids, b[i].image_ids);
    EXPECT_EQ(a[i].valid, b[i].valid);
    EXPECT_EQ(a[i].epoch, b[i].epoch);
    EXPECT_EQ(a[i].index, b[i].index);
    EXPECT_EQ(a[i].seen, b[i].seen);
    EXPECT_EQ(a[i].bad, b[i].bad);
    EXPECT_EQ(a[i].next.position, b[i].next.position);
    EXPECT_EQ(a[i].next.bad, b[i].next.bad);
  }
}

TEST(EpochPermutation, IsAPermutationOfItsSeedAndEpoch) {
  const auto a = EpochPermutation(100, 1, 0);
  EXPECT_EQ(std::set<int64_t>(a.begin(), a.end()).size(), 100u);
  EXPECT_EQ(a, EpochPermutation(100, 1, 0));
  EXPECT_NE(a, EpochPermutation(100, 1, 1));
  EXPECT_NE(a, EpochPermutation(100, 2, 0));
  EXPECT_EQ(EpochPermutation(1, 3, 4), std::vector<int64_t>{0});
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

TEST(Loader, ImagesAreTheTransformsOfTheirKeys) {
  const FakeDataset data(6);
  for (bool crop : {true, false}) {
    LoaderOptions options = Options(LoaderMode::kTrain, 6, 2);
    options.random_crop = crop;
    const auto batches = Take(MustCreate(data, options).get(), 2);
    ImageTransform transform(kSide, kSide);
    std::vector<float> expected(transform.output_size());
    for (const Batch& batch : batches) {
      for (int i = 0; i < 6; ++i) {
        transform.Train(*data.Load(batch.labels[i]), static_cast<uint64_t>(batch.keys[i]), crop,
                        expected.data());
        EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                               batch.images.begin() + i * transform.output_size()));
      }
    }
  }
}

// One picture as a JPEG file, decoded in parts.
class OneJpeg : public FakeDataset {
 public:
  explicit OneJpeg(std::string bytes) : FakeDataset(1), bytes_(std::move(bytes)) {}
  absl::StatusOr<Image> Load(int64_t) const override { return DecodeImage(bytes_); }
  absl::Status LoadPart(int64_t, const PartPlan& plan, PicturePart* part) const override {
    RETURN_IF_ERROR(DecodePart(bytes_, plan, part));
    shrunk = part->shrunk;
    pixels = part->image.width * part->image.height;
    return absl::OkStatus();
  }
  mutable int shrunk = 0;
  mutable int pixels = 0;

 private:
  std::string bytes_;
};

TEST(Loader, NoMoreIsDecodedThanTheCropNeeds) {
  const OneJpeg data(EncodeJpeg(PhotographLike(256, 192, 1), 2));
  ImageTransform transform(kSide, kSide);
  std::vector<float> expected(transform.output_size());
  for (const bool exact : {true, false}) {
    LoaderOptions options = Options(LoaderMode::kTrain, 1);
    options.exact_decode = exact;
    const auto batches = Take(MustCreate(data, options).get(), 8);
    EXPECT_LT(data.pixels, 256 * 192);
    EXPECT_EQ(data.shrunk == 1, exact);
    for (const Batch& batch : batches) {
      transform.Train(*data.Load(0), static_cast<uint64_t>(batch.keys[0]), true, expected.data());
      double worst = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        worst = std::max<double>(worst, std::fabs(expected[i] - batch.images[i]));
      }
      if (exact) {
        EXPECT_EQ(worst, 0);
      } else {
        EXPECT_LT(worst, 0.5);
      }
    }
  }
  // Evaluations see every byte.
  Take(MustCreate(data, Options(LoaderMode::kEvaluate, 1)).get(), 1);
  EXPECT_EQ(data.shrunk, 1);
  EXPECT_EQ(data.pixels, 256 * 192);
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

TEST(Loader, StopsCleanlyUnderLoad) {
  for (int round = 0; round < 40; ++round) {
    const FakeDataset data(50, {3, 9}, 200);
    LoaderOptions options = Options(LoaderMode::kTrain, 4, 1 + round % 4);
    auto loader = MustCreate(data, options);
    Take(loader.get(), round % 5);
  }
}

TEST(Loader, TheQueueIsBounded) {
  const FakeDataset data(1000);
  auto loader = MustCreate(data, Options(LoaderMode::kTrain, 4, 2));
  Take(loader.get(), 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  // One lent, one being filled, two ready, and the ring of four.
  EXPECT_LE(data.loads, 4 * 4 + 4);
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
  auto loader = MustCreate(data, Options(LoaderMode::kEvaluate, 4, 2));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(data.loads, 0);
  EXPECT_EQ(Take(loader.get(), 1)[0].valid, 4);
  // Training begins ahead.
  loader = nullptr;
  const int64_t before = data.loads;
  auto training = MustCreate(data, Options(LoaderMode::kTrain, 4, 2));
  while (data.loads < before + 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST(Loader, WaitingIsMeasured) {
  const FakeDataset data(40, {}, 2000);
  auto loader = MustCreate(data, Options(LoaderMode::kTrain, 4));
  EXPECT_EQ(loader->data_wait_seconds(), 0);
  Take(loader.get(), 3);
  EXPECT_GT(loader->data_wait_seconds(), 0);
}

// Keeps what it is told.
class Notes : public LoaderObserver {
 public:
  struct Note {
    int worker;
    LoaderWork work;
    int64_t image;
    Time begin, end;
  };
  bool Watching() const override { return watching; }
  void Worked(int worker, LoaderWork work, int64_t image, Time begin, Time end) override {
    const std::lock_guard<std::mutex> lock(mu_);
    notes_.push_back({worker, work, image, begin, end});
  }
  std::vector<Note> Taken() {
    const std::lock_guard<std::mutex> lock(mu_);
    return notes_;
  }
  std::atomic<bool> watching{true};

 private:
  std::mutex mu_;
  std::vector<Note> notes_;
};

TEST(Loader, AnObserverHearsWhatEachWorkerDid) {
  const FakeDataset data(12, {5}, 300);
  std::vector<Batch> expected;
  {
    auto loader = MustCreate(data, Options(LoaderMode::kEvaluate, 4));
    expected = Take(loader.get(), 3);
  }
  for (const int workers : {0, 1, 3}) {
    Notes notes;
    LoaderOptions options = Options(LoaderMode::kEvaluate, 4, workers);
    options.observer = &notes;
    auto loader = MustCreate(data, options);
    ExpectSame(Take(loader.get(), 3), expected);
    loader = nullptr;  // its threads have ended
    std::map<LoaderWork, std::set<int64_t>> images;
    std::map<int, std::vector<Notes::Note>> of_worker;
    for (const Notes::Note& note : notes.Taken()) {
      EXPECT_GE(note.worker, 0);
      EXPECT_LT(note.worker, std::max(1, workers));
      EXPECT_LE(note.begin, note.end);
      images[note.work].insert(note.image);
      of_worker[note.worker].push_back(note);
    }
    std::set<int64_t> all;
    for (int64_t i = 0; i < 12; ++i) all.insert(i);
    EXPECT_EQ(images[LoaderWork::kDecode], all);
    all.erase(5);
    EXPECT_EQ(images[LoaderWork::kCrop], all);
    EXPECT_EQ(images[LoaderWork::kCopy], all);
    // A thread does one thing after another.
    for (const auto& [worker, done] : of_worker) {
      for (size_t i = 1; i < done.size(); ++i) EXPECT_GE(done[i].begin, done[i - 1].end) << worker;
    }
  }
}

TEST(Loader, AnObserverThatDoesNotWatchHearsNothing) {
  const FakeDataset data(12);
  Notes notes;
  notes.watching = false;
  LoaderOptions options = Options(LoaderMode::kTrain, 4, 2);
  options.observer = &notes;
  auto loader = MustCreate(data, options);
  Take(loader.get(), 4);
  EXPECT_TRUE(notes.Taken().empty());
  notes.watching = true;
  Take(loader.get(), 10);  // more than were ready
  EXPECT_FALSE(notes.Taken().empty());
}

}  // namespace
}  // namespace models
