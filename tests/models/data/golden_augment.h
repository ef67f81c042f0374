// The golden file of augmentations (testdata/augment_pillow.safetensors): Pillow 13.0 and timm
// 0.3.2 made the pictures and boxes. Metadata `cases`: a list of {image, tensor, ops: [[name,
// level, negated, [argument]], ...]}, where `tensor` is `image` after the ops. Metadata `erasing`:
// a list of {H, W, draws, box: [top, left, height, width]}; draws are area and log ratio of each
// try, then top and left.
#ifndef TESTS_MODELS_DATA_GOLDEN_AUGMENT_H_
#define TESTS_MODELS_DATA_GOLDEN_AUGMENT_H_

#include <string>

#include "models/data/image.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"

namespace models {

class GoldenAugment {
 public:
  // Aborts if the file cannot be read.
  GoldenAugment();

  nlohmann::json Metadata(const std::string& name) const;
  Image Picture(const std::string& tensor) const;

 private:
  SafetensorsReader file_;
};

}  // namespace models

#endif  // TESTS_MODELS_DATA_GOLDEN_AUGMENT_H_
