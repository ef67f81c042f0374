// Counts what kernels allocate while they run.
//
// A program that uses this replaces operator new, malloc, posix_memalign and aligned_alloc. While
// counting, each call is charged to the library that holds its return address or, if that is the
// C++ library, to that library's caller. Calls of the OpenMP runtime (libgomp) do not count. oneDNN
// (libdnnl) may allocate the small map of arguments that its execute call builds, but no working
// memory: its calls for 1 KiB or more count. All other calls count, whatever their size.
#ifndef TESTS_HARNESS_ALLOCATION_COUNTER_H_
#define TESTS_HARNESS_ALLOCATION_COUNTER_H_

#include <functional>
#include <string>

namespace harness {

struct Allocations {
  int count = 0;
  std::string first;  // "first by <function> in <library>"; empty where there is none
};

// What `run` allocates, on any thread. Counts nothing under a sanitizer, which has its own
// allocator. `onednn_may` allows oneDNN any size.
Allocations AllocationsOf(const std::function<void()>& run, bool onednn_may = false);

// False under a sanitizer.
bool AllocationsAreCounted();

}  // namespace harness

#endif  // TESTS_HARNESS_ALLOCATION_COUNTER_H_
