#include "graph/runtime/host_device.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

namespace graph {
namespace {

absl::Status NoMemory(size_t bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("no memory for ", (bytes + (1 << 20) - 1) >> 20, " MiB"));
}

// `bytes` of untouched pages at a multiple of kHugePage; null if the system has none.
void* MapAligned(size_t bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (bytes > std::numeric_limits<size_t>::max() / 2) return nullptr;
  void* mapping =
      mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  const uintptr_t start = reinterpret_cast<uintptr_t>(mapping);
  const uintptr_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (aligned + bytes + page - 1) / page * page;
  if (aligned > start) munmap(mapping, aligned - start);
  if (end < start + bytes + kHugePage) {
    munmap(reinterpret_cast<void*>(end), start + bytes + kHugePage - end);
  }
  // Only advice: systems without huge pages use small ones.
  madvise(reinterpret_cast<void*>(aligned), end - aligned, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

class HostDevice : public Device {
 public:
  HostDevice(int threads, std::string root) : threads_(threads), root_(std::move(root)) {}

  std::string name() const override { return "cpu"; }
  int threads() const override { return threads_; }
  bool host_accessible() const override { return true; }
  absl::optional<size_t> AvailableBytes() const override { return AvailableHostMemory(root_); }

  absl::StatusOr<Block> Allocate(size_t bytes, Contents contents) override {
    const size_t capacity = std::max(AlignUp(bytes), kAlignment);
    if (capacity >= kHugePage) {  // fresh pages of the system are zero
      void* const data = MapAligned(capacity);
      if (data == nullptr) return NoMemory(capacity);
      return Block(data, bytes, [capacity](void* p) { munmap(p, capacity); });
    }
    void* const data = std::aligned_alloc(kAlignment, capacity);
    if (data == nullptr) return NoMemory(capacity);
    if (contents == Contents::kZero) std::memset(data, 0, capacity);
    return Block(data, bytes, [](void* p) { std::free(p); });
  }

  absl::Status CopyIn(void* to, const void* from, size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
    return absl::OkStatus();
  }
  absl::Status CopyOut(void* to, const void* from, size_t bytes) override {
    return CopyIn(to, from, bytes);
  }
  absl::Status CopyWithin(void* to, const void* from, size_t bytes) override {
    return CopyIn(to, from, bytes);
  }
  absl::Status Launch(absl::FunctionRef<absl::Status()> start_kernels) override {
    return start_kernels();
  }

 private:
  const int threads_;
  const std::string root_;
};

}  // namespace

std::shared_ptr<Device> MakeHostDevice(int threads, const std::string& root) {
  return std::make_shared<HostDevice>(threads, root);
}

}  // namespace graph
