// What a training loader has to make of a picture.
#ifndef TESTS_MODELS_DATA_TRAIN_FLOATS_H_
#define TESTS_MODELS_DATA_TRAIN_FLOATS_H_

#include <cstdint>

#include "models/data/augment.h"

namespace models {

// The floats of `image`, which is decoded whole and the crop cut out of it before it is resized.
inline void TrainFloats(ImageTransform* transform, const Image& image, uint64_t key, bool crop,
                        float* out) {
  PicturePart part;
  part.image = image;
  const auto plan = [&](int width, int height) {
    return transform->PlanTrain(width, height, key, crop, /*exact=*/true);
  };
  TakeWhole(plan, &part);
  Image pixels;
  InputPixels input = transform->TrainPixels(part, key, crop, &pixels);
  Image cut;
  if (crop) {
    const PixelBox box = plan(image.width, image.height).box;
    BicubicResizer().Resize(ImageView(image, box), pixels.width, pixels.height, &cut);
    ToChannels(transform->options().channels(), &cut);
    input.image = &cut;
  }
  transform->Normalize(input, out);
}

}  // namespace models

#endif  // TESTS_MODELS_DATA_TRAIN_FLOATS_H_
