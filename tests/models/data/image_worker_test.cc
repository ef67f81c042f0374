#include "models/data/image_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <new>
#include <set>

#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/augment.h"
#include "models/data/image_io.h"
#include "models/data/loader.h"
#include "tests/models/data/fake_dataset.h"
#include "tests/models/data/test_images.h"
#include "tests/models/data/train_floats.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Of which one image takes more memory than there is.
class TooLarge : public FakeDataset {
 public:
  TooLarge() : FakeDataset(3) {}
  absl::StatusOr<Image> Load(int64_t i) const override {
    if (i == 1) throw std::bad_alloc();
    return FakeDataset::Load(i);
  }
};

TEST(ImageWorker, GoesOnAfterWhatItCannotLoad) {
  const TooLarge data;
  const LoaderOptions options = Options(LoaderMode::kTrain, 1);
  ImageWorker worker(0, &data, &options);
  LoadedImage loaded;
  loaded.bytes = Image::Sized(kSide, kSide);
  ImageTransform transform(kSide, kSide);
  std::vector<float> expected(transform.output_size()), got(transform.output_size());
  for (const int64_t i : {0, 1, 2}) {
    loaded.image = i;
    worker.Load(5, &loaded);
    EXPECT_EQ(loaded.key, graph::SampleKey(7, 5, data.image_id(i)));
    if (i == 1) {
      EXPECT_THAT(std::string(loaded.status.message()),
                  AllOf(HasSubstr("image1.jpg"), HasSubstr("no memory")));
      continue;
    }
    ASSERT_TRUE(loaded.status.ok()) << loaded.status;
    ImageWorker(1, &data, &options).Copy(loaded, got.data());
    TrainFloats(&transform, *data.Load(i), loaded.key, true, expected.data());
    EXPECT_EQ(got, expected);
  }
}

TEST(ImageWorker, GivesPicturesTheChannelsOfTheInput) {
  const FakeDataset data(3);
  LoaderOptions options = Options(LoaderMode::kTrain, 1);
  options.transform.mean = UsualMean(1);
  options.transform.std = UsualStd(1);
  ImageTransform transform(kSide, kSide, options.transform);
  std::vector<float> expected(transform.output_size()), got(transform.output_size());
  EXPECT_EQ(transform.output_size(), kSide * kSide);
  ImageWorker worker(0, &data, &options);
  LoadedImage loaded;
  loaded.bytes = Image::Sized(kSide, kSide);
  for (loaded.image = 0; loaded.image < 3; ++loaded.image) {
    worker.Load(5, &loaded);
    ASSERT_TRUE(loaded.status.ok()) << loaded.status;
    worker.Copy(loaded, got.data());
    TrainFloats(&transform, *data.Load(loaded.image), loaded.key, true, expected.data());
    EXPECT_EQ(got, expected);
  }
  const auto batches = Take(MustCreate(data, options).get(), 1);
  EXPECT_EQ(batches[0].images.size(), static_cast<size_t>(kSide * kSide));

  options.transform.mean = UsualMean(4);
  options.transform.std = UsualStd(4);
  ImageWorker of_four(0, &data, &options);
  loaded.image = 1;
  of_four.Load(5, &loaded);
  EXPECT_THAT(std::string(loaded.status.message()),
              AllOf(HasSubstr("cannot decode image1.jpg"), HasSubstr("read as three channels")));
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
        TrainFloats(&transform, *data.Load(batch.labels[i]), static_cast<uint64_t>(batch.keys[i]),
                    crop, expected.data());
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
      TrainFloats(&transform, *data.Load(0), static_cast<uint64_t>(batch.keys[0]), true,
                  expected.data());
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
