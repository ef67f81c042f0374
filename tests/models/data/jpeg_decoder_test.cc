#include "models/data/jpeg_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "graph/base/random.h"
#include "models/data/augment.h"
#include "models/data/image_io.h"
#include "tests/models/data/test_images.h"
#include "tests/models/data/train_floats.h"

namespace models {
namespace {

using graph::Purpose;
using graph::RandomStream;
using testing::HasSubstr;

struct Kind {
  std::string name, bytes;
};

// Every way to store a picture that has a path of its own through the decoder.
std::vector<Kind> KindsOf(const Image& image) {
  std::vector<Kind> kinds;
  for (int subsampling : {0, 1, 2, 3, 4, 5}) {
    for (bool progressive : {false, true}) {
      kinds.push_back(
          {"subsampling " + std::to_string(subsampling) + (progressive ? ", progressive" : ""),
           EncodeJpeg(image, subsampling, 90, progressive)});
    }
  }
  for (const auto& [h, v] : {std::pair{2, 2}, {2, 1}, {1, 2}, {3, 1}, {4, 2}, {1, 4}}) {
    for (bool interleaved : {true, false}) {
      kinds.push_back({"sampling " + std::to_string(h) + "x" + std::to_string(v) +
                           (interleaved ? "" : ", a scan for each component"),
                       EncodeSampledJpeg(image, h, v, interleaved)});
    }
  }
  return kinds;
}

PixelBox RandomBox(int width, int height, RandomStream* random) {
  PixelBox box;
  box.width = 1 + static_cast<int>(random->Below(width));
  box.height = 1 + static_cast<int>(random->Below(height));
  box.x = static_cast<int>(random->Below(width - box.width + 1));
  box.y = static_cast<int>(random->Below(height - box.height + 1));
  return box;
}

TEST(JpegPart, WholePicturesAreTurbosBytes) {
  for (const auto& [w, h] : {std::pair{150, 97}, {64, 64}, {1, 1}, {9, 200}}) {
    for (const Kind& kind : KindsOf(PhotographLike(w, h, 3))) {
      const auto image = DecodeImage(kind.bytes);
      ASSERT_TRUE(image.ok()) << kind.name << ": " << image.status();
      EXPECT_EQ(image->rgb, DecodeJpegByTurbo(kind.bytes).rgb) << kind.name;
    }
  }
}

TEST(JpegPart, EveryPartHasTheBytesOfTheWhole) {
  RandomStream random(5, Purpose::kNoise);
  PicturePart part;  // one for all: nothing may be left over
  for (const auto& [w, h] : {std::pair{150, 97}, {97, 150}, {64, 48}, {7, 5}, {333, 33}}) {
    for (const Kind& kind : KindsOf(PhotographLike(w, h, 8))) {
      const Image whole = DecodeJpegByTurbo(kind.bytes);
      for (int i = 0; i < 60; ++i) {
        const PixelBox box = RandomBox(w, h, &random);
        const absl::Status status = DecodePart(
            kind.bytes, [&box](int, int) { return PartRequest{box}; }, &part);
        ASSERT_TRUE(status.ok()) << kind.name << ": " << status;
        EXPECT_EQ(part.shrunk, 1);
        const int x = static_cast<int>(part.box.x0), y = static_cast<int>(part.box.y0);
        ASSERT_EQ(part.box.x1, x + box.width);
        ASSERT_EQ(part.box.y1, y + box.height);
        ASSERT_LE(y + box.height, part.image.height);
        for (int row = 0; row < box.height; ++row) {
          ASSERT_TRUE(std::equal(part.image.pixel(x, y + row),
                                 part.image.pixel(x, y + row) + 3 * box.width,
                                 whole.pixel(box.x, box.y + row)))
              << kind.name << " of " << w << "x" << h << ", " << box.width << "x" << box.height
              << " at " << box.x << "," << box.y << ", row " << row;
        }
      }
    }
  }
}

TEST(JpegPart, LittleMoreThanThePartIsDecoded) {
  const std::string bytes = EncodeJpeg(PhotographLike(500, 375, 1), 2);
  PicturePart part;
  const auto plan = [](int width, int height) {
    EXPECT_EQ(width, 500);
    EXPECT_EQ(height, 375);
    return PartRequest{{200, 150, 100, 90}};
  };
  ASSERT_TRUE(DecodePart(bytes, plan, &part).ok());
  EXPECT_LE(part.image.width, 100 + 4 * 16);
  EXPECT_LE(part.image.height, 90 + 2 * 16);
}

TEST(JpegPart, CmykInPartsIsCmykAsAWhole) {
  std::string inks;
  for (int i = 0; i < 60 * 40 * 4; ++i) inks += static_cast<char>(i * i / 7);
  const std::string bytes = EncodeCmykJpeg(inks, 60, 40);
  const auto whole = DecodeImage(bytes);
  ASSERT_TRUE(whole.ok());
  PicturePart part;
  ASSERT_TRUE(DecodePart(
                  bytes,
                  [](int, int) {
                    return PartRequest{{31, 22, 9, 5}};
                  },
                  &part)
                  .ok());
  for (int c = 0; c < 3; ++c) {
    EXPECT_EQ(part.image.pixel(static_cast<int>(part.box.x0), static_cast<int>(part.box.y0))[c],
              whole->pixel(31, 22)[c]);
  }
}

TEST(JpegPart, ShrinksAsFarAsTheRequestAllows) {
  const std::string bytes = EncodeJpeg(PhotographLike(800, 640, 2), 2);
  PicturePart part;
  struct Case {
    int least, shrunk;
  };
  for (const Case& c :
       {Case{0, 1}, {500, 1}, {301, 1}, {300, 2}, {151, 2}, {150, 4}, {75, 8}, {1, 8}}) {
    const auto plan = [&c](int, int) { return PartRequest{{100, 20, 700, 600}, c.least, c.least}; };
    ASSERT_TRUE(DecodePart(bytes, plan, &part).ok());
    EXPECT_EQ(part.shrunk, c.shrunk) << c.least;
    EXPECT_EQ(part.box.x1 - part.box.x0, 700.0 / c.shrunk);
    EXPECT_EQ(part.box.y1 - part.box.y0, 600.0 / c.shrunk);
    EXPECT_GE(part.image.width, part.box.x1);
    EXPECT_GE(part.image.height, part.box.y1);
    EXPECT_GE(part.box.x0, 0);
    EXPECT_GE(part.box.y0, 0);
  }
}

TEST(JpegPart, FilesWithoutTheirEndAreRefusedWhateverThePart) {
  const std::string bytes = EncodeJpeg(PhotographLike(320, 320, 4), 2);
  PicturePart part;
  for (const PixelBox& box : {PixelBox{0, 0, 16, 16}, {0, 0, 320, 320}, {100, 60, 90, 100}}) {
    const auto plan = [&box](int, int) { return PartRequest{box}; };
    ASSERT_TRUE(DecodePart(bytes, plan, &part).ok());
    for (const size_t cut : {bytes.size() - 1, bytes.size() - 2, bytes.size() * 3 / 4}) {
      EXPECT_THAT(std::string(DecodePart(bytes.substr(0, cut), plan, &part).message()),
                  HasSubstr("Premature end"));
    }
    // Filled up with zeros, as a broken download is.
    std::string hole = bytes;
    std::fill(hole.begin() + static_cast<int64_t>(bytes.size() * 3 / 4), hole.end(), '\0');
    EXPECT_FALSE(DecodePart(hole, plan, &part).ok());
  }
}

TEST(JpegPart, MutatedPicturesNeverCrash) {
  std::vector<std::string> originals;
  for (const Kind& kind : KindsOf(PhotographLike(60, 44, 9))) originals.push_back(kind.bytes);
  PicturePart part;
  int good = 0, bad = 0;
  for (uint64_t i = 0; i < 6000; ++i) {
    RandomStream random(i, Purpose::kNoise);
    const auto plan = [&random](int width, int height) {
      PartRequest request = {RandomBox(width, height, &random)};
      request.least_width = request.least_height = static_cast<int>(random.Below(20));
      return request;
    };
    const absl::Status status = DecodePart(Mutate(originals[i % originals.size()], i), plan, &part);
    (status.ok() ? good : bad) += 1;
    if (!status.ok()) continue;
    EXPECT_LE(part.box.x1, part.image.width);
    EXPECT_LE(part.box.y1, part.image.height);
    EXPECT_EQ(part.image.rgb.size(), size_t{3} * part.image.width * part.image.height);
  }
  EXPECT_GT(good, 100);
  EXPECT_GT(bad, 1000);
}

// The network's input without --exact_decode beside that with it, in grey levels.
struct Difference {
  double mean = 0, worst = 0;
  int shrunk = 0;  // pictures that were decoded smaller
};

Difference Compare(const std::vector<std::string>& files, int side, int keys) {
  constexpr double kGreyPerUnit[3] = {0.229 * 255, 0.224 * 255, 0.225 * 255};
  ImageTransform transform(side, side);
  std::vector<float> exact(transform.output_size()), fast(transform.output_size());
  PicturePart part;
  Image pixels;
  Difference result;
  int64_t values = 0;
  for (const std::string& bytes : files) {
    const auto whole = DecodeImage(bytes);
    EXPECT_TRUE(whole.ok());
    for (int key = 0; key < keys; ++key) {
      TrainFloats(&transform, *whole, key, true, exact.data());
      for (bool exactly : {true, false}) {
        const auto plan = [&](int width, int height) {
          return transform.PlanTrain(width, height, key, true, exactly);
        };
        EXPECT_TRUE(DecodePart(bytes, plan, &part).ok());
        transform.Normalize(transform.TrainPixels(part, key, true, &pixels), fast.data());
        if (exactly) {
          EXPECT_EQ(fast, exact);
        }
      }
      if (part.shrunk == 1) {
        EXPECT_EQ(fast, exact);
        continue;
      }
      ++result.shrunk;
      const int64_t plane = transform.output_size() / 3;
      for (int64_t i = 0; i < transform.output_size(); ++i) {
        const double grey = std::fabs(double{fast[i]} - exact[i]) * kGreyPerUnit[i / plane];
        result.mean += grey;
        result.worst = std::max(result.worst, grey);
        ++values;
      }
    }
  }
  if (values > 0) result.mean /= values;
  return result;
}

// What docs/training.md promises of decoding without --exact_decode.
TEST(ScaledDecoding, StaysWithinItsBound) {
  std::vector<std::string> files;
  for (int i = 0; i < 4; ++i) {
    files.push_back(EncodeJpeg(PhotographLike(700, 525, i), i % 2 == 0 ? 2 : 0, 92));
  }
  for (int side : {32, 64, 96}) {
    const Difference d = Compare(files, side, 6);
    EXPECT_GT(d.shrunk, 10);
    EXPECT_LT(d.mean, 0.5) << side;
    EXPECT_LT(d.worst, 24) << side;
    RecordProperty("mean_" + std::to_string(side), std::to_string(d.mean));
    RecordProperty("worst_" + std::to_string(side), std::to_string(d.worst));
    std::printf("side %d: %d shrunk, mean %.3f, worst %.1f\n", side, d.shrunk, d.mean, d.worst);
  }
}

// At the published size a photograph of ImageNet's is never decoded smaller.
TEST(ScaledDecoding, LeavesCropsAloneThatAreNotFarLarger) {
  EXPECT_EQ(Compare({EncodeJpeg(PhotographLike(500, 375, 7), 2)}, 224, 8).shrunk, 0);
}

}  // namespace
}  // namespace models
