// Runs kernels: a block at a time, each of its threads a fiber that runs until it must wait for
// others. Warps meet at the *_sync functions, blocks at __syncthreads(); who does not come is a
// Finding. Which thread runs first is the test's to choose, and must not matter.
#ifndef TESTS_SIMT_EMULATOR_H_
#define TESTS_SIMT_EMULATOR_H_

#include <cstdint>
#include <functional>
#include <string>

#include "tests/simt/memory.h"
#include "tests/simt/shadow.h"

struct CUstream_st;  // CUDA's

namespace simt {

struct Dim {  // dim3
  unsigned x = 1, y = 1, z = 1;
  constexpr Dim() = default;
  constexpr Dim(unsigned x, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// False where these functions are a GPU's (tests/gpu_suite), which counts no traffic and finds
// nothing.
bool IsEmulated();

enum class Order { kForward, kReverse, kShuffled };
// Of blocks, of warps and of lanes between two barriers, for all launches from now on.
void SetOrder(Order order, uint64_t seed = 0);

// Of later launches only the last `count` blocks run, 0: all. For grids of billions of threads,
// whose last blocks have the largest indices.
void RunLastBlocks(unsigned count);

constexpr unsigned kMaxThreads = 1024;  // of a block

// Raises the dynamic shared memory that a kernel may have from 48 KiB; a cudaError_t.
int AllowShared(const void* kernel, size_t bytes);
size_t AllowedShared(const void* kernel);
// Whether sm_90 has such a grid of such blocks.
bool IsGrid(Dim grid, Dim block);

// Calls `thread` once for each thread of the grid. Throws the first Finding. BeginOperation()
// comes before it.
void Run(const std::string& name, const std::function<void()>& thread, Dim grid, Dim block,
         size_t dynamic_shared_bytes);

// A launch as the fake runtime takes it, which says of a grid that is none what CUDA says.
struct LaunchRequest {
  std::string name;
  std::function<void()> thread;
  Dim grid, block;
  size_t shared_bytes;
  CUstream_st* stream;
};
extern int (*submit)(LaunchRequest request);  // a cudaError_t
// Without a fake runtime: runs at once, and throws what is found.
int Submit(LaunchRequest request);

// ---- What the running thread asks.

Index ThreadIndex();
Index BlockIndex();
Dim BlockDim();
Dim GridDim();
unsigned Lane();
void* DynamicShared();

// What the lanes of a mask do together: `resolve` sees what each of them brought, and runs when
// the last one has come. All call the same function at the same place.
struct Meeting {
  const char* function;
  uint32_t mask;
  void* slots[32];
};
using Resolve = void (*)(Meeting* meeting);
void Meet(const char* function, uint32_t mask, void* slot, Resolve resolve, Site site);
void SyncWarp(uint32_t mask, Site site);
// A barrier of the block; returns how many threads brought true.
int SyncThreads(const char* function, bool predicate, Site site);

// In a Resolve: a finding of one of its lanes.
[[noreturn]] void FailLane(unsigned lane, Finding::Kind kind, const std::string& what, Site site);

// Of async_copy.cc: a block starts; its running thread leaves the kernel.
void StartAsyncCopies(unsigned threads);
void LeaveAsyncCopies();

}  // namespace simt

#endif  // TESTS_SIMT_EMULATOR_H_
