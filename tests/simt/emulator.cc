#include "tests/simt/emulator.h"

#include <sys/mman.h>

#include <algorithm>
#include <boost/context/detail/fcontext.hpp>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

namespace simt {
namespace {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr size_t kGuard = 4096;
constexpr size_t kStack = 64 << 10;
// Stacks whose tops have equal low bits would share a few lines of the cache.
constexpr size_t kStackStep = kStack + 2 * kGuard;
constexpr size_t kStackShift = 192;

enum class State { kRuns, kAtWarp, kAtBlock, kDone };

struct Fiber {
  fcontext_t context = nullptr;
  Actor actor = {};
  State state = State::kRuns;
  // What it waits for.
  const char* function = nullptr;
  uint32_t mask = 0;
  int votes = 0;  // its own, then the block's
  void* slot = nullptr;
  Resolve resolve = nullptr;
  Site site = {nullptr, 0};
};

struct Warp {
  WarpTimes times;
  unsigned first = 0, count = 0;    // its fibers
  uint32_t ready = 0, at_warp = 0;  // lanes
};

struct Device {
  Order order = Order::kForward;
  std::mt19937_64 random;
  uint64_t last_blocks = 0;
  char* stacks = nullptr;
  // The running block.
  const std::function<void()>* thread = nullptr;
  Dim grid, block;
  void* dynamic_shared = nullptr;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  unsigned done = 0, at_block = 0;
  // The running pass over a warp's ready lanes.
  Warp* warp = nullptr;
  unsigned char lanes[32];
  unsigned next_lane = 0;
  Fiber* running = nullptr;
  fcontext_t scheduler = nullptr;
  std::unique_ptr<Finding> finding;

  Device() {
    stacks = static_cast<char*>(mmap(nullptr, kStackStep * kMaxThreads, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (stacks == MAP_FAILED) throw std::bad_alloc();
    for (unsigned i = 0; i < kMaxThreads; ++i) {
      mprotect(stacks + i * kStackStep, kGuard, PROT_NONE);  // a stack that is used up faults
    }
  }
};

Device* the_device = nullptr;
Device& device() {
  if (the_device == nullptr) the_device = new Device();
  return *the_device;
}

// Goes to `to`. Whoever is come back from writes where it left.
inline void Jump(fcontext_t to, fcontext_t* self) {
  const transfer_t from = jump_fcontext(to, self);
  *static_cast<fcontext_t*>(from.data) = from.fctx;
}

// The next ready lane of the pass; null: none is left.
inline Fiber* NextLane() {
  Device& d = *the_device;
  while (d.next_lane < d.warp->count) {
    const unsigned lane = d.lanes[d.next_lane++];
    if ((d.warp->ready >> lane & 1) == 0) continue;
    d.warp->ready &= ~(1u << lane);
    Fiber* const next = &d.fibers[d.warp->first + lane];
    d.running = next;
    actor = &next->actor;
    return next;
  }
  d.running = nullptr;
  actor = nullptr;
  return nullptr;
}

// The running fiber waits: to the next lane, or to the scheduler.
void Yield(Fiber* self) {
  ++counters.switches;
  const Fiber* const next = NextLane();
  Jump(next != nullptr ? next->context : the_device->scheduler, &self->context);
}

void Abandon(const Finding& finding) {
  Device& d = device();
  d.finding = std::make_unique<Finding>(finding);
  Jump(d.scheduler, &d.running->context);
  std::terminate();  // nobody resumes it
}

void Enter(transfer_t from) {
  *static_cast<fcontext_t*>(from.data) = from.fctx;
  Device& d = *the_device;
  Fiber* const self = d.running;
  (*d.thread)();
  LeaveAsyncCopies();
  self->state = State::kDone;
  ++d.done;
  Yield(self);
}

// Numbers below n in the order of the day.
template <typename T>
void FillOrder(T* numbers, unsigned n) {
  Device& d = device();
  std::iota(numbers, numbers + n, T{0});
  if (d.order == Order::kReverse) std::reverse(numbers, numbers + n);
  if (d.order == Order::kShuffled) std::shuffle(numbers, numbers + n, d.random);
}

// Every ready lane runs until it waits.
void RunPass(Warp* w) {
  Device& d = device();
  d.warp = w;
  d.next_lane = 0;
  FillOrder(d.lanes, w->count);
  const Fiber* const first = NextLane();
  Jump(first->context, &d.scheduler);
  in_kernel = false;
  actor = nullptr;
  d.running = nullptr;
  if (d.finding != nullptr) throw Finding(*d.finding);
}

std::string Describe(const Fiber& f) {
  const Index t = f.actor.thread;
  char text[256];
  snprintf(text, sizeof(text), "thread (%u,%u,%u)", t.x, t.y, t.z);
  if (f.state == State::kDone) return std::string(text) + " has left the kernel";
  std::string what = std::string(text) + " waits in " + f.function + " (" + SourceLine(f.site);
  if (f.state == State::kAtWarp) {
    snprintf(text, sizeof(text), ", mask %08x", f.mask);
    what += text;
  }
  return what + ")";
}

[[noreturn]] void Diverged(const Fiber& a, const std::string& and_what) {
  throw MakeFinding(Finding::kDivergence, Describe(a) + and_what, a.site, &a.actor);
}

bool SameCall(const Fiber& a, const Fiber& b) {
  return a.resolve == b.resolve && a.mask == b.mask && a.site.line == b.site.line &&
         (a.site.file == b.site.file || std::strcmp(a.site.file, b.site.file) == 0);
}

// Lets a warp's lanes go on whose partners have all come. False: nobody can.
bool ResolveWarp(Warp* w) {
  Device& d = device();
  bool any = false;
  for (uint32_t leaders = w->at_warp; leaders != 0;) {
    Fiber* const fibers = &d.fibers[w->first];
    Fiber& leader = fibers[__builtin_ctz(leaders)];
    leaders &= leaders - 1;
    if (w->count < 32 && leader.mask >> w->count != 0) {
      Diverged(leader, " for lanes that the block has not");
    }
    Meeting meeting = {leader.function, leader.mask, {}};
    bool complete = true;
    for (uint32_t mask = leader.mask; mask != 0 && complete; mask &= mask - 1) {
      const unsigned lane = static_cast<unsigned>(__builtin_ctz(mask));
      Fiber& f = fibers[lane];
      if (f.state == State::kDone) Diverged(leader, ", and " + Describe(f));
      complete = f.state == State::kAtWarp && SameCall(f, leader);
      meeting.slots[lane] = f.slot;
    }
    if (!complete) continue;
    ++counters.collectives;
    d.running = &leader;
    leader.resolve(&meeting);
    d.running = nullptr;
    for (uint32_t mask = leader.mask; mask != 0; mask &= mask - 1) {
      fibers[__builtin_ctz(mask)].state = State::kRuns;
    }
    w->at_warp &= ~leader.mask;
    w->ready |= leader.mask;
    leaders &= ~leader.mask;
    any = true;
  }
  return any;
}

// Everybody is at the same barrier, or there is a finding.
void ResolveBlock() {
  Device& d = device();
  const Fiber& waits = *std::find_if(d.fibers.begin(), d.fibers.end(),
                                     [](const Fiber& f) { return f.state == State::kAtBlock; });
  int votes = 0;
  for (const Fiber& f : d.fibers) {
    if (f.state != State::kAtBlock || f.site.line != waits.site.line ||
        std::strcmp(f.site.file, waits.site.file) != 0) {
      Diverged(waits, ", and " + Describe(f));
    }
    votes += f.votes;
  }
  if (waits.actor.now.epoch == kMaxEpoch) {
    throw MakeFinding(Finding::kLimit,
                      "the emulator tells no more than " + std::to_string(kMaxEpoch) +
                          " barriers of a block apart",
                      waits.site, &waits.actor);
  }
  for (Fiber& f : d.fibers) {
    f.state = State::kRuns;
    f.votes = votes;
    ++f.actor.now.epoch;
    f.actor.now.warp_time = 0;
  }
  for (Warp& w : d.warps) {
    w.ready = w.count == 32 ? ~0u : (1u << w.count) - 1;
    w.times.now = w.times.all = 0;
    w.times.some = false;
  }
  d.at_block = 0;
}

void StartBlock(unsigned number, size_t dynamic_shared_bytes) {
  Device& d = device();
  const unsigned threads = d.block.x * d.block.y * d.block.z;
  d.dynamic_shared = BeginBlock(dynamic_shared_bytes);
  d.fibers.assign(threads, Fiber());
  d.warps.resize((threads + 31) / 32);
  for (unsigned i = 0; i < d.warps.size(); ++i) {
    Warp& w = d.warps[i];
    w.first = i * 32;
    w.count = std::min(32u, threads - w.first);
    w.ready = w.count == 32 ? ~0u : (1u << w.count) - 1;
    w.at_warp = 0;
    w.times.now = w.times.all = 0;
    w.times.some = false;
  }
  for (unsigned i = 0; i < threads; ++i) {
    Fiber& f = d.fibers[i];
    char* const low = d.stacks + i * kStackStep + kGuard;
    char* const high = low + kStack + kGuard - (i % 16) * kStackShift;
    f.context = make_fcontext(high, static_cast<size_t>(high - low), Enter);
    f.actor.now.launch = CurrentOperation();
    f.actor.now.block = number;
    f.actor.now.thread = i;
    f.actor.now.epoch = 1;
    f.actor.stack_low = low;
    f.actor.stack_high = high;
    f.actor.warp = &d.warps[i / 32].times;
    f.actor.thread = ThreadOf(i);
    f.actor.block = BlockOf(number);
  }
  d.done = d.at_block = 0;
  StartAsyncCopies(threads);
}

void RunBlock(unsigned number, size_t dynamic_shared_bytes) {
  Device& d = device();
  StartBlock(number, dynamic_shared_bytes);
  std::vector<unsigned> warps(d.warps.size());
  while (true) {
    FillOrder(warps.data(), static_cast<unsigned>(warps.size()));
    for (const unsigned i : warps) {
      Warp* const w = &d.warps[i];
      while (w->ready != 0) {
        RunPass(w);
        ResolveWarp(w);
      }
    }
    if (d.done == d.fibers.size()) return;
    if (d.at_block == 0) {
      const Fiber& waits = *std::find_if(d.fibers.begin(), d.fibers.end(),
                                         [](const Fiber& f) { return f.state == State::kAtWarp; });
      for (const Fiber& f : d.fibers) {
        const unsigned lane = f.actor.now.thread % 32;
        if (f.actor.warp == waits.actor.warp && waits.mask >> lane & 1 && !SameCall(f, waits)) {
          Diverged(waits, ", and " + Describe(f));
        }
      }
    }
    ResolveBlock();
  }
}

}  // namespace

bool IsEmulated() { return true; }

void SetOrder(Order order, uint64_t seed) {
  device().order = order;
  device().random.seed(seed);
}

void RunLastBlocks(unsigned count) { device().last_blocks = count; }

void Run(const std::string& name, const std::function<void()>& thread, Dim grid, Dim block,
         size_t dynamic_shared_bytes) {
  Device& d = device();
  if (!IsGrid(grid, block) || dynamic_shared_bytes > kMaxDynamicShared) {
    throw MakeFinding(Finding::kLaunch, "CUDA launches no such grid", nullptr, nullptr);
  }
  const uint64_t all = uint64_t{grid.x} * grid.y * grid.z;
  const uint64_t blocks = d.last_blocks == 0 ? all : std::min(all, d.last_blocks);
  if (blocks > kMaxBlocks) {
    throw MakeFinding(
        Finding::kLimit,
        "the emulator tells no more than " + std::to_string(kMaxBlocks) + " blocks apart", nullptr,
        nullptr);
  }
  abandon = Abandon;
  d.thread = &thread;
  d.grid = grid;
  d.block = block;
  d.finding.reset();
  SetLaunch(name, {grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, all - blocks);
  FindStaticShared();
  const DeviceAccess access;
  std::vector<unsigned> order(blocks);
  FillOrder(order.data(), static_cast<unsigned>(blocks));
  for (const unsigned number : order) RunBlock(number, dynamic_shared_bytes);
}

Index ThreadIndex() { return actor->thread; }
Index BlockIndex() { return actor->block; }
Dim BlockDim() { return the_device->block; }
Dim GridDim() { return the_device->grid; }
unsigned Lane() { return actor->now.thread % 32; }
void* DynamicShared() { return the_device->dynamic_shared; }

void FailLane(unsigned lane, Finding::Kind kind, const std::string& what, Site site) {
  const Device& d = device();
  const Actor& leader = d.running->actor;
  throw MakeFinding(kind, what, site, &d.fibers[leader.now.thread / 32 * 32 + lane].actor);
}

void Meet(const char* function, uint32_t mask, void* slot, Resolve resolve, Site site) {
  const Outside outside;
  Device& d = *the_device;
  Fiber* const self = d.running;
  const uint32_t lane = 1u << Lane();
  if ((mask & lane) == 0) {
    Fail(Finding::kShuffle, std::string(function) + " by a lane that its mask leaves out", site);
  }
  self->function = function;
  self->mask = mask;
  self->slot = slot;
  self->resolve = resolve;
  self->site = site;
  self->state = State::kAtWarp;
  d.warp->at_warp |= lane;
  Yield(self);
}

void SyncWarp(uint32_t mask, Site site) {
  Meet(
      "__syncwarp", mask, nullptr,
      [](Meeting* m) {
        Device& d = *the_device;
        Warp& w = d.warps[static_cast<size_t>(d.running - d.fibers.data()) / 32];
        WarpTimes& t = w.times;
        if (t.now == kMaxWarpTime) {
          FailLane(static_cast<unsigned>(__builtin_ctz(m->mask)), Finding::kLimit,
                   "the emulator tells no more than " + std::to_string(kMaxWarpTime) +
                       " __syncwarps between two __syncthreads apart",
                   d.running->site);
        }
        ++t.now;
        for (unsigned i = 0; i < w.count; ++i) d.fibers[w.first + i].actor.now.warp_time = t.now;
        if (m->mask == (w.count == 32 ? ~0u : (1u << w.count) - 1)) {
          t.all = t.now;
          return;
        }
        t.MeetSome(m->mask);
      },
      site);
}

int SyncThreads(const char* function, bool predicate, Site site) {
  const Outside outside;
  Device& d = *the_device;
  Fiber* const self = d.running;
  self->function = function;
  self->votes = predicate;
  self->site = site;
  self->state = State::kAtBlock;
  ++d.at_block;
  Yield(self);
  return self->votes;
}

}  // namespace simt
