// A device: memory that tensors live in, and how the host reaches it.
//
// Addresses of a device's memory mean nothing to the host unless host_accessible() says so: only
// kernels, within Launch(), and the copies of the device use them.
#ifndef GRAPH_RUNTIME_DEVICE_H_
#define GRAPH_RUNTIME_DEVICE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"

namespace graph {

// What every device aligns to at least. Kernels split their scratch by it.
constexpr size_t kAlignment = 64;

// Rounds up to a multiple of `alignment`, a power of two.
inline size_t AlignUp(size_t bytes, size_t alignment = kAlignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

// Owned memory of a device; data() is null only for Block().
class Block {
 public:
  Block() = default;
  Block(void* data, size_t size, std::function<void(void*)> free)
      : data_(data, std::move(free)), size_(size) {}

  void* data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  std::unique_ptr<void, std::function<void(void*)>> data_{nullptr, [](void*) {}};
  size_t size_ = 0;
};

// What a device works through in order, beside its other streams: kernels, and copies that run
// beside them.
enum class StreamRole { kCompute, kCopyIn };
// The device's own handle of a stream, for kernels (a cudaStream_t); null on the host.
using Stream = void*;
// A point in the work of a stream, of the device's own kind; null on devices that are done when a
// call returns.
using Event = std::shared_ptr<void>;

enum class Contents {
  kZero,
  kGarbage,  // not touched, so that pages which nobody uses cost nothing
};

// One thread at a time may use a device, unless a method says otherwise.
class Device {
 public:
  virtual ~Device() = default;

  virtual std::string name() const = 0;  // "cpu"
  // Of the host, that a kernel may use.
  virtual int threads() const = 0;
  // Of each tensor; a power of two of at least kAlignment.
  virtual size_t alignment() const { return kAlignment; }
  // Whether the host may read and write the memory directly.
  virtual bool host_accessible() const = 0;
  // What can still be allocated; not set where nobody knows.
  virtual absl::optional<size_t> AvailableBytes() const = 0;

  // At least `bytes`, aligned, with an address of its own even for 0 bytes. RESOURCE_EXHAUSTED
  // when the device has not that much. The device outlives the block.
  virtual absl::StatusOr<Block> Allocate(size_t bytes, Contents contents) = 0;

  // From the host's memory to the device's, back, and within the device. All that was started
  // before, on any stream, is done then, and the copy is done when the call returns.
  virtual absl::Status CopyIn(void* to, const void* from, size_t bytes) = 0;
  virtual absl::Status CopyOut(void* to, const void* from, size_t bytes) = 0;
  virtual absl::Status CopyWithin(void* to, const void* from, size_t bytes) = 0;

  // Calls `start_kernels`, the only code that may pass addresses of the device to kernels that
  // run; returns what it returns. The kernels may run on, in the compute stream.
  virtual absl::Status Launch(absl::FunctionRef<absl::Status()> start_kernels) = 0;
  // Waits for all that was started, on any stream; an error is one of that.
  virtual absl::Status Synchronize() { return absl::OkStatus(); }

  // For work that runs beside other work. What stands here is for devices that are done when a
  // call returns: it gives no handles, waits for nothing, and copies at once.
  virtual Stream stream(StreamRole) { return nullptr; }
  // Memory of the host from which, or to which, the device copies beside other work; page-locked
  // where that means something.
  virtual absl::StatusOr<Block> AllocateHost(size_t bytes) {
    return Allocate(bytes, Contents::kGarbage);
  }
  // Starts a copy in the stream kCopyIn from memory of AllocateHost, which must stay as it is
  // until an event that is recorded there afterwards has come.
  virtual absl::Status StartCopyIn(void* to, const void* from, size_t bytes) {
    return CopyIn(to, from, bytes);
  }
  virtual absl::StatusOr<Event> MakeEvent() { return Event(); }
  // `event` comes when all that was started in `stream` so far is done.
  virtual absl::Status Record(const Event& event, StreamRole stream) {
    (void)event, (void)stream;
    return absl::OkStatus();
  }
  // What is started in `stream` from now on waits for `event`, as it was recorded last; one that
  // never was has come. The same for the host.
  virtual absl::Status StreamWait(StreamRole stream, const Event& event) {
    (void)stream, (void)event;
    return absl::OkStatus();
  }
  virtual absl::Status HostWait(const Event& event) {
    (void)event;
    return absl::OkStatus();
  }
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_DEVICE_H_
