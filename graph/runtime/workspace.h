// Memory that outlives a run: state, inputs, and the arena for everything else.
#ifndef GRAPH_RUNTIME_WORKSPACE_H_
#define GRAPH_RUNTIME_WORKSPACE_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/base/types.h"

namespace graph {

// Every buffer starts at a multiple of this many bytes.
constexpr size_t kAlignment = 64;

// Rounds up to the alignment.
inline size_t AlignUp(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Buffers of at least so many bytes are mapped by themselves, at a multiple of it,
// and ask the system for pages of this size. The system gives them when they are
// first written, to the thread that writes.
constexpr size_t kHugePage = size_t{2} << 20;

// Owned, aligned memory; data() is null only for Buffer().
class Buffer {
 public:
  Buffer() = default;
  // RESOURCE_EXHAUSTED when the system has not that much. Large ones are not
  // touched: the system's pages are zero when they come.
  static absl::StatusOr<Buffer> Zeroed(size_t bytes);
  // Not touched, so that pages which nobody uses cost nothing.
  static absl::StatusOr<Buffer> Uninitialized(size_t bytes);
  Buffer(Buffer&&) = default;
  Buffer& operator=(Buffer&&) = default;

  void* data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    Free() : mapped(0) {}
    explicit Free(size_t bytes) : mapped(bytes) {}
    void operator()(void* p) const;
    size_t mapped;  // bytes of a mapping; 0: from the heap
  };
  std::unique_ptr<void, Free> data_;
  size_t size_ = 0;
};

// A typed view of memory owned elsewhere.
struct Tensor {
  TensorType type;
  void* data = nullptr;

  // The elements; aborts when T is not the element type.
  template <typename T>
  absl::Span<T> as() const {
    CheckType(DTypeOf<T>::value);
    return absl::MakeSpan(static_cast<T*>(data), static_cast<size_t>(type.elements()));
  }

 private:
  void CheckType(DType dtype) const;
};

// Named blobs that live from run to run, shared by all executables compiled
// against the workspace (training, accumulation and evaluation nets share
// parameters by name), and one arena as large as the largest of them needs.
// Not thread-safe; one executable runs at a time.
class Workspace {
 public:
  Workspace() = default;
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // The blob `name`, created zeroed if new. FAILED_PRECONDITION when it exists
  // with another type, RESOURCE_EXHAUSTED when memory is out. The address never changes while the
  // workspace lives.
  absl::StatusOr<Tensor> Create(absl::string_view name, const TensorType& type);
  // NOT_FOUND names the blob.
  absl::StatusOr<Tensor> Find(absl::string_view name) const;
  std::vector<std::string> Names() const;  // sorted

  // Grows the arena to at least `bytes`. May move it: executables compare
  // arena() with the address they are bound to and bind again.
  // RESOURCE_EXHAUSTED leaves no arena.
  absl::Status ReserveArena(size_t bytes);
  void* arena() const { return arena_.data(); }
  size_t arena_bytes() const { return arena_.size(); }
  // Bytes of all named blobs.
  size_t persistent_bytes() const;

 private:
  struct Entry {
    TensorType type;
    void* data = nullptr;
  };
  // Zeroed memory that lives as long as the workspace.
  absl::StatusOr<void*> Allocate(size_t bytes);

  std::map<std::string, Entry, std::less<>> blobs_;
  // Large blobs lie side by side in slabs, so that huge pages are full.
  std::vector<Buffer> buffers_;
  char* slab_ = nullptr;
  size_t slab_left_ = 0;
  Buffer arena_;
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_WORKSPACE_H_
