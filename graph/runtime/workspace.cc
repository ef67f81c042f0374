#include "graph/runtime/workspace.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "graph/base/status.h"

namespace graph {

absl::StatusOr<Buffer> Buffer::Uninitialized(size_t bytes) {
  // An empty blob has an address, too: executables tell blobs of the workspace
  // from those of the arena by it.
  const size_t capacity = std::max(AlignUp(bytes), kAlignment);
  Buffer buffer;
  buffer.data_.reset(std::aligned_alloc(kAlignment, capacity));
  if (buffer.data_ == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for ", capacity / (1024 * 1024), " MiB"));
  }
  buffer.size_ = bytes;
  return buffer;
}

absl::StatusOr<Buffer> Buffer::Zeroed(size_t bytes) {
  ASSIGN_OR_RETURN(Buffer buffer, Uninitialized(bytes));
  std::memset(buffer.data(), 0, std::max(AlignUp(bytes), kAlignment));
  return buffer;
}

void Buffer::Free::operator()(void* p) const { std::free(p); }

void Tensor::CheckType(DType dtype) const { CHECK(type.dtype == dtype); }

absl::StatusOr<Tensor> Workspace::Create(absl::string_view name, const TensorType& type) {
  auto it = blobs_.find(name);
  if (it == blobs_.end()) {
    absl::StatusOr<Buffer> buffer = Buffer::Zeroed(type.bytes());
    if (!buffer.ok()) {
      return Annotate(buffer.status(), absl::StrCat("blob '", name, "' ", type.ToString()));
    }
    it = blobs_.emplace(std::string(name), Entry{type, *std::move(buffer)}).first;
  } else if (it->second.type != type) {
    return absl::FailedPreconditionError(
        absl::StrCat("blob '", name, "' is ", it->second.type.ToString(),
                     " in the workspace and cannot become ", type.ToString()));
  }
  return Tensor{type, it->second.buffer.data()};
}

absl::StatusOr<Tensor> Workspace::Find(absl::string_view name) const {
  const auto it = blobs_.find(name);
  if (it == blobs_.end()) {
    return absl::NotFoundError(absl::StrCat("the workspace has no blob '", name, "'"));
  }
  return Tensor{it->second.type, it->second.buffer.data()};
}

std::vector<std::string> Workspace::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : blobs_) names.push_back(name);
  return names;
}

absl::Status Workspace::ReserveArena(size_t bytes) {
  if (bytes <= arena_.size()) return absl::OkStatus();
  arena_ = Buffer();  // freed first: two arenas at once could be too much memory
  ASSIGN_OR_RETURN(arena_, Buffer::Uninitialized(bytes));
  return absl::OkStatus();
}

size_t Workspace::persistent_bytes() const {
  size_t bytes = 0;
  for (const auto& [name, entry] : blobs_) bytes += entry.buffer.size();
  return bytes;
}

}  // namespace graph
