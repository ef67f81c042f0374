// Turns a decoded image into network input: (channels, H, W) floats, normalised.
//
// Training, in this order: torchvision's RandomResizedCrop (bicubic), a horizontal flip with
// probability 1/2, RandAugment, normalisation, random erasing; the last and the third where the
// options say so. All are pure functions of the image's key.
// Evaluation: resizes the short side to 256/224 of the input size, rounded down, then crops the
// centre; inputs above 224 pixels get no such margin (mask_transform.py).
#ifndef MODELS_DATA_AUGMENT_H_
#define MODELS_DATA_AUGMENT_H_

#include <array>
#include <cstdint>
#include <vector>

#include "graph/base/random.h"
#include "models/data/image.h"
#include "models/data/rand_augment.h"
#include "models/data/random_erasing.h"
#include "models/data/resize.h"

namespace models {

// ImageNet's, of R, G and B. Of one channel they are the means of these three; a fourth has 0.5.
std::vector<double> UsualMean(int channels);
std::vector<double> UsualStd(int channels);

// What --crop_scale, --crop_ratio, --flip, --aa, --reprob, --remode, --recount, --mean and --std
// say.
struct TransformOptions {
  // Bounds of a training crop: its share of the area, in (0, 1], and its width by its height.
  std::array<double, 2> crop_scale = {0.2, 1.0};
  std::array<double, 2> crop_ratio = {3.0 / 4.0, 4.0 / 3.0};
  bool flip = true;
  RandAugmentPolicy rand_augment;  // of 8-bit RGB alone
  ErasingOptions erasing;
  // Of each channel, where black is 0 and white 1; as many as the net takes.
  std::vector<double> mean = UsualMean(3);
  std::vector<double> std = UsualStd(3);

  int channels() const { return static_cast<int>(mean.size()); }
};

// torchvision RandomResizedCrop.get_params: ten tries to fit a box of random area and aspect ratio
// at a random place, then the centre within the ratios.
PixelBox SampleCrop(int width, int height, const TransformOptions& options,
                    graph::RandomStream* random);

// A coin toss for the image with this key (graph::SampleKey).
bool SampleFlip(uint64_t key);

// What is drawn for one training picture.
struct AugmentDraws {
  PixelBox crop;  // of the picture
  bool flip = false;
  std::vector<OpDraw> operations;  // applied to the flipped crop of the input's size, in turn
  std::vector<PixelBox> erased;    // of the input
};

// What evaluation sees: the image is resized to `resized_width` x `resized_height`, then cropped to
// `crop`. An image that already has the target's size (CIFAR's, a scene drawn for the model) is not
// resized. If the target is not square, the image is scaled to just cover that much of its width
// and height.
struct EvaluationGeometry {
  int resized_width, resized_height;
  PixelBox crop;
};
EvaluationGeometry PlanEvaluation(int width, int height, int input_width, int input_height);
// The part of the image that the crop shows.
ImageArea EvaluationArea(int width, int height, int input_width, int input_height);

// Pixels that a crop decoded at reduced size keeps along each axis, for an input of that many.
int LeastOfCrop(int input_pixels);

// Side of the crop relative to the resized picture: 224/256, or 1 for inputs above 224 pixels.
double EvaluationCropShare(int input_width, int input_height);

// Gives `image` the channels that a net takes: 1, 3 or 4, for which it must fit (CheckChannels in
// picture_error.h). Grey is Pillow's luma, (19595 R + 38470 G + 7471 B) / 65536 rounded, of 16
// bits; grey becomes three equal channels.
void ToChannels(int channels, Image* image);

// A picture of the input's size, before normalization, and what is left to do with it.
struct InputPixels {
  const Image* image = nullptr;
  bool flip = false;
  std::vector<PixelBox> erased = {};
  uint64_t key = 0;  // of the values in `erased`
};

// Keeps buffers between calls: use one per thread.
class ImageTransform {
 public:
  // Output: (options.channels(), input_height, input_width); both are at least 1. Pictures must fit
  // that many channels (CheckChannels); they get them once they have the input's size, because a
  // copy of a whole picture would take as much memory again.
  ImageTransform(int input_width, int input_height, const TransformOptions& options = {});

  // Training decodes no more than the crop: PlanTrain() returns the box of a picture to decode (all
  // of it without `crop`: then the evaluation's geometry applies), TrainPixels() continues from it.
  // `key` is graph::SampleKey(seed, epoch, image id). With `exact` the floats are those of a crop
  // of the whole picture; without it a crop may be decoded at reduced size, and values may differ
  // by a few grey levels (docs/training.md). `out` gets the input's size, a quarter of the floats'
  // bytes or half of them, and must outlive the result.
  PartRequest PlanTrain(int width, int height, uint64_t key, bool crop, bool exact) const;
  InputPixels TrainPixels(const PicturePart& part, uint64_t key, bool crop, Image* out);
  InputPixels EvaluatePixels(const Image& image, Image* out);
  // All draws of which PlanTrain(), TrainPixels() and Normalize() make the input of a picture of
  // this size.
  AugmentDraws Draws(int width, int height, uint64_t key, bool crop) const;
  // Flips, normalises and erases. Writes channels * H * W floats.
  void Normalize(const InputPixels& pixels, float* out) const;

  // EvaluatePixels() and Normalize().
  void Evaluate(const Image& image, float* out);

  const TransformOptions& options() const { return options_; }
  int64_t output_size() const {
    return int64_t{options_.channels()} * input_width_ * input_height_;
  }

 private:
  // Applies the evaluation's geometry.
  void Fit(const Image& image, Image* out);
  // Those that do not depend on the picture's size.
  AugmentDraws DrawsOfInput(uint64_t key) const;
  void NormalizeBytes(const InputPixels& pixels, float* out) const;
  void NormalizeDeep(const InputPixels& pixels, float* out) const;

  TransformOptions options_;
  int input_width_, input_height_;
  BicubicResizer resizer_;
  RandAugmenter augmenter_;
  Image resized_;
  float normalized_[3][256];  // (value / 255 - mean) / std of each channel of 8-bit RGB
};

}  // namespace models

#endif  // MODELS_DATA_AUGMENT_H_
