#include "models/data/augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "models/data/rand_augment.h"
#include "models/data/random_erasing.h"
#include "models/data/resize.h"
#include "tests/models/data/test_images.h"
#include "tests/models/data/train_floats.h"

namespace models {
namespace {

using graph::Purpose;
using graph::RandomStream;

TEST(SampleCrop, StaysInsideWithinScaleAndRatio) {
  double min_area = 1, max_area = 0;
  for (uint64_t key = 0; key < 2000; ++key) {
    RandomStream random(key, Purpose::kCrop);
    const PixelBox box = SampleCrop(300, 200, {}, &random);
    ASSERT_GE(box.x, 0);
    ASSERT_GE(box.y, 0);
    ASSERT_LE(box.x + box.width, 300);
    ASSERT_LE(box.y + box.height, 200);
    const double area = double(box.width) * box.height / (300 * 200);
    const double ratio = double(box.width) / box.height;
    min_area = std::min(min_area, area);
    max_area = std::max(max_area, area);
    EXPECT_GT(area, 0.19);
    EXPECT_GT(ratio, 0.73);
    EXPECT_LT(ratio, 1.36);
  }
  EXPECT_LT(min_area, 0.22);  // the whole range is used
  EXPECT_GT(max_area, 0.8);
}

TEST(SampleCrop, TheBoundsAreTheOptions) {
  TransformOptions options;
  options.crop_scale = {0.05, 0.1};
  options.crop_ratio = {2, 3};
  for (uint64_t key = 0; key < 200; ++key) {
    RandomStream random(key, Purpose::kCrop);
    const PixelBox box = SampleCrop(300, 200, options, &random);
    const double area = double(box.width) * box.height / (300 * 200);
    const double ratio = double(box.width) / box.height;
    EXPECT_GT(area, 0.045);
    EXPECT_LT(area, 0.105);
    EXPECT_GT(ratio, 1.9);
    EXPECT_LT(ratio, 3.1);
  }
  RandomStream random(1, Purpose::kCrop);
  EXPECT_EQ(SampleCrop(10, 1000, options, &random).height, 5);  // 10 / 2
}

TEST(SampleCrop, FallsBackToTheCentreOfThinImages) {
  RandomStream random(1, Purpose::kCrop);
  PixelBox box = SampleCrop(1000, 10, {}, &random);
  EXPECT_EQ(box.width, 13);  // round(10 * 4 / 3)
  EXPECT_EQ(box.height, 10);
  EXPECT_EQ(box.x, 493);
  box = SampleCrop(6, 500, {}, &random);
  EXPECT_EQ(box.width, 6);
  EXPECT_EQ(box.height, 8);
  EXPECT_EQ(box.y, 246);
  box = SampleCrop(1, 1, {}, &random);
  EXPECT_EQ(box.width, 1);
  EXPECT_EQ(box.height, 1);
}

TEST(SampleFlip, IsAFairCoinOfTheKey) {
  int heads = 0;
  for (uint64_t key = 0; key < 4000; ++key) {
    heads += SampleFlip(key);
    EXPECT_EQ(SampleFlip(key), SampleFlip(key));
  }
  EXPECT_NEAR(heads, 2000, 130);  // four standard deviations
}

// A flip that hung on the crop would teach a net small things turned round.
TEST(SampleFlip, DoesNotHangOnTheCrop) {
  const ImageTransform transform(32, 32);
  constexpr int kKeys = 4000;
  double sums[2][3] = {}, count[2] = {};
  for (uint64_t key = 0; key < kKeys; ++key) {
    const PixelBox box = transform.PlanTrain(300, 300, key, true, true).box;
    const int flip = SampleFlip(key) ? 1 : 0;
    const double values[3] = {box.width * box.height / (300.0 * 300.0), box.x / 300.0,
                              double(box.width) / box.height};
    for (int i = 0; i < 3; ++i) sums[flip][i] += values[i];
    count[flip] += 1;
  }
  for (int i = 0; i < 3; ++i) {
    // Standard deviations of about 0.2; five of the means' difference.
    EXPECT_NEAR(sums[0][i] / count[0], sums[1][i] / count[1], 0.035) << i;
  }
}

TEST(PlanTrain, ACropThatIsDecodedSmallerKeepsOneAndAHalfPixelsForEach) {
  const PartRequest request = ImageTransform(224, 33).PlanTrain(4000, 3000, 1, true, false);
  EXPECT_EQ(request.least_width, 336);
  EXPECT_EQ(request.least_height, 50);  // 49.5
  const PartRequest exact = ImageTransform(224, 33).PlanTrain(4000, 3000, 1, true, true);
  EXPECT_EQ(exact.least_width, 0);
  EXPECT_EQ(exact.least_height, 0);
  EXPECT_EQ(exact.box.x, request.box.x);
  EXPECT_EQ(exact.box.width, request.box.width);
}

TEST(PlanEvaluation, TheCentreIsRoundedToTheEvenPixel) {
  // 343 and 345 pixels wide: (343 - 224) / 2 = 59.5, (345 - 224) / 2 = 60.5.
  EXPECT_EQ(PlanEvaluation(343, 256, 224, 224).crop.x, 60);
  EXPECT_EQ(PlanEvaluation(345, 256, 224, 224).crop.x, 60);
  EXPECT_EQ(PlanEvaluation(256, 343, 224, 224).crop.y, 60);
}

// Pillow resizes the whole picture, and so looks at its size to choose the first pass.
TEST(ImageTransform, TheEvaluationIsACutOfTheWholeResized) {
  for (const auto& [w, h] : {std::pair{60, 128}, {128, 60}, {50, 37}, {37, 50}, {9, 200}}) {
    const Image image = PhotographLike(w, h, 3);
    const EvaluationGeometry plan = PlanEvaluation(w, h, 32, 32);
    Image whole, seen;
    BicubicResizer().Resize(ImageView(image), plan.resized_width, plan.resized_height, &whole);
    ImageTransform(32, 32).EvaluatePixels(image, &seen);
    int differences = 0;
    for (int y = 0; y < 32; ++y) {
      for (int i = 0; i < 96; ++i) {
        differences += seen.pixel(0, y)[i] != whole.pixel(plan.crop.x, plan.crop.y + y)[i];
      }
    }
    // The box has a rounding error in its last digit, which may tip a value.
    EXPECT_LE(differences, 3) << w << "x" << h;
  }
}

TEST(PlanEvaluation, ResizesTheShortSideAndTakesTheCentre) {
  EvaluationGeometry plan = PlanEvaluation(500, 375, 224, 224);
  EXPECT_EQ(plan.resized_height, 256);
  EXPECT_EQ(plan.resized_width, 341);  // int(256 * 500 / 375)
  EXPECT_EQ(plan.crop.x, 58);          // round(58.5), ties to even
  EXPECT_EQ(plan.crop.y, 16);
  plan = PlanEvaluation(300, 900, 32, 32);
  EXPECT_EQ(plan.resized_width, 36);  // int(32 / 0.875), as the official code and timm
  EXPECT_EQ(plan.resized_height, 108);
  plan = PlanEvaluation(300, 900, 160, 160);
  EXPECT_EQ(plan.resized_width, 182);
  plan = PlanEvaluation(300, 900, 256, 256);  // above 224: no margin
  EXPECT_EQ(plan.resized_width, 256);
  EXPECT_EQ(plan.crop.x, 0);
}

TEST(PlanEvaluation, AnImageOfTheModelsSizeIsNotResized) {
  for (const auto& [w, h] : {std::pair{32, 32}, {64, 64}, {48, 32}}) {
    const EvaluationGeometry plan = PlanEvaluation(w, h, w, h);
    EXPECT_EQ(plan.resized_width, w);
    EXPECT_EQ(plan.resized_height, h);
    EXPECT_EQ(plan.crop.x, 0);
    EXPECT_EQ(plan.crop.y, 0);
  }
}

TEST(PlanEvaluation, CoversATargetThatIsNotSquare) {
  for (const auto& [w, h] : {std::pair{100, 500}, {500, 100}, {64, 64}, {1, 1}, {3, 65535}}) {
    const EvaluationGeometry plan = PlanEvaluation(w, h, 96, 48);
    EXPECT_GE(plan.crop.x, 0);
    EXPECT_GE(plan.crop.y, 0);
    EXPECT_LE(plan.crop.x + 96, plan.resized_width);
    EXPECT_LE(plan.crop.y + 48, plan.resized_height);
    EXPECT_TRUE(plan.resized_width == 109 || plan.resized_height == 54);
  }
}

// Options under which all draws happen.
TransformOptions AllOfIt() {
  TransformOptions options;
  options.crop_scale = {0.08, 1};
  options.rand_augment = *ParseRandAugment("rand-m9-n4-mstd0.5-inc1");
  options.erasing.probability = 0.5;
  return options;
}

TEST(ImageTransform, CropsFlipsAugmentsNormalisesErasesInThisOrder) {
  const Image image = GradientImage(90, 70);
  const TransformOptions options = AllOfIt();
  ImageTransform transform(32, 24, options), plain(32, 24);
  std::vector<float> got(transform.output_size()), expected(transform.output_size());
  int flipped = 0, augmented = 0, erased = 0;
  for (uint64_t key = 0; key < 60; ++key) {
    PicturePart part;
    part.image = image;
    TakeWhole([&](int w, int h) { return transform.PlanTrain(w, h, key, true, true); }, &part);
    Image pixels;
    transform.Normalize(transform.TrainPixels(part, key, true, &pixels), got.data());

    const AugmentDraws draws = transform.Draws(90, 70, key, true);
    Image by_hand;
    BicubicResizer().Resize(ImageView(image, draws.crop), 32, 24, &by_hand);
    if (draws.flip) {
      const Image before = by_hand;
      for (int y = 0; y < 24; ++y) {
        for (int x = 0; x < 32; ++x) {
          std::copy_n(before.pixel(31 - x, y), 3, by_hand.pixel(x, y));
        }
      }
    }
    for (const OpDraw& operation : draws.operations) RandAugmenter().Apply(operation, &by_hand);
    plain.Normalize({&by_hand, false}, expected.data());
    Erase(draws.erased, EraseMode::kPixel, key, 3, 32, 24, expected.data());
    EXPECT_EQ(got, expected) << key;
    flipped += draws.flip;
    augmented += draws.flip && !draws.operations.empty();
    erased += !draws.erased.empty();
  }
  EXPECT_GT(flipped, 15);
  EXPECT_GT(augmented, 12);
  EXPECT_GT(erased, 15);
}

TEST(ImageTransform, EvaluationsAreNeitherAugmentedNorErased) {
  const Image image = GradientImage(90, 70);
  ImageTransform augmenting(32, 24, AllOfIt()), plain(32, 24);
  std::vector<float> got(plain.output_size()), expected(plain.output_size());
  augmenting.Evaluate(image, got.data());
  plain.Evaluate(image, expected.data());
  EXPECT_EQ(got, expected);
}

// Every value written, and each the normalised form of a byte.
void CheckFinite(const std::vector<float>& out) {
  for (float v : out) {
    ASSERT_TRUE(std::isfinite(v));
    ASSERT_LE(std::fabs(v), 2.7f);
  }
}

TEST(ImageTransform, NormalisesWithImageNetsMeanAndDeviation) {
  Image image = Image::Sized(2, 1);
  image.rgb = {0, 128, 255, 10, 20, 30};
  ImageTransform transform(2, 1);
  std::vector<float> out(6, std::numeric_limits<float>::quiet_NaN());
  transform.Evaluate(image, out.data());
  const float expected[6] = {(0 / 255.f - 0.485f) / 0.229f,   (10 / 255.f - 0.485f) / 0.229f,
                             (128 / 255.f - 0.456f) / 0.224f, (20 / 255.f - 0.456f) / 0.224f,
                             (255 / 255.f - 0.406f) / 0.225f, (30 / 255.f - 0.406f) / 0.225f};
  for (int i = 0; i < 6; ++i) EXPECT_FLOAT_EQ(out[i], expected[i]);
}

TEST(ImageTransform, NormalisesWithTheOptionsMeanAndDeviation) {
  TransformOptions options;
  options.mean = {0.5, 0, 1};
  options.std = {0.5, 1, 0.25};
  ImageTransform transform(1, 1, options);
  std::vector<float> out(3);
  transform.Evaluate({1, 1, {255, 51, 0}}, out.data());
  EXPECT_EQ(out, (std::vector<float>{1, 0.2f, -4}));
}

TEST(ImageTransform, EveryShapeIsFilled) {
  for (const auto& [w, h] : {std::pair{1, 1}, {7, 3}, {100, 40}, {40, 100}, {2, 3000}}) {
    const Image image = GradientImage(w, h);
    for (const auto& [in_w, in_h] : {std::pair{1, 1}, {16, 16}, {24, 8}, {5, 33}}) {
      ImageTransform transform(in_w, in_h);
      std::vector<float> out(transform.output_size());
      for (int mode = 0; mode < 3; ++mode) {
        std::fill(out.begin(), out.end(), std::numeric_limits<float>::quiet_NaN());
        if (mode == 2) {
          transform.Evaluate(image, out.data());
        } else {
          TrainFloats(&transform, image, 77, /*crop=*/mode == 1, out.data());
        }
        CheckFinite(out);
      }
    }
  }
}

TEST(ImageTransform, TrainingIsAFunctionOfTheKey) {
  const Image image = GradientImage(60, 50);
  ImageTransform a(16, 16), b(16, 16);
  std::vector<float> x(a.output_size()), y(a.output_size()), z(a.output_size());
  TrainFloats(&b, GradientImage(33, 44, 5), 9, true, y.data());  // leaves its buffers used
  TrainFloats(&a, image, 5, true, x.data());
  TrainFloats(&b, image, 5, true, y.data());
  TrainFloats(&b, image, 6, true, z.data());
  EXPECT_EQ(x, y);
  EXPECT_NE(x, z);
}

TEST(ImageTransform, WithoutCropAndFlipTrainingSeesWhatTheEvaluationDoes) {
  const Image image = GradientImage(16, 16);
  TransformOptions options;
  options.flip = false;
  ImageTransform transform(16, 16, options);
  std::vector<float> plain(transform.output_size()), trained(transform.output_size());
  transform.Evaluate(image, plain.data());
  for (uint64_t key = 0; key < 16; ++key) {
    TrainFloats(&transform, image, key, /*crop=*/false, trained.data());
    ASSERT_EQ(plain, trained);
  }
}

TEST(ImageTransform, WithoutCropOnlyTheFlipRemains) {
  const Image image = GradientImage(16, 16);
  ImageTransform transform(16, 16);
  std::vector<float> plain(transform.output_size()), trained(transform.output_size());
  transform.Evaluate(image, plain.data());
  bool flipped_seen = false, plain_seen = false;
  for (uint64_t key = 0; key < 16; ++key) {
    TrainFloats(&transform, image, key, /*crop=*/false, trained.data());
    if (!SampleFlip(key)) {
      plain_seen = true;
      ASSERT_EQ(plain, trained);
      continue;
    }
    flipped_seen = true;
    for (int row = 0; row < 3 * 16; ++row) {
      for (int x = 0; x < 16; ++x) {
        ASSERT_EQ(trained[row * 16 + x], plain[row * 16 + 15 - x]);
      }
    }
  }
  EXPECT_TRUE(flipped_seen && plain_seen);
}

TEST(ToChannels, GreyIsLumaAndGreyIsSpreadOverThree) {
  Image image = Image::Sized(2, 2);
  image.rgb = {255, 255, 255, 0, 0, 0, 255, 0, 0, 10, 20, 30};
  ToChannels(3, &image);
  EXPECT_FALSE(image.is_deep());  // as it was
  ToChannels(1, &image);
  ASSERT_EQ(image.channels, 1);
  const double luma = (19595 * 2570.0 + 38470 * 5140.0 + 7471 * 7710.0) / 65536;
  EXPECT_EQ(image.deep,
            (std::vector<uint16_t>{65535, 0, static_cast<uint16_t>((19595u * 65535 + 32768) >> 16),
                                   static_cast<uint16_t>(std::lround(luma))}));
  const std::vector<uint16_t> grey = image.deep;
  ToChannels(1, &image);
  EXPECT_EQ(image.deep, grey);
  ToChannels(3, &image);
  ASSERT_EQ(image.deep.size(), 12u);
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(image.deep[i], grey[i / 3]);
  // Deep colours by the same formula, up to white.
  image.deep.assign(12, 65535);
  image.deep[0] = 1000;
  ToChannels(1, &image);
  EXPECT_EQ(image.deep[0], (19595u * 1000 + 45941u * 65535 + 32768) >> 16);
  EXPECT_EQ(image.deep[1], 65535);
}

// A second picture in memory could be as large as the first.
TEST(ToChannels, OnlyWhatHasTheInputsSizeIsConverted) {
  Image grey;
  grey.SetDeepSize(40, 30, 1);
  for (size_t i = 0; i < grey.deep.size(); ++i) grey.deep[i] = static_cast<uint16_t>(i * i * 131);
  Image colours = grey;
  ToChannels(3, &colours);
  ImageTransform transform(16, 16);
  std::vector<float> a(transform.output_size()), b(transform.output_size());
  for (const bool crop : {false, true}) {
    TrainFloats(&transform, grey, 7, crop, a.data());
    TrainFloats(&transform, colours, 7, crop, b.data());
    EXPECT_EQ(a, b) << "the same as if it had come first";
  }
  transform.Evaluate(grey, a.data());
  transform.Evaluate(colours, b.data());
  EXPECT_EQ(a, b);
  EXPECT_EQ(grey.channels, 1);
}

TEST(Image, HoldsTheMemoryOfOneKind) {
  Image image = Image::Sized(30, 20);
  image.SetDeepSize(30, 20, 4);
  EXPECT_EQ(image.rgb.capacity(), 0u);
  image.SetSize(30, 20);
  EXPECT_EQ(image.deep.capacity(), 0u);
}

TEST(ImageTransform, DeepImagesOfTheSameValuesBecomeTheSameFloats) {
  const Image image = GradientImage(16, 16);
  Image deep;
  deep.SetDeepSize(16, 16, 3);
  for (size_t i = 0; i < image.rgb.size(); ++i) {
    deep.deep[i] = static_cast<uint16_t>(257 * image.rgb[i]);
  }
  ImageTransform transform(16, 16);
  std::vector<float> a(transform.output_size()), b(transform.output_size());
  bool flipped = false, plain = false;
  for (uint64_t key = 0; key < 16; ++key) {
    TrainFloats(&transform, image, key, /*crop=*/false, a.data());
    TrainFloats(&transform, deep, key, /*crop=*/false, b.data());
    ASSERT_EQ(a, b);
    (SampleFlip(key) ? flipped : plain) = true;
  }
  EXPECT_TRUE(flipped && plain);
}

TEST(ImageTransform, OneAndFourChannelsHavePlanesOfTheirOwn) {
  for (const int channels : {1, 4}) {
    TransformOptions options;
    options.mean = UsualMean(channels);
    options.std = UsualStd(channels);
    ASSERT_EQ(options.channels(), channels);
    ImageTransform transform(2, 1, options);
    ASSERT_EQ(transform.output_size(), 2 * channels);
    Image image;
    image.SetDeepSize(2, 1, channels);
    for (int i = 0; i < 2 * channels; ++i) image.deep[i] = static_cast<uint16_t>(9001 * i);
    std::vector<float> out(2 * channels);
    transform.Evaluate(image, out.data());
    for (int c = 0; c < channels; ++c) {
      for (int x = 0; x < 2; ++x) {
        EXPECT_FLOAT_EQ(out[2 * c + x], (9001 * (x * channels + c) / 65535.f -
                                         static_cast<float>(options.mean[c])) /
                                            static_cast<float>(options.std[c]));
      }
    }
  }
}

}  // namespace
}  // namespace models
