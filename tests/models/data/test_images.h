// Pictures and files for the tests of models/data: made here, never downloaded.
#ifndef TESTS_MODELS_DATA_TEST_IMAGES_H_
#define TESTS_MODELS_DATA_TEST_IMAGES_H_

#include <cstdint>
#include <string>

#include "models/data/image.h"

namespace models {

// Smooth colour gradients with a little structure; `seed` shifts them.
Image GradientImage(int width, int height, int seed = 0);

// What a photograph is to a decoder: shapes with edges before a background with detail
// at every scale, as 1/f, and some grain.
Image PhotographLike(int width, int height, uint64_t seed);

// JPEG bytes; `subsampling` is a TJSAMP value (0: 4:4:4, 2: 4:2:0, 3: grey).
std::string EncodeJpeg(const Image& image, int subsampling = 0, int quality = 95,
                       bool progressive = false);
// A JPEG whose luma has h x v samples for one of chroma, with restart markers; one scan a component
// where not `interleaved`.
std::string EncodeSampledJpeg(const Image& image, int h, int v, bool interleaved);
// All of a JPEG as libjpeg-turbo's own one-call interface decodes it.
Image DecodeJpegByTurbo(const std::string& bytes);
// A JPEG of width x height inks, as Adobe's programs write them.
std::string EncodeCmykJpeg(const std::string& inks, int width, int height);
// Lossless where `quality` is 0.
std::string EncodeWebp(const Image& image, int quality = 0);
// (height, width, 4) RGBA bytes, colours under full transparency kept.
std::string EncodeRgbaWebp(const std::string& rgba, int width, int height);
// A canvas of width x height; `first` appears at (x, y), both even, then comes another frame.
std::string EncodeWebpAnimation(const Image& first, int x, int y, int width, int height);
std::string EncodePng(const Image& image);
// A PNG of a palette of `entries` colours, which are not their numbers, for (height, width) of
// these; of 1, 2 or 4 bits a pixel where they suffice.
std::string EncodePalettePng(const std::string& numbers, int width, int height, int entries = 256);
// A PNG of (height, width) grey values of 8 bits.
std::string EncodeGreyPng(const std::string& values, int width, int height);
// The PNG file `png` with a header that claims another size: a decompression bomb.
std::string ClaimPngSize(std::string png, uint32_t width, uint32_t height);
// PNG of (height, width, 4) RGBA bytes.
std::string EncodeRgbaPng(const std::string& rgba, int width, int height);

// Writes `bytes` to `path`, making the folders above it. CHECKs success.
void WriteFile(const std::string& path, const std::string& bytes);
// A new empty folder under the test's temporary folder.
std::string NewFolder(const std::string& name);

// `bytes` with a few random changes: flipped bits, replaced, inserted and removed
// runs, truncation. The same for the same `seed`.
std::string Mutate(const std::string& bytes, uint64_t seed);

// The largest difference of two values, 256 when the sizes differ.
int MaxDifference(const Image& a, const Image& b);

}  // namespace models

#endif  // TESTS_MODELS_DATA_TEST_IMAGES_H_
