// Memory of a training run: states, which outlive each run of a net, and the arena for
// what lives within one.
#ifndef GRAPH_RUNTIME_WORKSPACE_H_
#define GRAPH_RUNTIME_WORKSPACE_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "graph/base/status.h"
#include "graph/runtime/device.h"
#include "graph/runtime/host_device.h"
#include "graph/runtime/named_tensors.h"

namespace graph {

// Holds the states of all nets compiled against it (training, accumulation and evaluation nets
// share parameters by name), and one arena, as large as the largest net needs.
// Not thread-safe; one executable runs at a time.
class Workspace : public NamedTensors {
 public:
  // All memory is on `device`, that of the backend for which the nets are compiled.
  explicit Workspace(std::shared_ptr<Device> device = MakeHostDevice())
      : NamedTensors(std::move(device)) {}

  // Makes the arena at least `bytes` large. Reserve what the largest net needs before the first
  // executable is created: an executable keeps the arena that it was created with, so a later,
  // larger arena takes memory beside it. RESOURCE_EXHAUSTED leaves no arena.
  absl::Status ReserveArena(size_t bytes) {
    if (bytes <= arena_bytes()) return absl::OkStatus();
    arena_.reset();  // freed first unless in use: two arenas at once may not fit
    ASSIGN_OR_RETURN(Block block, device().Allocate(bytes, Contents::kGarbage));
    arena_ = std::make_shared<const Block>(std::move(block));
    return absl::OkStatus();
  }
  const std::shared_ptr<const Block>& arena() const { return arena_; }
  size_t arena_bytes() const { return arena_ == nullptr ? 0 : arena_->size(); }
  size_t persistent_bytes() const { return bytes(); }

 private:
  std::shared_ptr<const Block> arena_;
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_WORKSPACE_H_
