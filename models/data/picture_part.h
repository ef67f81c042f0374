// A part of a picture: what a transform requests from a data set, and the answer.
//
// A random crop uses half of a photograph, often at a fraction of its size. The crop depends on the
// picture's size, which only the header tells. So the decoder reads the header, asks for the plan,
// and decodes only what the plan needs.
#ifndef MODELS_DATA_PICTURE_PART_H_
#define MODELS_DATA_PICTURE_PART_H_

#include <functional>

#include "models/data/image.h"

namespace models {

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

#endif  // MODELS_DATA_PICTURE_PART_H_
