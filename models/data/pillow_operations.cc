#include "models/data/pillow_operations.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();  // for AVX2, like all code here
namespace models {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::array<uint8_t, 3> kFill = {124, 116, 104};  // 255 * ImageNet's mean, rounded
constexpr int kValues = 256;
using Table = std::array<uint8_t, kValues>;
using Counts = std::array<int64_t, kValues>;

// Conversion in C truncates.
uint8_t Truncated(float value) {
  return static_cast<uint8_t>(std::min(std::max(value, 0.0f), 255.0f));
}

// Image.blend: beyond the two pictures, too.
uint8_t Blend(float from, float to, float factor) { return Truncated(from + factor * (to - from)); }

template <typename Value>
Table MakeTable(const Value& value) {
  Table table;
  for (int i = 0; i < kValues; ++i) table[i] = static_cast<uint8_t>(value(i));
  return table;
}

void LookUp(const std::array<Table, 3>& tables, Image* image) {
  uint8_t* const end = image->rgb.data() + image->rgb.size();
  for (uint8_t* p = image->rgb.data(); p < end; p += 3) {
    p[0] = tables[0][p[0]];
    p[1] = tables[1][p[1]];
    p[2] = tables[2][p[2]];
  }
}

void LookUp(const Table& table, Image* image) { LookUp({table, table, table}, image); }

std::array<Counts, 3> Histograms(const Image& image) {
  std::array<Counts, 3> counts = {};
  for (size_t i = 0; i < image.rgb.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) ++counts[c][image.rgb[i + c]];
  }
  return counts;
}

template <typename MakeTableOf>
void LookUpByHistogram(const MakeTableOf& table_of, Image* image) {
  const std::array<Counts, 3> counts = Histograms(*image);
  LookUp({table_of(counts[0]), table_of(counts[1]), table_of(counts[2])}, image);
}

int Identity(int value) { return value; }

Table AutoContrastTable(const Counts& counts) {
  int low = 0, high = kValues - 1;
  while (low < high && counts[low] == 0) ++low;
  while (high > low && counts[high] == 0) --high;
  if (high <= low) return MakeTable(Identity);
  const double scale = 255.0 / (high - low);
  const double offset = -low * scale;
  return MakeTable([&](int i) { return std::clamp(static_cast<int>(i * scale + offset), 0, 255); });
}

Table EqualizeTable(const Counts& counts) {
  const auto last = std::find_if(counts.rbegin(), counts.rend(), [](int64_t n) { return n > 0; });
  if (last == counts.rend()) return MakeTable(Identity);
  const int64_t pixels = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  const int64_t step = (pixels - *last) / 255;  // 0 where there is one value alone, too
  if (step == 0) return MakeTable(Identity);
  int64_t sum = step / 2;
  return MakeTable([&](int i) {
    const int64_t value = std::min<int64_t>(sum / step, 255);
    sum += counts[i];
    return value;
  });
}

// Image.convert("L").
int Grey(const uint8_t* rgb) {
  return (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16;
}

// Rounded to 15 digits behind the point, as Python's round() does it.
double Rounded15(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.15f", value);
  return std::strtod(text, nullptr);
}

// Values at `in`, in rows `stride` bytes apart, blended with themselves smoothed
// (ImageFilter.SMOOTH): five times the value and once each neighbour, by 13. The sum begins with
// the row below.
template <typename Floats>
HWY_INLINE void Sharpen(Floats floats, const uint8_t* in, ptrdiff_t stride, float factor,
                        uint8_t* out) {
  const hn::Rebind<int32_t, Floats> ints;
  const hn::Rebind<uint8_t, Floats> bytes;
  using Values = hn::Vec<Floats>;
  const auto load = [&](const uint8_t* v) {
    return hn::ConvertTo(floats, hn::PromoteTo(ints, hn::LoadU(bytes, v)));
  };
  const Values neighbour = hn::Set(floats, 1.0f / 13.0f), centre = hn::Set(floats, 5.0f / 13.0f);
  const auto row = [&](const uint8_t* v, Values weight) {
    const Values left = hn::Mul(load(v - 3), neighbour), middle = hn::Mul(load(v), weight);
    return hn::Add(hn::Add(left, middle), hn::Mul(load(v + 3), neighbour));
  };
  Values sum = hn::Add(hn::Set(floats, 0.5f), row(in + stride, neighbour));
  sum = hn::Add(hn::Add(sum, row(in, centre)), row(in - stride, neighbour));
  const Values smooth = hn::Trunc(hn::Min(sum, hn::Set(floats, 255.0f)));
  const Values blended =
      hn::Add(smooth, hn::Mul(hn::Set(floats, factor), hn::Sub(load(in), smooth)));
  const Values clipped = hn::Clamp(blended, hn::Zero(floats), hn::Set(floats, 255.0f));
  hn::StoreU(hn::DemoteTo(bytes, hn::ConvertTo(ints, clipped)), bytes, out);
}

// One pixel a vector: its three channels, and a fourth value that is not used.
constexpr hn::FixedTag<uint8_t, 4> kBytes;
constexpr hn::FixedTag<int32_t, 4> kInts;
constexpr hn::FixedTag<double, 4> kDoubles;
using Pixel = hn::Vec<decltype(kDoubles)>;

auto LoadPixel(const uint8_t* rgb) { return hn::PromoteTo(kInts, hn::LoadU(kBytes, rgb)); }

// Where Pillow reads along one axis: the four places around the source, and how far behind the
// second it lies. Places outside repeat the picture's edge.
struct Taps {
  HWY_INLINE Taps(double source, int size, int unit) {
    const double at = source - 0.5;
    const int first = static_cast<int>(std::floor(at)) - 1;
    beyond = at - (first + 1);
    for (int k = 0; k < 4; ++k) offset[k] = unit * std::clamp(first + k, 0, size - 1);
  }
  double beyond;
  int offset[4];  // in bytes
};

// Along a row the coefficients are sums of bytes, exact in integers.
HWY_INLINE Pixel AcrossRow(const uint8_t* row, const Taps& x) {
  const auto v2 = LoadPixel(row + x.offset[1]);
  // The polynomial gives v2 then: shears and translations along y.
  if (x.beyond == 0) return hn::PromoteTo(kDoubles, v2);
  const auto v1 = LoadPixel(row + x.offset[0]), v3 = LoadPixel(row + x.offset[2]),
             v4 = LoadPixel(row + x.offset[3]);
  const Pixel d = hn::Set(kDoubles, x.beyond);
  const auto left = hn::Sub(v1, v2), sum = hn::Add(left, hn::Sub(v3, v4));
  const Pixel p2 = hn::PromoteTo(kDoubles, hn::Sub(v3, v1));
  const Pixel p3 = hn::PromoteTo(kDoubles, hn::Add(left, sum));
  const Pixel minus_p4 = hn::PromoteTo(kDoubles, sum);
  const Pixel inner = hn::Sub(p3, hn::Mul(d, minus_p4));
  return hn::Add(hn::PromoteTo(kDoubles, v2), hn::Mul(d, hn::Add(p2, hn::Mul(d, inner))));
}

// Between rows they are not: sums in Pillow's order.
HWY_INLINE Pixel BetweenRows(Pixel v1, Pixel v2, Pixel v3, Pixel v4, double beyond) {
  const Pixel d = hn::Set(kDoubles, beyond);
  const Pixel left = hn::Sub(v1, v2);
  const Pixel p2 = hn::Sub(v3, v1);
  const Pixel p3 = hn::Sub(hn::Add(hn::Add(left, left), v3), v4);
  const Pixel p4 = hn::Add(hn::Sub(hn::Sub(v2, v1), v3), v4);
  return hn::Add(v2, hn::Mul(d, hn::Add(p2, hn::Mul(d, hn::Add(p3, hn::Mul(d, p4))))));
}

HWY_INLINE Pixel Bicubic(const uint8_t* rgb, const Taps& x, const Taps& y) {
  const Pixel v2 = AcrossRow(rgb + y.offset[1], x);
  if (y.beyond == 0) return v2;  // shears and translations along x
  return BetweenRows(AcrossRow(rgb + y.offset[0], x), v2, AcrossRow(rgb + y.offset[2], x),
                     AcrossRow(rgb + y.offset[3], x), y.beyond);
}

}  // namespace

void AutoContrast(Image* image) { LookUpByHistogram(AutoContrastTable, image); }

void Equalize(Image* image) { LookUpByHistogram(EqualizeTable, image); }

void Invert(Image* image) {
  LookUp(MakeTable([](int i) { return 255 - i; }), image);
}

void Posterize(int bits, Image* image) {
  LookUp(MakeTable([&](int i) { return i & ~((1 << (8 - bits)) - 1); }), image);
}

void Solarize(int threshold, Image* image) {
  LookUp(MakeTable([&](int i) { return i < threshold ? i : 255 - i; }), image);
}

void SolarizeAdd(int amount, Image* image) {
  LookUp(MakeTable([&](int i) { return i < 128 ? std::min(255, i + amount) : i; }), image);
}

void Saturate(double factor, Image* image) {
  const float f = static_cast<float>(factor);
  uint8_t* const end = image->rgb.data() + image->rgb.size();
  for (uint8_t* p = image->rgb.data(); p < end; p += 3) {
    const float grey = static_cast<float>(Grey(p));
    for (int c = 0; c < 3; ++c) p[c] = Blend(grey, p[c], f);
  }
}

void Contrast(double factor, Image* image) {
  int64_t sum = 0;
  for (size_t i = 0; i < image->rgb.size(); i += 3) sum += Grey(&image->rgb[i]);
  const double pixels = static_cast<double>(image->rgb.size() / 3);
  const int mean = static_cast<int>(static_cast<double>(sum) / pixels + 0.5);
  const float from = static_cast<float>(mean), f = static_cast<float>(factor);
  LookUp(MakeTable([&](int i) { return Blend(from, static_cast<float>(i), f); }), image);
}

void Brightness(double factor, Image* image) {
  const float f = static_cast<float>(factor);
  LookUp(MakeTable([&](int i) { return Blend(0, static_cast<float>(i), f); }), image);
}

void Sharpness(double factor, std::vector<uint8_t>* copy, Image* image) {
  const float f = static_cast<float>(factor);
  const ptrdiff_t stride = ptrdiff_t{3} * image->width;
  copy->assign(image->rgb.begin(), image->rgb.end());
  for (int y = 1; y + 1 < image->height; ++y) {
    const uint8_t* const in = copy->data() + y * stride;
    uint8_t* const out = image->pixel(0, y);
    ptrdiff_t i = 3;
    for (; i + 8 <= stride - 3; i += 8)
      Sharpen(hn::FixedTag<float, 8>(), in + i, stride, f, out + i);
    for (; i < stride - 3; ++i) Sharpen(hn::FixedTag<float, 1>(), in + i, stride, f, out + i);
  }
}

void Affine(const std::array<double, 6>& m, std::vector<uint8_t>* copy, Image* image) {
  const int width = image->width, height = image->height;
  copy->assign(image->rgb.begin(), image->rgb.end());
  copy->push_back(0);  // the last pixel is read as four bytes
  const uint8_t* const rgb = copy->data();
  uint8_t* out = image->rgb.data();
  for (int row = 0; row < height; ++row) {
    const double y = row + 0.5;
    for (int column = 0; column < width; ++column, out += 3) {
      const double x = column + 0.5;
      const double from_x = m[0] * x + m[1] * y + m[2], from_y = m[3] * x + m[4] * y + m[5];
      if (!(from_x >= 0 && from_x < width && from_y >= 0 && from_y < height)) {
        std::memcpy(out, kFill.data(), 3);
        continue;
      }
      const Pixel value = Bicubic(rgb, Taps(from_x, width, 3), Taps(from_y, height, 3 * width));
      const Pixel clipped = hn::Clamp(value, hn::Zero(kDoubles), hn::Set(kDoubles, 255.0));
      uint8_t pixel[4];
      hn::StoreU(hn::DemoteTo(kBytes, hn::DemoteTo(kInts, clipped)), kBytes, pixel);
      std::memcpy(out, pixel, 3);
    }
  }
}

void Rotate(double degrees, std::vector<uint8_t>* copy, Image* image) {
  // Python's %, whose result has the divisor's sign.
  degrees = std::fmod(degrees, 360.0);
  if (degrees < 0) degrees += 360.0;
  if (degrees == 0) return;
  const double angle = -(degrees * (M_PI / 180.0));
  const double cosine = Rounded15(std::cos(angle)), sine = Rounded15(std::sin(angle));
  const double minus_sine = Rounded15(-std::sin(angle));
  const double x = image->width / 2.0, y = image->height / 2.0;
  Affine({cosine, sine, cosine * -x + sine * -y + x,  //
          minus_sine, cosine, minus_sine * -x + cosine * -y + y},
         copy, image);
}

}  // namespace models
HWY_AFTER_NAMESPACE();
