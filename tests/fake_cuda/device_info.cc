// Devices, versions and errors of the fake CUDA runtime.
#include <cstdio>
#include <cstring>

#include "tests/fake_cuda/state.h"
#include "tests/simt/memory.h"

using fake_cuda::Driver;
using fake_cuda::Entry;
using fake_cuda::Misuse;
using fake_cuda::Return;
using fake_cuda::state;

namespace {

// What the Guide's table "Technical Specifications per Compute Capability" says; multiprocessors
// and cache are those of a large chip of the kind.
struct Limits {
  int shared_per_block, shared_per_multiprocessor, threads_per_multiprocessor, multiprocessors;
  int l2_bytes;
};
Limits LimitsOf(int major, int minor) {
  if (major >= 9) return {227 << 10, 228 << 10, 2048, 132, 50 << 20};
  if (major == 8 && minor == 0) return {163 << 10, 164 << 10, 2048, 108, 40 << 20};
  if (major == 8) return {99 << 10, 100 << 10, 1536, 84, 6 << 20};
  return {64 << 10, 64 << 10, 1024, 40, 4 << 20};
}

struct ErrorText {
  cudaError_t error;
  const char *name, *text;
};
// Texts as the runtime's.
#define ERROR(error, text) \
  { error, #error, text }
constexpr ErrorText kErrors[] = {
    ERROR(cudaSuccess, "no error"),
    ERROR(cudaErrorInvalidValue, "invalid argument"),
    ERROR(cudaErrorMemoryAllocation, "out of memory"),
    ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    ERROR(cudaErrorInsufficientDriver,
          "CUDA driver version is insufficient for CUDA runtime version"),
    ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    ERROR(cudaErrorNoKernelImageForDevice,
          "no kernel image is available for execution on the device"),
    ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    ERROR(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    ERROR(cudaErrorNotReady, "device not ready"),
    ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    ERROR(cudaErrorMisalignedAddress, "misaligned address"),
    ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    ERROR(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    ERROR(cudaErrorStreamCaptureInvalidated,
          "operation failed due to a previous error during capture"),
    ERROR(cudaErrorStreamCaptureMerge,
          "operation would result in a merge of separate capture sequences"),
    ERROR(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began"),
    ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    ERROR(cudaErrorStreamCaptureIsolation,
          "dependency created on uncaptured work in another stream"),
    ERROR(cudaErrorStreamCaptureImplicit,
          "operation would make the legacy stream depend on a capturing blocking stream"),
    ERROR(cudaErrorCapturedEvent,
          "operation not permitted on an event last recorded in a capturing stream"),
    ERROR(cudaErrorStreamCaptureWrongThread,
          "attempt to terminate a thread-local capture sequence from another thread"),
};
#undef ERROR

const ErrorText* Find(cudaError_t error) {
  for (const ErrorText& e : kErrors) {
    if (e.error == error) return &e;
  }
  return nullptr;
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  const Entry entry;
  *count = entry.error == cudaSuccess ? state().options.devices : 0;
  return entry.error;
}
cudaError_t cudaGetDevice(int* device) {
  const Entry entry;
  *device = fake_cuda::current_device;
  return entry.error;
}
// "Sets device as the current device for the calling host thread. Valid device id's are 0 to
// (cudaGetDeviceCount() - 1)." (CUDA)
cudaError_t cudaSetDevice(int device) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  if (device < 0 || device >= state().options.devices) return Return(cudaErrorInvalidDevice);
  fake_cuda::current_device = device;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
// "Returns in *driverVersion the latest version of CUDA supported by the driver. [...] If no driver
// is installed, then 0 is returned as the driver version." (CUDA)
cudaError_t cudaDriverGetVersion(int* version) {
  switch (state().options.driver) {
    case Driver::kPresent:
      *version = CUDART_VERSION;
      break;
    case Driver::kTooOld:
      *version = (CUDART_VERSION / 1000 - 1) * 1000;
      break;
    case Driver::kNone:
      *version = 0;
      break;
  }
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  const Entry entry;
  *p = {};
  if (entry.error != cudaSuccess) return entry.error;
  const auto& options = state().options;
  if (device < 0 || device >= options.devices) return Return(cudaErrorInvalidDevice);
  const Limits limits = LimitsOf(options.major, options.minor);
  std::snprintf(p->name, sizeof(p->name), "emulated sm_%d%d", options.major, options.minor);
  p->major = options.major;
  p->minor = options.minor;
  p->multiProcessorCount = limits.multiprocessors;
  p->totalGlobalMem = options.memory_bytes;
  p->sharedMemPerBlock = 48 << 10;
  p->sharedMemPerBlockOptin = limits.shared_per_block;
  p->sharedMemPerMultiprocessor = limits.shared_per_multiprocessor;
  p->regsPerBlock = p->regsPerMultiprocessor = 64 << 10;
  p->warpSize = 32;
  p->maxThreadsPerBlock = 1024;
  p->maxThreadsPerMultiProcessor = limits.threads_per_multiprocessor;
  p->l2CacheSize = limits.l2_bytes;
  p->asyncEngineCount = 2;
  p->concurrentKernels = 1;
  p->unifiedAddressing = 1;
  p->pciBusID = device + 1;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p;
  if (cudaError_t error = cudaGetDeviceProperties(&p, device); error != cudaSuccess) return error;
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(p.sharedMemPerBlockOptin);
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(p.sharedMemPerMultiprocessor);
      return cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = p.maxThreadsPerMultiProcessor;
      return cudaSuccess;
    case cudaDevAttrL2CacheSize:
      *value = p.l2CacheSize;
      return cudaSuccess;
    case cudaDevAttrWarpSize:
      *value = p.warpSize;
      return cudaSuccess;
    default:
      return Misuse(cudaErrorInvalidValue, "a device attribute that the fake does not know");
  }
}

// "Returns the last error that has been produced by any of the runtime calls [...] in the host
// thread and resets it to cudaSuccess." (CUDA) That of a lost context comes back.
cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  fake_cuda::last_error = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() {
  const std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().sticky != cudaSuccess ? state().sticky : fake_cuda::last_error;
}
// "If the error code is not recognized, "unrecognized error code" is returned." (CUDA)
const char* cudaGetErrorName(cudaError_t error) {
  const ErrorText* const e = Find(error);
  return e != nullptr ? e->name : "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  const ErrorText* const e = Find(error);
  return e != nullptr ? e->text : "unrecognized error code";
}

}  // extern "C"
