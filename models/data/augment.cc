#include "models/data/augment.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "graph/base/status.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();  // for AVX2, like all code here
namespace models {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using graph::Purpose;
using graph::RandomStream;

constexpr int kTries = 10;
// MaskTransform: the centre crop's share of the resized short side, and the input size up to which
// it applies.
constexpr double kCropShare = 224.0 / 256.0;
constexpr int kLargestWithMargin = 224;
// A crop decoded at reduced size keeps this many pixels per input pixel along each axis: the
// bicubic filter needs something to choose from.
constexpr double kLeastPixels = 1.5;

// Python's round(): ties go to the even number, which is the default rounding mode.
int RoundEven(double x) { return static_cast<int>(std::nearbyint(x)); }

void FlipRows(Image* image) {
  for (int y = 0; y < image->height; ++y) {
    uint8_t* left = image->pixel(0, y);
    uint8_t* right = left + ptrdiff_t{3} * (image->width - 1);
    for (; left < right; left += 3, right -= 3) std::swap_ranges(left, left + 3, right);
  }
}

}  // namespace

std::vector<double> UsualMean(int channels) {
  if (channels == 1) return {0.449};
  std::vector<double> mean = {0.485, 0.456, 0.406};
  if (channels == 4) mean.push_back(0.5);
  return mean;
}

std::vector<double> UsualStd(int channels) {
  if (channels == 1) return {0.226};
  std::vector<double> std = {0.229, 0.224, 0.225};
  if (channels == 4) std.push_back(0.5);
  return std;
}

void ToChannels(int channels, Image* image) {
  if (channels == image->channels) return;
  CHECK(channels != 4);
  const size_t pixels = size_t{1} * image->width * image->height;
  Image out;
  out.SetDeepSize(image->width, image->height, channels);
  if (channels == 1) {
    const auto luma = [](uint32_t r, uint32_t g, uint32_t b) {
      return static_cast<uint16_t>((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
    };
    const size_t step = static_cast<size_t>(image->channels);
    for (size_t i = 0; i < pixels; ++i) {
      if (image->is_deep()) {
        const uint16_t* in = &image->deep[step * i];
        out.deep[i] = luma(in[0], in[1], in[2]);
      } else {
        const uint8_t* in = &image->rgb[3 * i];
        out.deep[i] = luma(257u * in[0], 257u * in[1], 257u * in[2]);
      }
    }
  } else {
    // From grey; colours with a fourth channel come only where four are wanted.
    CHECK(image->channels == 1);
    for (size_t i = 0; i < pixels; ++i) std::fill_n(&out.deep[3 * i], 3, image->deep[i]);
  }
  *image = std::move(out);
}

PixelBox SampleCrop(int width, int height, const TransformOptions& options, RandomStream* random) {
  CHECK(width > 0 && height > 0);
  const auto& [min_scale, max_scale] = options.crop_scale;
  const auto& [min_ratio, max_ratio] = options.crop_ratio;
  const double area = double(width) * height;
  for (int i = 0; i < kTries; ++i) {
    const double target = area * random->Uniform(min_scale, max_scale);
    const double ratio = std::exp(random->Uniform(std::log(min_ratio), std::log(max_ratio)));
    const int w = RoundEven(std::sqrt(target * ratio));
    const int h = RoundEven(std::sqrt(target / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const int y = static_cast<int>(random->Below(static_cast<uint64_t>(height - h + 1)));
    const int x = static_cast<int>(random->Below(static_cast<uint64_t>(width - w + 1)));
    return {x, y, w, h};
  }
  int w = width, h = height;
  const double ratio = double(width) / height;
  if (ratio < min_ratio) h = RoundEven(w / min_ratio);
  if (ratio > max_ratio) w = RoundEven(h * max_ratio);
  return {(width - w) / 2, (height - h) / 2, w, h};
}

bool SampleFlip(uint64_t key) { return RandomStream(key, Purpose::kFlip).Uniform() < 0.5; }

double EvaluationCropShare(int input_width, int input_height) {
  return std::max(input_width, input_height) <= kLargestWithMargin ? kCropShare : 1.0;
}

int LeastOfCrop(int input_pixels) {
  return static_cast<int>(std::ceil(kLeastPixels * input_pixels));
}

EvaluationGeometry PlanEvaluation(int width, int height, int input_width, int input_height) {
  CHECK(width > 0 && height > 0 && input_width > 0 && input_height > 0);
  int w = width, h = height;
  if (width != input_width || height != input_height) {
    const double share = EvaluationCropShare(input_width, input_height);
    const int target_w = static_cast<int>(input_width / share);
    const int target_h = static_cast<int>(input_height / share);
    // The cap keeps a picture one pixel wide and a million high within int.
    constexpr int64_t kLongest = int64_t{1} << 30;
    if (int64_t{width} * target_h <= int64_t{height} * target_w) {
      w = target_w;
      h = static_cast<int>(std::min(kLongest, int64_t{target_w} * height / width));
    } else {
      h = target_h;
      w = static_cast<int>(std::min(kLongest, int64_t{target_h} * width / height));
    }
  }
  const int x = RoundEven((w - input_width) / 2.0), y = RoundEven((h - input_height) / 2.0);
  return {w, h, {x, y, input_width, input_height}};
}

ImageArea EvaluationArea(int width, int height, int input_width, int input_height) {
  const EvaluationGeometry plan = PlanEvaluation(width, height, input_width, input_height);
  const double scale_x = double(width) / plan.resized_width;
  const double scale_y = double(height) / plan.resized_height;
  return {plan.crop.x * scale_x, plan.crop.y * scale_y,
          std::min<double>(width, (plan.crop.x + input_width) * scale_x),
          std::min<double>(height, (plan.crop.y + input_height) * scale_y)};
}

ImageTransform::ImageTransform(int input_width, int input_height, const TransformOptions& options)
    : options_(options), input_width_(input_width), input_height_(input_height) {
  CHECK(input_width > 0 && input_height > 0 && options.mean.size() == options.std.size());
  CHECK(options.rand_augment.operations == 0 || options.channels() == 3);
  if (options.channels() != 3) return;  // no 8-bit RGB comes
  for (int c = 0; c < 3; ++c) {
    const float mean = static_cast<float>(options.mean[c]);
    const float std = static_cast<float>(options.std[c]);
    for (int v = 0; v < 256; ++v) {
      normalized_[c][v] = (static_cast<float>(v) / 255.0f - mean) / std;
    }
  }
}

PartRequest ImageTransform::PlanTrain(int width, int height, uint64_t key, bool crop,
                                      bool exact) const {
  if (!crop) return WholePicture(width, height);
  RandomStream random(key, Purpose::kCrop);
  PartRequest request = {SampleCrop(width, height, options_, &random)};
  if (!exact) {
    request.least_width = LeastOfCrop(input_width_);
    request.least_height = LeastOfCrop(input_height_);
  }
  return request;
}

AugmentDraws ImageTransform::DrawsOfInput(uint64_t key) const {
  AugmentDraws draws;
  draws.flip = options_.flip && SampleFlip(key);
  draws.operations = DrawOperations(options_.rand_augment, key);
  draws.erased = DrawErased(options_.erasing, input_width_, input_height_, key);
  return draws;
}

AugmentDraws ImageTransform::Draws(int width, int height, uint64_t key, bool crop) const {
  AugmentDraws draws = DrawsOfInput(key);
  draws.crop = PlanTrain(width, height, key, crop, /*exact=*/true).box;
  return draws;
}

InputPixels ImageTransform::TrainPixels(const PicturePart& part, uint64_t key, bool crop,
                                        Image* out) {
  if (crop) {
    // The crop is cut out before it is resized, so no pixel beyond it is looked at.
    const ImageArea& area = part.box;
    const int x = static_cast<int>(area.x0), y = static_cast<int>(area.y0);
    const PixelBox seen = {x, y, static_cast<int>(std::ceil(area.x1)) - x,
                           static_cast<int>(std::ceil(area.y1)) - y};
    resizer_.Resize(ImageView(part.image, seen),
                    {area.x0 - x, area.y0 - y, area.x1 - x, area.y1 - y}, input_width_,
                    input_height_, out);
    ToChannels(options_.channels(), out);
  } else {
    EvaluatePixels(part.image, out);
  }
  AugmentDraws draws = DrawsOfInput(key);
  if (!draws.operations.empty()) {
    // Normalize() would flip what the operations make.
    if (std::exchange(draws.flip, false)) FlipRows(out);
    for (const OpDraw& operation : draws.operations) augmenter_.Apply(operation, out);
  }
  return {out, draws.flip, std::move(draws.erased), key};
}

InputPixels ImageTransform::EvaluatePixels(const Image& image, Image* out) {
  Fit(image, out);
  ToChannels(options_.channels(), out);
  return {out, false};
}

void ImageTransform::Evaluate(const Image& image, float* out) {
  Normalize(EvaluatePixels(image, &resized_), out);
}

void ImageTransform::Fit(const Image& image, Image* out) {
  const EvaluationGeometry plan =
      PlanEvaluation(image.width, image.height, input_width_, input_height_);
  if (plan.resized_width == image.width && plan.resized_height == image.height) {
    resizer_.Resize(ImageView(image, plan.crop), input_width_, input_height_, out);  // a copy
  } else {
    // Only the part that is kept is computed.
    resizer_.Resize(
        ImageView(image), EvaluationArea(image.width, image.height, input_width_, input_height_),
        input_width_, input_height_,
        VerticalFirst(image.width, image.height, plan.resized_width, plan.resized_height), out);
  }
}

void ImageTransform::Normalize(const InputPixels& pixels, float* out) const {
  const Image& image = *pixels.image;
  CHECK(image.width == input_width_ && image.height == input_height_);
  CHECK(image.channels == options_.channels());
  if (image.is_deep()) {
    NormalizeDeep(pixels, out);
  } else {
    NormalizeBytes(pixels, out);
  }
  if (pixels.erased.empty()) return;
  Erase(pixels.erased, options_.erasing.mode, pixels.key, options_.channels(), input_width_,
        input_height_, out);
}

void ImageTransform::NormalizeBytes(const InputPixels& pixels, float* out) const {
  const Image& image = *pixels.image;
  const bool flip = pixels.flip;
  // Plain look-ups, eight pixels at a time.
  const hn::CappedTag<float, 8> floats;
  const hn::Rebind<int32_t, decltype(floats)> ints;
  const hn::Rebind<uint8_t, decltype(floats)> bytes;
  const int step = static_cast<int>(hn::Lanes(floats));
  const int64_t plane = int64_t{input_width_} * input_height_;
  for (int y = 0; y < image.height; ++y) {
    const uint8_t* in = image.pixel(0, y);
    float* row = out + int64_t{y} * input_width_;
    int x = 0;
    for (; x + step <= image.width; x += step) {
      hn::Vec<decltype(bytes)> rgb[3];
      hn::LoadInterleaved3(bytes, in + 3 * x, rgb[0], rgb[1], rgb[2]);
      for (int c = 0; c < 3; ++c) {
        const auto values = hn::GatherIndex(floats, normalized_[c], hn::PromoteTo(ints, rgb[c]));
        if (flip) {
          hn::StoreU(hn::Reverse(floats, values), floats, row + c * plane + image.width - step - x);
        } else {
          hn::StoreU(values, floats, row + c * plane + x);
        }
      }
    }
    for (; x < image.width; ++x) {
      const int to = flip ? image.width - 1 - x : x;
      for (int c = 0; c < 3; ++c) row[c * plane + to] = normalized_[c][in[3 * x + c]];
    }
  }
}

void ImageTransform::NormalizeDeep(const InputPixels& pixels, float* out) const {
  const Image& image = *pixels.image;
  const size_t width = static_cast<size_t>(image.width), channels = options_.mean.size();
  for (size_t c = 0; c < channels; ++c) {
    const float mean = static_cast<float>(options_.mean[c]);
    const float std = static_cast<float>(options_.std[c]);
    for (int y = 0; y < image.height; ++y, out += width) {
      const uint16_t* in = image.deep_row(y) + c;
      for (size_t x = 0; x < width; ++x) {
        const size_t from = pixels.flip ? width - 1 - x : x;
        out[x] = (static_cast<float>(in[channels * from]) / 65535.0f - mean) / std;
      }
    }
  }
}

}  // namespace models
HWY_AFTER_NAMESPACE();
