#include "models/data/resize.h"

#include <algorithm>
#include <cmath>

#include "graph/base/status.h"

namespace models {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;
constexpr int32_t kHalf = int32_t{1} << (kPrecisionBits - 1);
constexpr double kCubicSupport = 2.0;

double Cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

uint8_t Round(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

}  // namespace

ImageView::ImageView(const Image& image, const PixelBox& box)
    : rgb(image.pixel(box.x, box.y)),
      width(box.width),
      height(box.height),
      stride(size_t{3} * image.width) {
  CHECK(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0);
  CHECK(box.x + box.width <= image.width && box.y + box.height <= image.height);
}

void BicubicResizer::Axis::Compute(int input, double begin, double end, int output) {
  const double scale = (end - begin) / output;
  const double filter_scale = std::max(scale, 1.0);
  const double support = kCubicSupport * filter_scale;
  taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  first.resize(output);
  count.resize(output);
  weight.resize(size_t{1} * output * taps);
  exact_.resize(taps);
  const double inverse = 1.0 / filter_scale;
  for (int i = 0; i < output; ++i) {
    const double center = begin + (i + 0.5) * scale;
    first[i] = std::max(0, static_cast<int>(center - support + 0.5));
    count[i] = std::min(input, static_cast<int>(center + support + 0.5)) - first[i];
    double sum = 0;
    for (int j = 0; j < count[i]; ++j) {
      exact_[j] = Cubic((j + first[i] - center + 0.5) * inverse);
      sum += exact_[j];
    }
    int32_t* w = &weight[size_t{1} * i * taps];
    for (int j = 0; j < count[i]; ++j) {
      const double scaled = (sum != 0 ? exact_[j] / sum : exact_[j]) * (1 << kPrecisionBits);
      w[j] = static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
  }
}

void BicubicResizer::HorizontalPass(const ImageView& source, int first_row, int rows, int width) {
  between_.width = width;
  between_.height = rows;
  between_.rgb.resize(size_t{3} * width * rows);
  for (int y = 0; y < rows; ++y) {
    const uint8_t* in = source.rgb + (first_row + y) * source.stride;
    uint8_t* out = between_.pixel(0, y);
    for (int x = 0; x < width; ++x) {
      const uint8_t* p = in + 3 * horizontal_.first[x];
      const int32_t* w = &horizontal_.weight[size_t{1} * x * horizontal_.taps];
      const int count = horizontal_.count[x];
      int32_t r = kHalf, g = kHalf, b = kHalf;
      for (int j = 0; j < count; ++j) {
        r += w[j] * p[3 * j];
        g += w[j] * p[3 * j + 1];
        b += w[j] * p[3 * j + 2];
      }
      out[3 * x] = Round(r);
      out[3 * x + 1] = Round(g);
      out[3 * x + 2] = Round(b);
    }
  }
}

void BicubicResizer::VerticalPass(const ImageView& source, int first_row, int height, Image* out) {
  const int values = 3 * source.width;
  sums_.resize(values);
  int32_t* sums = sums_.data();
  for (int y = 0; y < height; ++y) {
    std::fill_n(sums, values, kHalf);
    for (int j = 0; j < vertical_.count[y]; ++j) {
      const uint8_t* in = source.rgb + (vertical_.first[y] - first_row + j) * source.stride;
      const int32_t w = vertical_.weight[size_t{1} * y * vertical_.taps + j];
      for (int i = 0; i < values; ++i) sums[i] += w * in[i];
    }
    uint8_t* row = out->pixel(0, y);
    for (int i = 0; i < values; ++i) row[i] = Round(sums[i]);
  }
}

void BicubicResizer::Resize(const ImageView& source, const ImageArea& box, int width, int height,
                            Image* out) {
  CHECK(width > 0 && height > 0);
  CHECK(box.x0 >= 0 && box.y0 >= 0 && box.x1 > box.x0 && box.y1 > box.y0);
  CHECK(box.x1 <= source.width && box.y1 <= source.height);
  out->width = width;
  out->height = height;
  out->rgb.resize(size_t{3} * width * height);
  // A pass that would change nothing is left out, as in Pillow.
  const bool across = width != source.width || box.x0 != 0 || box.x1 != width;
  const bool down = height != source.height || box.y0 != 0 || box.y1 != height;
  int first_row = 0;
  int rows = source.height;
  if (down) {
    vertical_.Compute(source.height, box.y0, box.y1, height);
    first_row = vertical_.first[0];
    rows = vertical_.first[height - 1] + vertical_.count[height - 1] - first_row;
  }
  ImageView view = source;
  if (across) {
    horizontal_.Compute(source.width, box.x0, box.x1, width);
    HorizontalPass(source, first_row, rows, width);
    view = ImageView(between_);
  } else {
    first_row = 0;
  }
  if (down) {
    VerticalPass(view, first_row, height, out);
  } else {
    for (int y = 0; y < height; ++y) {
      std::copy_n(view.rgb + y * view.stride, 3 * width, out->pixel(0, y));
    }
  }
}

void BicubicResizer::Resize(const ImageView& source, int width, int height, Image* out) {
  Resize(source, {0, 0, double(source.width), double(source.height)}, width, height, out);
}

}  // namespace models
