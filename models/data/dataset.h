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

// All members may be called from several threads at once; `i` is in [0, size()).
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;
  // What random decisions about image `i` are keyed by: graph::HashName(name(i)), so that it
  // survives a reordering or an extension of the data; where a name comes again, mixed with how
  // often it came before.
  virtual uint64_t image_id(int64_t i) const = 0;
  // The path of the image relative to the data folder, or what stands for one.
  virtual std::string name(int64_t i) const = 0;
  // In [0, num_classes()), or -1 when the image has no label.
  virtual int label(int64_t i) const = 0;
  // 0 when nothing is labelled.
  virtual int num_classes() const = 0;
  // The decoded image; an error names the path and the reason. It is Unavailable where the
  // machine and not the image is at fault, so that the image might be read another time.
  virtual absl::StatusOr<Image> Load(int64_t i) const = 0;
  // The part of image `i` that `plan` asks for, in `part`, whose memory is reused. Data
  // sets that can decode a part do; this decodes the whole. `plan` is called at most once.
  virtual absl::Status LoadPart(int64_t i, const PartPlan& plan, PicturePart* part) const {
    absl::StatusOr<Image> image = Load(i);
    if (!image.ok()) return image.status();
    part->image = *std::move(image);
    TakeWhole(plan, part);
    return absl::OkStatus();
  }
  // The picture's file as it is stored, for who looks at that; of data without files the
  // pixels. Errors as Load()'s.
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
