// A whole picture in an input of fixed size, as segmentation is evaluated: in the upper left
// corner, as large as it is, or shrunk until it fits; the rest of the input is padding.
#ifndef MODELS_DATA_WHOLE_PICTURE_H_
#define MODELS_DATA_WHOLE_PICTURE_H_

#include <cstdint>
#include <vector>

#include "models/data/image.h"
#include "models/data/label_mask.h"
#include "models/data/resize.h"

namespace models {

// The size of a picture of width x height in an input of input_width x input_height: its own, or
// the largest of its proportions that fits.
struct PlacedSize {
  int width = 0;
  int height = 0;
};
PlacedSize PlaceWhole(int width, int height, int input_width, int input_height);

// `image`, which has as many channels as `mean` or can get them (ToChannels), in `out`, of the
// input's size; padding has the colour `mean` (of white 1), which is 0 once it is normalised, but
// for rounding. The resizer's buffers are reused.
void PlaceImage(const Image& image, const std::vector<double>& mean, int input_width,
                int input_height, BicubicResizer* resizer, Image* out);

// The same of its mask, in `out` (input_height, input_width); padding is kUnlabelled.
void PlaceMask(const LabelMask& mask, int input_width, int input_height, uint8_t* out);

}  // namespace models

#endif  // MODELS_DATA_WHOLE_PICTURE_H_
