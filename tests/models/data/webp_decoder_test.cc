#include "models/data/picture_decoders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/data/image_io.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::HasSubstr;

std::string Message(const absl::StatusOr<Image>& image) {
  return std::string(image.status().message());
}

TEST(Webp, LosslessIsExactAndLossyIsClose) {
  for (const auto& [w, h] : {std::pair{64, 48}, {1, 1}, {17, 5}}) {
    const Image image = GradientImage(w, h);
    const auto lossless = DecodeImage(EncodeWebp(image));
    ASSERT_TRUE(lossless.ok()) << lossless.status();
    EXPECT_EQ(lossless->rgb, image.rgb);
    const auto lossy = DecodeImage(EncodeWebp(image, 95));
    ASSERT_TRUE(lossy.ok()) << lossy.status();
    EXPECT_EQ(lossy->width, w);
    EXPECT_LE(MaxDifference(image, *lossy), 60);  // chroma at half the size
  }
}

TEST(Webp, TransparencyIsDroppedNotBlended) {
  const auto decoded = DecodeImage(EncodeRgbaWebp({10, 20, 30, 0, 40, 50, 60, 127}, 2, 1));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->rgb, (std::vector<uint8_t>{10, 20, 30, 40, 50, 60}));
}

TEST(Webp, OfAnAnimationTheFirstFrameIsTaken) {
  const Image first = GradientImage(8, 6);
  const auto decoded = DecodeImage(EncodeWebpAnimation(first, 4, 2, 20, 10));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_EQ(decoded->width, 20);
  ASSERT_EQ(decoded->height, 10);
  for (int y = 0; y < 10; ++y) {
    for (int x = 0; x < 20; ++x) {
      const bool inside = x >= 4 && x < 12 && y >= 2 && y < 8;
      for (int c = 0; c < 3; ++c) {
        ASSERT_EQ(decoded->pixel(x, y)[c], inside ? first.pixel(x - 4, y - 2)[c] : 0);
      }
    }
  }
}

TEST(Webp, TruncatedFilesAreRefusedWithTheReason) {
  const Image image = PhotographLike(64, 64, 1);
  for (const std::string& bytes : {EncodeWebp(image), EncodeWebp(image, 80)}) {
    for (size_t size : {size_t{12}, size_t{20}, bytes.size() / 2, bytes.size() - 8}) {
      EXPECT_THAT(Message(DecodeImage(bytes.substr(0, size))), HasSubstr("ends too early"));
    }
  }
  const std::string animation = EncodeWebpAnimation(image, 0, 0, 64, 64);
  EXPECT_THAT(Message(DecodeImage(animation.substr(0, animation.size() / 2))),
              HasSubstr("bad WebP data: the animation"));
}

TEST(Webp, OtherRiffFilesAreNoPictures) {
  EXPECT_THAT(Message(DecodeImage("RIFF\x10\x01\x01\x01WAVEfmt ")), HasSubstr("neither JPEG"));
  EXPECT_THAT(Message(DecodeImage("RIFF")), HasSubstr("neither JPEG"));
}

TEST(Webp, GiganticSizesAreRefusedBeforeMemoryIsTaken) {
  // An extended header that claims 16384 x 16384.
  std::string bytes = EncodeWebpAnimation(GradientImage(8, 8), 0, 0, 8, 8);
  const size_t header = bytes.find("VP8X");
  ASSERT_NE(header, std::string::npos);
  for (size_t i : {12, 15}) {
    bytes[header + i] = '\xFF';
    bytes[header + i + 1] = '\x3F';
  }
  EXPECT_THAT(Message(DecodeImage(bytes)), HasSubstr("16384x16384"));
}

TEST(Webp, MutatedPicturesNeverCrash) {
  const std::string originals[] = {EncodeWebp(GradientImage(24, 16)),
                                   EncodeWebp(GradientImage(24, 16), 80),
                                   EncodeRgbaWebp(std::string(24 * 16 * 4, '\x55'), 24, 16),
                                   EncodeWebpAnimation(GradientImage(8, 6), 4, 2, 20, 10)};
  int good = 0, bad = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto image = DecodeImage(Mutate(originals[i % 4], i));
    if (image.ok()) {
      EXPECT_EQ(image->rgb.size(), size_t{3} * image->width * image->height);
      ++good;
    } else {
      EXPECT_FALSE(image.status().message().empty());
      ++bad;
    }
  }
  EXPECT_GT(good, 100);
  EXPECT_GT(bad, 500);
}

}  // namespace
}  // namespace models
