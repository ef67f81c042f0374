#include "graph/runtime/workspace.h"

#include "graph/base/status.h"

namespace graph {

absl::Status Workspace::ReserveArena(size_t bytes) {
  if (bytes <= arena_bytes()) return absl::OkStatus();
  arena_.reset();  // first, where nobody uses it: two arenas at once could be too much memory
  ASSIGN_OR_RETURN(Block block, device().Allocate(bytes, Contents::kGarbage));
  arena_ = std::make_shared<const Block>(std::move(block));
  return absl::OkStatus();
}

}  // namespace graph
