#include "models/data/image_worker.h"

#include <chrono>
#include <new>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/image_io.h"
#include "models/data/picture_error.h"

namespace models {
namespace {

constexpr int kTries = 4;

}  // namespace

ImageWorker::ImageWorker(int index, const Dataset* dataset, const LoaderOptions* options)
    : index_(index),
      dataset_(dataset),
      options_(options),
      transform_(options->input_width, options->input_height, options->transform) {}

template <typename Step>
void ImageWorker::Observed(LoaderWork work, int64_t image, const Step& step) const {
  LoaderObserver* const observer = options_->observer;
  if (observer == nullptr || !observer->Watching()) return step();
  observer->Begins(index_, work, image);
  const absl::Cleanup report = [&, begin = std::chrono::steady_clock::now()] {
    observer->Worked(index_, work, image, begin, std::chrono::steady_clock::now());
  };
  step();
}

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
      Observed(LoaderWork::kDecode, loaded->image,
               [&] { loaded->status = LoadPart(loaded->image, plan); });
      if (!absl::IsUnavailable(loaded->status) || tries == kTries) break;
      absl::SleepFor(pause);
    }
    if (!loaded->status.ok()) return;
    Observed(LoaderWork::kCrop, loaded->image, [&] {
      loaded->pixels = training ? transform_.TrainPixels(part_, loaded->key, options_->random_crop,
                                                         &loaded->bytes)
                                : transform_.EvaluatePixels(part_.image, &loaded->bytes);
    });
  } catch (const std::bad_alloc&) {
    loaded->status = absl::ResourceExhaustedError(
        absl::StrCat(dataset_->name(loaded->image), ": no memory to decode the picture"));
  }
}

absl::Status ImageWorker::LoadPart(int64_t image, const PartPlan& plan) {
  RETURN_IF_ERROR(dataset_->LoadPart(image, plan, &part_));
  const absl::Status fits = CheckChannels(options_->transform.channels(), part_.image);
  return fits.ok() ? fits : CannotDecode(dataset_->name(image), fits);
}

void ImageWorker::Copy(const LoadedImage& loaded, float* out) const {
  Observed(LoaderWork::kCopy, loaded.image, [&] { transform_.Normalize(loaded.pixels, out); });
}

}  // namespace models
