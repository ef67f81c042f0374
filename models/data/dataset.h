// A fixed list of images, read one at a time in any order.
#ifndef MODELS_DATA_DATASET_H_
#define MODELS_DATA_DATASET_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/image.h"
#include "models/data/label_mask.h"

namespace models {

// All members are thread-safe; `i` is in [0, size()).
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;
  // The key for random decisions about image `i`. A hash of the name survives reordering or
  // extending the data; if a name occurs again, its number of earlier occurrences is mixed in.
  virtual uint64_t image_id(int64_t i) const { return graph::HashName(name(i)); }
  // The path of the image relative to the data folder, or an equivalent name.
  virtual std::string name(int64_t i) const = 0;
  // In [0, num_classes()), or -1 when the image has no label.
  virtual int label(int64_t i) const = 0;
  // 0 when nothing is labelled.
  virtual int num_classes() const = 0;
  // The decoded image. Errors name the path and the reason; Unavailable means that the machine, not
  // the image, failed and a later try may succeed. A data set overrides this or LoadPart(): each
  // default calls the other.
  virtual absl::StatusOr<Image> Load(int64_t i) const {
    PicturePart part;
    RETURN_IF_ERROR(LoadPart(i, WholePicture, &part));
    return std::move(part.image);
  }
  // Puts the part of image `i` that `plan` asks for into `part`, reusing its memory. `plan` is
  // called at most once.
  virtual absl::Status LoadPart(int64_t i, const PartPlan& plan, PicturePart* part) const {
    ASSIGN_OR_RETURN(part->image, Load(i));
    TakeWhole(plan, part);
    return absl::OkStatus();
  }
  // Whether each image has a class for each of its pixels: a data set for segmentation.
  virtual bool has_masks() const { return false; }
  // The mask of image `i`, of the picture's size, with classes below num_classes() or kUnlabelled.
  // Only where has_masks(). Errors as for Load().
  virtual absl::StatusOr<LabelMask> LoadMask(int64_t i) const {
    return absl::UnimplementedError(absl::StrCat(name(i), " has no mask"));
  }
  // The picture's file as stored; for data without files, the pixels. Errors as for Load().
  virtual absl::StatusOr<std::string> LoadBytes(int64_t i) const {
    ASSIGN_OR_RETURN(const Image image, Load(i));
    return std::string(image.rgb.begin(), image.rgb.end());
  }
  // One phrase for the banner: "12800 scenes of 64x64".
  virtual std::string description() const = 0;
};

// Moves the elements at `indices` (ascending) of `from` into a vector of their own.
template <typename T>
std::vector<T> TakeAt(const std::vector<int64_t>& indices, std::vector<T>* from) {
  std::vector<T> taken, rest;
  for (int64_t i = 0; i < static_cast<int64_t>(from->size()); ++i) {
    const bool take = taken.size() < indices.size() && indices[taken.size()] == i;
    (take ? taken : rest).push_back(std::move((*from)[i]));
  }
  CHECK(taken.size() == indices.size());
  *from = std::move(rest);
  return taken;
}

}  // namespace models

#endif  // MODELS_DATA_DATASET_H_
