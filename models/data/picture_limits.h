// How large pictures and their files may be.
#ifndef MODELS_DATA_PICTURE_LIMITS_H_
#define MODELS_DATA_PICTURE_LIMITS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "graph/base/status.h"

namespace models {

// Larger pictures are refused before any memory is taken for them: a few
// kilobytes of file can claim gigabytes of pixels.
inline constexpr int64_t kMaxImagePixels = 100'000'000;
inline constexpr int64_t kMaxImageFileBytes = int64_t{1} << 28;

// InvalidArgument for a picture that is empty or larger than the limit.
inline absl::Status CheckPictureSize(int64_t width, int64_t height) {
  if (width < 1 || height < 1) {
    return graph::InvalidArgument("impossible size ", width, "x", height);
  }
  if (width > kMaxImagePixels / height) {
    return graph::InvalidArgument("claims ", width, "x", height, " pixels, more than the limit of ",
                                  kMaxImagePixels);
  }
  return absl::OkStatus();
}

}  // namespace models

#endif  // MODELS_DATA_PICTURE_LIMITS_H_
