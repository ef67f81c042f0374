// For the emulator's own tests: what a launch finds, as text.
#ifndef TESTS_SIMT_FIND_H_
#define TESTS_SIMT_FIND_H_

#include <regex>
#include <string>

#include "tests/simt/device_array.h"
#include "tests/simt/shim.h"

namespace simt {

// The first finding of a launch, in any order of blocks, warps and lanes; "": none. Where it
// names a line of a kernel's file, that reads LINE.
template <typename Kernel, typename... Args>
std::string Find(const char* name, Kernel kernel, Dim grid, Dim block, size_t shared_bytes,
                 Args... args) {
  std::string found;
  InEveryOrder([&] {
    if (!found.empty()) return;
    try {
      const int error = LaunchKernel(name, kernel, grid, block, shared_bytes, nullptr, args...);
      if (error != 0) found = "cudaError_t " + std::to_string(error);
    } catch (const Finding& finding) {
      found = finding.what();
    }
  });
  return std::regex_replace(found, std::regex("[a-z_]*[.]cu[.]cc:[1-9][0-9]*"), "LINE");
}
#define FIND(kernel, grid, block, shared_bytes, ...) \
  ::simt::Find(#kernel, kernel, grid, block, shared_bytes, __VA_ARGS__)

}  // namespace simt

#endif  // TESTS_SIMT_FIND_H_
