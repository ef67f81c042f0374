// Run() allocates nothing: every way to the heap is counted while a net runs.
#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

#include "graph/compiler/compiler.h"
#include "graph/ir/text.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_ops.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<int> allocations{0};

void Count() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// glibc's own names for what is replaced here.
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t n, size_t bytes);
void* __libc_realloc(void* p, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

void* malloc(size_t bytes) {
  Count();
  return __libc_malloc(bytes);
}
void* calloc(size_t n, size_t bytes) {
  Count();
  return __libc_calloc(n, bytes);
}
void* realloc(void* p, size_t bytes) {
  Count();
  return __libc_realloc(p, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  Count();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  Count();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** p, size_t alignment, size_t bytes) {
  Count();
  *p = __libc_memalign(alignment, bytes);
  return *p == nullptr ? ENOMEM : 0;
}
}

namespace graph {
namespace {

// Allocations made while `body` runs.
template <typename Body>
int Allocations(const Body& body) {
  allocations = 0;
  counting = true;
  body();
  counting = false;
  return allocations;
}

// Without this, a counter that counts nothing would pass.
TEST(Allocations, AreCounted) {
  void* volatile p = nullptr;
  EXPECT_EQ(Allocations([&] { p = std::malloc(10); }), 1);
  EXPECT_EQ(Allocations([&] { p = std::realloc(p, 100000); }), 1);
  std::free(p);
  EXPECT_EQ(Allocations([&] { p = ::operator new(10); }), 1) << "operator new calls malloc";
  ::operator delete(p);
  EXPECT_EQ(Allocations([&] { p = std::aligned_alloc(64, 64); }), 1);
  std::free(p);
  EXPECT_EQ(Allocations([] {}), 0);
}

class CountingHook : public TraceHook {
 public:
  void BeforeOp(const Net&, OpId) override { ++calls; }
  void AfterOp(const Net&, OpId, absl::Span<const ConstTensor> outputs) override {
    calls += static_cast<int>(outputs.size());
  }
  int calls = 0;
};

TEST(Executable, RunAllocatesNothing) {
  Workspace workspace;
  CompileOptions options;
  options.registry = &ToyRegistry();
  options.backend = &ToyBackend();
  const auto compile = [&](int n) {
    const std::string t = absl::StrCat(" f32[", n, "]");
    const std::string text = absl::StrCat(
        "net n\ninput x", n, t, "\nstate w", n, t, " -> w", n, ".out\n", "s", t, ", d", t,
        " = SumDiff(x", n, ", w", n, ") @pair\n", "r", t, " = Reverse(s) @reverse\ng", t,
        " = Scale(r) factor=2.0 @scale\n", "w", n, ".out", t, " = Add(w", n,
        ", g) @update\nsum f32[1] = Sum(d) @sum\noutput sum\n");
    auto exe = Compile(ParseText(text).value(), options, &workspace);
    EXPECT_TRUE(exe.ok()) << exe.status();
    return *std::move(exe);
  };
  const auto exe = compile(1000);
  absl::Status status = exe->Run();
  ASSERT_TRUE(status.ok());
  CountingHook hook;
  for (bool watched : {false, true}) {
    if (watched) exe->AddTraceHook(&hook);
    EXPECT_EQ(Allocations([&] {
                for (int i = 0; i < 100; ++i) status.Update(exe->Run());
              }),
              0);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_EQ(hook.calls, 100 * (5 + 6));

  // Nor when executables of several sizes take turns, once both are bound.
  const auto large = compile(100000);
  ASSERT_TRUE(exe->Run().ok());
  ASSERT_TRUE(large->Run().ok());
  EXPECT_EQ(Allocations([&] {
              for (int i = 0; i < 10; ++i) {
                status.Update(exe->Run());
                status.Update(large->Run());
              }
            }),
            0);
  ASSERT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace graph
