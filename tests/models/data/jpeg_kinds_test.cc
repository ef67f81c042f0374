// JPEGs of which libjpeg warns, whole and in parts, and kinds of JPEG that are not read here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "models/data/image_io.h"
#include "models/data/jpeg_decoder.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kWidth = 120, kHeight = 96;
// From the top, through the middle, to the last row, and all of it.
const PixelBox kBoxes[] = {
    {0, 0, 40, 24}, {30, 40, 60, 16}, {50, 60, 70, 36}, {0, 95, 1, 1}, {0, 0, kWidth, kHeight}};

std::string Word(int value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }
std::string Segment(int marker, const std::string& data) {
  return std::string("\xFF") + static_cast<char>(marker) + Word(static_cast<int>(data.size()) + 2) +
         data;
}
size_t Find(const std::string& bytes, const std::string& what, size_t from = 0) {
  const size_t at = bytes.find(what, from);
  EXPECT_NE(at, std::string::npos);
  return at;
}
std::string Inserted(std::string bytes, size_t at, const std::string& what) {
  return bytes.insert(at, what);
}
// The file with another byte at `at`.
std::string With(std::string bytes, size_t at, int value) {
  bytes[at] = static_cast<char>(value);
  return bytes;
}

absl::Status DecodeBox(const std::string& bytes, const PixelBox& box, PicturePart* part) {
  return DecodePart(
      bytes, [&box](int, int) { return PartRequest{box}; }, part);
}

struct Odd {
  std::string what, bytes;
};

TEST(JpegWarnings, ThatLeaveThePixelsAloneAreNone) {
  const Image image = PhotographLike(kWidth, kHeight, 5);
  for (const bool progressive : {false, true}) {
    const std::string clean = EncodeJpeg(image, 2, 90, progressive);
    const std::string junk(16, '\0');
    const size_t scan = Find(clean, "\xFF\xDA"), tables = Find(clean, "\xFF\xC4");
    const size_t app0 = Find(clean, "\xFF\xE0");
    std::vector<Odd> files = {
        {"junk before the end", Inserted(clean, clean.size() - 2, junk)},
        {"junk before the first scan", Inserted(clean, scan, junk)},
        {"junk before a table", Inserted(clean, tables, "\x12\x34")},
        {"JFIF 2.1", With(clean, app0 + 9, 2)},
        {"Adobe's transform 5", Inserted(std::string(clean).erase(app0, 18), app0,
                                         Segment(0xEE, std::string("Adobe\0\x64\0\0\0\0\5", 12)))},
        {"bytes after the end", clean + junk},
    };
    if (!progressive) {  // the last three bytes of its header are 0, 63, 0
      files.push_back({"scan parameters of cameras", With(clean, scan + 12, 0)});
    } else {
      files.push_back(
          {"junk between scans", Inserted(clean, Find(clean, "\xFF\xDA", scan + 2), junk)});
    }
    const auto right = DecodeImage(clean);
    ASSERT_TRUE(right.ok());
    for (const Odd& file : files) {
      SCOPED_TRACE(file.what);
      PicturePart part;
      for (const PixelBox& box : kBoxes) {
        const absl::Status status = DecodeBox(file.bytes, box, &part);
        ASSERT_TRUE(status.ok()) << status;
        const int x = static_cast<int>(part.box.x0), y = static_cast<int>(part.box.y0);
        for (int row = 0; row < box.height; ++row) {
          ASSERT_TRUE(std::equal(part.image.pixel(x, y + row),
                                 part.image.pixel(x, y + row) + 3 * box.width,
                                 right->pixel(box.x, box.y + row)));
        }
      }
    }
  }
}

TEST(JpegWarnings, ThatMeanWrongPixelsAreErrorsWhereverTheyAreMet) {
  const Image image = PhotographLike(kWidth, kHeight, 6);
  const std::string plain = EncodeJpeg(image, 0);
  const std::string restarts = EncodeSampledJpeg(image, 1, 1, true);
  const std::string progressive = EncodeJpeg(image, 0, 90, true);
  // In the first rows, which every part reads.
  const size_t bits = Find(plain, "\xFF\xDA") + 14 + 40;
  const size_t restart = Find(restarts, "\xFF\xD1");
  const size_t second_scan = Find(progressive, "\xFF\xDA", Find(progressive, "\xFF\xDA") + 2);
  // Progressive: of a sequential scan libjpeg-turbo's quick path takes such bits for zeros.
  std::string ones = progressive;
  const size_t first_bits = Find(ones, "\xFF\xDA") + 14 + 40;
  for (size_t i = 0; i < 40; i += 2) ones.replace(first_bits + i, 2, std::string("\xFF\0", 2));
  PicturePart part;
  for (const auto& [file, reason] : std::vector<std::pair<Odd, std::string>>{
           {{"a marker in a scan", Inserted(plain, bits, "\xFF\xD9")}, "premature end of data"},
           {{"bits that are no code", ones}, "bad Huffman code"},
           {{"a restart marker out of order", With(restarts, restart + 1, 0xD5)}, "found marker"},
           {{"bits left over before a restart",
             Inserted(restarts, restart, std::string(9, '\x12'))},
            "extraneous bytes before marker 0xd1"},
           // Two components, their tables, then spectrum and bit: the last of a scan's header.
           {{"a bit that comes out of turn", With(progressive, second_scan + 9, 0x10)},
            "progression"}}) {
    SCOPED_TRACE(file.what);
    for (const PixelBox& box : kBoxes) {
      EXPECT_THAT(std::string(DecodeBox(file.bytes, box, &part).message()),
                  AllOf(HasSubstr(reason), HasSubstr("its bytes are damaged")))
          << box.y;
    }
  }
}

TEST(JpegKinds, ThatAreNotReadAreNamed) {
  const std::string clean = EncodeJpeg(GradientImage(32, 24));
  const size_t frame = Find(clean, "\xFF\xC0");
  std::string two = clean;  // components: a shorter frame, and a scan of two
  two.replace(frame + 2, 2, Word(8 + 3 * 2)).replace(frame + 9, 1, "\2").erase(frame + 16, 3);
  const size_t scan = Find(two, "\xFF\xDA");
  two.replace(scan + 2, 2, Word(6 + 2 * 2)).replace(scan + 4, 1, "\2").erase(scan + 9, 2);
  for (const auto& [bytes, kind] : std::vector<std::pair<std::string, std::string>>{
           {With(clean, frame + 4, 12), "a JPEG of 12 bits a sample"},
           {With(clean, frame + 1, 0xC3), "a lossless JPEG"},
           {With(clean, frame + 1, 0xC5), "a hierarchical JPEG"},
           {With(clean, frame + 1, 0xF7), "a JPEG-LS picture"},
           {With(With(clean, frame + 5, 0), frame + 6, 0), "height follows its rows (DNL)"},
           {two, "a JPEG of 2 components"},
           {With(With(clean, frame + 5, 0xFF), frame + 6, 0xFF), "Maximum supported"}}) {
    EXPECT_THAT(std::string(DecodeImage(bytes).status().message()),
                AllOf(HasSubstr(kind), HasSubstr("convert it"), Not(HasSubstr("damaged")),
                      Not(HasSubstr("again"))));
  }
  // What no such kind has is damage.
  for (const std::string& bytes :
       {With(clean, frame + 4, 9), With(clean, frame + 1, 0x02), With(clean, frame + 8, 0)}) {
    EXPECT_THAT(std::string(DecodeImage(bytes).status().message()), HasSubstr("damaged"));
  }
}

// A picture in one scan that a crop may shrink needs no memory for the whole; what is refused does
// not depend on the crop.
TEST(JpegLimits, CropsThatAreDecodedSmallerMayBeOfLargerPictures) {
  const Image image = PhotographLike(400, 300, 7);
  PictureLimits limits;
  limits.max_pixels = 40'000;
  PicturePart part;
  for (const bool progressive : {false, true}) {
    const std::string bytes = EncodeJpeg(image, 2, 90, progressive);
    for (const int least : {0, 20, 300}) {
      const bool fits = !progressive && least == 20;  // 300: nothing may be shrunk
      for (const PixelBox& box : {PixelBox{0, 0, 400, 300}, {10, 20, 60, 50}, {399, 299, 1, 1}}) {
        const auto plan = [&](int, int) { return PartRequest{box, least, least}; };
        const absl::Status status = DecodePart(bytes, plan, &part, limits);
        EXPECT_EQ(status.ok(), fits) << progressive << " " << least << " " << status;
        if (fits) continue;
        EXPECT_THAT(std::string(status.message()),
                    AllOf(HasSubstr("400x300"), HasSubstr("--max_image_megapixels=0.04;")));
      }
    }
  }
  for (const std::string& bytes : {EncodePng(image), EncodeWebp(image)}) {
    EXPECT_THAT(std::string(DecodeImage(bytes, limits).status().message()),
                HasSubstr("--max_image_megapixels=0.04;"));
    limits.max_pixels = 120'000;
    EXPECT_TRUE(DecodeImage(bytes, limits).ok());
    limits.max_pixels = 40'000;
  }
  EXPECT_EQ(LimitsOfMegapixels(100).max_pixels, PictureLimits().max_pixels);
  EXPECT_EQ(LimitsOfMegapixels(1e300).max_pixels, 1'000'000'000'000);
  EXPECT_EQ(LimitsOfMegapixels(0).max_pixels, 1);
}

TEST(JpegKinds, ScansAndPixelsHaveOneBudget) {
  EXPECT_EQ(MostJpegScans(1, 1), 500);
  EXPECT_EQ(MostJpegScans(2000, 2000), 500);
  EXPECT_EQ(MostJpegScans(4000, 5000), 100);
  EXPECT_EQ(MostJpegScans(10'000, 10'000), 20);
  EXPECT_EQ(MostJpegScans(65'500, 65'500), 20);

  // The first scan again and again.
  const std::string clean = EncodeJpeg(GradientImage(16, 16), 0, 90, true);
  std::vector<size_t> begins;
  for (size_t at = Find(clean, "\xFF\xDA"); at != std::string::npos;
       at = clean.find("\xFF\xDA", at + 2)) {
    begins.push_back(at);
  }
  std::string first = clean.substr(begins[0], Find(clean, "\xFF\xC4", begins[0]) - begins[0]);
  const size_t bit = 4 + 1 + 2 * 3 + 2;  // after length, components, spectrum
  ASSERT_EQ(first[bit], '\1');           // lacks one bit
  // All of its bits, so that it may come again.
  std::string bytes = clean;
  bytes[begins[0] + bit] = first[bit] = '\0';
  // A later scan that brings the bit which is there now is left out.
  for (size_t i = begins.size(); i-- > 1;) {
    if (clean[begins[i] + bit] != '\x10' || clean[begins[i] + 4] != 3) continue;
    const size_t next = clean.find('\xFF', begins[i] + 2);
    bytes.erase(begins[i], Find(clean, "\xFF\xC4", next) - begins[i]);
  }
  const auto scans = [&](int64_t count) {
    std::string many;
    for (int64_t i = static_cast<int64_t>(begins.size()) - 1; i < count; ++i) many += first;
    return Inserted(bytes, begins[0], many);
  };
  EXPECT_TRUE(DecodeImage(scans(500)).ok()) << DecodeImage(scans(500)).status();
  EXPECT_THAT(std::string(DecodeImage(scans(501)).status().message()),
              AllOf(HasSubstr("16x16 pixels in more than 500 scans"), HasSubstr("convert it")));
}

}  // namespace
}  // namespace models
