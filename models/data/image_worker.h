// What one thread of a loader does with one image: from the data set to a place in a batch.
#ifndef MODELS_DATA_IMAGE_WORKER_H_
#define MODELS_DATA_IMAGE_WORKER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "models/data/augment.h"
#include "models/data/dataset.h"
#include "models/data/image.h"
#include "models/data/loader.h"
#include "models/data/picture_part.h"

namespace models {

// One image on its way. Its memory may be used for one image after another.
struct LoadedImage {
  int64_t image = 0;    // index in the Dataset
  uint64_t key = 0;     // graph::SampleKey(seed, epoch, image id), evaluation: of epoch 0
  absl::Status status;  // why it cannot be loaded; what follows is then of no use
  Image bytes;          // of the input's size, a quarter of the floats that the batch gets
  InputPixels pixels;   // what Copy() reads; points to `bytes`
};

// Holds the buffers of its thread: at most one call at a time. What it does depends on the
// options and the image alone, and its observer is told of every step.
class ImageWorker {
 public:
  // `index` is what the observer knows it by. The other two must outlive it.
  ImageWorker(int index, const Dataset* dataset, const LoaderOptions* options);

  // Decodes and crops `loaded->image` as `epoch` wants it. `loaded->bytes` has the input's
  // size already. Want of memory is a status, too.
  void Load(int64_t epoch, LoadedImage* loaded);
  // Flips and normalizes what any worker has loaded: 3 * H * W floats.
  void Copy(const LoadedImage& loaded, float* out) const;

 private:
  const int index_;
  const Dataset* const dataset_;
  const LoaderOptions* const options_;
  ImageTransform transform_;
  PicturePart part_;  // memory for pictures on their way
};

}  // namespace models

#endif  // MODELS_DATA_IMAGE_WORKER_H_
