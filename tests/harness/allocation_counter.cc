#include "tests/harness/allocation_counter.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <dlfcn.h>
#include <execinfo.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}

namespace {

std::atomic<bool> g_counting{false};
std::atomic<int> g_counted{0};
std::atomic<const void*> g_first_caller{nullptr};  // of those, for the message
constexpr size_t kLarge = 1024;
std::atomic<size_t> g_large{kLarge};  // what oneDNN may not take

bool IsIn(const void* address, const char* library) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname != nullptr &&
         std::strstr(info.dli_fname, library) != nullptr;
}

// The first caller outside the standard library, because its containers and strings
// allocate for their users.
const void* Responsible(const void* caller) {
  if (!IsIn(caller, "libstdc++")) return caller;
  void* frames[32];
  const int depth = backtrace(frames, 32);
  int i = std::find(frames, frames + depth, caller) - frames;
  while (i < depth && IsIn(frames[i], "libstdc++")) ++i;
  return i < depth ? frames[i] : caller;
}

void Count(size_t bytes, const void* caller) {
  if (!g_counting.load(std::memory_order_relaxed)) return;
  caller = Responsible(caller);
  if (IsIn(caller, "libgomp") || (IsIn(caller, "libdnnl") && bytes < g_large)) return;
  if (g_counted++ == 0) g_first_caller = caller;
}

void* CheckedNew(size_t bytes, const void* caller) {
  Count(bytes, caller);
  if (void* p = __libc_malloc(bytes)) return p;
  throw std::bad_alloc();
}

void* CheckedNew(size_t bytes, std::align_val_t alignment, const void* caller) {
  Count(bytes, caller);
  if (void* p = __libc_memalign(static_cast<size_t>(alignment), bytes)) return p;
  throw std::bad_alloc();
}

}  // namespace

extern "C" void* malloc(size_t bytes) {
  Count(bytes, __builtin_return_address(0));
  return __libc_malloc(bytes);
}
extern "C" int posix_memalign(void** result, size_t alignment, size_t bytes) {
  Count(bytes, __builtin_return_address(0));
  *result = __libc_memalign(alignment, bytes);
  return *result == nullptr ? ENOMEM : 0;
}
extern "C" void* aligned_alloc(size_t alignment, size_t bytes) {
  Count(bytes, __builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
void* operator new(size_t bytes) { return CheckedNew(bytes, __builtin_return_address(0)); }
void* operator new[](size_t bytes) { return CheckedNew(bytes, __builtin_return_address(0)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return CheckedNew(bytes, alignment, __builtin_return_address(0));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return CheckedNew(bytes, alignment, __builtin_return_address(0));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { std::free(p); }

namespace harness {

Allocations AllocationsOf(const std::function<void()>& run, bool onednn_may) {
  static const int first_call_allocates = [] {
    void* frame;
    return backtrace(&frame, 1);
  }();
  (void)first_call_allocates;
  g_large = onednn_may ? SIZE_MAX : kLarge;
  g_counted = 0;
  g_counting = true;
  run();
  g_counting = false;
  Allocations allocations;
  allocations.count = g_counted;
  Dl_info info;
  if (allocations.count > 0 && dladdr(g_first_caller, &info) != 0) {
    allocations.first = absl::StrCat("first by ", info.dli_sname != nullptr ? info.dli_sname : "?",
                                     " in ", info.dli_fname);
  }
  return allocations;
}

bool AllocationsAreCounted() { return true; }

}  // namespace harness

#else

namespace harness {

Allocations AllocationsOf(const std::function<void()>& run, bool) {
  run();
  return {};
}

bool AllocationsAreCounted() { return false; }

}  // namespace harness

#endif
