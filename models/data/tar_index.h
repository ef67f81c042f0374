// What lies where in a tar archive, read once by libarchive; and gzip archives unpacked
// so that something lies somewhere.
#ifndef MODELS_DATA_TAR_INDEX_H_
#define MODELS_DATA_TAR_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace models {

struct TarMember {
  std::string path;    // as the archive has it, GNU and pax long names resolved
  int64_t offset = 0;  // of its bytes in the archive
  int64_t size = 0;
  std::string text;    // its bytes, where they were asked for
  std::string broken;  // why it cannot be read, in words; empty where it can
};

struct TarIndex {
  std::vector<TarMember> members;  // regular files in the archive's order
  // Why the rest of the archive could not be read; empty when it ends as it should. A
  // member whose bytes are not all there is listed and says so itself.
  std::string broken;
  bool end_mark = true;  // the zero blocks that end a tar are there
};

// Indexes the `size` bytes from `base` on of the open file `file`; offsets count from
// `base`. The bytes of members of at most 4,096 bytes whose path `wants_text` accepts are
// kept. InvalidArgument with the reason when this is no tar archive at all.
absl::StatusOr<TarIndex> IndexTar(int file, int64_t base, int64_t size,
                                  const std::function<bool(absl::string_view path)>& wants_text);

// One file without a name in the folder for temporary files ($TMPDIR, else /tmp), which
// gzip archives are unpacked into one after another. It goes when the program ends,
// however that happens.
class SpoolFile {
 public:
  static absl::StatusOr<std::unique_ptr<SpoolFile>> Create();
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  struct Piece {
    int64_t base = 0;
    int64_t size = 0;
    std::string broken;  // why unpacking ended early; empty when it did not
  };
  // Appends what `path` unpacks to. Errors name the path or the folder, what there is too
  // little of, and the way out.
  absl::StatusOr<Piece> Unpack(const std::string& path);

  int file() const { return file_; }
  int64_t size() const { return size_; }
  const std::string& folder() const { return folder_; }

 private:
  SpoolFile(int file, std::string folder) : file_(file), folder_(std::move(folder)) {}
  absl::Status Full(const std::string& reason) const;

  int file_;
  std::string folder_;
  int64_t size_ = 0;
};

// Whether there is room for what `paths`, gzip files, say of their unpacked size; an error
// names both numbers and the way out.
absl::Status CheckSpoolRoom(const SpoolFile& spool, const std::vector<std::string>& paths);

// Whether `path` begins as gzip files do. NotFound or PermissionDenied where it cannot be read.
absl::StatusOr<bool> IsGzip(const std::string& path);

// Reads `size` bytes at `offset`; fewer than that is an error, too. Thread-safe.
absl::StatusOr<std::string> ReadAt(int file, int64_t offset, int64_t size, const std::string& name);

}  // namespace models

#endif  // MODELS_DATA_TAR_INDEX_H_
