// Bicubic resampling with anti-aliasing, byte for byte as Pillow's
// Image.resize(size, BICUBIC, box) does it for 8-bit images (up to 12; 13 takes
// the vertical pass first where the width grows and the height shrinks, which
// moves some values by one).
//
// Keys' cubic with a = -0.5, its support widened by the scale when shrinking;
// weights normalised in double, then rounded to 22-bit fixed point; a horizontal
// pass rounded to 8 bits, then a vertical one. The filter reads pixels outside
// `box` but inside the view, so a crop that must not see its surroundings
// (torchvision's crop, then resize) is a view of its own.
#ifndef MODELS_DATA_RESIZE_H_
#define MODELS_DATA_RESIZE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/data/image.h"

namespace models {

// Pixels that belong to somebody else: (height, width, 3), rows `stride` bytes apart.
struct ImageView {
  const uint8_t* rgb;
  int width;
  int height;
  size_t stride;

  explicit ImageView(const Image& image)
      : rgb(image.rgb.data()),
        width(image.width),
        height(image.height),
        stride(size_t{3} * image.width) {}
  // The part `box` of `image`, which must contain it.
  ImageView(const Image& image, const PixelBox& box);
};

// Holds the buffers between calls: one per thread, at most one call at a time.
class BicubicResizer {
 public:
  // `box` of `source`, which must contain it and be larger than nothing, to
  // `width` x `height` pixels (at least 1) in `out`, whose storage is reused.
  void Resize(const ImageView& source, const ImageArea& box, int width, int height, Image* out);
  // All of `source`.
  void Resize(const ImageView& source, int width, int height, Image* out);

 private:
  // The weights of one axis: output i is the sum over j < count[i] of
  // weight[i * taps + j] * input[first[i] + j], in units of 2^-22.
  struct Axis {
    int taps = 0;
    std::vector<int> first, count;
    std::vector<int32_t> weight;
    void Compute(int input, double begin, double end, int output);

   private:
    std::vector<double> exact_;
  };

  void HorizontalPass(const ImageView& source, int first_row, int rows, int width);
  void VerticalPass(const ImageView& source, int first_row, int height, Image* out);

  Axis horizontal_, vertical_;
  Image between_;                 // after the horizontal pass
  std::vector<uint8_t> columns_;  // a few rows side by side, column by column
};

}  // namespace models

#endif  // MODELS_DATA_RESIZE_H_
