// The device of backends that compute in the host's own memory.
#ifndef GRAPH_RUNTIME_HOST_DEVICE_H_
#define GRAPH_RUNTIME_HOST_DEVICE_H_

#include <memory>
#include <string>

#include "absl/types/optional.h"
#include "graph/runtime/device.h"

namespace graph {

// Blocks of at least this many bytes get a mapping of their own at a multiple of it
// and ask for pages of this size. The system allocates a page when a thread first
// writes to it, near that thread.
constexpr size_t kHugePage = size_t{2} << 20;

// Named "cpu". Kernels may use `threads` threads. For `root` see AvailableHostMemory.
std::shared_ptr<Device> MakeHostDevice(int threads = 1, const std::string& root = "");

// Bytes that this process can still get: the least of MemAvailable in /proc/meminfo
// and what its control groups (memory.max of version 2, memory.limit_in_bytes of
// version 1) leave, counting file cache that can be dropped as free. Not set if
// no file says. `root` is put before all file names, for tests.
absl::optional<size_t> AvailableHostMemory(const std::string& root = "");

}  // namespace graph

#endif  // GRAPH_RUNTIME_HOST_DEVICE_H_
