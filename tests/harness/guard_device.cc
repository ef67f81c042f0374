#include "tests/harness/guard_device.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>

#include "graph/base/status.h"
#include "graph/runtime/host_device.h"

namespace harness {
namespace {

constexpr size_t kRegion = size_t{1} << 36;  // bytes of address space; memory is allocated on use
constexpr size_t kGuardAlignment = 256;
constexpr size_t kPage = 4096;

// Where the regions of the last devices begin, for the signal handler.
constexpr int kRegions = 16;
std::atomic<uintptr_t> g_begins[kRegions];
std::atomic<int> g_devices{0};
struct sigaction g_before;

void OnFault(int signal, siginfo_t* info, void* context) {
  const uintptr_t at = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const uintptr_t begin : g_begins) {
    if (begin == 0 || at < begin || at >= begin + kRegion) continue;
    static const char text[] =
        "the host touched memory of the device 'guard' outside a launch; copy it with Read or "
        "Write\n";
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) abort();
  }
  // The previous handler, a sanitizer's for example, prints the stack.
  sigaction(signal, &g_before, nullptr);
  if (g_before.sa_flags & SA_SIGINFO) g_before.sa_sigaction(signal, info, context);
}

class GuardDevice : public graph::Device {
 public:
  explicit GuardDevice(int threads) : threads_(threads) {
    const int file = memfd_create("guard_device", 0);
    CHECK(file >= 0 && ftruncate(file, kRegion) == 0);
    device_ = Map(file, PROT_NONE);
    host_ = Map(file, PROT_READ | PROT_WRITE);
    close(file);
    g_begins[g_devices++ % kRegions] = reinterpret_cast<uintptr_t>(device_);
    static const bool installed = [] {
      struct sigaction action = {};
      action.sa_sigaction = OnFault;
      action.sa_flags = SA_SIGINFO;
      return sigaction(SIGSEGV, &action, &g_before) == 0;
    }();
    CHECK(installed);
  }
  ~GuardDevice() override {
    munmap(device_, kRegion);
    munmap(host_, kRegion);
  }

  std::string name() const override { return "guard"; }
  int threads() const override { return threads_; }
  size_t alignment() const override { return kGuardAlignment; }
  bool host_accessible() const override { return false; }
  absl::optional<size_t> AvailableBytes() const override { return graph::AvailableHostMemory(); }

  absl::StatusOr<graph::Block> Allocate(size_t bytes, graph::Contents contents) override {
    const size_t capacity = graph::AlignUp(bytes > 0 ? bytes : 1, kGuardAlignment);
    if (capacity > kRegion - used_) return absl::ResourceExhaustedError("the guard device is full");
    char* const data = device_ + used_;
    used_ += capacity;
    // New memory is zero, but kernels must not rely on that.
    if (contents == graph::Contents::kGarbage) std::memset(HostOf(data, bytes), 0xff, bytes);
    return graph::Block(data, bytes, [this, capacity](void* p) { GiveBack(p, capacity); });
  }

  absl::Status CopyIn(void* to, const void* from, size_t bytes) override {
    CheckOfHost(from);
    FinishCopies(started_);
    if (bytes > 0) std::memcpy(HostOf(to, bytes), from, bytes);
    return absl::OkStatus();
  }
  absl::Status CopyOut(void* to, const void* from, size_t bytes) override {
    CheckOfHost(to);
    FinishCopies(started_);
    if (bytes > 0) std::memcpy(to, HostOf(from, bytes), bytes);
    return absl::OkStatus();
  }
  absl::Status CopyWithin(void* to, const void* from, size_t bytes) override {
    FinishCopies(started_);
    std::memmove(HostOf(to, bytes), HostOf(from, bytes), bytes);
    return absl::OkStatus();
  }

  absl::Status Launch(absl::FunctionRef<absl::Status()> start_kernels) override {
    Protect(PROT_READ | PROT_WRITE);
    absl::Status status;
    try {
      status = start_kernels();
    } catch (...) {
      Protect(PROT_NONE);
      throw;
    }
    Protect(PROT_NONE);
    return status;
  }

  absl::Status Synchronize() override {
    FinishCopies(started_);
    return absl::OkStatus();
  }

  absl::Status StartCopyIn(void* to, const void* from, size_t bytes) override {
    CheckOfHost(from);
    copies_.push_back({to, from, bytes});
    ++started_;
    return absl::OkStatus();
  }
  // An event is the number of copies that were started before it.
  absl::StatusOr<graph::Event> MakeEvent() override { return std::make_shared<int64_t>(0); }
  absl::Status Record(const graph::Event& event, graph::StreamRole stream) override {
    *static_cast<int64_t*>(event.get()) = stream == graph::StreamRole::kCopyIn ? started_ : 0;
    return absl::OkStatus();
  }
  absl::Status StreamWait(graph::StreamRole, const graph::Event& event) override {
    return HostWait(event);
  }
  absl::Status HostWait(const graph::Event& event) override {
    if (event != nullptr) FinishCopies(*static_cast<const int64_t*>(event.get()));
    return absl::OkStatus();
  }

 private:
  struct Copy {
    void* to;
    const void* from;
    size_t bytes;
  };
  // Does the first `count` of all copies ever started.
  void FinishCopies(int64_t count) {
    for (; started_ - static_cast<int64_t>(copies_.size()) < count; copies_.pop_front()) {
      const Copy& copy = copies_.front();
      if (copy.bytes > 0) std::memcpy(HostOf(copy.to, copy.bytes), copy.from, copy.bytes);
    }
  }

  static char* Map(int file, int rights) {
    void* const data = mmap(nullptr, kRegion, rights, MAP_SHARED | MAP_NORESERVE, file, 0);
    CHECK(data != MAP_FAILED);
    return static_cast<char*>(data);
  }
  bool IsOurs(const void* address) const {
    return address >= device_ && address < device_ + kRegion;
  }
  void CheckOfHost(const void* address) const { CHECK(!IsOurs(address)); }
  // The host's mapping of an address of the device.
  char* HostOf(const void* address, size_t bytes) const {
    CHECK(IsOurs(address));
    const size_t offset = static_cast<size_t>(static_cast<const char*>(address) - device_);
    CHECK(offset + bytes <= used_);
    return host_ + offset;
  }
  // Whole pages go back to the system.
  void GiveBack(void* address, size_t bytes) {
    const uintptr_t begin = reinterpret_cast<uintptr_t>(HostOf(address, bytes));
    const uintptr_t first = graph::AlignUp(begin, kPage), last = (begin + bytes) / kPage * kPage;
    if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_REMOVE);
  }
  void Protect(int rights) { CHECK(mprotect(device_, graph::AlignUp(used_, kPage), rights) == 0); }

  const int threads_;
  char* device_ = nullptr;
  char* host_ = nullptr;
  size_t used_ = 0;
  std::deque<Copy> copies_;  // started, not done
  int64_t started_ = 0;
};

}  // namespace

std::shared_ptr<graph::Device> MakeGuardDevice(int threads) {
  return std::make_shared<GuardDevice>(threads);
}

graph::Backend OnTestDevice(graph::Backend backend) {
  const char* const device = std::getenv("DROPPOS_TEST_DEVICE");
  if (device != nullptr && std::string(device) == "guard") {
    backend.device = MakeGuardDevice(backend.device->threads());
  }
  return backend;
}

std::shared_ptr<graph::Device> TestDevice() { return OnTestDevice(graph::Backend()).device; }

}  // namespace harness
