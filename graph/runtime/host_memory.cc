#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "graph/runtime/control_groups.h"
#include "graph/runtime/host_device.h"

namespace graph {
namespace {

// Empty if the file cannot be read.
std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
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
