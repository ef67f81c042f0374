// What CUDA launches, and who runs it.
#include <map>
#include <utility>

#include "tests/simt/emulator.h"

namespace simt {
namespace {

std::map<const void*, size_t>& Allowed() {
  static auto* allowed = new std::map<const void*, size_t>();
  return *allowed;
}

}  // namespace

int (*submit)(LaunchRequest request) = nullptr;

int Submit(LaunchRequest request) {
  if (submit != nullptr) return submit(std::move(request));
  if (!IsGrid(request.grid, request.block)) return 9;  // cudaErrorInvalidConfiguration
  BeginOperation(request.name, 0, {});
  Run(request.name, request.thread, request.grid, request.block, request.shared_bytes);
  return 0;
}

int AllowShared(const void* kernel, size_t bytes) {
  if (bytes > kMaxDynamicShared) return 1;  // cudaErrorInvalidValue
  Allowed()[kernel] = bytes;
  return 0;
}

size_t AllowedShared(const void* kernel) {
  const auto allowed = Allowed().find(kernel);
  return allowed == Allowed().end() ? kDefaultDynamicShared : allowed->second;
}

bool IsGrid(Dim grid, Dim block) {
  return grid.x > 0 && grid.y > 0 && grid.z > 0 && grid.x <= 0x7fffffffu && grid.y <= 65535 &&
         grid.z <= 65535 && block.x > 0 && block.y > 0 && block.z > 0 && block.x <= kMaxThreads &&
         block.y <= kMaxThreads && block.z <= 64 &&
         uint64_t{block.x} * block.y * block.z <= kMaxThreads;
}

}  // namespace simt
