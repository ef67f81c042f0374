// Runs kernels: a block at a time, each of its threads a fiber that runs until it must wait for
// others. Warps meet at the *_sync functions, blocks at __syncthreads(); who does not come is a
// Finding. Which thread runs first is the test's to choose, and must not matter.
#ifndef SIMT_EMULATOR_H_
#define SIMT_EMULATOR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/simt/memory.h"

struct CUstream_st;  // CUDA's

namespace simt {

struct Index {  // uint3
  unsigned x, y, z;
};
struct Dim {  // dim3
  unsigned x = 1, y = 1, z = 1;
  constexpr Dim() = default;
  constexpr Dim(unsigned x, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

enum class Order { kForward, kReverse, kShuffled };
// Of blocks, of warps and of lanes between two barriers, for all launches from now on.
void SetOrder(Order order, uint64_t seed = 0);

// Raises the dynamic shared memory that a kernel may have from 48 KiB; a cudaError_t.
int AllowShared(const void* kernel, size_t bytes);
size_t AllowedShared(const void* kernel);

// Calls `thread` once for each thread of the grid. Throws the first Finding. BeginOperation()
// comes before it. What is larger than sm_90 allows is a Finding, too.
void Run(const std::string& name, const std::function<void()>& thread, Dim grid, Dim block,
         size_t dynamic_shared_bytes);

// A launch as the fake runtime takes it; without that, it runs at once.
struct LaunchRequest {
  std::string name;
  std::function<void()> thread;
  Dim grid, block;
  size_t shared_bytes;
  CUstream_st* stream;
};
extern int (*submit)(LaunchRequest request);  // a cudaError_t; null: run at once, throw
int Submit(LaunchRequest request);

// ---- What the running thread asks.

Index ThreadIndex();
Index BlockIndex();
Dim BlockDim();
Dim GridDim();
unsigned Lane();
void* DynamicShared();

// Where a call stands.
struct Site {
  const char* file;
  int line;
};

// What a warp does together: `resolve` sees what each lane of the mask brought.
struct Meeting {
  const char* function;
  uint32_t mask;
  void* slots[32];
};
using Resolve = void (*)(Meeting* meeting);
void Meet(const char* function, uint32_t mask, void* slot, Resolve resolve, Site site);
void SyncWarp(uint32_t mask, Site site);
void SyncThreads(Site site);

// A finding at `site`.
[[noreturn]] void FailAt(Finding::Kind kind, const std::string& what, Site site);

}  // namespace simt

#endif  // SIMT_EMULATOR_H_
