#include "models/data/image_worker.h"

#include <chrono>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "graph/base/random.h"

namespace models {
namespace {

constexpr int kTries = 4;

// Tells the observer of the time from here to the end of the scope.
class Watch {
 public:
  Watch(LoaderObserver* observer, int worker, LoaderWork work, int64_t image)
      : observer_(observer != nullptr && observer->Watching() ? observer : nullptr),
        worker_(worker),
        work_(work),
        image_(image) {
    if (observer_ == nullptr) return;
    observer_->Begins(worker_, work_, image_);
    begin_ = std::chrono::steady_clock::now();
  }
  ~Watch() {
    if (observer_ == nullptr) return;
    observer_->Worked(worker_, work_, image_, begin_, std::chrono::steady_clock::now());
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  LoaderObserver* const observer_;
  const int worker_;
  const LoaderWork work_;
  const int64_t image_;
  LoaderObserver::Time begin_;
};

}  // namespace

ImageWorker::ImageWorker(int index, const Dataset* dataset, const LoaderOptions* options)
    : index_(index),
      dataset_(dataset),
      options_(options),
      transform_(options->input_width, options->input_height) {}

void ImageWorker::Load(int64_t epoch, LoadedImage* loaded) {
  const bool training = options_->mode == LoaderMode::kTrain;
  loaded->key = graph::SampleKey(options_->seed, static_cast<uint64_t>(training ? epoch : 0),
                                 dataset_->image_id(loaded->image));
  try {
    const PartPlan plan = [&](int width, int height) {
      return training ? transform_.PlanTrain(width, height, loaded->key, options_->random_crop,
                                             options_->exact_decode)
                      : WholePicture(width, height);
    };
    absl::Duration pause = options_->retry_pause;
    for (int tries = 1;; ++tries, pause *= 5) {
      {
        const Watch watch(options_->observer, index_, LoaderWork::kDecode, loaded->image);
        loaded->status = dataset_->LoadPart(loaded->image, plan, &part_);
      }
      if (!absl::IsUnavailable(loaded->status) || tries == kTries) break;
      absl::SleepFor(pause);
    }
    if (!loaded->status.ok()) return;
    const Watch watch(options_->observer, index_, LoaderWork::kCrop, loaded->image);
    if (training) {
      loaded->pixels =
          transform_.TrainPixels(part_, loaded->key, options_->random_crop, &loaded->bytes);
    } else {
      loaded->pixels = transform_.EvaluatePixels(part_.image, &loaded->bytes);
    }
  } catch (const std::bad_alloc&) {
    loaded->status = absl::ResourceExhaustedError(
        absl::StrCat(dataset_->name(loaded->image), ": no memory to decode the picture"));
  }
}

void ImageWorker::Copy(const LoadedImage& loaded, float* out) const {
  const Watch watch(options_->observer, index_, LoaderWork::kCopy, loaded.image);
  transform_.Normalize(loaded.pixels, out);
}

}  // namespace models
