#include "models/data/file_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

std::string Zeroed(std::string text) {  // "_" stands for a zero byte
  for (char& c : text) c = c == '_' ? '\0' : c;
  return text;
}

TEST(FormatOfPicture, IsToldByTheFirstBytesAlone) {
  // Size of the file, two reserved numbers, where the pixels begin; size of the second header.
  const std::string bmp = Zeroed("BM\x36\x10______\x36___(___");
  struct Case {
    std::string bytes, name;
  };
  for (const Case& c : std::vector<Case>{{EncodeJpeg(GradientImage(8, 8)), "jpeg"},
                                         {EncodePng(GradientImage(8, 8)), "png"},
                                         {EncodeWebp(GradientImage(8, 8)), "webp"},
                                         {Zeroed("II*_\x08___"), "tiff"},
                                         {Zeroed("MM_*___\x08"), "tiff"},
                                         {Zeroed("II+_\x08___"), "tiff"},
                                         {Zeroed("MM_+_\x08__"), "tiff"},
                                         {bmp, "bmp"},
                                         {"GIF87a", "gif"},
                                         {"GIF89a", "gif"},
                                         {"", ""},
                                         {"BMW is a make of cars", ""},
                                         {"II and MM are numbers", ""},
                                         {"RIFF____WAVEfmt ", ""},
                                         {"GIF88a", ""}}) {
    EXPECT_EQ(NameOfFormat(FormatOfPicture(c.bytes)), c.name) << c.bytes.substr(0, 20);
    EXPECT_EQ(FormatOfPicture(absl::string_view(c.bytes).substr(0, kPictureHeadBytes)),
              FormatOfPicture(c.bytes));
    for (size_t n = 0; n <= c.bytes.size() && n < 32; ++n) {
      const PictureFormat cut = FormatOfPicture(absl::string_view(c.bytes).substr(0, n));
      EXPECT_TRUE(cut == PictureFormat::kNone || cut == FormatOfPicture(c.bytes));
    }
  }
}

TEST(CountsAsPicture, ByItsEndingAndWithoutOneByItsFirstBytes) {
  const std::string folder = NewFolder("counts.jpg");  // the folder's own name says nothing
  const auto counts = [&folder](const std::string& name) {
    return *CountsAsPicture(absl::StrCat(folder, "/", name));
  };
  for (const char* name : {"a.jpg", "a.JPEG", "a.jpe", "a.jfif", "a.b.png", "a.webp", "a.tif",
                           "a.TIFF", "a.bmp", "a.Gif"}) {
    EXPECT_TRUE(counts(name)) << name;  // though there is none
  }
  WriteFile(folder + "/0123456789", EncodePng(GradientImage(8, 8)));
  WriteFile(folder + "/LICENSE", "This is text, and as long as a picture's head.\n");
  WriteFile(folder + "/jpg", "text\n");
  WriteFile(folder + "/empty", "");
  WriteFile(folder + "/a.txt", EncodePng(GradientImage(8, 8)));
  ASSERT_EQ(::mkfifo((folder + "/pipe").c_str(), 0600), 0);
  EXPECT_TRUE(counts("0123456789"));
  for (const char* name :
       {"LICENSE", "jpg", "empty", "a.txt", "a.", "pipe", "none", "", "a.jpg/"}) {
    EXPECT_FALSE(counts(name)) << name;
  }
}

TEST(PictureEndings, AreListedAsPeopleWriteThem) {
  EXPECT_EQ(PictureEndings(), ".jpg, .jpeg, .jpe, .jfif, .png, .webp, .tif, .tiff, .bmp, .gif");
  EXPECT_TRUE(IsPictureEnding("JPG"));
  EXPECT_FALSE(IsPictureEnding(""));
  EXPECT_FALSE(IsPictureEnding("jp"));
}

}  // namespace
}  // namespace models
