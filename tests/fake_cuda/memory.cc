// Memory and copies of the fake CUDA runtime.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tests/fake_cuda/state.h"

namespace fake_cuda {
namespace {

size_t AllocatedOn(int device) {
  size_t bytes = 0;
  for (const auto& [p, allocation] : state().allocations) {
    if (allocation.device == device) bytes += allocation.bytes;
  }
  return bytes;
}

// Whether p lies in page-locked memory; *left: bytes from there to its end.
bool IsPinned(const void* p, size_t* left = nullptr) {
  const auto& pinned = state().pinned;
  const char* const at = static_cast<const char*>(p);
  auto it = pinned.upper_bound(at);
  if (it == pinned.begin()) return false;
  --it;
  if (at >= it->first + it->second) return false;
  if (left != nullptr) *left = static_cast<size_t>(it->first + it->second - at);
  return true;
}

// When a copy comes to its page-locked side.
void CheckPinned(const void* p, size_t bytes) {
  size_t left = 0;
  if (!IsPinned(p, &left)) {
    throw simt::Finding(simt::Finding::kFreed, "a copy of page-locked memory that has been freed");
  }
  if (bytes > left) {
    throw simt::Finding(simt::Finding::kOutOfBounds, "a copy of " + std::to_string(bytes) +
                                                         " bytes of page-locked memory, " +
                                                         std::to_string(left) + " before its end");
  }
}

bool Overlap(const void* a, const void* b, size_t bytes) {
  const char *p = static_cast<const char*>(a), *q = static_cast<const char*>(b);
  return p < q + bytes && q < p + bytes;
}

cudaMemcpyKind KindOf(const void* to, const void* from) {
  if (simt::IsDevice(to)) {
    return simt::IsDevice(from) ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice;
  }
  return simt::IsDevice(from) ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost;
}

cudaError_t Copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                 cudaStream_t handle) {
  CUstream_st* const stream = Find(handle);
  if (stream == nullptr) return last_error;
  if (bytes == 0) return cudaSuccess;
  const cudaMemcpyKind is = KindOf(to, from);
  // "Calling cudaMemcpyAsync() with dst and src pointers that do not match the direction of the
  // copy results in an undefined behavior." "The memory areas may not overlap." (CUDA)
  if (kind != is && kind != cudaMemcpyDefault) {
    return Misuse(cudaErrorInvalidValue, "a copy whose pointers do not match its direction");
  }
  if (Overlap(to, from, bytes)) {
    return Misuse(cudaErrorInvalidValue, "a copy between areas that overlap");
  }
  const bool from_device = simt::IsDevice(from), to_device = simt::IsDevice(to);
  const bool from_pinned = !from_device && IsPinned(from), to_pinned = !to_device && IsPinned(to);
  const bool pageable = (!from_device && !from_pinned) || (!to_device && !to_pinned);
  std::shared_ptr<std::vector<char>> staged;
  if (pageable && stream->capture != nullptr) {
    // "Memcpy nodes: Only copies involving device memory and/or pinned device-mapped host memory
    // are permitted." (CUDA, cudaGraphInstantiate; here at the copy, where the fault is)
    return Invalidate(stream->capture.get(), cudaErrorStreamCaptureUnsupported,
                      "a captured copy of pageable host memory");
  }
  if (pageable && to_device) {
    // "For transfers from pageable host memory to device memory, a stream sync is performed before
    // the copy is initiated. The function will return once the pageable buffer has been copied to
    // the staging memory for DMA transfer to device memory, but the DMA to final destination may
    // not have completed." (Sync)
    if (cudaError_t error = WaitForStream(stream); error != cudaSuccess) return error;
    const char* const bytes_of = static_cast<const char*>(from);
    staged = std::make_shared<std::vector<char>>(bytes_of, bytes_of + bytes);
  }
  static const char* const names[] = {"copy HtoH", "copy HtoD", "copy DtoH", "copy DtoD"};
  const cudaError_t error = Enqueue(handle, names[is], [=] {
    if (from_pinned) CheckPinned(from, bytes);
    if (to_pinned) CheckPinned(to, bytes);
    if (from_device) simt::Touch(from, bytes, false);
    if (to_device) simt::Touch(to, bytes, true);
    std::memcpy(to, staged != nullptr ? staged->data() : from, bytes);
  });
  if (error != cudaSuccess || stream->capture != nullptr) return error;
  // "For transfers from device memory to pageable host memory, the function will return only once
  // the copy has completed." "For transfers from any host memory to any host memory, the function
  // is fully synchronous with respect to the host." (Sync)
  if (is == cudaMemcpyHostToHost || (pageable && !to_device)) return Wait(stream->last);
  return error;
}

cudaError_t Set(void* p, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!simt::IsDevice(p)) {
    return Misuse(cudaErrorInvalidValue, "a memset of what is no device memory");
  }
  return Enqueue(stream, "memset", [=] {
    simt::Touch(p, bytes, true);
    std::memset(p, value, bytes);
  });
}

}  // namespace
}  // namespace fake_cuda

using fake_cuda::Entry;
using fake_cuda::Misuse;
using fake_cuda::Return;
using fake_cuda::state;

extern "C" {

cudaError_t cudaMalloc(void** p, size_t bytes) {
  const Entry entry("cudaMalloc");
  *p = nullptr;
  if (entry.error != cudaSuccess) return entry.error;
  const int device = fake_cuda::current_device;
  const auto& options = state().options;
  const size_t used = fake_cuda::AllocatedOn(device);
  if (bytes > options.memory_bytes - std::min(used, options.memory_bytes)) {
    return Return(cudaErrorMemoryAllocation);
  }
  if (bytes == 0) return cudaSuccess;
  // "The memory is not cleared." (CUDA) Reading it before it is written is a finding.
  *p = simt::Allocate(bytes);
  state().allocations[*p] = {bytes, device};
  return cudaSuccess;
}

// "this API may perform implicit synchronization" (CUDA): it may not, so work that still uses the
// memory finds it freed. "If cudaFree(devPtr) has already been called before, an error is returned.
// If devPtr is 0, no operation is performed."
cudaError_t cudaFree(void* p) {
  if (p == nullptr) return Entry().error;
  const Entry entry("cudaFree");
  if (entry.error == cudaErrorStreamCaptureUnsupported) return entry.error;
  if (state().allocations.erase(p) == 0) {
    return Misuse(cudaErrorInvalidValue, "cudaFree of what cudaMalloc did not give");
  }
  simt::Free(p);
  return entry.error;
}

cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
  const Entry entry("cudaHostAlloc");
  *p = nullptr;
  if (entry.error != cudaSuccess) return entry.error;
  size_t used = 0;
  for (const auto& [at, size] : state().pinned) used += size;
  const size_t limit = state().options.host_bytes;
  if (bytes > limit - std::min(used, limit)) return Return(cudaErrorMemoryAllocation);
  if (bytes == 0) return cudaSuccess;
  *p = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (*p == nullptr) return Return(cudaErrorMemoryAllocation);
  state().pinned[static_cast<char*>(*p)] = bytes;
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** p, size_t bytes) { return cudaHostAlloc(p, bytes, 0); }
// No document says that it waits.
cudaError_t cudaFreeHost(void* p) {
  if (p == nullptr) return Entry().error;
  const Entry entry("cudaFreeHost");
  if (entry.error == cudaErrorStreamCaptureUnsupported) return entry.error;
  if (state().pinned.erase(static_cast<char*>(p)) == 0) {
    return Misuse(cudaErrorInvalidValue, "cudaFreeHost of what cudaHostAlloc did not give");
  }
  std::free(p);
  return entry.error;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  *total = state().options.memory_bytes;
  *free = *total - std::min(*total, fake_cuda::AllocatedOn(fake_cuda::current_device));
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* p) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  *attributes = {};
  // "forward passing host pointer will return cudaMemoryTypeUnregistered [...] and call will return
  // cudaSuccess." (CUDA)
  attributes->type = cudaMemoryTypeUnregistered;
  attributes->device = -2;  // cudaInvalidDeviceId
  void* const own = const_cast<void*>(p);
  if (fake_cuda::IsPinned(p)) {
    attributes->type = cudaMemoryTypeHost;
    attributes->device = 0;
    attributes->devicePointer = attributes->hostPointer = own;
  }
  for (const auto& [at, allocation] : state().allocations) {
    const char* const begin = static_cast<const char*>(at);
    if (p < begin || p >= begin + allocation.bytes) continue;
    attributes->type = cudaMemoryTypeDevice;
    attributes->device = allocation.device;
    attributes->devicePointer = own;
  }
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  return Return(fake_cuda::Copy(to, from, bytes, kind, stream));
}
// While a stream is captured "It is therefore also invalid to call synchronous APIs, such as
// cudaMemcpy()", which "enqueue work to the legacy stream and synchronize it before returning".
// (Guide; it says so of streams that are not cudaStreamNonBlocking, here it holds for all)
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const Entry entry("cudaMemcpy");
  if (entry.error != cudaSuccess) return entry.error;
  const cudaError_t error = fake_cuda::Copy(to, from, bytes, kind, nullptr);
  // "For transfers from device memory to device memory, no host-side synchronization is performed."
  // (Sync); of pageable memory see Copy().
  const bool waits = error == cudaSuccess && bytes > 0 &&
                     !(simt::IsDevice(to) && simt::IsDevice(from)) &&
                     (simt::IsDevice(from) || fake_cuda::IsPinned(from));
  if (!waits) return Return(error);
  ++state().counters.host_waits;
  return fake_cuda::Wait(fake_cuda::Find(nullptr)->last);
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  return Return(fake_cuda::Set(p, value, bytes, stream));
}
// "The Memset functions are asynchronous with respect to the host except when the target memory is
// pinned host memory" (Sync)
cudaError_t cudaMemset(void* p, int value, size_t bytes) {
  const Entry entry("cudaMemset");
  if (entry.error != cudaSuccess) return entry.error;
  return Return(fake_cuda::Set(p, value, bytes, nullptr));
}

}  // extern "C"
