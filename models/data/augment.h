// From a decoded image to network input: (3, H, W) floats, normalised with
// ImageNet's mean and standard deviation.
//
// Training: torchvision's RandomResizedCrop (scale 0.2-1 of the area, aspect
// ratio 3/4-4/3, bicubic) and a horizontal flip with probability 1/2, both pure
// functions of the image's key. Evaluation: the short side to 256/224 of the
// input size, rounded down, then the centre; above 224 pixels without that margin
// (mask_transform.py).
#ifndef MODELS_DATA_AUGMENT_H_
#define MODELS_DATA_AUGMENT_H_

#include <cstdint>

#include "graph/base/random.h"
#include "models/data/image.h"
#include "models/data/picture_part.h"
#include "models/data/resize.h"

namespace models {

// torchvision RandomResizedCrop.get_params: ten tries to fit a box of random
// area and aspect ratio at a random place, then the centre within the ratios.
PixelBox SampleCrop(int width, int height, graph::RandomStream* random);

// Heads or tails for the image with this key (graph::SampleKey).
bool SampleFlip(uint64_t key);

// What evaluation sees: the image resized to `resized_width` x `resized_height`,
// then the box `crop` of that. An image that already has the target's size
// (CIFAR's, a scene drawn for the model) is not resized. For a target that is not
// square the image just covers that much of its width and height.
struct EvaluationGeometry {
  int resized_width, resized_height;
  PixelBox crop;
};
EvaluationGeometry PlanEvaluation(int width, int height, int input_width, int input_height);

// How many pixels a crop that may come smaller keeps each way, for an input of that many.
int LeastOfCrop(int input_pixels);

// What the crop is of the resized picture, each way: 224/256, and 1 for inputs above 224 pixels.
double EvaluationCropShare(int input_width, int input_height);

// A picture of the input's size, before flip and normalization.
struct InputPixels {
  const Image* image = nullptr;
  bool flip = false;
};

// Holds the buffers between calls: one per thread, at most one call at a time.
class ImageTransform {
 public:
  // Output (3, input_height, input_width); both at least 1.
  ImageTransform(int input_width, int input_height);

  // Crop (when `crop`; else the evaluation's geometry), flip, normalise. `key`
  // is graph::SampleKey(seed, epoch, image id). Writes 3 * H * W floats.
  void Train(const Image& image, uint64_t key, bool crop, float* out);
  // The same in two steps, between which no more than the crop is decoded: what Train
  // would look at, and Train from that. With `exact` it writes the same floats; without,
  // a crop may come smaller than in the picture, and a value differ by a few grey levels
  // (docs/training.md).
  PartRequest PlanTrain(int width, int height, uint64_t key, bool crop, bool exact) const;
  void TrainPart(const PicturePart& part, uint64_t key, bool crop, float* out);
  void Evaluate(const Image& image, float* out);

  // The same in bytes, a quarter of the floats' size, and the floats from them. `out` gets
  // the input's size and must outlive what is returned.
  InputPixels TrainPixels(const PicturePart& part, uint64_t key, bool crop, Image* out);
  InputPixels EvaluatePixels(const Image& image, Image* out);
  void Normalize(const InputPixels& pixels, float* out) const;

  int64_t output_size() const { return int64_t{3} * input_width_ * input_height_; }

 private:
  // The evaluation's geometry.
  void Fit(const Image& image, Image* out);

  int input_width_, input_height_;
  BicubicResizer resizer_;
  Image resized_;
  float normalized_[3][256];  // (value / 255 - mean) / std of each channel
};

}  // namespace models

#endif  // MODELS_DATA_AUGMENT_H_
