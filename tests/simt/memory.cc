#include "tests/simt/memory.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

// Of the linker. Function-local statics that are zero at start lie here: __shared__ arrays.
extern char __bss_start, _end, __executable_start;

namespace simt {
namespace {

constexpr size_t kHeapBytes = size_t{1} << 37;  // addresses, not memory
constexpr size_t kPage = size_t{1} << 16;       // also what lies between two allocations
constexpr size_t kSharedAlign = 1024;

// Last write and last read of a granule.
struct Cell {
  Stamp write, read;
};

struct Region {
  const char* base = nullptr;
  size_t bytes = 0;
  unsigned shift = 0;  // log2 of the granule
  bool shared = false;
  bool live = true;
  Cell* cells = nullptr;
  std::string name;
};

void* Map(size_t bytes, int protection) {
  void* p = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  return p;
}

void MakeCells(Region* region) {
  const size_t count = (region->bytes >> region->shift) + 1;
  region->cells = static_cast<Cell*>(Map(count * sizeof(Cell), PROT_READ | PROT_WRITE));
}

struct Launch {
  std::string name;
  int chain = 0;
  uint32_t time = 0;
  Clock clock;
};

struct Memory {
  char* heap = nullptr;
  size_t used = 0;  // of the heap, whole pages
  size_t allocated = 0;
  std::vector<Region*> by_page;
  std::vector<std::unique_ptr<Region>> regions;
  Region dynamic_shared, static_shared;
  std::vector<Launch> launches;  // by Stamp::launch; [0] is what came before all
  int access_depth = 0;
  Counters counters;

  Memory();
};

Memory& memory() {
  static Memory* m = new Memory();
  return *m;
}

void OnSegv(int, siginfo_t* info, void*) {
  const char* p = static_cast<const char*>(info->si_addr);
  const Memory& m = memory();
  const bool device = p >= m.heap && p < m.heap + kHeapBytes;
  const char* text = device && actor == nullptr
                         ? "simt: host code touched device memory\n"
                         : "simt: segmentation fault outside every allocation\n";
  if (write(2, text, strlen(text)) < 0) _exit(139);
  signal(SIGSEGV, SIG_DFL);  // the instruction runs again, and a debugger sees it
}

Memory::Memory() {
  heap = static_cast<char*>(Map(kHeapBytes, PROT_NONE));
  heap = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(heap) + kPage - 1) / kPage * kPage);
  used = kPage;
  by_page.resize(1);
  launches.resize(1);
  launches[0].name = "host";
  dynamic_shared.base = static_cast<char*>(Map(kMaxDynamicShared + kPage, PROT_READ | PROT_WRITE));
  dynamic_shared.bytes = kMaxDynamicShared;
  static_shared.base = &__bss_start;
  static_shared.bytes = static_cast<size_t>(&_end - &__bss_start);
  dynamic_shared.name = "dynamic shared memory";
  static_shared.name = "static shared memory";
  for (Region* shared : {&dynamic_shared, &static_shared}) {
    shared->shared = true;
    MakeCells(shared);
  }
  dynamic_shared.bytes = 0;
  struct sigaction action = {};
  action.sa_sigaction = OnSegv;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
}

bool LaunchBefore(unsigned a, unsigned b) {
  const Launch& first = memory().launches[a];
  const Launch& second = memory().launches[b];
  if (a == 0 || first.chain == second.chain) return true;
  return static_cast<size_t>(first.chain) < second.clock.size() &&
         second.clock[first.chain] >= first.time;
}

// Whether `then`, of the same block, is ordered before what the actor does now.
bool BlockBefore(const Stamp& then) {
  const Stamp& now = actor->now;
  if (then.epoch < now.epoch || then.epoch == kMaxEpoch || then.thread == now.thread) return true;
  const unsigned warp = now.thread / 32, lane = now.thread % 32;
  if (then.thread == kMany) return false;
  if (then.thread >= kManyInWarp) {
    if (then.thread - kManyInWarp != warp) return false;
    for (const uint16_t time : actor->warp_sync->last[lane]) {
      if (time <= then.warp_time && time < kMaxWarpTime) return false;
    }
    return true;
  }
  if (then.thread / 32 != warp) return false;
  const unsigned time = actor->warp_sync->last[lane][then.thread % 32];
  return time > then.warp_time || time == kMaxWarpTime;
}

std::string Who(const Stamp& s) {
  if (s.block == kManyBlocks) return "several blocks";
  std::string text = "block " + std::to_string(s.block) + ", ";
  if (s.thread == kMany) return text + "threads of several warps";
  if (s.thread >= kManyInWarp) {
    return text + "several threads of warp " + std::to_string(s.thread - kManyInWarp);
  }
  return text + "thread " + std::to_string(s.thread);
}

std::string Place(const Region& r, size_t offset) {
  return (r.name.empty() ? std::string("an allocation") : "'" + r.name + "'") + " of " +
         std::to_string(r.bytes) + " bytes, at byte " + std::to_string(offset);
}

void Conflict(const Region& r, size_t granule, const Stamp& then, bool then_write, bool write,
              const void* pc) {
  const Stamp& now = actor->now;
  const std::string what = std::string(write ? "writes" : "reads") + " what " +
                           (then_write ? "was written" : "was read") + " by ";
  const std::string where = " in " + Place(r, granule << r.shift);
  if (then.launch != now.launch) {
    Fail(Finding::kStreamRace,
         what + memory().launches[then.launch].name + ", which nothing orders before it," + where,
         pc);
  }
  const char* missing = then.block != now.block          ? ", and blocks have no order"
                        : then.thread / 32 == now.thread / 32 ? " with no __syncwarp between"
                                                              : " with no __syncthreads between";
  Fail(Finding::kRace, what + Who(then) + where + missing, pc);
}

void CheckCell(const Region& r, size_t granule, bool write, bool atomic, const void* pc) {
  Cell& cell = r.cells[granule];
  const Stamp& now = actor->now;
  const auto relevant = [&](const Stamp& s) {
    return s.launch == now.launch && (!r.shared || s.block == now.block);
  };
  const auto conflicts = [&](const Stamp& s) {
    if (!relevant(s)) return s.launch != 0 && !r.shared && !LaunchBefore(s.launch, now.launch);
    return s.block != now.block || !BlockBefore(s);
  };
  uint64_t raw_write;
  std::memcpy(&raw_write, &cell.write, sizeof(raw_write));
  const bool written = r.shared ? relevant(cell.write) : raw_write != 0;
  if (!write || atomic) {
    if (!written) {
      Fail(Finding::kUninitialized, "reads what nobody wrote in " + Place(r, granule << r.shift),
           pc);
    }
  }
  if (atomic) {  // races with plain accesses are left to the other side
    cell.write = now;
    cell.write.thread = actor->now.thread;
    cell.write.epoch = kMaxEpoch;
    return;
  }
  if (written && conflicts(cell.write)) Conflict(r, granule, cell.write, true, write, pc);
  if (write) {
    if (conflicts(cell.read)) Conflict(r, granule, cell.read, false, true, pc);
    cell.write = now;
    cell.read = Stamp{};
    return;
  }
  Stamp& read = cell.read;
  if (!relevant(read) || read.thread == now.thread) {
    read = now;
  } else if (read.block != now.block) {
    read.block = kManyBlocks;
  } else if (read.epoch != now.epoch) {
    read = now;
  } else {
    const unsigned warp = now.thread / 32;
    const unsigned of = read.thread >= kManyInWarp ? read.thread - kManyInWarp : read.thread / 32;
    read.thread = read.thread == kMany || of != warp ? kMany : kManyInWarp + warp;
    read.warp_time = now.warp_time;
  }
}

void Check(const Region& r, const char* p, size_t bytes, bool write, bool atomic,
           const void* pc) {
  const size_t offset = static_cast<size_t>(p - r.base);
  if (!r.live) Fail(Finding::kFreed, "touches freed " + Place(r, offset), pc);
  if (offset + bytes > r.bytes) {
    Fail(Finding::kOutOfBounds,
         std::string(write ? "writes " : "reads ") + std::to_string(bytes) + " bytes past the end of " +
             Place(r, offset),
         pc);
  }
  const size_t last = (offset + bytes - 1) >> r.shift;
  for (size_t g = offset >> r.shift; g <= last; ++g) CheckCell(r, g, write, atomic, pc);
}

// The region that p should lie in; null: memory that needs no check.
const Region* RegionOf(const char* p, size_t bytes, bool write, const void* pc) {
  Memory& m = memory();
  if (p >= m.heap && p < m.heap + kHeapBytes) {
    const size_t page = static_cast<size_t>(p - m.heap) / kPage;
    const Region* r = page < m.by_page.size() ? m.by_page[page] : nullptr;
    if (r == nullptr) Fail(Finding::kOutOfBounds, "touches memory of no allocation", pc);
    return r;
  }
  const char* shared = m.dynamic_shared.base;
  if (p >= shared && p < shared + kMaxDynamicShared + kPage) return &m.dynamic_shared;
  if (actor->stack_low != nullptr) {
    if (p >= actor->stack_low && p < actor->stack_high) return nullptr;
    if (p >= &__bss_start && p < &_end) return &m.static_shared;
    if (!write && p >= &__executable_start && p < &__bss_start) return nullptr;  // constants
  }
  char text[80];
  snprintf(text, sizeof(text), "%s %zu bytes at %p, which is host memory",
           write ? "writes" : "reads", bytes, static_cast<const void*>(p));
  Fail(Finding::kHostMemory, text, pc);
}

void Protect(int protection) {
  Memory& m = memory();
  if (m.used > kPage) mprotect(m.heap, m.used, protection);
}

}  // namespace

Actor* actor = nullptr;
bool in_kernel = false;
void (*abandon)(const Finding& finding) = nullptr;

const char* KindName(Finding::Kind kind) {
  static const char* const names[] = {"out of bounds", "freed", "host memory", "uninitialized",
                                      "race", "stream race", "misaligned", "divergence",
                                      "shuffle", "launch"};
  return names[kind];
}

void Merge(const Clock& from, Clock* into) {
  if (into->size() < from.size()) into->resize(from.size());
  for (size_t i = 0; i < from.size(); ++i) (*into)[i] = std::max((*into)[i], from[i]);
}

Counters& counters() { return memory().counters; }

void* Allocate(size_t bytes, const std::string& name, unsigned granule) {
  Memory& m = memory();
  auto region = std::make_unique<Region>();
  region->base = m.heap + m.used;
  region->bytes = bytes;
  region->shift = granule == 4 ? 2 : granule == 2 ? 1 : 0;
  region->name = name;
  MakeCells(region.get());
  const size_t pages = bytes / kPage + 1;
  m.by_page.resize(m.used / kPage, nullptr);
  m.by_page.insert(m.by_page.end(), pages, region.get());
  m.used += pages * kPage + kPage;
  m.allocated += bytes;
  char* const data = const_cast<char*>(region->base);
  m.regions.push_back(std::move(region));
  const DeviceAccess access;
  std::memset(data, 0xff, bytes);
  return data;
}

void Free(void* p) {
  Memory& m = memory();
  const size_t page = static_cast<size_t>(static_cast<char*>(p) - m.heap) / kPage;
  Region* r = IsDevice(p) && page < m.by_page.size() ? m.by_page[page] : nullptr;
  if (r == nullptr || r->base != p || !r->live) {
    throw Finding(Finding::kFreed, "frees what is no live allocation");
  }
  r->live = false;
  m.allocated -= r->bytes;
  munmap(r->cells, ((r->bytes >> r->shift) + 1) * sizeof(Cell));
  madvise(p, r->bytes, MADV_DONTNEED);
}

bool IsDevice(const void* p) {
  const char* const heap = memory().heap;
  return p >= heap && p < heap + kHeapBytes;
}

size_t AllocatedBytes() { return memory().allocated; }

DeviceAccess::DeviceAccess() {
  if (memory().access_depth++ == 0) Protect(PROT_READ | PROT_WRITE);
}
DeviceAccess::~DeviceAccess() {
  if (--memory().access_depth == 0) Protect(PROT_NONE);
}

void BeginOperation(const std::string& name, int chain, const Clock& clock) {
  Memory& m = memory();
  if (m.launches.size() == (1u << 14)) {  // stamps are full: all is over, and forgotten
    m.launches.resize(1);
    for (const auto& r : m.regions) {
      for (size_t g = 0; r->live && g <= r->bytes >> r->shift; ++g) {
        Cell& cell = r->cells[g];
        uint64_t raw;
        std::memcpy(&raw, &cell.write, sizeof(raw));
        cell = Cell{};
        if (raw != 0) cell.write.epoch = 1;  // written by the host
      }
    }
  }
  m.launches.push_back({name, chain, static_cast<size_t>(chain) < clock.size() ? clock[chain] : 0,
                        clock});
  const Counters fresh;
  m.counters = fresh;
}

uint64_t current_launch() { return memory().launches.size() - 1; }

void* BeginBlock(size_t dynamic_shared_bytes) {
  Region& r = memory().dynamic_shared;
  r.bytes = dynamic_shared_bytes;
  std::memset(const_cast<char*>(r.base), 0xff, dynamic_shared_bytes);
  return const_cast<char*>(r.base);
}

void Touch(const void* p, size_t bytes, bool write) {
  if (bytes == 0) return;
  Actor host = {};
  host.now.launch = current_launch();
  host.now.epoch = 1;
  Actor* const before = actor;
  actor = &host;
  try {
    const Region* r = RegionOf(static_cast<const char*>(p), bytes, write, nullptr);
    if (r != nullptr) Check(*r, static_cast<const char*>(p), bytes, write, false, nullptr);
  } catch (...) {
    actor = before;
    throw;
  }
  actor = before;
}

void OnAccess(const void* address, size_t bytes, bool write, const void* pc) {
  const char* const p = static_cast<const char*>(address);
  if (p >= actor->stack_low && p < actor->stack_high) return;
  const Outside outside;
  const Region* r = RegionOf(p, bytes, write, pc);
  if (r == nullptr) return;
  Counters& c = memory().counters;
  Traffic& t = r->shared ? c.shared : c.global;
  (write ? t.store_bytes : t.load_bytes) += bytes;
  ++(write ? t.stores : t.loads);
  Check(*r, p, bytes, write, false, pc);
}

void OnAtomic(const void* address, size_t bytes, const void* pc) {
  const Outside outside;
  const char* const p = static_cast<const char*>(address);
  const Region* r = RegionOf(p, bytes, true, pc);
  if (r != nullptr) Check(*r, p, bytes, true, true, pc);
}

std::string SourceLine(const void* pc) {
  Dl_info info;
  if (pc == nullptr || dladdr(pc, &info) == 0) return "";
  char path[256] = "";
  if (info.dli_fname[0] == '/') {
    snprintf(path, sizeof(path), "%s", info.dli_fname);
  } else if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0) {
    return "";
  }
  char command[512];
  snprintf(command, sizeof(command), "addr2line -e %s 0x%zx 2>/dev/null", path,
           static_cast<size_t>(static_cast<const char*>(pc) -
                               static_cast<const char*>(info.dli_fbase) - 1));
  char line[256] = "";
  FILE* pipe = popen(command, "r");
  if (pipe != nullptr) {
    if (fgets(line, sizeof(line), pipe) == nullptr) line[0] = 0;
    pclose(pipe);
  }
  const char* slash = strrchr(line, '/');
  std::string text = slash != nullptr ? slash + 1 : line;
  return text.substr(0, text.find_first_of(" \n"));
}

void Fail(Finding::Kind kind, const std::string& what, const void* pc) {
  in_kernel = false;
  std::string text = std::string(KindName(kind)) + ": " + memory().launches.back().name;
  if (actor != nullptr && actor->stack_low != nullptr) {
    char at[96];
    snprintf(at, sizeof(at), ", block (%u,%u,%u), thread (%u,%u,%u)", actor->block[0],
             actor->block[1], actor->block[2], actor->thread[0], actor->thread[1],
             actor->thread[2]);
    text += at;
  }
  const std::string line = SourceLine(pc);
  if (!line.empty()) text += ", " + line;
  const Finding finding(kind, text + ": " + what);
  if (actor != nullptr && actor->stack_low != nullptr) abandon(finding);
  throw finding;
}

}  // namespace simt
