#include "graph/runtime/host_device.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "graph/runtime/control_groups.h"

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

// Empty if the file cannot be read.
std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The number in a file that holds nothing else; not set for "max".
absl::optional<uint64_t> ReadNumber(const std::string& path) {
  uint64_t value;
  if (!absl::SimpleAtoi(ReadAll(path), &value)) return absl::nullopt;
  return value;
}

// The number after `key` in lines of "key value" or "key: value unit".
absl::optional<uint64_t> NumberAfter(const std::string& text, absl::string_view key) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(": \t"), absl::SkipEmpty());
    uint64_t value;
    if (words.size() >= 2 && words[0] == key && absl::SimpleAtoi(words[1], &value)) return value;
  }
  return absl::nullopt;
}

// Bytes that the limit of the control group in `folder` leaves.
absl::optional<uint64_t> LeftInGroup(const std::string& folder, const char* limit_file,
                                     const char* usage_file, const char* prefix) {
  const absl::optional<uint64_t> limit = ReadNumber(folder + limit_file);
  const absl::optional<uint64_t> usage = ReadNumber(folder + usage_file);
  if (!limit || !usage) return absl::nullopt;
  // The system drops cached files when memory is asked for, even active ones.
  const std::string stat = ReadAll(folder + "memory.stat");
  uint64_t cache = 0;
  for (const char* kind : {"inactive_file", "active_file"}) {
    cache += NumberAfter(stat, absl::StrCat(prefix, kind)).value_or(0);
  }
  cache = std::min(cache, *usage);
  const uint64_t used = *usage - cache;
  return *limit > used ? *limit - used : 0;
}

}  // namespace

std::shared_ptr<Device> MakeHostDevice(int threads, const std::string& root) {
  return std::make_shared<HostDevice>(threads, root);
}

absl::optional<size_t> AvailableHostMemory(const std::string& root) {
  absl::optional<uint64_t> least;
  const auto take = [&least](absl::optional<uint64_t> bytes) {
    if (bytes && (!least || *bytes < *least)) least = bytes;
  };
  const absl::optional<uint64_t> kib = NumberAfter(ReadAll(root + "/proc/meminfo"), "MemAvailable");
  if (kib) take(*kib * 1024);
  const ControlGroups groups = FindControlGroups("memory", root);
  for (const std::string& folder : groups.v2) {
    take(LeftInGroup(folder, "memory.max", "memory.current", ""));
  }
  for (const std::string& folder : groups.v1) {
    take(LeftInGroup(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"));
  }
  return least;
}

}  // namespace graph
