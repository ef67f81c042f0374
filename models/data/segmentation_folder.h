// Pictures with a class for each pixel, in a folder:
//
//   DIR/classes.txt            the classes, one a line
//   DIR/train/a.jpg, a.png     a picture and its mask, a PNG of class numbers beside it
//   DIR/val/..., DIR/test/...  other splits, by any name
//   DIR/train.txt              instead of the folder's pictures: a list of them
//
// A line of classes.txt is "NUMBER NAME" or "NUMBER NAME RED GREEN BLUE" with numbers from 0 on in
// order; the name may have spaces, the colour is for pictures of answers. A line of SPLIT.txt is
// the path of a picture, relative to DIR. Masks hold the values of palette or grey PNGs, whatever
// their colours (label_mask.h); 255 is no label.
#ifndef MODELS_DATA_SEGMENTATION_FOLDER_H_
#define MODELS_DATA_SEGMENTATION_FOLDER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/dataset.h"
#include "models/data/picture_limits.h"

namespace models {

struct SegmentationClasses {
  std::vector<std::string> names;               // from 1 to 255
  std::vector<std::array<uint8_t, 3>> colours;  // red, green, blue of each; or none
};

// Reads `root`/classes.txt. Errors name the file, the line and what it should hold.
absl::StatusOr<SegmentationClasses> ReadSegmentationClasses(const std::string& root);
// The same from the file's text; messages use `path`.
absl::StatusOr<SegmentationClasses> ParseSegmentationClasses(absl::string_view text,
                                                             const std::string& path);

// The pictures of `split` ("train") in `root`, of as many classes as that many names. Each has a
// mask (Dataset::LoadMask), whose errors name a class number beyond the classes and its place.
// NotFound for a split that is not there, and for a picture without a mask; other errors name the
// line of a list, or what makes it unclear which pictures there are.
absl::StatusOr<std::unique_ptr<Dataset>> OpenSegmentationSplit(const std::string& root,
                                                               const std::string& split,
                                                               int num_classes,
                                                               const PictureLimits& limits = {});

}  // namespace models

#endif  // MODELS_DATA_SEGMENTATION_FOLDER_H_
