#include "tests/simt/memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <utility>

#include "tests/simt/shadow.h"

namespace simt {
namespace {

// Operations that may still be joined to pairs when stamps are forgotten.
constexpr unsigned kSpareOperations = 1024;

struct Operation {
  std::string name;
  int chain = 0;
  uint32_t time = 0;
  Clock clock;
  std::pair<unsigned, unsigned> both = {0, 0};  // of two operations that have no order
};

struct Memory {
  char* heap = nullptr;
  size_t used = 0;  // of the heap, whole pages
  size_t allocated = 0;
  std::vector<std::unique_ptr<Region>> regions;
  std::vector<Operation> operations;  // by Stamp::launch; [0] is what came before all
  std::map<std::pair<unsigned, unsigned>, unsigned> both;
  unsigned current = 0;
  int access_depth = 0;
  Index grid = {1, 1, 1}, block = {1, 1, 1};
  uint64_t first_block = 0;

  Memory();
};

Memory& memory() {
  static Memory* m = new Memory();
  return *m;
}

void OnSegv(int, siginfo_t* info, void*) {
  const char* p = static_cast<const char*>(info->si_addr);
  const Memory& m = memory();
  const char* text = "simt: segmentation fault outside every allocation\n";
  if (actor == nullptr && p >= m.heap && p < m.heap + kHeapBytes) {
    text = "simt: host code touched device memory\n";
  } else if (actor != nullptr && p < actor->stack_low && p >= actor->stack_low - kPage) {
    text = "simt: a thread of a kernel needs more stack than the emulator has\n";
  }
  if (write(2, text, strlen(text)) < 0) _exit(139);
  signal(SIGSEGV, SIG_DFL);  // the instruction runs again, and a debugger sees it
}

char* Map(size_t bytes, int protection) {
  void* p = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  return static_cast<char*>(p);
}

Memory::Memory() {
  heap = Map(kHeapBytes + kPage, PROT_NONE);
  heap = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(heap) + kPage - 1) / kPage * kPage);
  used = kPage;
  addresses.heap = heap;
  addresses.by_page.resize(1);
  operations.resize(1);
  operations[0].name = "host";
  Region& dynamic_shared = addresses.dynamic_shared;
  dynamic_shared.base = Map(kMaxDynamicShared + kPage, PROT_READ | PROT_WRITE);
  dynamic_shared.shared = true;
  dynamic_shared.name = "dynamic shared memory";
  // A handler that runs on a stack of its own: a thread may have used up its.
  constexpr size_t kHandlerStack = 64 << 10;
  stack_t stack = {};
  stack.ss_sp = Map(kHandlerStack, PROT_READ | PROT_WRITE);
  stack.ss_size = kHandlerStack;
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = OnSegv;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
}

void Protect(int protection) {
  Memory& m = memory();
  if (m.used > kPage) mprotect(m.heap, m.used, protection);
}

Traffic Of(const Region& r) { return r.traffic_of == operation_serial ? r.traffic : Traffic(); }

void Add(const Traffic& from, Traffic* to) {
  to->load_bytes += from.load_bytes;
  to->loads += from.loads;
  to->store_bytes += from.store_bytes;
  to->stores += from.stores;
}

// Stamps are full: all operations are over, and forgotten.
void Forget() {
  Memory& m = memory();
  m.operations.resize(1);
  m.both.clear();
  for (const auto& r : m.regions) ForgetStamps(r.get());
  ForgetStamps(&addresses.dynamic_shared);
  ForgetStaticShared();
}

}  // namespace

Counters counters;
Addresses addresses;
bool known_before[kMaxOperations] = {true};
uint64_t operation_serial = 0;
Actor* actor = nullptr;
bool in_kernel = false;
void (*abandon)(const Finding& finding) = nullptr;

void Merge(const Clock& from, Clock* into) {
  if (into->size() < from.size()) into->resize(from.size());
  for (size_t i = 0; i < from.size(); ++i) (*into)[i] = std::max((*into)[i], from[i]);
}

void* Allocate(size_t bytes, const std::string& name) {
  Memory& m = memory();
  const size_t pages = bytes / kPage + 1;
  if (m.used + (pages + 1) * kPage > kHeapBytes) throw std::bad_alloc();
  auto region = std::make_unique<Region>();
  region->base = m.heap + m.used;
  region->bytes = bytes;
  region->name = name;
  MakeCells(region.get());
  addresses.by_page.resize(m.used / kPage, nullptr);
  addresses.by_page.insert(addresses.by_page.end(), pages, region.get());
  m.used += (pages + 1) * kPage;
  m.allocated += bytes;
  char* const data = const_cast<char*>(region->base);
  m.regions.push_back(std::move(region));
  // Also where host code may touch device memory just now.
  mprotect(data, pages * kPage, PROT_READ | PROT_WRITE);
  if (bytes <= kFilled) std::memset(data, 0xff, bytes);
  if (m.access_depth == 0) mprotect(data, pages * kPage, PROT_NONE);
  return data;
}

namespace {
Region* LiveAt(const void* p, const char* what) {
  Memory& m = memory();
  const size_t page = static_cast<size_t>(static_cast<const char*>(p) - m.heap) / kPage;
  Region* r = IsDevice(p) && page < addresses.by_page.size() ? addresses.by_page[page] : nullptr;
  if (r == nullptr || r->base != p || !r->live) throw Finding(Finding::kFreed, what);
  return r;
}
}  // namespace

void Free(void* p) {
  Region* r = LiveAt(p, "freed: frees what is no live allocation");
  r->live = false;
  memory().allocated -= r->bytes;
  DropCells(r);
  madvise(p, r->bytes, MADV_DONTNEED);
}

bool IsDevice(const void* p) {
  return static_cast<size_t>(static_cast<const char*>(p) - memory().heap) < kHeapBytes;
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
  if (m.operations.size() >= kMaxOperations - kSpareOperations) Forget();
  m.current = static_cast<unsigned>(m.operations.size());
  std::memset(known_before, 0, sizeof(known_before));
  known_before[0] = true;
  ++operation_serial;
  addresses.touched_static.clear();
  Operation operation;
  operation.name = name;
  operation.chain = chain;
  operation.time = static_cast<size_t>(chain) < clock.size() ? clock[chain] : 0;
  operation.clock = clock;
  m.operations.push_back(std::move(operation));
  counters = Counters();
}

unsigned CurrentOperation() { return memory().current; }
const std::string& OperationName() { return OperationName(memory().current); }
const std::string& OperationName(unsigned operation) { return memory().operations[operation].name; }

bool FindOperationBefore(unsigned then) {
  const Memory& m = memory();
  const Operation& first = m.operations[then];
  const Operation& second = m.operations[m.current];
  const size_t chain = static_cast<size_t>(first.chain);
  return known_before[then] =
             first.both.second != 0
                 ? OperationBefore(first.both.first) && OperationBefore(first.both.second)
                 : first.chain == second.chain ||
                       (chain < second.clock.size() && second.clock[chain] >= first.time);
}

static bool IsPartOf(unsigned operation, unsigned of) {
  const std::pair<unsigned, unsigned> both = memory().operations[of].both;
  return operation == of || (both.second != 0 &&
                             (IsPartOf(operation, both.first) || IsPartOf(operation, both.second)));
}

unsigned Both(unsigned a, unsigned b) {
  const Outside outside;
  Memory& m = memory();
  if (IsPartOf(b, a)) return a;
  unsigned& id = m.both[{a, b}];
  if (id == 0) {
    if (m.operations.size() == kMaxOperations) {
      m.both.erase({a, b});
      Fail(Finding::kLimit, "too many operations without an order read the same memory", nullptr);
    }
    id = static_cast<unsigned>(m.operations.size());
    Operation operation;
    operation.name = m.operations[a].name + " and " + m.operations[b].name;
    operation.both = {a, b};
    m.operations.push_back(std::move(operation));
  }
  return id;
}

void SetLaunch(const std::string& name, Index grid, Index block, uint64_t first_block) {
  memory().operations[memory().current].name = name;
  memory().grid = grid;
  memory().block = block;
  memory().first_block = first_block;
}
static Index Split(uint64_t number, Index shape) {
  return {static_cast<unsigned>(number % shape.x),
          static_cast<unsigned>(number / shape.x % shape.y),
          static_cast<unsigned>(number / shape.x / shape.y)};
}
Index BlockOf(unsigned number) { return Split(memory().first_block + number, memory().grid); }
Index ThreadOf(unsigned number) { return Split(number, memory().block); }

void Touch(const void* p, size_t bytes, bool write) {
  if (bytes == 0) return;
  Actor host = {};
  host.now.launch = CurrentOperation();
  host.now.epoch = 1;
  Actor* const before = actor;
  actor = &host;
  try {
    OnDeviceAccess(p, bytes, write ? Access::kWrite : Access::kRead, nullptr);
  } catch (...) {
    actor = before;
    throw;
  }
  actor = before;
}

void CopyIn(void* to_device, const void* from, size_t bytes) {
  const DeviceAccess access;
  BeginOperation("copy to device", 0, {});
  Touch(to_device, bytes, true);
  if (bytes > 0) std::memcpy(to_device, from, bytes);
}
void CopyOut(void* to, const void* from_device, size_t bytes) {
  const DeviceAccess access;
  BeginOperation("copy to host", 0, {});
  Touch(from_device, bytes, false);
  if (bytes > 0) std::memcpy(to, from_device, bytes);
}

Traffic GlobalTraffic() {
  Traffic all;
  for (const auto& r : memory().regions) Add(Of(*r), &all);
  return all;
}

Traffic SharedTraffic() {
  Traffic all = Of(addresses.dynamic_shared);
  for (const Region* r : addresses.touched_static) Add(Of(*r), &all);
  return all;
}

Traffic TrafficOf(const void* allocation) {
  return Of(*LiveAt(allocation, "freed: traffic of what is no live allocation"));
}

}  // namespace simt
