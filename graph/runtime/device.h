// A device: memory that tensors live in, and how the host reaches it.
//
// The host may use addresses of a device's memory only if host_accessible(). Otherwise only
// kernels, within Launch(), and the device's copies use them.
#ifndef GRAPH_RUNTIME_DEVICE_H_
#define GRAPH_RUNTIME_DEVICE_H_

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"

namespace graph {

// Every device aligns to at least this many bytes. Kernels split their scratch by it.
constexpr size_t kAlignment = 64;

// Rounds up to a multiple of `alignment`, a power of two.
inline size_t AlignUp(size_t bytes, size_t alignment = kAlignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

// Owns memory of a device; data() is null only for Block(). Nothing may still use it when it is
// freed.
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

// A device works through each stream in order, and runs streams beside each other: one for kernels
// and one for copies beside them.
enum class StreamRole { kCompute, kCopyIn };
// The device's handle of a stream, for kernels (a cudaStream_t); null on the host.
using Stream = void*;
// A point in the work of a stream, in the device's own type; null on devices that finish all work
// before a call returns.
using Event = std::shared_ptr<void>;
// Work to be started again as one, with the addresses and numbers that it was captured with, in
// the device's own type.
using CapturedWork = std::shared_ptr<void>;

enum class Contents {
  kZero,
  kGarbage,  // not touched, so that unused pages cost nothing
};

// One thread at a time may use a device, unless a method says otherwise.
class Device {
 public:
  virtual ~Device() = default;

  virtual std::string name() const = 0;  // "cpu"
  // Host threads that a kernel may use.
  virtual int threads() const = 0;
  // Alignment of each tensor in bytes; a power of two, at least kAlignment.
  virtual size_t alignment() const { return kAlignment; }
  // Whether the host may read and write the memory directly.
  virtual bool host_accessible() const = 0;
  // Bytes that can still be allocated; not set if unknown.
  virtual absl::optional<size_t> AvailableBytes() const = 0;

  // At least `bytes`, aligned, with an address of its own even for 0 bytes. RESOURCE_EXHAUSTED
  // if the device does not have that much. The device must outlive the block.
  virtual absl::StatusOr<Block> Allocate(size_t bytes, Contents contents) = 0;

  // Copy from the host's memory to the device's, back, and within the device. Each waits for all
  // work started before, on any stream; the copy is complete when the call returns.
  virtual absl::Status CopyIn(void* to, const void* from, size_t bytes) = 0;
  virtual absl::Status CopyOut(void* to, const void* from, size_t bytes) = 0;
  virtual absl::Status CopyWithin(void* to, const void* from, size_t bytes) = 0;

  // Calls `start_kernels` and returns its result. Only `start_kernels` may run kernels on addresses
  // of the device. The kernels may still run in the compute stream after the call returns.
  virtual absl::Status Launch(absl::FunctionRef<absl::Status()> start_kernels) = 0;
  // Calls `start_kernels` as Launch does, but keeps the work instead of doing it. Null, and nothing
  // was called, on devices that gain nothing by it. What the kernels use must outlive it.
  virtual absl::StatusOr<CapturedWork> Capture(absl::FunctionRef<absl::Status()> start_kernels) {
    (void)start_kernels;
    return CapturedWork();
  }
  // Starts captured work in the compute stream.
  virtual absl::Status Replay(const CapturedWork& work) {
    (void)work;
    return absl::UnimplementedError("this device captures nothing");
  }
  // Waits for all work started, on any stream, and returns its error.
  virtual absl::Status Synchronize() { return absl::OkStatus(); }

  // Asynchronous work. These defaults are for devices that finish all work before a call returns:
  // they give no handles, wait for nothing, and copy at once.
  virtual Stream stream(StreamRole) { return nullptr; }
  // Host memory that the device can copy from beside other work, page-locked where the device
  // needs that; with an address even for 0 bytes.
  virtual absl::StatusOr<Block> AllocateHost(size_t bytes) {
    return Block(std::malloc(bytes + 1), bytes, std::free);
  }
  // Starts a copy in the stream kCopyIn from memory of AllocateHost, which must stay unchanged
  // until an event recorded in that stream afterwards has come.
  virtual absl::Status StartCopyIn(void* to, const void* from, size_t bytes) {
    return CopyIn(to, from, bytes);
  }
  // Starts a copy in the stream kCompute to memory of AllocateHost, which has it after
  // Synchronize(). Within Launch or Capture it is part of their work.
  virtual absl::Status StartCopyOut(void* to, const void* from, size_t bytes) {
    return CopyOut(to, from, bytes);
  }
  virtual absl::StatusOr<Event> MakeEvent() { return Event(); }
  // `event` comes when all work started in `stream` so far is done.
  virtual absl::Status Record(const Event& event, StreamRole stream) {
    (void)event, (void)stream;
    return absl::OkStatus();
  }
  // Work started in `stream` from now on waits for the last recording of `event`; a null
  // event, or one that was never recorded, counts as come. HostWait makes the host wait.
  virtual absl::Status StreamWait(StreamRole stream, const Event& event) {
    (void)stream, (void)event;
    return absl::OkStatus();
  }
  virtual absl::Status HostWait(const Event& event) {
    (void)event;
    return absl::OkStatus();
  }
};

// Whether addresses of one mean the same to the other.
inline bool ShareMemory(const Device& a, const Device& b) {
  return &a == &b || (a.host_accessible() && b.host_accessible());
}

}  // namespace graph

#endif  // GRAPH_RUNTIME_DEVICE_H_
