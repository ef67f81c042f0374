// The work of one loader thread on one image: from the data set to a place in a batch.
#ifndef MODELS_DATA_IMAGE_WORKER_H_
#define MODELS_DATA_IMAGE_WORKER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "models/data/augment.h"
#include "models/data/dataset.h"
#include "models/data/image.h"
#include "models/data/label_mask.h"
#include "models/data/loader.h"
#include "models/data/resize.h"

namespace models {

// One image in flight. Its memory is reused from image to image.
struct LoadedImage {
  int64_t image = 0;    // index in the Dataset
  uint64_t key = 0;     // graph::SampleKey(seed, epoch, image id); evaluation uses epoch 0
  absl::Status status;  // why it cannot be loaded; the fields below are then unspecified
  Image bytes;          // the input's size, before normalisation
  InputPixels pixels;   // what Copy() reads; points to `bytes`
  // The classes of the input's pixels as Copy() leaves them, flipped; empty if the data set has no
  // masks.
  std::vector<uint8_t> labels;
};

// Holds the buffers of its thread: one call at a time. The result depends on the options and the
// image alone. Reports every step to the observer.
class ImageWorker {
 public:
  // The observer knows this worker as `index`. The other two must outlive it.
  ImageWorker(int index, const Dataset* dataset, const LoaderOptions* options);

  // Decodes and crops `loaded->image` as `epoch` requires. `loaded->bytes` already has the input's
  // size. Running out of memory is reported as a status, too.
  void Load(int64_t epoch, LoadedImage* loaded);
  // Flips and normalizes an image that any worker has loaded: channels * H * W floats.
  void Copy(const LoadedImage& loaded, float* out) const;

 private:
  // Runs `step`, and tells the observer of it.
  template <typename Step>
  void Observed(LoaderWork work, int64_t image, const Step& step) const;
  // Into `mask_`, which then has the picture's size, width x height; errors name the image.
  absl::Status LoadMask(int64_t image, int width, int height);
  // The labels of the input, which shows `seen` of the picture, from `mask_`.
  void TakeLabels(const ImageArea& seen, LoadedImage* loaded) const;
  // Into `part_`, which then fits the input's channels; errors name the image.
  absl::Status LoadPart(int64_t image, const PartPlan& plan);

  const int index_;
  const Dataset* const dataset_;
  const LoaderOptions* const options_;
  ImageTransform transform_;
  PicturePart part_;  // reused
  LabelMask mask_;
  BicubicResizer resizer_;  // of whole pictures
};

}  // namespace models

#endif  // MODELS_DATA_IMAGE_WORKER_H_
