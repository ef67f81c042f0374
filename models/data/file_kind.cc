#include "models/data/file_kind.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace models {
namespace {

constexpr char kConvert[] = "convert it to JPEG, PNG or WebP, or take it out of the data";
constexpr char kRemove[] = "take it out of the data";
constexpr char kAskAgain[] =
    "a server sent it in the picture's place? download the picture again, or take it out of the "
    "data";
constexpr char kCopyAgain[] =
    "a copy or download that broke off? get the picture again, or take it out of the data";

struct Magic {
  size_t at;
  absl::string_view bytes;
  const char* name;
  const char* hint;
};

constexpr Magic kMagics[] = {
    {0, "GIF8", "a GIF picture", kConvert},
    {0, {"II*\0", 4}, "a TIFF picture", kConvert},
    {0, {"MM\0*", 4}, "a TIFF picture", kConvert},
    {0, "8BPS", "a Photoshop picture", kConvert},
    {0, {"\0\0\0\x0CjP  ", 8}, "a JPEG 2000 picture", kConvert},
    {0, "\xFF\x4F\xFF\x51", "a JPEG 2000 picture", kConvert},
    {0, "\xFF\x0A", "a JPEG XL picture", kConvert},
    {0, {"\0\0\0\x0CJXL ", 8}, "a JPEG XL picture", kConvert},
    {0, {"\0\0\1\0", 4}, "a Windows icon", kConvert},
    {4, "ftypheic", "a HEIC picture", kConvert},
    {4, "ftypheix", "a HEIC picture", kConvert},
    {4, "ftypmif1", "a HEIF picture", kConvert},
    {4, "ftypmsf1", "a HEIF picture", kConvert},
    {4, "ftypavif", "an AVIF picture", kConvert},
    {4, "ftypqt  ", "a QuickTime film", kRemove},
    {4, "ftyp", "an MP4 film", kRemove},
    {0, "\x1A\x45\xDF\xA3", "a Matroska or WebM film", kRemove},
    {8, "AVI LIST", "an AVI film", kRemove},
    {0, "%PDF-", "a PDF document", kRemove},
    {0, "PK\x03\x04", "a zip archive", "unpack it, or take it out of the data"},
    {0, "\x1F\x8B", "gzip data", "unpack it, or take it out of the data"},
    {257, "ustar", "a tar archive", "name it *.tar if it is a shard, or take it out of the data"},
};

// Text as people write it: no zero byte, and no control characters but white space.
bool IsText(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte != 0x7F : absl::ascii_isspace(byte);
  });
}

}  // namespace

FileKind KindOfFile(absl::string_view bytes) {
  if (bytes.empty()) return {"empty", kCopyAgain};
  for (const Magic& magic : kMagics) {
    if (bytes.size() >= magic.at && absl::StartsWith(bytes.substr(magic.at), magic.bytes)) {
      return {magic.name, magic.hint};
    }
  }
  // "BM" alone could begin anything; its header's size says more.
  if (absl::StartsWith(bytes, "BM") && bytes.size() > 18 &&
      bytes.substr(15, 3) == absl::string_view("\0\0\0", 3)) {
    return {"a BMP picture", kConvert};
  }
  if (std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; })) {
    return {"nothing but zero bytes", kCopyAgain};
  }
  const absl::string_view head = bytes.substr(0, 512);
  if (!IsText(head)) return {};
  const std::string lower = absl::AsciiStrToLower(absl::StripLeadingAsciiWhitespace(head));
  if (absl::StrContains(lower, "<svg")) return {"an SVG drawing", kConvert};
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
