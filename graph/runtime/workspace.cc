#include "graph/runtime/workspace.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "graph/base/status.h"

namespace graph {

namespace {

// Blobs of the workspace that are at least so large share slabs; smaller ones
// have heap blocks of their own, where sanitizers see who writes past the end.
constexpr size_t kSlabBlob = size_t{1} << 18;
constexpr size_t kSlab = size_t{64} << 20;

absl::Status NoMemory(size_t bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("no memory for ", (bytes + (1 << 20) - 1) >> 20, " MiB"));
}

// `bytes` of untouched pages at a multiple of kHugePage; null when there are none.
void* MapAligned(size_t bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (bytes > std::numeric_limits<size_t>::max() / 2) return nullptr;
  void* mapping = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  const uintptr_t start = reinterpret_cast<uintptr_t>(mapping);
  const uintptr_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (aligned + bytes + page - 1) / page * page;
  if (aligned > start) munmap(mapping, aligned - start);
  if (end < start + bytes + kHugePage) {
    munmap(reinterpret_cast<void*>(end), start + bytes + kHugePage - end);
  }
  // Advice: systems without huge pages go on with small ones.
  madvise(reinterpret_cast<void*>(aligned), end - aligned, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

}  // namespace

absl::StatusOr<Buffer> Buffer::Uninitialized(size_t bytes) {
  // An empty blob has an address, too: executables tell blobs of the workspace
  // from those of the arena by it.
  const size_t capacity = std::max(AlignUp(bytes), kAlignment);
  Buffer buffer;
  if (capacity >= kHugePage) {
    buffer.data_ = std::unique_ptr<void, Free>(MapAligned(capacity), Free{capacity});
  } else {
    buffer.data_.reset(std::aligned_alloc(kAlignment, capacity));
  }
  if (buffer.data_ == nullptr) return NoMemory(capacity);
  buffer.size_ = bytes;
  return buffer;
}

absl::StatusOr<Buffer> Buffer::Zeroed(size_t bytes) {
  ASSIGN_OR_RETURN(Buffer buffer, Uninitialized(bytes));
  if (buffer.data_.get_deleter().mapped == 0) {
    std::memset(buffer.data(), 0, std::max(AlignUp(bytes), kAlignment));
  }
  return buffer;
}

void Buffer::Free::operator()(void* p) const {
  if (mapped == 0) {
    std::free(p);
  } else {
    munmap(p, mapped);
  }
}

void Tensor::CheckType(DType dtype) const { CHECK(type.dtype == dtype); }

absl::StatusOr<void*> Workspace::Allocate(size_t bytes) {
  const size_t capacity = AlignUp(bytes);
  const bool in_slab = bytes >= kSlabBlob && bytes < kSlab;
  if (!in_slab || slab_left_ < capacity) {
    ASSIGN_OR_RETURN(Buffer buffer, Buffer::Zeroed(in_slab ? kSlab : bytes));
    void* const data = buffer.data();
    buffers_.push_back(std::move(buffer));
    if (!in_slab) return data;
    slab_ = static_cast<char*>(data);
    slab_left_ = kSlab;
  }
  void* const data = slab_;
  slab_ += capacity;
  slab_left_ -= capacity;
  return data;
}

absl::StatusOr<Tensor> Workspace::Create(absl::string_view name, const TensorType& type) {
  auto it = blobs_.find(name);
  if (it == blobs_.end()) {
    const absl::StatusOr<void*> data = Allocate(type.bytes());
    if (!data.ok()) {
      return Annotate(data.status(), absl::StrCat("blob '", name, "' ", type.ToString()));
    }
    it = blobs_.emplace(std::string(name), Entry{type, *data}).first;
  } else if (it->second.type != type) {
    return absl::FailedPreconditionError(
        absl::StrCat("blob '", name, "' is ", it->second.type.ToString(),
                     " in the workspace and cannot become ", type.ToString()));
  }
  return Tensor{type, it->second.data};
}

absl::StatusOr<Tensor> Workspace::Find(absl::string_view name) const {
  const auto it = blobs_.find(name);
  if (it == blobs_.end()) {
    return absl::NotFoundError(absl::StrCat("the workspace has no blob '", name, "'"));
  }
  return Tensor{it->second.type, it->second.data};
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
  for (const auto& [name, entry] : blobs_) bytes += entry.type.bytes();
  return bytes;
}

}  // namespace graph
