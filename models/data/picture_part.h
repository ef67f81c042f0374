// A part of a picture: what a transform asks a data set for, and what comes back.
//
// A random crop uses half of a photograph, and often at a fraction of its size. Which
// part depends on the picture's size, which only its header says; so the decoder reads
// the header, asks what is wanted, and decodes no more than that.
#ifndef MODELS_DATA_PICTURE_PART_H_
#define MODELS_DATA_PICTURE_PART_H_

#include <functional>

#include "models/data/image.h"

namespace models {

struct PartRequest {
  // What will be looked at, in the picture's pixels; not empty, inside the picture.
  PixelBox box;
  // The box may come at a half, a quarter or an eighth of its size as long as it keeps
  // this many pixels. 0: it comes as it is, byte for byte that part of the picture.
  int least_width = 0;
  int least_height = 0;
};

// What is wanted of a picture of this size; both are at least 1.
using PartPlan = std::function<PartRequest(int width, int height)>;

// Reused from picture to picture, so that its memory is taken once.
struct PicturePart {
  Image image;     // shows the box, and perhaps more of the picture around it
  ImageArea box;   // where the box lies in `image`; whole numbers unless `shrunk` is more than 1
  int shrunk = 1;  // the picture's pixels that one pixel of `image` stands for, across and down
};

// All of the picture as it is.
inline PartRequest WholePicture(int width, int height) { return {{0, 0, width, height}}; }

// Turns `part`, whose image is the whole picture, into the answer to `plan`.
inline void TakeWhole(const PartPlan& plan, PicturePart* part) {
  const PixelBox box = plan(part->image.width, part->image.height).box;
  part->box = {double(box.x), double(box.y), double(box.x + box.width), double(box.y + box.height)};
  part->shrunk = 1;
}

}  // namespace models

#endif  // MODELS_DATA_PICTURE_PART_H_
