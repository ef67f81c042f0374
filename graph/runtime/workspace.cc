#include "graph/runtime/workspace.h"

#include "graph/base/status.h"

namespace graph {

absl::Status Workspace::ReserveArena(size_t bytes) {
  if (bytes <= arena_bytes()) return absl::OkStatus();
  arena_.reset();  // freed first unless in use: two arenas at once may not fit
  ASSIGN_OR_RETURN(Block block, device().Allocate(bytes, Contents::kGarbage));
  arena_ = std::make_shared<const Block>(std::move(block));
  return absl::OkStatus();
}

}  // namespace graph
