// The device of backends that compute in the host's own memory.
#ifndef GRAPH_RUNTIME_HOST_DEVICE_H_
#define GRAPH_RUNTIME_HOST_DEVICE_H_

#include <memory>
#include <string>

#include "absl/types/optional.h"
#include "graph/runtime/device.h"

namespace graph {

// Blocks of at least so many bytes are mapped by themselves, at a multiple of it,
// and ask the system for pages of this size. The system gives them when they are
// first written, to the thread that writes.
constexpr size_t kHugePage = size_t{2} << 20;

// Named "cpu". Kernels may use `threads` threads. `root` stands before the names of the files that
// say what memory is left (AvailableHostMemory); tests set it.
std::shared_ptr<Device> MakeHostDevice(int threads = 1, const std::string& root = "");

// What this process can still get: the least of MemAvailable in /proc/meminfo and
// what its control groups (memory.max of version 2, memory.limit_in_bytes of
// version 1) leave, file cache that can be dropped counted as free. Not set when
// no file says anything. `root` stands before the files' names.
absl::optional<size_t> AvailableHostMemory(const std::string& root = "");

}  // namespace graph

#endif  // GRAPH_RUNTIME_HOST_DEVICE_H_
