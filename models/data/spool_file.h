// Puts what has no offsets into a file, where it has: gzip archives unpacked, and standard input.
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

// One unnamed file in the folder for temporary files ($TMPDIR, else /tmp), into which gzip archives
// are unpacked one after another. It vanishes when the program ends, however it ends.
class SpoolFile {
 public:
  // A gzip file of a few megabytes may unpack to a thousand times its size, and fill the disk or,
  // if the folder is in memory, the memory. Pictures are already compressed; gzip saves a few
  // percent.
  struct Limits {
    // A file may unpack to this many times its size; less than `always_bytes` is always allowed.
    int64_t ratio = 100;
    int64_t always_bytes = int64_t{1} << 30;
    // Bytes to leave free on the spool's file system; -1: 256 MiB, or 1% of it if less.
    int64_t keep_free = -1;
  };
  static absl::StatusOr<std::unique_ptr<SpoolFile>> Create(const Limits& limits);
  static absl::StatusOr<std::unique_ptr<SpoolFile>> Create() { return Create(Limits()); }
  // A path to all that standard input holds. The first call reads it to its end, into an unnamed
  // file like the others, which lives as long as the program. Errors: a terminal, nothing to read,
  // no room.
  static absl::StatusOr<std::string> StandardInput();
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  struct Piece {
    int64_t base = 0;
    int64_t size = 0;
    // Why unpacking ended early, or what was wrong at the end (for example the checksum); empty if
    // nothing is. The bytes before that are there.
    std::string broken;
    // Bytes of the file after its last member that neither are all zero nor begin a member.
    // Skipped, as gzip does.
    int64_t bytes_after_end = 0;
  };
  // Unpacks `path`, a gzip file of one or more members, to the end of the spool. Errors name the
  // path, what there is too little or too much of, and the way out.
  absl::StatusOr<Piece> Unpack(const std::string& path);

  int file() const { return file_; }
  int64_t size() const { return size_; }
  const std::string& folder() const { return folder_; }
  // Bytes that may still be written; negative if less is free than must stay free.
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

// Whether there is room for the unpacked sizes that the gzip files `paths` claim; an error names
// both numbers and the way out.
absl::Status CheckSpoolRoom(const SpoolFile& spool, const std::vector<std::string>& paths);

// Whether `path` begins as gzip files do. NotFound or PermissionDenied if it cannot be read.
absl::StatusOr<bool> IsGzip(const std::string& path);

// The path of standard input where a shard's is asked for.
inline constexpr char kStandardInput[] = "-";

}  // namespace models

#endif  // MODELS_DATA_SPOOL_FILE_H_
