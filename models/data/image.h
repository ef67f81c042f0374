// Images, which data sets pass to the transform that makes network input of them: 8-bit RGB nearly
// always, else samples of 16 bits.
#ifndef MODELS_DATA_IMAGE_H_
#define MODELS_DATA_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace models {

// Interleaved (H, W, channels), rows top to bottom without padding; one of `rgb` and `deep` is
// empty.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb = {};  // height * width * 3 bytes
  // What 8-bit RGB cannot hold: 1 (grey), 3 or 4 channels, 65535 is white. A sample of 8 bits is
  // 257 times its value, so nothing is lost.
  std::vector<uint16_t> deep = {};
  int channels = 3;

  static Image Sized(int width, int height) {
    Image image;
    image.SetSize(width, height);
    return image;
  }
  // Both reuse the memory, but not that of the other kind; the pixels are then unspecified.
  void SetSize(int new_width, int new_height) {
    width = new_width;
    height = new_height;
    channels = 3;
    std::vector<uint16_t>().swap(deep);
    rgb.resize(size_t{3} * width * height);
  }
  void SetDeepSize(int new_width, int new_height, int new_channels) {
    width = new_width;
    height = new_height;
    channels = new_channels;
    std::vector<uint8_t>().swap(rgb);
    deep.resize(size_t{1} * channels * width * height);
  }
  bool is_deep() const { return !deep.empty(); }
  uint16_t* deep_row(int y) { return deep.data() + size_t{1} * channels * width * y; }
  const uint16_t* deep_row(int y) const { return deep.data() + size_t{1} * channels * width * y; }
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

// A part of a picture: what a transform requests from a data set, and the answer.
//
// A random crop uses half of a photograph, often at a fraction of its size. The crop depends on the
// picture's size, which only the header tells. So the decoder reads the header, asks for the plan,
// and decodes only what the plan needs.
struct PartRequest {
  // The pixels that will be used, in the picture's coordinates; not empty, inside the picture.
  PixelBox box;
  // The box may be decoded at a half, a quarter or an eighth of its size as long as it keeps this
  // many pixels. 0: it is decoded at full size, byte for byte as in the whole picture.
  int least_width = 0;
  int least_height = 0;
};

// Plans for a picture of this size; both are at least 1.
using PartPlan = std::function<PartRequest(int width, int height)>;

// Reused from picture to picture, to keep its memory.
struct PicturePart {
  Image image;     // shows the box, and perhaps more of the picture around it
  ImageArea box;   // of the box in `image`; whole numbers unless `shrunk` > 1
  int shrunk = 1;  // picture pixels for each pixel of `image`, across and down
};

// The whole picture at full size.
inline PartRequest WholePicture(int width, int height) { return {{0, 0, width, height}}; }

// Given the whole picture in `part`, fills in the answer to `plan`.
inline void TakeWhole(const PartPlan& plan, PicturePart* part) {
  const PixelBox box = plan(part->image.width, part->image.height).box;
  part->box = {double(box.x), double(box.y), double(box.x + box.width), double(box.y + box.height)};
  part->shrunk = 1;
}

}  // namespace models

#endif  // MODELS_DATA_IMAGE_H_
