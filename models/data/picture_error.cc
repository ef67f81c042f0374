#include "models/data/picture_error.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"

namespace models {

using graph::InvalidArgument;

absl::Status DamagedPicture(absl::string_view reason) {
  return InvalidArgument(reason, "; its bytes are damaged: ", kGetPictureAgain);
}

absl::Status BrokenOffPicture(absl::string_view reason) {
  return InvalidArgument(reason, "; ", kPictureBrokeOff, kGetPictureAgain);
}

absl::Status UnsupportedPicture(absl::string_view kind) {
  return InvalidArgument("it is ", kind, ", which is not read here; ", kConvertPicture);
}

absl::Status NoMemoryForPicture() {
  return absl::ResourceExhaustedError(
      "no memory to decode the picture; leave the run more memory, or take the picture out of the "
      "data");
}

absl::Status CheckPictureSize(int64_t width, int64_t height, const PictureLimits& limits,
                              int shrunk) {
  if (width < 1 || height < 1) {
    return DamagedPicture(absl::StrCat("impossible size ", width, "x", height));
  }
  if (width / shrunk > limits.max_pixels / std::max<int64_t>(1, height / shrunk)) {
    return InvalidArgument("claims ", width, "x", height,
                           " pixels, more than --max_image_megapixels=", limits.max_pixels * 1e-6,
                           "; raise that, make the picture smaller, or take it out of the data");
  }
  return absl::OkStatus();
}

absl::Status CheckChannels(int channels, const Image& image) {
  if (channels != 4 || image.channels == 4) return absl::OkStatus();
  return InvalidArgument("it is read as ", image.channels == 1 ? "one channel" : "three channels",
                         ", and --channels=4 wants four: only PNG with transparency and TIFF of "
                         "four samples a pixel keep a fourth; convert it, or take it out of the "
                         "data");
}

}  // namespace models
