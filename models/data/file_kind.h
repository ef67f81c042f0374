// Which files are pictures or tar shards, by their names and by their first bytes, and what the
// others are instead, for messages. Thread-safe.
#ifndef MODELS_DATA_FILE_KIND_H_
#define MODELS_DATA_FILE_KIND_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace models {

// Formats that are decoded here.
enum class PictureFormat { kNone, kJpeg, kPng, kWebp, kTiff, kBmp, kGif };

// By the first bytes of a file; kPictureHeadBytes are enough.
inline constexpr int kPictureHeadBytes = 20;
PictureFormat FormatOfPicture(absl::string_view head);

// "jpeg", "png", ...; empty for kNone.
absl::string_view NameOfFormat(PictureFormat format);

// Whether a name that ends in `.ending` is a picture's. Upper and lower case are the same.
bool IsPictureEnding(absl::string_view ending);
// ".jpg, .jpeg, ..., .gif", for messages.
std::string PictureEndings();

// Whether the file at `path`, whose name is the path's last part, counts as a picture: one with
// an ending by that alone, whatever it holds (decoding says what is wrong with it); one whose
// name has no dot by its first bytes, for which it is opened. Unavailable where the machine fails
// at that (ErrnoStatus in file_util.h); what may not be read is no picture.
absl::StatusOr<bool> CountsAsPicture(const std::string& path);

// Whether `path` ends in .tar, .tar.gz or .tgz, whatever its case.
bool IsShardName(absl::string_view path);
// Whether it ends as archives do that are not read: .tar.xz, .tzst, .zip, ...
bool IsUnreadArchive(absl::string_view path);
// What to do with it.
inline constexpr char kUnpackIt[] =
    "unpack it (plain and gzip tar shards are read), or take it out of the data";

struct FileKind {
  std::string name;  // "a GIF picture"
  std::string hint;  // what to do with a file of that kind among the pictures
};

// By the first bytes of `bytes`, which is the whole file. The name is empty where nothing is
// known about them.
FileKind KindOfFile(absl::string_view bytes);

}  // namespace models

#endif  // MODELS_DATA_FILE_KIND_H_
