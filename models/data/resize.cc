#include "models/data/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>

#include "graph/base/status.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();  // for AVX2, like all code here
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

namespace hn = hwy::HWY_NAMESPACE;
using Ints = hn::CappedTag<int32_t, 8>;
using Bytes = hn::Rebind<uint8_t, Ints>;
using IntVector = hn::Vec<Ints>;
constexpr Ints kInts;
constexpr Bytes kBytes;

// The horizontal pass handles ten rows at a time: their 30 bytes of one column lie side by side, so
// that one weight meets a whole vector; two more bytes make them 32.
constexpr int kRows = 10;
constexpr int kLanes = 32;

// 32 sums of products in registers.
struct Sums {
  IntVector a, b, c, d;
  HWY_INLINE Sums() { a = b = c = d = hn::Set(kInts, kHalf); }
  HWY_INLINE void Add(const uint8_t* values, int32_t weight) {
    const IntVector w = hn::Set(kInts, weight);
    a = hn::Add(a, hn::Mul(w, hn::PromoteTo(kInts, hn::LoadU(kBytes, values))));
    b = hn::Add(b, hn::Mul(w, hn::PromoteTo(kInts, hn::LoadU(kBytes, values + 8))));
    c = hn::Add(c, hn::Mul(w, hn::PromoteTo(kInts, hn::LoadU(kBytes, values + 16))));
    d = hn::Add(d, hn::Mul(w, hn::PromoteTo(kInts, hn::LoadU(kBytes, values + 24))));
  }
  HWY_INLINE void Store(uint8_t* out) const {
    hn::StoreU(Round(a), kBytes, out);
    hn::StoreU(Round(b), kBytes, out + 8);
    hn::StoreU(Round(c), kBytes, out + 16);
    hn::StoreU(Round(d), kBytes, out + 24);
  }
  static HWY_INLINE hn::Vec<Bytes> Round(IntVector sum) {
    return hn::DemoteTo(kBytes, hn::ShiftRight<kPrecisionBits>(sum));  // saturates
  }
};
static_assert(hn::MaxLanes(Ints()) == 8, "vectors of 8 values");

uint8_t Round(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

// Copies four bytes where three are meant: faster, and the fourth is overwritten later or unused.
void CopyFour(const uint8_t* from, uint8_t* to) { std::memcpy(to, from, 4); }
void CopyThree(const uint8_t* from, uint8_t* to) { std::memcpy(to, from, 3); }

}  // namespace

ImageView::ImageView(const Image& image, const PixelBox& box)
    : ImageView(ImageView(image).Part(box)) {}

ImageView ImageView::Part(const PixelBox& box) const {
  CHECK(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0);
  CHECK(box.x + box.width <= width && box.y + box.height <= height);
  ImageView part = *this;
  const size_t begin = stride * static_cast<size_t>(box.y) +
                       static_cast<size_t>(channels) * static_cast<size_t>(box.x);
  if (deep != nullptr) {
    part.deep += begin;
  } else {
    part.rgb += begin;
  }
  part.width = box.width;
  part.height = box.height;
  return part;
}

std::pair<int, int> BicubicResizer::Axis::Compute(int input, double begin, double end, int output) {
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
  const int from = first.front(), size = first.back() + count.back() - from;
  for (int& f : first) f -= from;
  return {from, size};
}

void BicubicResizer::HorizontalPass(const ImageView& source, int width, Image* out) {
  const int rows = source.height;
  out->SetSize(width, rows);
  columns_.resize(size_t{kLanes} * source.width);
  alignas(32) uint8_t pixels[kLanes];
  for (int y = 0; y < rows; y += kRows) {
    const int count = std::min(kRows, rows - y);
    for (int r = 0; r < count; ++r) {
      const uint8_t* in = source.rgb + (y + r) * source.stride;
      uint8_t* column = columns_.data() + 3 * r;
      const int last = source.width - 1;
      for (int x = 0; x < last; ++x) CopyFour(in + 3 * x, column + size_t{kLanes} * x);
      CopyThree(in + 3 * last, column + size_t{kLanes} * last);
    }
    for (int x = 0; x < width; ++x) {
      const uint8_t* p = columns_.data() + size_t{kLanes} * horizontal_.first[x];
      const int32_t* w = &horizontal_.weight[size_t{1} * x * horizontal_.taps];
      Sums sums;
      for (int j = 0; j < horizontal_.count[x]; ++j) sums.Add(p + size_t{kLanes} * j, w[j]);
      sums.Store(pixels);
      uint8_t* to = out->pixel(x, y);
      if (x + 1 < width) {
        for (int r = 0; r < count; ++r) CopyFour(pixels + 3 * r, to + size_t{3} * width * r);
      } else {
        for (int r = 0; r < count; ++r) CopyThree(pixels + 3 * r, to + size_t{3} * width * r);
      }
    }
  }
}

void BicubicResizer::VerticalPass(const ImageView& source, int height, Image* out) {
  out->SetSize(source.width, height);
  const int values = 3 * source.width;
  for (int y = 0; y < height; ++y) {
    const int count = vertical_.count[y];
    const uint8_t* in = source.rgb + vertical_.first[y] * source.stride;
    const int32_t* w = &vertical_.weight[size_t{1} * y * vertical_.taps];
    uint8_t* row = out->pixel(0, y);
    int i = 0;
    for (; i + kLanes <= values; i += kLanes) {
      Sums sums;
      for (int j = 0; j < count; ++j) sums.Add(in + source.stride * j + i, w[j]);
      sums.Store(row + i);
    }
    for (; i < values; ++i) {
      int32_t sum = kHalf;
      for (int j = 0; j < count; ++j) sum += w[j] * in[source.stride * j + i];
      row[i] = Round(sum);
    }
  }
}

void BicubicResizer::ResizeDeep(const ImageView& source, bool across, bool down, int width,
                                int height, Image* out) {
  constexpr float kUnit = 1.0f / (1 << kPrecisionBits);
  const size_t channels = static_cast<size_t>(source.channels);
  const size_t values = channels * static_cast<size_t>(width);
  out->SetDeepSize(width, height, source.channels);
  deep_rows_.resize(values * static_cast<size_t>(source.height));
  for (int y = 0; y < source.height; ++y) {
    const uint16_t* in = source.deep + y * source.stride;
    float* row = deep_rows_.data() + values * static_cast<size_t>(y);
    if (!across) {
      std::copy_n(in, values, row);
      continue;
    }
    for (int x = 0; x < width; ++x) {
      const uint16_t* from = in + channels * static_cast<size_t>(horizontal_.first[x]);
      const int32_t* w = &horizontal_.weight[size_t{1} * x * horizontal_.taps];
      for (size_t c = 0; c < channels; ++c) {
        float sum = 0;
        for (int j = 0; j < horizontal_.count[x]; ++j) {
          sum += static_cast<float>(w[j]) * from[channels * static_cast<size_t>(j) + c];
        }
        *row++ = sum * kUnit;
      }
    }
  }
  for (int y = 0; y < height; ++y) {
    const float* row = deep_rows_.data() + values * static_cast<size_t>(y);
    if (down) {
      deep_row_.assign(values, 0);
      const int32_t* w = &vertical_.weight[size_t{1} * y * vertical_.taps];
      for (int j = 0; j < vertical_.count[y]; ++j) {
        const float weight = static_cast<float>(w[j]) * kUnit;
        const float* in = deep_rows_.data() + values * static_cast<size_t>(vertical_.first[y] + j);
        for (size_t i = 0; i < values; ++i) deep_row_[i] += weight * in[i];
      }
      row = deep_row_.data();
    }
    uint16_t* to = out->deep_row(y);
    for (size_t i = 0; i < values; ++i) {
      to[i] = static_cast<uint16_t>(std::clamp(row[i] + 0.5f, 0.0f, 65535.0f));
    }
  }
}

bool VerticalFirst(int width, int height, int new_width, int new_height) {
  return new_height < height && int64_t{height} - new_height > 2 * (int64_t{width} - new_width);
}

void BicubicResizer::Resize(const ImageView& source, const ImageArea& box, int width, int height,
                            bool vertical_first, Image* out) {
  CHECK(width > 0 && height > 0);
  CHECK(box.x0 >= 0 && box.y0 >= 0 && box.x1 > box.x0 && box.y1 > box.y0);
  CHECK(box.x1 <= source.width && box.y1 <= source.height);
  // As in Pillow, a pass that would change nothing is skipped.
  const bool across = width != source.width || box.x0 != 0 || box.x1 != width;
  const bool down = height != source.height || box.y0 != 0 || box.y1 != height;
  // Neither pass computes what the other one does not read.
  PixelBox seen = {0, 0, source.width, source.height};
  if (across) {
    std::tie(seen.x, seen.width) = horizontal_.Compute(source.width, box.x0, box.x1, width);
  }
  if (down) {
    std::tie(seen.y, seen.height) = vertical_.Compute(source.height, box.y0, box.y1, height);
  }
  const ImageView view = source.Part(seen);
  if (view.deep != nullptr) {
    ResizeDeep(view, across, down, width, height, out);
  } else if (across && down && vertical_first) {
    VerticalPass(view, height, &between_);
    HorizontalPass(ImageView(between_), width, out);
  } else if (across && down) {
    HorizontalPass(view, width, &between_);
    VerticalPass(ImageView(between_), height, out);
  } else if (across) {
    HorizontalPass(view, width, out);
  } else if (down) {
    VerticalPass(view, height, out);
  } else {
    out->SetSize(width, height);
    for (int y = 0; y < height; ++y) {
      std::copy_n(view.rgb + y * view.stride, 3 * width, out->pixel(0, y));
    }
  }
}

void BicubicResizer::Resize(const ImageView& source, int width, int height, Image* out) {
  Resize(source, {0, 0, double(source.width), double(source.height)}, width, height, out);
}

}  // namespace models
HWY_AFTER_NAMESPACE();
