// An 8-bit RGB image, the form in which data sets pass pictures to the transform that makes network
// input of them.
#ifndef MODELS_DATA_IMAGE_H_
#define MODELS_DATA_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace models {

// Interleaved (H, W, 3), rows top to bottom without padding.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;  // height * width * 3 bytes

  static Image Sized(int width, int height) {
    return {width, height, std::vector<uint8_t>(size_t{3} * width * height)};
  }
  // Reuses the memory; the pixels are then unspecified.
  void SetSize(int new_width, int new_height) {
    width = new_width;
    height = new_height;
    rgb.resize(size_t{3} * width * height);
  }
  uint8_t* pixel(int x, int y) { return rgb.data() + (size_t{3} * y) * width + size_t{3} * x; }
  const uint8_t* pixel(int x, int y) const {
    return rgb.data() + (size_t{3} * y) * width + size_t{3} * x;
  }
};

// A rectangle in pixel units whose edges may lie between pixels: (0, 0, width, height) is
// everything.
struct ImageArea {
  double x0 = 0;
  double y0 = 0;
  double x1 = 0;
  double y1 = 0;
};

// A rectangle of whole pixels, top left corner and size.
struct PixelBox {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

}  // namespace models

#endif  // MODELS_DATA_IMAGE_H_
