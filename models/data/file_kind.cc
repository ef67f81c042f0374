#include "models/data/file_kind.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "models/data/file_util.h"
#include "models/data/picture_error.h"

namespace models {
namespace {

constexpr char kRemove[] = "take it out of the data";
constexpr char kAskAgain[] =
    "a server sent it in the picture's place? download the picture again, or take it out of the "
    "data";
constexpr char kUnpack[] = "unpack it, or take it out of the data";

struct Magic {
  size_t at;
  absl::string_view bytes;
  const char* name;
  const char* hint;
};

constexpr Magic kMagics[] = {
    {0, "8BPS", "a Photoshop picture", kConvertPicture},
    {0, {"\0\0\0\x0CjP  ", 8}, "a JPEG 2000 picture", kConvertPicture},
    {0, "\xFF\x4F\xFF\x51", "a JPEG 2000 picture", kConvertPicture},
    {0, "\xFF\x0A", "a JPEG XL picture", kConvertPicture},
    {0, {"\0\0\0\x0CJXL ", 8}, "a JPEG XL picture", kConvertPicture},
    {0, {"\0\0\1\0", 4}, "a Windows icon", kConvertPicture},
    {4, "ftypheic", "a HEIC picture", kConvertPicture},
    {4, "ftypheix", "a HEIC picture", kConvertPicture},
    {4, "ftypmif1", "a HEIF picture", kConvertPicture},
    {4, "ftypmsf1", "a HEIF picture", kConvertPicture},
    {4, "ftypavif", "an AVIF picture", kConvertPicture},
    {4, "ftypqt  ", "a QuickTime film", kRemove},
    {4, "ftyp", "an MP4 film", kRemove},
    {0, "\x1A\x45\xDF\xA3", "a Matroska or WebM film", kRemove},
    {8, "AVI LIST", "an AVI film", kRemove},
    {0, "%PDF-", "a PDF document", kRemove},
    {0, "PK\x03\x04", "a zip archive", kUnpack},
    {0, "\x1F\x8B", "gzip data", kUnpack},
    {0, {"\xFD\x37zXZ\0", 6}, "xz data", kUnpack},
    {0, "BZh", "bzip2 data", kUnpack},
    {0, "\x28\xB5\x2F\xFD", "zstd data", kUnpack},
    {0, "7z\xBC\xAF\x27\x1C", "a 7z archive", kUnpack},
    {257, "ustar", "a tar archive", "name it *.tar if it is a shard, or take it out of the data"},
};

// Text as people write it: no zero byte, and no control characters except white space.
bool IsText(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte != 0x7F : absl::ascii_isspace(byte);
  });
}

constexpr absl::string_view kEndings[] = {"jpg",  "jpeg", "jpe",  "jfif", "png",
                                          "webp", "tif",  "tiff", "bmp",  "gif"};

bool EndsInOneOf(absl::string_view path, absl::Span<const absl::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(), [path](absl::string_view ending) {
    return absl::EndsWithIgnoreCase(path, ending);
  });
}

}  // namespace

PictureFormat FormatOfPicture(absl::string_view head) {
  const auto begins = [head](absl::string_view magic) { return absl::StartsWith(head, magic); };
  if (begins("\xFF\xD8\xFF")) return PictureFormat::kJpeg;
  if (begins("\x89PNG\r\n\x1A\n")) return PictureFormat::kPng;
  if (begins("RIFF") && absl::StartsWith(absl::ClippedSubstr(head, 8), "WEBP")) {
    return PictureFormat::kWebp;
  }
  for (const absl::string_view magic : {"II*_", "MM_*", "II+_", "MM_+"}) {  // 32 and 64 bits
    if (head.size() >= 4 && std::equal(magic.begin(), magic.end(), head.begin(),
                                       [](char m, char c) { return (m == '_' ? '\0' : m) == c; })) {
      return PictureFormat::kTiff;
    }
  }
  // "BM" alone could begin anything; its second header's size, below 256, says more.
  if (begins("BM") && absl::ClippedSubstr(head, 15, 3) == absl::string_view("\0\0\0", 3)) {
    return PictureFormat::kBmp;
  }
  if (begins("GIF87a") || begins("GIF89a")) return PictureFormat::kGif;
  return PictureFormat::kNone;
}

absl::string_view NameOfFormat(PictureFormat format) {
  constexpr absl::string_view kNames[] = {"", "jpeg", "png", "webp", "tiff", "bmp", "gif"};
  return kNames[static_cast<int>(format)];
}

bool IsPictureEnding(absl::string_view ending) {
  return std::any_of(std::begin(kEndings), std::end(kEndings), [ending](absl::string_view known) {
    return absl::EqualsIgnoreCase(ending, known);
  });
}

std::string PictureEndings() { return absl::StrCat(".", absl::StrJoin(kEndings, ", .")); }

bool IsShardName(absl::string_view path) { return EndsInOneOf(path, {".tar", ".tar.gz", ".tgz"}); }

bool IsUnreadArchive(absl::string_view path) {
  return EndsInOneOf(path, {".tar.7z", ".tar.br", ".tar.bz2", ".tar.lz", ".tar.lz4", ".tar.lzma",
                            ".tar.lzo", ".tar.xz", ".tar.z", ".tar.zst", ".tar.zstd", ".tbz",
                            ".tbz2", ".tlz", ".txz", ".tzst", ".7z", ".rar", ".zip"});
}

absl::StatusOr<bool> CountsAsPicture(const std::string& path) {
  const absl::string_view base = absl::string_view(path).substr(path.rfind('/') + 1);
  if (const size_t dot = base.rfind('.'); dot != absl::string_view::npos) {
    return IsPictureEnding(base.substr(dot + 1));
  }
  const absl::StatusOr<std::string> head = ReadHead(path, kPictureHeadBytes);
  // A temporary failure of the machine would make the next try see another data set.
  if (absl::IsUnavailable(head.status())) return head.status();
  return head.ok() && FormatOfPicture(*head) != PictureFormat::kNone;
}

FileKind KindOfFile(absl::string_view bytes) {
  const std::string copy_again = absl::StrCat(kPictureBrokeOff, kGetPictureAgain);
  if (bytes.empty()) return {"empty", copy_again};
  for (const Magic& magic : kMagics) {
    if (bytes.size() >= magic.at && absl::StartsWith(bytes.substr(magic.at), magic.bytes)) {
      return {magic.name, magic.hint};
    }
  }
  if (std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; })) {
    return {"nothing but zero bytes", copy_again};
  }
  const absl::string_view head = bytes.substr(0, 512);
  if (!IsText(head)) return {};
  const std::string lower = absl::AsciiStrToLower(absl::StripLeadingAsciiWhitespace(head));
  if (absl::StrContains(lower, "<svg")) return {"an SVG drawing", kConvertPicture};
  if (absl::StartsWith(lower, "<!doctype html") || absl::StrContains(lower, "<html") ||
      absl::StrContains(lower, "<head") || absl::StrContains(lower, "<body")) {
    return {"an HTML page", kAskAgain};
  }
  if (absl::StartsWith(lower, "<?xml")) return {"XML text", kAskAgain};
  if (absl::StartsWith(lower, "version https://git-lfs")) {
    return {"a pointer of Git LFS", "get the pictures with git lfs pull"};
  }
  if (absl::StartsWith(lower, "{") || absl::StartsWith(lower, "[")) {
    return {"text (JSON?)", kAskAgain};
  }
  return {"text", kRemove};
}

}  // namespace models
