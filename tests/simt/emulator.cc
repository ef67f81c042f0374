#include "tests/simt/emulator.h"

#include <sys/mman.h>

#include <algorithm>
#include <boost/context/detail/fcontext.hpp>
#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <random>

namespace simt {
namespace {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr size_t kStack = 64 << 10;
constexpr unsigned kMaxThreads = 1024;

enum class State { kReady, kAtWarp, kAtBlock, kDone };

struct Fiber {
  fcontext_t context = nullptr;
  State state = State::kReady;
  Actor actor = {};
  // What it waits for.
  const char* function = nullptr;
  uint32_t mask = 0;
  void* slot = nullptr;
  Resolve resolve = nullptr;
  Site site = {nullptr, 0};
};

struct Warp {
  WarpSync sync;
  unsigned time = 0;
  unsigned first = 0, count = 0;  // its fibers
};

struct Device {
  Order order = Order::kForward;
  std::mt19937_64 random;
  char* stacks = static_cast<char*>(mmap(nullptr, kStack * kMaxThreads, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  // The running block.
  const std::function<void()>* thread = nullptr;
  std::string name;
  Dim grid, block;
  void* dynamic_shared = nullptr;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  Fiber* running = nullptr;
  fcontext_t scheduler = nullptr;
  std::unique_ptr<Finding> finding;
};

Device& device() {
  static Device* d = new Device();
  return *d;
}

// Back to the scheduler until somebody makes the fiber ready.
void Yield() {
  Device& d = device();
  ++counters().switches;
  d.scheduler = jump_fcontext(d.scheduler, nullptr).fctx;
}

void Abandon(const Finding& finding) {
  Device& d = device();
  d.finding = std::make_unique<Finding>(finding);
  Yield();
  std::terminate();  // nobody resumes it
}

void Enter(transfer_t from) {
  Device& d = device();
  d.scheduler = from.fctx;
  (*d.thread)();
  d.running->state = State::kDone;
  Yield();
}

void Resume(Fiber* fiber) {
  Device& d = device();
  d.running = fiber;
  actor = &fiber->actor;
  actor->now.warp_time = std::min(d.warps[(fiber - d.fibers.data()) / 32].time, kMaxWarpTime);
  const transfer_t back = jump_fcontext(fiber->context, nullptr);
  fiber->context = back.fctx;
  in_kernel = false;
  actor = nullptr;
  d.running = nullptr;
  if (d.finding != nullptr) throw Finding(*d.finding);
}

// Numbers below n in the order of the day: begin() and end().
class InOrder {
 public:
  explicit InOrder(unsigned n) : n_(n), kind_(device().order) {
    if (kind_ != Order::kShuffled) return;
    shuffled_.resize(n);
    std::iota(shuffled_.begin(), shuffled_.end(), 0u);
    std::shuffle(shuffled_.begin(), shuffled_.end(), device().random);
  }
  unsigned size() const { return n_; }
  unsigned operator[](unsigned i) const {
    return kind_ == Order::kForward ? i : kind_ == Order::kReverse ? n_ - 1 - i : shuffled_[i];
  }

 private:
  const unsigned n_;
  const Order kind_;
  std::vector<unsigned> shuffled_;
};

std::string Describe(const Fiber& f, unsigned index) {
  std::string text = "thread " + std::to_string(index);
  if (f.state == State::kDone) return text + " has left the kernel";
  char at[160];
  const char* file = strrchr(f.site.file, '/');
  snprintf(at, sizeof(at), " waits in %s (%s:%d", f.function, file ? file + 1 : f.site.file,
           f.site.line);
  text += at;
  if (f.state == State::kAtWarp) {
    snprintf(at, sizeof(at), ", mask %08x", f.mask);
    text += at;
  }
  return text + ")";
}

[[noreturn]] void Diverged(const std::string& what) {
  throw Finding(Finding::kDivergence, "divergence: " + device().name + ": " + what);
}

// Lets a warp's lanes go on whose partners have all come. False: nobody can.
bool ResolveWarp(Warp* w) {
  Device& d = device();
  bool any = false;
  for (unsigned i = 0; i < w->count; ++i) {
    Fiber& leader = d.fibers[w->first + i];
    if (leader.state != State::kAtWarp) continue;
    Meeting meeting = {leader.function, leader.mask, {}};
    bool complete = true;
    for (unsigned lane = 0; lane < 32; ++lane) {
      if ((leader.mask >> lane & 1) == 0) continue;
      if (lane >= w->count) Diverged(Describe(leader, w->first + i) + " for a lane that is none");
      Fiber& f = d.fibers[w->first + lane];
      if (f.state == State::kDone) {
        Diverged(Describe(leader, w->first + i) + ", and " + Describe(f, w->first + lane));
      }
      if (f.state != State::kAtWarp || f.resolve != leader.resolve || f.mask != leader.mask) {
        complete = false;
        break;
      }
      meeting.slots[lane] = f.slot;
    }
    if (!complete) continue;
    ++counters().collectives;
    d.running = &leader;
    actor = &leader.actor;  // for findings
    try {
      leader.resolve(&meeting);
    } catch (...) {
      actor = nullptr;
      throw;
    }
    actor = nullptr;
    for (unsigned lane = 0; lane < 32; ++lane) {
      if (leader.mask >> lane & 1) d.fibers[w->first + lane].state = State::kReady;
    }
    any = true;
  }
  return any;
}

// Everybody is at the same barrier, or there is a finding.
bool ResolveBlock() {
  Device& d = device();
  const auto waits = std::find_if(d.fibers.begin(), d.fibers.end(),
                                  [](const Fiber& f) { return f.state == State::kAtBlock; });
  if (waits == d.fibers.end()) return false;
  for (unsigned i = 0; i < d.fibers.size(); ++i) {
    const Fiber& f = d.fibers[i];
    if (f.state != State::kAtBlock || f.site.line != waits->site.line ||
        f.site.file != waits->site.file) {
      Diverged(Describe(*waits, static_cast<unsigned>(waits - d.fibers.begin())) + ", and " +
               Describe(f, i));
    }
  }
  for (Fiber& f : d.fibers) {
    f.state = State::kReady;
    if (f.actor.now.epoch < kMaxEpoch) ++f.actor.now.epoch;
  }
  return true;
}

void RunBlock(unsigned linear, Index index, size_t dynamic_shared_bytes) {
  Device& d = device();
  const unsigned threads = d.block.x * d.block.y * d.block.z;
  d.dynamic_shared = BeginBlock(dynamic_shared_bytes);
  d.fibers.assign(threads, Fiber());
  d.warps.assign((threads + 31) / 32, Warp());
  for (unsigned i = 0; i < threads; ++i) {
    Fiber& f = d.fibers[i];
    Warp& w = d.warps[i / 32];
    w.first = i / 32 * 32;
    ++w.count;
    char* const stack = d.stacks + i * kStack;
    f.context = make_fcontext(stack + kStack, kStack, Enter);
    f.actor.now.launch = current_launch();
    f.actor.now.block = linear;
    f.actor.now.thread = i;
    f.actor.now.epoch = 1;
    f.actor.stack_low = stack;
    f.actor.stack_high = stack + kStack;
    f.actor.warp_sync = &w.sync;
    const unsigned thread[3] = {i % d.block.x, i / d.block.x % d.block.y,
                                i / d.block.x / d.block.y};
    const unsigned block[3] = {index.x, index.y, index.z};
    std::copy(thread, thread + 3, f.actor.thread);
    std::copy(block, block + 3, f.actor.block);
  }
  while (true) {
    bool progress = false;
    const InOrder warps(static_cast<unsigned>(d.warps.size()));
    for (unsigned i = 0; i < warps.size(); ++i) {
      Warp& w = d.warps[warps[i]];
      bool again = true;
      while (again) {
        again = false;
        const InOrder lanes(w.count);
        for (unsigned k = 0; k < w.count; ++k) {
          Fiber& f = d.fibers[w.first + lanes[k]];
          if (f.state != State::kReady) continue;
          Resume(&f);
          again = true;
        }
        again |= ResolveWarp(&w);
        progress |= again;
      }
    }
    if (progress) continue;
    const auto not_done = std::find_if(d.fibers.begin(), d.fibers.end(),
                                       [](const Fiber& f) { return f.state != State::kDone; });
    if (not_done == d.fibers.end()) return;
    if (ResolveBlock()) continue;
    Diverged(Describe(*not_done, static_cast<unsigned>(not_done - d.fibers.begin())) +
             ", and not all of its mask come");
  }
}

}  // namespace

namespace {
std::map<const void*, size_t>& Allowed() {
  static auto* allowed = new std::map<const void*, size_t>();
  return *allowed;
}
}  // namespace

int AllowShared(const void* kernel, size_t bytes) {
  if (bytes > kMaxDynamicShared) return 1;  // cudaErrorInvalidValue
  Allowed()[kernel] = bytes;
  return 0;
}
size_t AllowedShared(const void* kernel) {
  const auto it = Allowed().find(kernel);
  return it == Allowed().end() ? 48 << 10 : it->second;
}

void SetOrder(Order order, uint64_t seed) {
  device().order = order;
  device().random.seed(seed);
}

void Run(const std::string& name, const std::function<void()>& thread, Dim grid, Dim block,
         size_t dynamic_shared_bytes) {
  Device& d = device();
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  if (blocks == 0 || grid.y > 65535 || grid.z > 65535 || threads == 0 || threads > kMaxThreads ||
      block.z > 64 || dynamic_shared_bytes > kMaxDynamicShared || blocks > kMaxBlocks) {
    throw Finding(Finding::kLaunch, "launch: " + name + ": " + std::to_string(blocks) +
                                        " blocks of " + std::to_string(threads) + " threads and " +
                                        std::to_string(dynamic_shared_bytes) + " shared bytes");
  }
  abandon = Abandon;
  d.name = name;
  d.thread = &thread;
  d.grid = grid;
  d.block = block;
  d.finding.reset();
  const DeviceAccess access;
  const InOrder order(static_cast<unsigned>(blocks));
  for (unsigned i = 0; i < order.size(); ++i) {
    const unsigned b = order[i];
    RunBlock(b, {b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y}, dynamic_shared_bytes);
  }
}

Index ThreadIndex() {
  const unsigned* i = device().running->actor.thread;
  return {i[0], i[1], i[2]};
}
Index BlockIndex() {
  const unsigned* i = device().running->actor.block;
  return {i[0], i[1], i[2]};
}
Dim BlockDim() { return device().block; }
Dim GridDim() { return device().grid; }
unsigned Lane() { return device().running->actor.now.thread % 32; }
void* DynamicShared() { return device().dynamic_shared; }

void FailAt(Finding::Kind kind, const std::string& what, Site site) {
  const Outside outside;
  const char* file = strrchr(site.file, '/');
  Fail(kind, std::string(file ? file + 1 : site.file) + ":" + std::to_string(site.line) + ": " + what,
       nullptr);
}

void Meet(const char* function, uint32_t mask, void* slot, Resolve resolve, Site site) {
  const Outside outside;
  Fiber* self = device().running;
  if ((mask >> Lane() & 1) == 0) {
    FailAt(Finding::kShuffle, std::string(function) + " by a lane that its mask leaves out", site);
  }
  self->function = function;
  self->mask = mask;
  self->slot = slot;
  self->resolve = resolve;
  self->site = site;
  self->state = State::kAtWarp;
  Yield();
}

void SyncWarp(uint32_t mask, Site site) {
  const Outside outside;
  Meet("__syncwarp", mask, nullptr,
       [](Meeting* m) {
         Device& d = device();
         Warp& w = d.warps[(d.running - d.fibers.data()) / 32];
         if (w.time < kMaxWarpTime) ++w.time;
         const uint32_t all = w.count == 32 ? 0xffffffffu : (1u << w.count) - 1;
         for (unsigned a = 0; a < 32; ++a) {
           for (unsigned b = 0; b < 32; ++b) {
             if (m->mask == all || (m->mask >> a & m->mask >> b & 1)) {
               w.sync.last[a][b] = static_cast<uint16_t>(w.time);
             }
           }
         }
       },
       site);
}

void SyncThreads(Site site) {
  const Outside outside;
  Fiber* self = device().running;
  self->function = "__syncthreads";
  self->site = site;
  self->state = State::kAtBlock;
  Yield();
}

}  // namespace simt
