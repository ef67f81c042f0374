// What is said of files that are no pictures, and of folders that cannot be read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "models/data/file_kind.h"
#include "models/data/file_util.h"
#include "models/data/image_folder.h"
#include "models/data/image_io.h"
#include "models/data/open_dataset.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string Zeroed(const std::string& text) {  // "_" stands for a zero byte
  std::string bytes = text;
  for (char& c : bytes) c = c == '_' ? '\0' : c;
  return bytes;
}

TEST(BadFiles, AreNamedForWhatTheyAreWithWhatToDo) {
  const std::string folder = NewFolder("kinds");
  const std::string pad(300, '\x80');
  const std::string jpeg = EncodeJpeg(PhotographLike(64, 48, 1));
  const std::string png = EncodePng(PhotographLike(64, 48, 2));
  const std::string webp = EncodeWebp(PhotographLike(64, 48, 3));
  std::string flipped = png;
  flipped[png.size() / 2] ^= 0x55;
  struct Case {
    std::string name, bytes, reason, hint;
  };
  const std::string half = "broke off?";
  for (const Case& c : std::vector<Case>{
           {"zero bytes.jpg", "", "the file is empty", half},
           {"zeros.jpg", std::string(5000, '\0'), "nothing but zero bytes", half},
           {"half.jpg", jpeg.substr(0, jpeg.size() / 2), "Premature end", half},
           {"half.png", png.substr(0, png.size() / 2), "bad PNG", half},
           {"half.webp", webp.substr(0, webp.size() / 2), "too early", half},
           {"damaged.png", flipped, "bad PNG", "damaged"},
           {"huge.png", ClaimPngSize(png, 61680, 61680), "61680x61680", "make the picture smaller"},
           {"404.jpg", "\n<!DOCTYPE HTML><html><title>404</title>", "an HTML page", "download"},
           {"error.jpg", "{\"error\": \"quota\"}", "JSON", "download"},
           {"notes.jpg", "this is not a picture\n", "it is text", "take it out"},
           {"lfs.jpg", "version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"},
           {"a.jpg", "8BPS" + pad, "a Photoshop picture", "convert"},
           {"b.jpg", Zeroed("___\x0CjP  ") + pad, "a JPEG 2000 picture", "convert"},
           {"c.jpg", Zeroed("___\x0CJXL ") + pad, "a JPEG XL picture", "convert"},
           {"e.jpg", Zeroed("___\x18") + "ftypheic" + pad, "a HEIC picture", "convert"},
           {"f.jpg", Zeroed("___\x18") + "ftypavif" + pad, "an AVIF picture", "convert"},
           {"g.jpg", Zeroed("___\x18") + "ftypisom" + pad, "an MP4 film", "take it out"},
           {"h.jpg", "%PDF-1.4" + pad, "a PDF", "take it out"},
           {"i.jpg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "an SVG", "convert"},
           {"j.jpg", "\x91\x07\xC3" + pad, "by its first bytes", "get the picture again"}}) {
    WriteFile(folder + "/" + c.name, c.bytes);
    const absl::Status status = ReadImage(folder + "/" + c.name).status();
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("cannot decode " + folder + "/" + c.name + ": "),
                      HasSubstr(c.reason), HasSubstr("; "), HasSubstr(c.hint)));
  }
}

TEST(BadFiles, EveryPartOfTheirHeadersIsSurvived) {
  for (const char* head : {"GIF89a", "BM", "____ftypheic", "<!doctype html", "PK", "II*_"}) {
    const std::string bytes = Zeroed(head);
    for (size_t n = 0; n <= bytes.size(); ++n) KindOfFile(bytes.substr(0, n));
  }
  EXPECT_EQ(KindOfFile(std::string("BM__________________")).name, "text");
}

TEST(BadFiles, NamesOfAnyKindAreReadAndSaidInOneLine) {
  const std::string folder = NewFolder("names");
  const std::vector<std::string> names = {"a b  c.png",    "\xC3\xA4\xE5\x9B\xBE.png",
                                          "line\nend.png", "esc\x1B[31m.png",
                                          "\xFF\xFE.png",  "quote'\".png"};
  for (const std::string& name : names) {
    WriteFile(folder + "/" + name, EncodePng(GradientImage(8, 8)));
  }
  const auto listing = ListPictures(folder, "");
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_THAT(listing->paths, testing::UnorderedElementsAreArray(names));
  for (const std::string& name : names) {
    EXPECT_TRUE(ReadImage(folder + "/" + name).ok()) << name;
    WriteFile(folder + "/" + name, "");
  }
  const auto said = [&folder](const std::string& name) {
    return std::string(ReadImage(folder + "/" + name).status().message());
  };
  EXPECT_THAT(said(names[0]), HasSubstr("a b  c.png"));
  EXPECT_THAT(said(names[1]), HasSubstr(names[1]));
  EXPECT_THAT(said(names[2]), AllOf(HasSubstr("line\\x0Aend.png"), Not(HasSubstr("\n"))));
  EXPECT_THAT(said(names[3]), AllOf(HasSubstr("esc\\x1B[31m.png"), Not(HasSubstr("\x1B"))));
  std::filesystem::remove(folder + "/" + names[2]);
  EXPECT_THAT(said(names[2]), AllOf(HasSubstr("\\x0A"), HasSubstr("No such file"),
                                    HasSubstr("put the picture back")));
}

// Runs `what` where no file can be opened, whoever the user is.
template <typename What>
auto WithoutFiles(const What& what) {
  struct rlimit before;
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const struct rlimit none = {0, before.rlim_max};
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  auto result = what();
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  return result;
}

TEST(BadFiles, WhatTheMachineFailsAtIsNoFaultOfThePicture) {
  const std::string path = NewFolder("too_many_open") + "/a.png";
  WriteFile(path, EncodePng(GradientImage(8, 8)));
  const absl::Status status = WithoutFiles([&] { return ReadImage(path).status(); });
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(status.message(),
            "cannot read " + path + ": Too many open files; raise the limit (ulimit -n)");
  for (const int error : {EMFILE, ENFILE, ENOMEM, EIO, ESTALE, ETIMEDOUT}) {
    EXPECT_TRUE(absl::IsUnavailable(ErrnoStatus("read", path, error)));
  }
  for (const int error : {ENOENT, EACCES, EISDIR, EINVAL, ENAMETOOLONG}) {
    EXPECT_FALSE(absl::IsUnavailable(ErrnoStatus("read", path, error)));
  }
}

TEST(BadFiles, WhatAScreenWouldObeyOrHideIsShown) {
  for (const auto& [bytes, shown] :
       {std::pair<std::string, std::string>{{"a\0b", 3}, "a\\x00b"},
        {"\x1B[31m\n\t\x7F", "\\x1B[31m\\x0A\\x09\\x7F"},
        {"\xEF\xBB\xBF"
         "a",
         "\\xEF\\xBB\\xBFa"},  // U+FEFF
        {"a\xC2\xA0"
         "b",
         "a\\xC2\\xA0b"},  // U+00A0
        {"\xC2\x9B"
         "1m",
         "\\xC2\\x9B1m"},  // U+009B, as ESC [
        {"\xE2\x80\xAE"
         "gpj",
         "\\xE2\\x80\\xAEgpj"},               // U+202E turns what follows
        {"\xE2\x81\xA6", "\\xE2\\x81\\xA6"},  // U+2066, the same
        {"\xE2\x80\x8B", "\\xE2\\x80\\x8B"},  // U+200B, no width
        {"\xE2\x80\xA8", "\\xE2\\x80\\xA8"},  // U+2028, a line's end
        {"\x9B"
         "1m\xFF\xC3",
         "\\x9B1m\\xFF\\xC3"},                // no UTF-8
        {"\xC0\x8A\xE0\x80\x8A\xED\xA0\x80",  // too long for a line's end; half a pair
         "\\xC0\\x8A\\xE0\\x80\\x8A\\xED\\xA0\\x80"},
        {"\xF4\x90\x80\x80\xF0\x9F", "\\xF4\\x90\\x80\\x80\\xF0\\x9F"},
        {" \xC3\xA9\xE6\xB5\xB7 \xF0\x9F\x90\x88.jpg",
         " \xC3\xA9\xE6\xB5\xB7 \xF0\x9F\x90\x88.jpg"}}) {
    EXPECT_EQ(PrintablePath(bytes), shown);
  }
}

TEST(BadFiles, AnUnreadableFolderIsNamedWithTheWayOut) {
  const std::string folder = NewFolder("unreadable");
  WriteFile(folder + "/x/a.png", EncodePng(GradientImage(8, 8)));
  OpenOptions options;
  options.data_path = folder;
  const absl::Status status = WithoutFiles([&] { return OpenDatasets(options).status(); });
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("cannot read the folder " + folder), HasSubstr("ulimit -n")));
  EXPECT_THAT(std::string(CannotReadFolder(folder, EACCES).message()),
              AllOf(HasSubstr("cannot read the folder " + folder), HasSubstr("chmod")));
  EXPECT_TRUE(OpenDatasets(options).ok());
  if (::geteuid() == 0) return;  // may read everything
  ::chmod((folder + "/x").c_str(), 0);
  EXPECT_THAT(std::string(OpenDatasets(options).status().message()),
              AllOf(HasSubstr(folder + "/x: Permission denied"), HasSubstr("chmod")));
  ::chmod((folder + "/x").c_str(), 0700);
}

}  // namespace
}  // namespace models
