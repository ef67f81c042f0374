// A fixed list of images, read one at a time in any order.
#ifndef MODELS_DATA_DATASET_H_
#define MODELS_DATA_DATASET_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "models/data/image.h"
#include "models/data/picture_part.h"

namespace models {

// All members are thread-safe; `i` is in [0, size()).
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;
  // The key for random decisions about image `i`: graph::HashName(name(i)), so that it survives
  // reordering or extending the data. If a name occurs again, its number of earlier occurrences is
  // mixed in.
  virtual uint64_t image_id(int64_t i) const = 0;
  // The path of the image relative to the data folder, or an equivalent name.
  virtual std::string name(int64_t i) const = 0;
  // In [0, num_classes()), or -1 when the image has no label.
  virtual int label(int64_t i) const = 0;
  // 0 when nothing is labelled.
  virtual int num_classes() const = 0;
  // The decoded image. Errors name the path and the reason; Unavailable means that the machine, not
  // the image, failed and a later try may succeed.
  virtual absl::StatusOr<Image> Load(int64_t i) const = 0;
  // Puts the part of image `i` that `plan` asks for into `part`, reusing its memory. This default
  // decodes the whole image; data sets that can decode a part override it. `plan` is called at most
  // once.
  virtual absl::Status LoadPart(int64_t i, const PartPlan& plan, PicturePart* part) const {
    absl::StatusOr<Image> image = Load(i);
    if (!image.ok()) return image.status();
    part->image = *std::move(image);
    TakeWhole(plan, part);
    return absl::OkStatus();
  }
  // The picture's file as stored; for data without files, the pixels. Errors as for Load().
  virtual absl::StatusOr<std::string> LoadBytes(int64_t i) const {
    absl::StatusOr<Image> image = Load(i);
    if (!image.ok()) return image.status();
    return std::string(image->rgb.begin(), image->rgb.end());
  }
  // One phrase for the banner: "12800 scenes of 64x64".
  virtual std::string description() const = 0;
};

}  // namespace models

#endif  // MODELS_DATA_DATASET_H_
