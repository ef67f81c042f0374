// Recognises pictures and tar shards by their names and first bytes, and names other kinds of files
// for messages. Thread-safe.
#ifndef MODELS_DATA_FILE_KIND_H_
#define MODELS_DATA_FILE_KIND_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace models {

// Formats that this program decodes.
enum class PictureFormat { kNone, kJpeg, kPng, kWebp, kTiff, kBmp, kGif };

// Decides by the first bytes of a file; kPictureHeadBytes are enough.
inline constexpr int kPictureHeadBytes = 20;
PictureFormat FormatOfPicture(absl::string_view head);

// "jpeg", "png", ...; empty for kNone.
absl::string_view NameOfFormat(PictureFormat format);

// Whether names that end in `.ending` are pictures. Ignores case.
bool IsPictureEnding(absl::string_view ending);
// ".jpg, .jpeg, ..., .gif", for messages.
std::string PictureEndings();

// Whether the file at `path` counts as a picture. A name with an ending decides alone, whatever the
// file holds (decoding reports what is wrong with it); a file without a dot in its name is opened
// and judged by its first bytes. Unavailable if the machine fails at that (ErrnoStatus in
// file_util.h); a file that may not be read is no picture.
absl::StatusOr<bool> CountsAsPicture(const std::string& path);

// Whether `path` ends in .tar, .tar.gz or .tgz. Ignores case.
bool IsShardName(absl::string_view path);
// Whether `path` ends like an archive that is not supported: .tar.xz, .tzst, .zip, ...
bool IsUnreadArchive(absl::string_view path);
// What to do with such an archive.
inline constexpr char kUnpackIt[] =
    "unpack it (plain and gzip tar shards are read), or take it out of the data";

struct FileKind {
  std::string name;  // "a GIF picture"
  std::string hint;  // what to do with a file of that kind among the pictures
};

// Decides by the first bytes of `bytes`, the whole file. The name is empty if the kind is unknown.
FileKind KindOfFile(absl::string_view bytes);

}  // namespace models

#endif  // MODELS_DATA_FILE_KIND_H_
