#include "models/data/picture_error.h"

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

}  // namespace models
