// The hot path: which region, what it moves, and each cell.
#include "tests/simt/shadow.h"

// Of the linker: constants of kernels lie between the two.
extern char __executable_start, __bss_start;

#define SIMT_HOT __attribute__((always_inline)) inline

namespace simt {
namespace {

// The smallest group that holds both.
unsigned Cover(unsigned a, unsigned b) {
  if (a == kManyWarps || b == kManyWarps || WarpOf(a) != WarpOf(b)) return kManyWarps;
  unsigned x = GroupOf(a), y = GroupOf(b);
  while (x != y) (x > y ? x : y) /= 2;
  return x >= 32 ? a : kLaneGroups + WarpOf(a) * 31 + x - 1;
}

// Whether `then`, of the same block, is ordered before what the actor does now.
SIMT_HOT bool OrderedInBlock(const Stamp& then) {
  const Stamp& now = actor->now;
  if (then.epoch < now.epoch || then.thread == now.thread) return true;
  if (then.thread == kManyWarps) return false;
  if (WarpOf(then.thread) != now.thread / 32) return false;
  const Lanes lanes = LanesOf(GroupOf(then.thread));
  const unsigned self = now.thread % 32;
  for (unsigned lane = lanes.first; lane < lanes.first + lanes.count; ++lane) {
    if (lane != self && actor->warp->Met(self, lane) <= then.warp_time) return false;
  }
  return true;
}

// Shared memory is new in each block.
SIMT_HOT bool OfThisBlock(const Stamp& s) {
  return s.launch == actor->now.launch && s.block == actor->now.block;
}

SIMT_HOT bool Ordered(bool shared, const Stamp& s) {
  if (shared) return !OfThisBlock(s) || OrderedInBlock(s);
  if (s.launch != actor->now.launch) return OperationBefore(s.launch);
  return s.block == actor->now.block && OrderedInBlock(s);
}

// The stamp of two accesses that nothing orders.
__attribute__((noinline)) Stamp Together(const Stamp& s) {
  Stamp now = actor->now;
  if (s.launch != now.launch) {
    now.launch = Both(s.launch, now.launch);
    now.block = kManyBlocks;
  } else if (s.block != now.block) {
    now.block = kManyBlocks;
  } else {
    now.thread = Cover(s.thread, now.thread);
  }
  return now;
}

template <Access kAccess>
SIMT_HOT void CheckCell(const Region& r, size_t unit, const Where& where) {
  Cell& cell = r.cells[unit];
  const bool shared = r.shared;
  Stamp next = actor->now;
  if (kAccess == Access::kAtomic) next.atomic = 1;
  if (shared ? OfThisBlock(cell.write) : Raw(cell.write) != 0) {
    if (cell.write.thread == kCopying) {
      Copying(r, unit, cell.write, kAccess == Access::kRead, where);
    }
    if (!Ordered(shared, cell.write)) {
      if (kAccess != Access::kAtomic || !cell.write.atomic) {
        Conflict(r, unit, cell.write, true, kAccess, where);
      }
      next = Together(cell.write);
      next.atomic = 1;
    }
  } else if (kAccess == Access::kRead || kAccess == Access::kAtomic) {
    Unwritten(r, unit, where);
  }
  Stamp& read = cell.read;
  if (kAccess == Access::kRead) {
    if (Raw(read) == Raw(next)) return;
    if (Ordered(shared, read)) {
      read = next;
    } else if (read.launch != next.launch || read.block != kManyBlocks) {
      read = Together(read);
    }
    return;
  }
  if (Raw(read) != 0) {
    if (!Ordered(shared, read)) Conflict(r, unit, read, false, kAccess, where);
    // Whoever conflicts with it conflicts with this write, too; but atomics do not.
    if (kAccess != Access::kAtomic) read = Stamp{};
  }
  if (kAccess == Access::kCopy) {
    next.epoch = next.thread;
    next.thread = kCopying;
  }
  cell.write = next;
}

template <Access kAccess>
void CheckCells(const Region& r, size_t first, size_t last, const Where& where) {
  for (size_t unit = first; unit <= last; ++unit) CheckCell<kAccess>(r, unit, where);
}

SIMT_HOT void CheckRegion(Region* r, const char* p, size_t bytes, Access access,
                          const Where& where) {
  const size_t offset = static_cast<size_t>(p - r->base), end = offset + bytes;
  if (end > r->bytes || !r->live) {
    OutOfRegion(*r, offset, bytes, access == Access::kRead, where);
  }
  const size_t odd = (offset | end) & ((size_t{1} << r->shift) - 1);
  if (odd != 0) SplitCells(r, static_cast<unsigned>(__builtin_ctzll(odd)));
  const size_t first = offset >> r->shift, last = (end - 1) >> r->shift;
  switch (access) {
    case Access::kRead:
      return CheckCells<Access::kRead>(*r, first, last, where);
    case Access::kWrite:
      return CheckCells<Access::kWrite>(*r, first, last, where);
    case Access::kAtomic:
      return CheckCells<Access::kAtomic>(*r, first, last, where);
    case Access::kCopy:
      return CheckCells<Access::kCopy>(*r, first, last, where);
  }
}

// The region that p should lie in; null: memory that needs no check.
SIMT_HOT Region* RegionOf(const char* p, size_t bytes, bool write, const Where& where) {
  const size_t offset = static_cast<size_t>(p - addresses.heap);
  if (offset < kHeapBytes) {
    const size_t page = offset / kPage;
    Region* r = page < addresses.by_page.size() ? addresses.by_page[page] : nullptr;
    if (r != nullptr) return r;
    const Outside outside;
    Fail(Finding::kOutOfBounds, "touches device memory of no allocation", where);
  }
  Region& dynamic_shared = addresses.dynamic_shared;
  if (static_cast<size_t>(p - dynamic_shared.base) < kMaxDynamicShared + kPage) {
    return &dynamic_shared;
  }
  const Outside outside;
  if (actor->stack_low != nullptr) {
    if (Region* r = StaticShared(p)) return r;
    if (!write && p >= &__executable_start && p < &__bss_start) return nullptr;
  }
  Fail(Finding::kHostMemory,
       std::string(write ? "writes " : "reads ") + std::to_string(bytes) + " bytes of host memory",
       where);
}

SIMT_HOT void Count(Region* r, size_t bytes, bool load, bool store) {
  if (r->traffic_of != operation_serial) {
    const Outside outside;
    r->traffic_of = operation_serial;
    r->traffic = Traffic();
    if (r->shared && r != &addresses.dynamic_shared) addresses.touched_static.push_back(r);
  }
  Traffic& t = r->traffic;
  if (load) t.load_bytes += bytes, ++t.loads;
  if (store) t.store_bytes += bytes, ++t.stores;
}

}  // namespace

void OnAccess(const void* address, size_t bytes, bool write, const Where& where) {
  const char* const p = static_cast<const char*>(address);
  if (bytes == 0 || (p >= actor->stack_low && p < actor->stack_high)) return;
  Region* const r = RegionOf(p, bytes, write, where);
  if (r == nullptr) return;
  Count(r, bytes, !write, write);
  CheckRegion(r, p, bytes, write ? Access::kWrite : Access::kRead, where);
}

void OnDeviceAccess(const void* address, size_t bytes, Access access, const Where& where) {
  const char* const p = static_cast<const char*>(address);
  const bool write = access != Access::kRead;
  Region* const r = RegionOf(p, bytes, write, where);
  if (r == nullptr) return;
  Count(r, bytes, access == Access::kRead || access == Access::kAtomic, write);
  CheckRegion(r, p, bytes, access, where);
}

void OnCopyStart(void* p, size_t bytes, const Where& where) {
  Region* const r = RegionOf(static_cast<const char*>(p), bytes, true, where);
  if (!r->shared) Fail(Finding::kHostMemory, "cp.async to what is not shared memory", where);
  OnDeviceAccess(p, bytes, Access::kCopy, where);
}

void OnCopyArrive(void* p, size_t bytes) {
  const Region* const r = RegionOf(static_cast<const char*>(p), bytes, true, nullptr);
  const size_t first = static_cast<size_t>(static_cast<const char*>(p) - r->base) >> r->shift;
  for (size_t unit = first; unit < first + (bytes >> r->shift); ++unit) {
    r->cells[unit].write = actor->now;
  }
}

void* BeginBlock(size_t dynamic_shared_bytes) {
  Region& r = addresses.dynamic_shared;
  if (r.bytes != dynamic_shared_bytes || r.cells == nullptr) {
    DropCells(&r);
    r.bytes = dynamic_shared_bytes;
    r.shift = 4;
    MakeCells(&r);
  }
  std::memset(const_cast<char*>(r.base), 0xff, dynamic_shared_bytes);
  return const_cast<char*>(r.base);
}

}  // namespace simt
