// Gzip archives unpacked into a file, so that their members lie somewhere.
#ifndef MODELS_DATA_SPOOL_FILE_H_
#define MODELS_DATA_SPOOL_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace models {

// One file without a name in the folder for temporary files ($TMPDIR, else /tmp), which
// gzip archives are unpacked into one after another. It goes when the program ends,
// however that happens.
class SpoolFile {
 public:
  // A gzip file of a few megabytes may unpack to a thousand times as much, and fill the disk
  // or, where the folder lies there, the memory. Of pictures, which are packed already, gzip
  // saves a few percent.
  struct Limits {
    // What one file unpacks to may be this many times its size; less than `always_bytes` is
    // never too much.
    int64_t ratio = 100;
    int64_t always_bytes = int64_t{1} << 30;
    // What has to stay free where the spool lies; -1: 256 MiB, or 1% of the whole if less.
    int64_t keep_free = -1;
  };
  static absl::StatusOr<std::unique_ptr<SpoolFile>> Create(const Limits& limits);
  static absl::StatusOr<std::unique_ptr<SpoolFile>> Create() { return Create(Limits()); }
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  struct Piece {
    int64_t base = 0;
    int64_t size = 0;
    // Why unpacking ended early, or what was wrong at the end (the checksum, say); empty when
    // nothing is. The bytes before that are there.
    std::string broken;
    // Of the file, behind its last member: not zero at once, and no member. Passed over, as gzip
    // does.
    int64_t bytes_after_end = 0;
  };
  // Appends what `path`, a gzip file of one or more members, unpacks to. Errors name the
  // path, what there is too little of or too much, and the way out.
  absl::StatusOr<Piece> Unpack(const std::string& path);

  int file() const { return file_; }
  int64_t size() const { return size_; }
  const std::string& folder() const { return folder_; }
  // What may still be written; negative where less is free than has to stay so.
  int64_t Room() const;

 private:
  SpoolFile(int file, std::string folder, const Limits& limits)
      : file_(file), folder_(std::move(folder)), limits_(limits) {}
  absl::Status Full(const std::string& reason) const;
  absl::Status Append(const std::string& path, const void* bytes, int64_t count);

  int file_;
  std::string folder_;
  Limits limits_;
  int64_t size_ = 0;
};

// Whether there is room for what `paths`, gzip files, say of their unpacked size; an error
// names both numbers and the way out.
absl::Status CheckSpoolRoom(const SpoolFile& spool, const std::vector<std::string>& paths);

// Whether `path` begins as gzip files do. NotFound or PermissionDenied where it cannot be read.
absl::StatusOr<bool> IsGzip(const std::string& path);

}  // namespace models

#endif  // MODELS_DATA_SPOOL_FILE_H_
