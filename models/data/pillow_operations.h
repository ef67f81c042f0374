// What RandAugment does to pictures of 8-bit RGB, byte for byte as Pillow 13 and timm compute it.
//
// They round where Pillow does: in float or double as there, and by truncation. BUILD therefore
// forbids the compiler to contract products and sums here.
#ifndef MODELS_DATA_PILLOW_OPERATIONS_H_
#define MODELS_DATA_PILLOW_OPERATIONS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "models/data/image.h"

namespace models {

// Each channel stretched so that its values reach from 0 to 255.
void AutoContrast(Image* image);
// Each channel's values spread as evenly as its histogram allows.
void Equalize(Image* image);
void Invert(Image* image);
// Keeps that many upper bits of each value, in [0, 8]; 0 makes black, which Pillow 13 refuses.
void Posterize(int bits, Image* image);
// Inverts values from `threshold` on.
void Solarize(int threshold, Image* image);
// Adds to values below 128; those above 255 become 255.
void SolarizeAdd(int amount, Image* image);

// Blends the picture (factor 1) with something poorer (0); other factors go beyond either.
void Saturate(double factor, Image* image);    // with its grey: ImageEnhance.Color
void Contrast(double factor, Image* image);    // with its mean grey
void Brightness(double factor, Image* image);  // with black

// The others read a copy of the picture, in `copy`, whose memory is reused. Sharpness blends with
// the picture smoothed, but for a border of one pixel.
void Sharpness(double factor, std::vector<uint8_t>* copy, Image* image);

// A bicubic affine transform (a = -1, where Image.resize has -0.5). The pixel whose centre is
// (x, y) comes from (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]), in pixels from the top left
// corner; what comes from outside the picture gets timm's fill, the mean colour of ImageNet.
void Affine(const std::array<double, 6>& m, std::vector<uint8_t>* copy, Image* image);
// About the centre, counter-clockwise; by less than a right angle, which Pillow turns without
// interpolation.
void Rotate(double degrees, std::vector<uint8_t>* copy, Image* image);

}  // namespace models

#endif  // MODELS_DATA_PILLOW_OPERATIONS_H_
