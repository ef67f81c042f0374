// Who touched each byte last; for the emulator and the compiler's hooks, not for tests.
//
// A cell holds the last write and the last read of a unit of memory. Units are 16 bytes at first;
// an access that does not cover whole units splits those of its allocation, so that nothing is
// lost. An access is right if all conflicting ones (one side a write, not both atomic) are ordered
// before it: by barriers within a block, by clocks between operations, by nothing between blocks.
#ifndef TESTS_SIMT_SHADOW_H_
#define TESTS_SIMT_SHADOW_H_

#include <cstring>

#include "tests/simt/memory.h"

namespace simt {

// Who, when. All bits 0: never.
struct Stamp {
  uint64_t launch : 13, block : 18, thread : 11, epoch : 12, warp_time : 9, atomic : 1;
};
inline uint64_t Raw(const Stamp& s) {
  uint64_t raw;
  std::memcpy(&raw, &s, sizeof(raw));
  return raw;
}
// Values of `thread` above 1023: several threads of a warp, as an aligned group of lanes
// (GroupOf()); an asynchronous copy under way, whose thread is in `epoch`; several warps.
constexpr unsigned kLaneGroups = 1024, kCopying = 2046, kManyWarps = 2047;
constexpr unsigned kManyBlocks = (1u << 18) - 1, kMaxBlocks = kManyBlocks - 1;
constexpr unsigned kMaxOperations = 1u << 13;
constexpr unsigned kMaxEpoch = (1u << 12) - 1, kMaxWarpTime = (1u << 9) - 1;

struct Cell {
  Stamp write, read;
};

struct Region {
  const char* base = nullptr;
  size_t bytes = 0;
  unsigned shift = 4;  // log2 of the unit
  bool shared = false;
  bool live = true;
  Cell* cells = nullptr;
  std::string name;
  uint64_t traffic_of = 0;  // the operation
  Traffic traffic;
};
void MakeCells(Region* region);
void SplitCells(Region* region, unsigned shift);  // to smaller units
void DropCells(Region* region);
// All that lived before is over: what was written stays so, by the host.
void ForgetStamps(Region* region);

// A group of lanes is a node of a binary tree: 1 is the warp, 2n and 2n + 1 are the halves of n,
// 32 + lane is a lane. Of Stamp::thread below kCopying.
inline unsigned GroupOf(unsigned thread) {
  return thread < kLaneGroups ? 32 + thread % 32 : (thread - kLaneGroups) % 31 + 1;
}
inline unsigned WarpOf(unsigned thread) {
  return thread < kLaneGroups ? thread / 32 : (thread - kLaneGroups) / 31;
}
struct Lanes {
  unsigned first, count;
};
inline Lanes LanesOf(unsigned group) {
  const unsigned depth = 31 - static_cast<unsigned>(__builtin_clz(group));
  const unsigned count = 32u >> depth;
  return {(group - (1u << depth)) * count, count};
}

// When a warp's lanes met last, in __syncwarps of the warp since the block's last barrier.
struct WarpTimes {
  unsigned now = 0;
  unsigned all = 0;  // all lanes
  bool some = false;
  uint16_t last[32][32];  // by pairs, where `some`

  void MeetSome(uint32_t mask);
  unsigned Met(unsigned a, unsigned b) const { return some && last[a][b] > all ? last[a][b] : all; }
};

struct Index {  // uint3
  unsigned x, y, z;
};

// The thread that runs; null outside kernels. The host has no stack_low.
struct Actor {
  Stamp now;
  const char* stack_low;
  const char* stack_high;
  const WarpTimes* warp;
  Index thread, block;
};
extern Actor* actor;

// Whether accesses are a kernel's, and so checked. The emulator's own functions hold an Outside
// where they use the standard library: its templates may have been compiled with a kernel's flags.
extern bool in_kernel;
class Outside {
 public:
  Outside() : before_(in_kernel) { in_kernel = false; }
  ~Outside() { in_kernel = before_; }

 private:
  const bool before_;
};
// Set by the emulator: leaves the running thread for good.
extern void (*abandon)(const Finding& finding);

// ---- Operations.

unsigned CurrentOperation();
const std::string& OperationName();
const std::string& OperationName(unsigned operation);
// Whether operation `then` is over when the current one starts; what has been found out.
bool FindOperationBefore(unsigned then);
extern bool known_before[kMaxOperations];
inline bool OperationBefore(unsigned then) {
  return known_before[then] || FindOperationBefore(then);
}
// What is over when both are.
unsigned Both(unsigned a, unsigned b);
// What runs, and indices of a block and a thread by their numbers; block 0 is the first that runs.
void SetLaunch(const std::string& name, Index grid, Index block, uint64_t first_block);
Index BlockOf(unsigned number);
Index ThreadOf(unsigned number);

// ---- Accesses.

// Which region an address lies in.
constexpr size_t kHeapBytes = size_t{1} << 40;  // addresses, not memory
constexpr size_t kPage = size_t{1} << 16;       // also what lies between two allocations
struct Addresses {
  const char* heap = nullptr;
  std::vector<Region*> by_page;  // of the heap
  Region dynamic_shared;
  std::vector<Region*> touched_static;  // by the current operation
};
extern Addresses addresses;
extern uint64_t operation_serial;  // of all operations, never reset

// Dynamic shared memory of the block that starts, all of it unwritten again.
void* BeginBlock(size_t dynamic_shared_bytes);
// A load or store of the running thread.
void OnAccess(const void* p, size_t bytes, bool write, const Where& where);
// cp.async to shared memory: from Start until Arrive nobody may touch the bytes.
void OnCopyStart(void* p, size_t bytes, const Where& where);
void OnCopyArrive(void* p, size_t bytes);

// An atomic is a read-modify-write: no race with others of its kind, and it orders nothing.
enum class Access { kRead, kWrite, kAtomic, kCopy };
// In device or shared memory; the actor may be the host.
void OnDeviceAccess(const void* p, size_t bytes, Access access, const Where& where);

// In words.
[[noreturn]] void Conflict(const Region& r, size_t unit, const Stamp& then, bool then_write,
                           Access access, const Where& where);
[[noreturn]] void Copying(const Region& r, size_t unit, const Stamp& then, bool read,
                          const Where& where);
[[noreturn]] void Unwritten(const Region& r, size_t unit, const Where& where);
[[noreturn]] void OutOfRegion(const Region& r, size_t offset, size_t bytes, bool read,
                              const Where& where);

// The __shared__ array that p lies in or behind, on the calling host thread; null: none.
Region* StaticShared(const char* p);
void FindStaticShared();  // before a launch
void ForgetStaticShared();

}  // namespace simt

#endif  // TESTS_SIMT_SHADOW_H_
