#include "models/data/image_io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/data/file_util.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Message(const absl::StatusOr<Image>& image) {
  return std::string(image.status().message());
}

TEST(ImageIo, JpegIsDecodedCloseToTheOriginal) {
  for (const auto& [w, h] : {std::pair{64, 48}, {1, 1}, {17, 5}, {8, 33}}) {
    const Image image = GradientImage(w, h);
    const auto decoded = DecodeImage(EncodeJpeg(image, 0, 100));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_LE(MaxDifference(image, *decoded), 4) << w << "x" << h;
  }
}

TEST(ImageIo, EveryChromaSubsamplingDecodes) {
  for (int subsampling : {0, 1, 2, 4, 5}) {
    const auto decoded = DecodeImage(EncodeJpeg(GradientImage(50, 40), subsampling));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->width, 50);
    EXPECT_EQ(decoded->height, 40);
  }
}

TEST(ImageIo, GreyJpegBecomesRgb) {
  const auto decoded = DecodeImage(EncodeJpeg(GradientImage(20, 10), /*subsampling=*/3));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_EQ(decoded->rgb.size(), 600u);
  for (size_t i = 0; i < 600; i += 3) {
    EXPECT_EQ(decoded->rgb[i], decoded->rgb[i + 1]);
    EXPECT_EQ(decoded->rgb[i], decoded->rgb[i + 2]);
  }
}

TEST(ImageIo, CmykJpegBecomesWhatPillowMakesOfIt) {
  std::string inks;
  for (int i = 0; i < 256; ++i) inks += {char(200), char(30), char(90), char(60)};
  const auto decoded = DecodeImage(EncodeCmykJpeg(inks, 16, 16));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  // Pillow 13: Image.new("CMYK", (16, 16), (200, 30, 90, 60)).convert("RGB").
  EXPECT_NEAR(decoded->pixel(3, 3)[0], 42, 2);
  EXPECT_NEAR(decoded->pixel(3, 3)[1], 172, 2);
  EXPECT_NEAR(decoded->pixel(3, 3)[2], 126, 2);
}

TEST(ImageIo, PngIsExactWhateverItsName) {
  const Image image = GradientImage(31, 7);
  const std::string path = NewFolder("png") + "/really_png.JPEG";
  WriteFile(path, EncodePng(image));
  const auto read = ReadImage(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->rgb, image.rgb);
}

TEST(ImageIo, TransparencyIsDroppedNotBlended) {
  const auto decoded = DecodeImage(EncodeRgbaPng({10, 20, 30, 0, 40, 50, 60, 127}, 2, 1));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->rgb, (std::vector<uint8_t>{10, 20, 30, 40, 50, 60}));
}

TEST(ImageIo, WritePngRoundTrips) {
  const Image image = GradientImage(13, 21, 3);
  const std::string path = NewFolder("write") + "/a.png";
  ASSERT_TRUE(WritePng(path, image).ok());
  const auto read = ReadImage(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->rgb, image.rgb);
  const absl::Status status = WritePng("/no/such/folder/a.png", image);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/folder/a.png"));
}

TEST(ImageIo, BadFilesAreNamedWithTheReason) {
  const std::string folder = NewFolder("bad");
  const std::string jpeg = EncodeJpeg(GradientImage(64, 64));
  const std::string png = EncodePng(GradientImage(64, 64));
  struct Case {
    std::string name, bytes, reason;
  };
  for (const Case& c :
       std::vector<Case>{{"empty.jpg", "", "empty"},
                         {"text.jpg", "this is not a picture", "neither JPEG nor PNG nor WebP"},
                         {"half.jpg", jpeg.substr(0, jpeg.size() / 2), "Premature end"},
                         {"header.jpg", jpeg.substr(0, 30), "bad JPEG header"},
                         {"magic.jpg", jpeg.substr(0, 3), "bad JPEG header"},
                         {"half.png", png.substr(0, png.size() / 2), "bad PNG"},
                         {"magic.png", png.substr(0, 8), "bad PNG"}}) {
    const std::string path = folder + "/" + c.name;
    WriteFile(path, c.bytes);
    EXPECT_THAT(Message(ReadImage(path)), AllOf(HasSubstr(path), HasSubstr(c.reason)));
  }
  EXPECT_THAT(Message(ReadImage(folder + "/missing.jpg")),
              AllOf(HasSubstr("missing.jpg"), HasSubstr("No such file")));
  EXPECT_THAT(Message(ReadImage(folder)), AllOf(HasSubstr(folder), HasSubstr("directory")));
}

TEST(ImageIo, FileLimitNamesBothNumbers) {
  const std::string path = NewFolder("limit") + "/big";
  WriteFile(path, std::string(100, 'x'));
  const auto bytes = ReadFile(path, 99);
  EXPECT_THAT(std::string(bytes.status().message()), AllOf(HasSubstr("100"), HasSubstr("99")));
  EXPECT_TRUE(ReadFile(path, 100).ok());
}

TEST(ImageIo, GiganticSizesAreRefusedBeforeMemoryIsTaken) {
  std::string jpeg = EncodeJpeg(GradientImage(16, 16));
  const size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  for (int i = 5; i < 9; ++i) jpeg[frame + i] = '\xFE';  // 65278 x 65278
  EXPECT_THAT(Message(DecodeImage(jpeg)), HasSubstr("65278x65278"));
  jpeg[frame + 5] = jpeg[frame + 6] = 0;  // no rows
  EXPECT_FALSE(DecodeImage(jpeg).ok());
}

TEST(ImageIo, MutatedPicturesNeverCrash) {
  const std::string originals[] = {
      EncodeJpeg(GradientImage(24, 16)), EncodeJpeg(GradientImage(24, 16), 2, 60),
      EncodeJpeg(GradientImage(24, 16), 3), EncodePng(GradientImage(24, 16)),
      EncodeRgbaPng(std::string(24 * 16 * 4, '\x55'), 24, 16)};
  int good = 0, bad = 0;
  for (uint64_t i = 0; i < 5000; ++i) {
    const auto image = DecodeImage(Mutate(originals[i % 5], i));
    if (image.ok()) {
      EXPECT_EQ(image->rgb.size(), size_t{3} * image->width * image->height);
      ++good;
    } else {
      EXPECT_FALSE(image.status().message().empty());
      ++bad;
    }
  }
  EXPECT_GT(good, 100);
  EXPECT_GT(bad, 1000);
}

}  // namespace
}  // namespace models
