// Finds the members of a tar archive in one pass, by libarchive.
#ifndef MODELS_DATA_TAR_INDEX_H_
#define MODELS_DATA_TAR_INDEX_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace models {

struct TarMember {
  std::string path;    // as in the archive, GNU and pax long names resolved
  int64_t offset = 0;  // of its bytes in the archive
  int64_t size = 0;
  std::string head;     // its first bytes, if requested
  std::string broken;   // why it cannot be read, in words; empty if it can
  bool sparse = false;  // the reason is that holes were left out when it was written
};

struct TarIndex {
  // Regular files in the archive's order. A hard link to an earlier one counts as a member with
  // that file's bytes.
  std::vector<TarMember> members;
  // Paths of symbolic links, which are not followed, and of hard links whose target is no earlier
  // member.
  std::vector<std::string> symbolic_links, lost_links;
  // Why the rest of the archive could not be read; empty if it ends properly. An incomplete member
  // is listed and has its own `broken`.
  std::string broken;
  bool end_mark = true;         // the zero blocks that end a tar are there
  int64_t bytes_after_end = 0;  // from the first one after the end that is not zero and begins no
                                // tar
};

// Indexes the `size` bytes at `base` of the open file `file`; offsets are relative to `base`.
// Concatenated archives are read one after another, each to its end mark. Keeps head_bytes(path)
// first bytes of each member. InvalidArgument with the reason if this is no tar archive at all,
// Unavailable if the file cannot be read.
absl::StatusOr<TarIndex> IndexTar(int file, int64_t base, int64_t size,
                                  const std::function<int64_t(absl::string_view path)>& head_bytes);

// Reads exactly `size` bytes at `offset`; fewer are an error. Thread-safe.
absl::StatusOr<std::string> ReadAt(int file, int64_t offset, int64_t size, const std::string& name);

}  // namespace models

#endif  // MODELS_DATA_TAR_INDEX_H_
