#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/picture_decoders.h"
#include "models/data/picture_error.h"

namespace models {
namespace {

const uint8_t* Data(absl::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

absl::Status Refused(VP8StatusCode code, absl::string_view what) {
  switch (code) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return BrokenOffPicture(absl::StrCat(what, "the file ends too early"));
    case VP8_STATUS_OUT_OF_MEMORY:
      return NoMemoryForPicture();
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return UnsupportedPicture("a WebP with a feature that libwebp does not know");
    default:
      return DamagedPicture(absl::StrCat(what, "damaged data"));
  }
}

// Decodes the bitstream of one frame to `rgb`, which must be large enough.
absl::Status DecodeFrame(absl::string_view frame, int width, int height, uint8_t* rgb, int stride) {
  WebPDecoderConfig config;
  CHECK(WebPInitDecoderConfig(&config));
  VP8StatusCode code = WebPGetFeatures(Data(frame), frame.size(), &config.input);
  if (code != VP8_STATUS_OK) return Refused(code, "bad WebP header: ");
  if (config.input.width != width || config.input.height != height) {
    return DamagedPicture(absl::StrCat("bad WebP data: a frame of ", config.input.width, "x",
                                       config.input.height, " where the header says ", width, "x",
                                       height));
  }
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = rgb;
  config.output.u.RGBA.stride = stride;
  config.output.u.RGBA.size = size_t{1} * stride * (height - 1) + size_t{3} * width;
  code = WebPDecode(Data(frame), frame.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (code != VP8_STATUS_OK) return Refused(code, "bad WebP data: ");
  return absl::OkStatus();
}

absl::Status DecodeFirstFrame(absl::string_view bytes, Image* image) {
  const WebPData data = {Data(bytes), bytes.size()};
  const std::unique_ptr<WebPDemuxer, void (*)(WebPDemuxer*)> demuxer(WebPDemux(&data),
                                                                     &WebPDemuxDelete);
  if (demuxer == nullptr) {
    return BrokenOffPicture("bad WebP data: the animation is damaged or ends too early");
  }
  struct Frame : WebPIterator {
    ~Frame() { WebPDemuxReleaseIterator(this); }
  } frame = {};
  if (!WebPDemuxGetFrame(demuxer.get(), 1, &frame) || !frame.complete) {
    return BrokenOffPicture("bad WebP data: the animation has no whole frame");
  }
  if (frame.x_offset < 0 || frame.y_offset < 0 || frame.width < 1 || frame.height < 1 ||
      frame.width > image->width - frame.x_offset ||
      frame.height > image->height - frame.y_offset) {
    return DamagedPicture("bad WebP data: the first frame lies outside the picture");
  }
  std::fill(image->rgb.begin(), image->rgb.end(), 0);
  return DecodeFrame({reinterpret_cast<const char*>(frame.fragment.bytes), frame.fragment.size},
                     frame.width, frame.height, image->pixel(frame.x_offset, frame.y_offset),
                     3 * image->width);
}

}  // namespace

absl::Status DecodeWebp(absl::string_view bytes, const PictureLimits& limits, Image* image) {
  WebPBitstreamFeatures features;
  const VP8StatusCode code = WebPGetFeatures(Data(bytes), bytes.size(), &features);
  if (code != VP8_STATUS_OK) return Refused(code, "bad WebP header: ");
  RETURN_IF_ERROR(CheckPictureSize(features.width, features.height, limits));
  image->SetSize(features.width, features.height);
  if (features.has_animation) return DecodeFirstFrame(bytes, image);
  return DecodeFrame(bytes, image->width, image->height, image->rgb.data(), 3 * image->width);
}

}  // namespace models
