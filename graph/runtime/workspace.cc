#include "graph/runtime/workspace.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "graph/base/status.h"

namespace graph {

Buffer Buffer::Uninitialized(size_t bytes) {
  // An empty blob has an address, too: executables tell blobs of the workspace
  // from those of the arena by it.
  const size_t capacity = std::max(AlignUp(bytes), kAlignment);
  Buffer buffer;
  buffer.data_.reset(std::aligned_alloc(kAlignment, capacity));
  CHECK(buffer.data_ != nullptr);
  buffer.size_ = bytes;
  return buffer;
}

Buffer Buffer::Zeroed(size_t bytes) {
  Buffer buffer = Uninitialized(bytes);
  std::memset(buffer.data(), 0, std::max(AlignUp(bytes), kAlignment));
  return buffer;
}

void Buffer::Free::operator()(void* p) const { std::free(p); }

void Tensor::CheckType(DType dtype) const { CHECK(type.dtype == dtype); }

absl::StatusOr<Tensor> Workspace::Create(absl::string_view name, const TensorType& type) {
  auto it = blobs_.find(name);
  if (it == blobs_.end()) {
    it = blobs_.emplace(std::string(name), Entry{type, Buffer::Zeroed(type.bytes())}).first;
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

void Workspace::ReserveArena(size_t bytes) {
  if (bytes <= arena_.size()) return;
  arena_ = Buffer();  // freed first: two arenas at once could be too much memory
  arena_ = Buffer::Uninitialized(bytes);
}

size_t Workspace::persistent_bytes() const {
  size_t bytes = 0;
  for (const auto& [name, entry] : blobs_) bytes += entry.buffer.size();
  return bytes;
}

}  // namespace graph
