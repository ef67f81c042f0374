// The labels of a segmentation: a class for each pixel of a picture.
#ifndef MODELS_DATA_LABEL_MASK_H_
#define MODELS_DATA_LABEL_MASK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// The label of a pixel without one.
inline constexpr uint8_t kUnlabelled = 255;

struct LabelMask {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> classes = {};  // (height, width)
};

// The numbers in a PNG of up to 8 bits a pixel: its palette's indices, not the colours that these
// stand for, or its grey values, not scaled. InvalidArgument "REASON; what to do" as DecodePart has
// it, and for a PNG of colours or of 16 bits. Thread-safe.
absl::Status DecodeMask(absl::string_view bytes, const PictureLimits& limits, LabelMask* mask);
// The same from the file `path`; errors name it.
absl::StatusOr<LabelMask> ReadMask(const std::string& path, const PictureLimits& limits = {});

// The part `area` of the mask, which it contains and which is not empty, at width x height pixels,
// mirrored if `flip`, in `out` (height, width): the class at the place of each pixel's centre, as
// Pillow's resize(size, NEAREST, box).
void ResizeMask(const LabelMask& mask, const ImageArea& area, int width, int height, bool flip,
                uint8_t* out);

}  // namespace models

#endif  // MODELS_DATA_LABEL_MASK_H_
