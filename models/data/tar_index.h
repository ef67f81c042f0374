// What lies where in a tar archive, read once by libarchive.
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
  std::string path;    // as the archive has it, GNU and pax long names resolved
  int64_t offset = 0;  // of its bytes in the archive
  int64_t size = 0;
  std::string head;     // its first bytes, where they were asked for
  std::string broken;   // why it cannot be read, in words; empty where it can
  bool sparse = false;  // that is why: holes were left out when it was written
};

struct TarIndex {
  // Regular files in the archive's order. A hard link to one of them that comes before it is
  // one, too: it has the bytes of that file.
  std::vector<TarMember> members;
  // Paths of symbolic links, which are not followed, and of hard links to what is no member
  // before them.
  std::vector<std::string> symbolic_links, lost_links;
  // Why the rest of the archive could not be read; empty when it ends as it should. A
  // member whose bytes are not all there is listed and says so itself.
  std::string broken;
  bool end_mark = true;         // the zero blocks that end a tar are there
  int64_t bytes_after_end = 0;  // from the first behind them that is not zero and begins no tar
};

// Indexes the `size` bytes from `base` on of the open file `file`; offsets count from
// `base`. Archives that were put together by cat are read one after another, each to its end
// mark. Of each member so many first bytes are kept as `head_bytes` says of its path.
// InvalidArgument with the reason when this is no tar archive at all, Unavailable when the file
// cannot be read.
absl::StatusOr<TarIndex> IndexTar(int file, int64_t base, int64_t size,
                                  const std::function<int64_t(absl::string_view path)>& head_bytes);

// Reads `size` bytes at `offset`; fewer than that is an error, too. Thread-safe.
absl::StatusOr<std::string> ReadAt(int file, int64_t offset, int64_t size, const std::string& name);

}  // namespace models

#endif  // MODELS_DATA_TAR_INDEX_H_
