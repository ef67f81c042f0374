// Why a picture cannot be decoded. A decoder derives the kind of an error from its library's code
// or from the file's header; each kind says what to do. All are InvalidArgument "REASON; what to
// do", except lack of memory: ResourceExhausted.
#ifndef MODELS_DATA_PICTURE_ERROR_H_
#define MODELS_DATA_PICTURE_ERROR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"
#include "models/data/picture_limits.h"

namespace models {

// What to do; also used for files that no decoder recognises.
inline constexpr char kGetPictureAgain[] = "get the picture again, or take it out of the data";
inline constexpr char kPictureBrokeOff[] = "a copy or download that broke off? ";  // before that
inline constexpr char kConvertPicture[] =
    "convert it to a common JPEG or PNG, or take it out of the data";

absl::Status DamagedPicture(absl::string_view reason);
absl::Status BrokenOffPicture(absl::string_view reason);
// A valid file of an unsupported kind: `kind` is "a JPEG of 12 bits a sample".
absl::Status UnsupportedPicture(absl::string_view kind);
absl::Status NoMemoryForPicture();

// OK unless the picture is empty or larger than the limit. If it is decoded at one pixel for
// `shrunk` x `shrunk`, the limit is that many times larger.
absl::Status CheckPictureSize(int64_t width, int64_t height, const PictureLimits& limits,
                              int shrunk = 1);

// OK unless a net takes 4 `channels` and the picture has fewer: nothing in it says what the fourth
// would be. Other pictures can be given the channels that a net takes.
absl::Status CheckChannels(int channels, const Image& image);

}  // namespace models

#endif  // MODELS_DATA_PICTURE_ERROR_H_
