#include "models/data/picture_limits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/picture_error.h"

namespace models {

PictureLimits LimitsOfMegapixels(double megapixels) {
  PictureLimits limits;
  limits.max_pixels = static_cast<int64_t>(std::clamp(megapixels, 1e-6, 1e6) * 1e6);
  return limits;
}

absl::Status CheckPictureSize(int64_t width, int64_t height, const PictureLimits& limits,
                              int shrunk) {
  if (width < 1 || height < 1) {
    return DamagedPicture(absl::StrCat("impossible size ", width, "x", height));
  }
  if (width / shrunk > limits.max_pixels / std::max<int64_t>(1, height / shrunk)) {
    return graph::InvalidArgument(
        "claims ", width, "x", height,
        " pixels, more than --max_image_megapixels=", limits.max_pixels * 1e-6,
        "; raise that, make the picture smaller, or take it out of the data");
  }
  return absl::OkStatus();
}

}  // namespace models
