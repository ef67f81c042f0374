// Bicubic resampling with anti-aliasing, byte for byte like Pillow 13's Image.resize(size, BICUBIC,
// box) for 8-bit images. Deep ones (image.h) have the same weights, and are rounded once.
//
// Keys' cubic with a = -0.5, its support widened by the scale when shrinking; weights are
// normalised in double, then rounded to 22-bit fixed point; two passes, the first of which rounds
// to 8 bits. The filter reads pixels outside `box` but inside the view. So a crop that must not see
// its surroundings (torchvision crops, then resizes) needs a view of its own.
#ifndef MODELS_DATA_RESIZE_H_
#define MODELS_DATA_RESIZE_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "models/data/image.h"

namespace models {

// Pixels owned by somebody else: (height, width, channels), rows `stride` samples apart.
struct ImageView {
  const uint8_t* rgb;    // null where the image is deep
  const uint16_t* deep;  // null where it is not
  int width;
  int height;
  int channels;
  size_t stride;

  explicit ImageView(const Image& image)
      : rgb(image.is_deep() ? nullptr : image.rgb.data()),
        deep(image.is_deep() ? image.deep.data() : nullptr),
        width(image.width),
        height(image.height),
        channels(image.channels),
        stride(size_t{1} * image.channels * image.width) {}
  // The part `box` of `image`, which must contain it.
  ImageView(const Image& image, const PixelBox& box);
  ImageView Part(const PixelBox& box) const;
};

// Whether Pillow 13 does the vertical pass first: if resizing width x height to new_width x
// new_height removes more than twice as many rows as columns. (Until Pillow 12 the horizontal pass
// always came first.)
bool VerticalFirst(int width, int height, int new_width, int new_height);

// Keeps buffers between calls: use one per thread.
class BicubicResizer {
 public:
  // Resizes `box` of `source`, which must contain it and which is not empty, to `width` x `height`
  // pixels (at least 1) in `out`, reusing its storage. `vertical_first` is VerticalFirst() of the
  // whole picture, even if `source` is a part of it.
  void Resize(const ImageView& source, const ImageArea& box, int width, int height,
              bool vertical_first, Image* out);
  void Resize(const ImageView& source, const ImageArea& box, int width, int height, Image* out) {
    Resize(source, box, width, height, VerticalFirst(source.width, source.height, width, height),
           out);
  }
  // All of `source`.
  void Resize(const ImageView& source, int width, int height, Image* out);

 private:
  // The weights of one axis: output i is the sum over j < count[i] of
  // weight[i * taps + j] * input[first[i] + j], in units of 2^-22.
  struct Axis {
    int taps = 0;
    std::vector<int> first, count;
    std::vector<int32_t> weight;
    // Returns where the part of the input that is read begins, and its size; `first` is relative to
    // that.
    std::pair<int, int> Compute(int input, double begin, double end, int output);

   private:
    std::vector<double> exact_;
  };

  void HorizontalPass(const ImageView& source, int width, Image* out);
  void VerticalPass(const ImageView& source, int height, Image* out);
  // Both passes, of those that are wanted, over a deep image.
  void ResizeDeep(const ImageView& source, bool across, bool down, int width, int height,
                  Image* out);

  Axis horizontal_, vertical_;
  Image between_;                            // result of the first of two passes
  std::vector<uint8_t> columns_;             // a few rows interleaved, column by column
  std::vector<float> deep_rows_, deep_row_;  // a deep image's, after the first pass
};

}  // namespace models

#endif  // MODELS_DATA_RESIZE_H_
