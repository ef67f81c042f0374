#include "models/data/image_worker.h"

#include <chrono>
#include <new>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/image_io.h"
#include "models/data/label_mask.h"
#include "models/data/picture_error.h"
#include "models/data/whole_picture.h"

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
    int width = 0, height = 0;
    PartRequest request;
    const PartPlan plan = [&](int w, int h) {
      width = w;
      height = h;
      request = training ? transform_.PlanTrain(w, h, loaded->key, options_->random_crop,
                                                options_->exact_decode)
                         : WholePicture(w, h);
      return request;
    };
    absl::Duration pause = options_->retry_pause;
    for (int tries = 1;; ++tries, pause *= 5) {
      Observed(LoaderWork::kDecode, loaded->image, [&] {
        loaded->status = LoadPart(loaded->image, plan);
        if (loaded->status.ok() && dataset_->has_masks()) {
          loaded->status = LoadMask(loaded->image, width, height);
        }
      });
      if (!absl::IsUnavailable(loaded->status) || tries == kTries) break;
      absl::SleepFor(pause);
    }
    if (!loaded->status.ok()) return;
    Observed(LoaderWork::kCrop, loaded->image, [&] {
      if (training) {
        loaded->pixels =
            transform_.TrainPixels(part_, loaded->key, options_->random_crop, &loaded->bytes);
      } else if (dataset_->has_masks()) {
        PlaceImage(part_.image, options_->transform.mean, options_->input_width,
                   options_->input_height, &resizer_, &loaded->bytes);
        loaded->pixels = {};
        loaded->pixels.image = &loaded->bytes;
      } else {
        loaded->pixels = transform_.EvaluatePixels(part_.image, &loaded->bytes);
      }
      if (!dataset_->has_masks()) return;
      const PixelBox& crop = request.box;
      TakeLabels(options_->random_crop
                     ? ImageArea{double(crop.x), double(crop.y), double(crop.x + crop.width),
                                 double(crop.y + crop.height)}
                     : EvaluationArea(width, height, options_->input_width, options_->input_height),
                 loaded);
    });
  } catch (const std::bad_alloc&) {
    loaded->status = absl::ResourceExhaustedError(
        absl::StrCat(dataset_->name(loaded->image), ": no memory to decode the picture"));
  }
}

absl::Status ImageWorker::LoadMask(int64_t image, int width, int height) {
  ASSIGN_OR_RETURN(mask_, dataset_->LoadMask(image));
  if (mask_.width == width && mask_.height == height) return absl::OkStatus();
  return graph::InvalidArgument(dataset_->name(image), " has ", width, "x", height,
                                " pixels and its mask ", mask_.width, "x", mask_.height,
                                "; make the mask anew at the picture's size");
}

void ImageWorker::TakeLabels(const ImageArea& seen, LoadedImage* loaded) const {
  const int width = options_->input_width, height = options_->input_height;
  loaded->labels.resize(size_t{1} * width * height);
  if (options_->mode == LoaderMode::kTrain) {
    ResizeMask(mask_, seen, width, height, loaded->pixels.flip, loaded->labels.data());
  } else {
    PlaceMask(mask_, width, height, loaded->labels.data());
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
