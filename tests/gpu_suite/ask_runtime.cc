// Sections about the rules of the runtime that tests/fake_cuda claims, without captures.
#include <cstdint>
#include <cstring>

#include "tests/gpu_suite/probe.h"
#include "tests/gpu_suite/probe_kernels.h"

namespace gpu_suite {
namespace {

// Forgets the last error, which is none of the next question's.
std::string NameAndForget(int error) {
  cudaGetLastError();
  return Name(error);
}

constexpr cudaError_t kTexts[] = {cudaSuccess,
                                  cudaErrorInvalidValue,
                                  cudaErrorMemoryAllocation,
                                  cudaErrorInvalidConfiguration,
                                  cudaErrorInsufficientDriver,
                                  cudaErrorNoDevice,
                                  cudaErrorInvalidDevice,
                                  cudaErrorNoKernelImageForDevice,
                                  cudaErrorInvalidResourceHandle,
                                  cudaErrorIllegalState,
                                  cudaErrorNotReady,
                                  cudaErrorIllegalAddress,
                                  cudaErrorMisalignedAddress,
                                  cudaErrorLaunchFailure,
                                  cudaErrorStreamCaptureUnsupported,
                                  cudaErrorStreamCaptureInvalidated,
                                  cudaErrorStreamCaptureMerge,
                                  cudaErrorStreamCaptureUnmatched,
                                  cudaErrorStreamCaptureUnjoined,
                                  cudaErrorStreamCaptureIsolation,
                                  cudaErrorStreamCaptureImplicit,
                                  cudaErrorCapturedEvent,
                                  cudaErrorStreamCaptureWrongThread,
                                  static_cast<cudaError_t>(12345)};

// What is said after `broken` has ended in an error of the device.
void AskLost(Facts* facts, int launched) {
  facts->Equal("launch", Name(launched));
  facts->Equal("synchronize", Name(cudaDeviceSynchronize()));
  void* p = nullptr;
  facts->Equal("later_malloc", Name(cudaMalloc(&p, 16)));
  facts->Equal("last_error", Name(cudaGetLastError()));
  facts->Equal("last_error_again", Name(cudaGetLastError()));
  facts->Equal("later_launch", Name(Nothing(1, 1, 32, 1, 0, nullptr)));
}

}  // namespace

void AskErrors(Facts* facts) {
  for (const cudaError_t error : kTexts) {
    facts->Equal("name_" + std::to_string(error), Name(error));
    facts->Equal("text_" + std::to_string(error), cudaGetErrorString(error));
  }
  int count = 0;
  Must(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  facts->Equal("no_such_device", Name(cudaSetDevice(count)));
  facts->Equal("peek", Name(cudaPeekAtLastError()));
  facts->Equal("get", Name(cudaGetLastError()));
  facts->Equal("get_again", Name(cudaGetLastError()));

  WarmUp();
  cudaSetDevice(count);
  facts->Equal("older_error_at_a_launch", Name(Nothing(1, 1, 32, 1, 0, nullptr)));
  facts->Equal("and_the_next_launch", Name(Nothing(1, 1, 32, 1, 0, nullptr)));

  const struct {
    const char* name;
    unsigned grid_x, grid_y, block_x, block_z;
    size_t shared;
  } launches[] = {
      {"no_blocks", 0, 1, 32, 1, 0},          {"no_threads", 1, 1, 0, 1, 0},
      {"1024_threads", 1, 1, 1024, 1, 0},     {"1025_threads", 1, 1, 1025, 1, 0},
      {"block_z_of_64", 1, 1, 1, 64, 0},      {"block_z_of_65", 1, 1, 1, 65, 0},
      {"grid_y_of_65535", 1, 65535, 1, 1, 0}, {"grid_y_of_65536", 1, 65536, 1, 1, 0},
      {"48_KiB_shared", 1, 1, 32, 1, 49152},  {"more_shared", 1, 1, 32, 1, 49153},
  };
  for (const auto& l : launches) {
    facts->Equal(std::string("launch_") + l.name,
                 NameAndForget(Nothing(l.grid_x, l.grid_y, l.block_x, l.block_z, l.shared,
                                       nullptr)));
  }
  facts->Equal("in_order_after_refusals", Name(cudaDeviceSynchronize()));
}

void AskMisalignedAccess(Facts* facts) {
  WarmUp();
  const Array<float> x(std::vector<float>(16, 1.0f)), y(4);
  AskLost(facts, ReadVector(x.data() + 1, y.data(), nullptr));
  facts->Equal("later_free", Name(cudaFree(y.data())));
}

void AskIllegalAddress(Facts* facts) {
  WarmUp();
  const Array<float> y(4);
  const uintptr_t far = reinterpret_cast<uintptr_t>(y.data()) + (uintptr_t{1} << 44);
  AskLost(facts, ReadVector(reinterpret_cast<const void*>(far), y.data(), nullptr));
}

void AskMemory(Facts* facts) {
  void* p = &p;
  facts->Equal("malloc_of_nothing", Name(cudaMalloc(&p, 0)));
  facts->Equal("gives_null", p == nullptr);
  p = &p;
  facts->Equal("host_alloc_of_nothing", Name(cudaHostAlloc(&p, 0, cudaHostAllocDefault)));
  facts->Equal("host_gives_null", p == nullptr);
  facts->Equal("malloc_of_too_much", Name(cudaMalloc(&p, size_t{1} << 46)));
  facts->Equal("is_the_last_error", Name(cudaGetLastError()));
  facts->Equal("free_null", Name(cudaFree(nullptr)));
  facts->Equal("free_host_null", Name(cudaFreeHost(nullptr)));

  bool aligned = true;
  std::vector<void*> small(16);
  for (size_t i = 0; i < small.size(); ++i) {
    Must(cudaMalloc(&small[i], i + 1), "cudaMalloc");
    aligned = aligned && reinterpret_cast<uintptr_t>(small[i]) % 256 == 0;
  }
  facts->Equal("malloc_aligns_to_256", aligned);
  facts->Equal("free", Name(cudaFree(small[0])));
  facts->Equal("free_twice", NameAndForget(cudaFree(small[0])));
  static float on_the_host[4];
  facts->Equal("free_of_host_memory", NameAndForget(cudaFree(on_the_host)));
  facts->Equal("free_host_of_pageable", NameAndForget(cudaFreeHost(on_the_host)));
  facts->Equal("free_host_of_device", NameAndForget(cudaFreeHost(small[1])));

  const Array<float> device(1024);
  facts->Equal("free_inside", NameAndForget(cudaFree(device.data() + 64)));
  float* const pinned = NewPinned(1024);
  const struct {
    const char* name;
    const void* p;
  } pointers[] = {{"device", device.data() + 5}, {"pinned", pinned + 5}, {"pageable", on_the_host}};
  for (const auto& pointer : pointers) {
    cudaPointerAttributes attributes;
    facts->Equal(std::string("attributes_of_") + pointer.name,
                 NameAndForget(cudaPointerGetAttributes(&attributes, pointer.p)));
    facts->Equal(std::string("type_of_") + pointer.name, static_cast<int>(attributes.type));
  }

  size_t before = 0, after = 0, total = 0;
  Must(cudaMemGetInfo(&before, &total), "cudaMemGetInfo");
  Must(cudaMalloc(&p, size_t{64} << 20), "cudaMalloc");
  Must(cudaMemGetInfo(&after, &total), "cudaMemGetInfo");
  facts->Equal("info_sees_64_MiB", before - after == size_t{64} << 20);

  // Calls whose results the documents leave open, and which the fake refuses.
  const auto may = [&](const char* name, int error) {
    facts->MayAllow(name, NameAndForget(error), "cudaSuccess");
  };
  float* const d = device.data();
  may("copy_against_its_direction", cudaMemcpy(d, d + 512, 16, cudaMemcpyHostToDevice));
  may("copy_to_the_device_as_if_out", cudaMemcpy(d, pinned, 16, cudaMemcpyDeviceToHost));
  may("copy_over_itself", cudaMemcpyAsync(d, d + 8, 64, cudaMemcpyDeviceToDevice, nullptr));
  may("memset_of_pinned", cudaMemsetAsync(pinned, 0, 16, nullptr));
  facts->Equal("copy_of_nothing",
               Name(cudaMemcpyAsync(d, pinned, 0, cudaMemcpyHostToDevice, nullptr)));
  facts->Equal("memset_of_nothing", Name(cudaMemsetAsync(d, 0, 0, nullptr)));
  facts->Equal("default_kind", Name(cudaMemcpy(d, pinned, 16, cudaMemcpyDefault)));
}

void AskCopies(Facts* facts) {
  WarmUp();
  const cudaStream_t stream = NewStream();
  const Array<float> x(std::vector<float>(4, 1.0f)), from(std::vector<float>(4, 9.0f));
  const auto first = [&] { return x.Get()[0]; };

  // A buffer that is written again when the call has returned.
  std::vector<float> pageable(4, 2.0f);
  StartSpinning(stream);
  facts->Equal("pageable_in", Name(cudaMemcpyAsync(x.data(), pageable.data(), 16,
                                                   cudaMemcpyHostToDevice, stream)));
  pageable.assign(4, 3.0f);
  facts->Equal("pageable_in_reads", first());
  float* const pinned = NewPinned(4);
  pinned[0] = 4.0f;
  StartSpinning(stream);
  facts->Equal("pinned_in", Name(cudaMemcpyAsync(x.data(), pinned, 16, cudaMemcpyHostToDevice,
                                                 stream)));
  pinned[0] = 5.0f;  // the stream still spins
  facts->Equal("pinned_in_reads", first());

  // Whether the call returns before the work that the copy waits for is done.
  const auto ask = [&](const char* name, cudaStream_t in, auto copy) {
    Must(cudaDeviceSynchronize(), "waiting");
    const cudaEvent_t event = NewEvent();
    StartSpinning(in);
    Must(cudaEventRecord(event, in), "cudaEventRecord");
    facts->Equal(name, Name(copy()));
    const std::string state = Name(cudaEventQuery(event));
    Must(cudaDeviceSynchronize(), "waiting");
    return state;
  };
  const std::string waits = "cudaSuccess";
  facts->Equal("pageable_out_waits", ask("pageable_out", stream, [&] {
    return cudaMemcpyAsync(pageable.data(), x.data(), 16, cudaMemcpyDeviceToHost, stream);
  }));
  facts->Equal("pinned_out_waits", ask("pinned_out", stream, [&] {
    return cudaMemcpyAsync(pinned, x.data(), 16, cudaMemcpyDeviceToHost, stream);
  }));
  facts->Equal("synchronous_in_waits", ask("synchronous_in", nullptr, [&] {
    return cudaMemcpy(x.data(), pinned, 16, cudaMemcpyHostToDevice);
  }));
  facts->Equal("synchronous_out_waits", ask("synchronous_out", nullptr, [&] {
    return cudaMemcpy(pinned, x.data(), 16, cudaMemcpyDeviceToHost);
  }));
  // Where the fake does not wait a chip may.
  facts->MayAllow("within_the_device_waits", ask("within_the_device", nullptr, [&] {
    return cudaMemcpy(x.data(), from.data(), 16, cudaMemcpyDeviceToDevice);
  }), waits);
  facts->MayAllow("memset_waits", ask("memset", nullptr, [&] {
    return cudaMemset(x.data(), 0, 16);
  }), waits);
  // Another stream's work, which nothing orders before the copy.
  facts->MayAllow("other_stream_waits", ask("other_stream", stream, [&] {
    return cudaMemcpy(x.data(), pinned, 16, cudaMemcpyHostToDevice);
  }), waits);
  std::vector<float> other(4, 1.0f);
  facts->Equal("host_to_host_waits", ask("host_to_host", stream, [&] {
    return cudaMemcpyAsync(other.data(), pageable.data(), 16, cudaMemcpyHostToHost, stream);
  }));
}

void AskStreams(Facts* facts) {
  WarmUp();
  cudaStream_t none = nullptr;
  facts->Equal("unknown_flags", NameAndForget(cudaStreamCreateWithFlags(&none, 0x40)));
  const cudaStream_t a = NewStream(), b = NewStream(), blocking = NewStream(cudaStreamDefault);
  facts->Equal("idle", Name(cudaStreamQuery(a)));
  StartSpinning(a);
  facts->Equal("busy", Name(cudaStreamQuery(a)));
  facts->Equal("not_ready_is_no_error", Name(cudaGetLastError()));
  facts->Equal("other_is_idle", Name(cudaStreamQuery(b)));
  facts->Equal("synchronize", Name(cudaStreamSynchronize(a)));
  facts->Equal("done", Name(cudaStreamQuery(a)));

  // Whether work in `behind` waits for earlier work in `first`.
  const auto waits = [&](cudaStream_t first, cudaStream_t behind) {
    Must(cudaDeviceSynchronize(), "waiting");
    const cudaEvent_t event = NewEvent();
    StartSpinning(first);
    Must(cudaEventRecord(event, first), "cudaEventRecord");
    Must(Nothing(1, 1, 32, 1, 0, behind), "Nothing");
    Must(cudaStreamSynchronize(behind), "waiting");
    const bool over = cudaEventQuery(event) == cudaSuccess;
    Must(cudaDeviceSynchronize(), "waiting");
    cudaGetLastError();
    return over;
  };
  facts->Equal("blocking_waits_for_legacy", waits(nullptr, blocking));
  facts->Equal("legacy_waits_for_blocking", waits(blocking, nullptr));
  facts->Equal("non_blocking_waits_for_legacy", waits(nullptr, a));
  facts->Equal("legacy_waits_for_non_blocking", waits(a, nullptr));
  facts->Equal("stream_waits_for_another", waits(a, b));

  const cudaEvent_t event = NewEvent();
  StartSpinning(b);
  Must(cudaEventRecord(event, b), "cudaEventRecord");
  facts->Equal("destroy_while_busy", Name(cudaStreamDestroy(b)));
  facts->Equal("destroy_does_not_wait", Name(cudaEventQuery(event)));
  facts->Equal("its_event_comes", Name(cudaEventSynchronize(event)));
  facts->Equal("destroy_legacy", NameAndForget(cudaStreamDestroy(nullptr)));
}

void AskEvents(Facts* facts) {
  WarmUp();
  const cudaStream_t a = NewStream(), b = NewStream();
  const cudaEvent_t never = NewEvent(), event = NewEvent();
  facts->Equal("never_recorded_query", Name(cudaEventQuery(never)));
  facts->Equal("never_recorded_synchronize", Name(cudaEventSynchronize(never)));
  facts->Equal("never_recorded_wait", Name(cudaStreamWaitEvent(a, never, 0)));

  // A wait is for the event as it was then.
  Must(cudaEventRecord(event, a), "cudaEventRecord");
  facts->Equal("wait", Name(cudaStreamWaitEvent(b, event, 0)));
  StartSpinning(a);
  facts->Equal("record_again", Name(cudaEventRecord(event, a)));
  Must(Nothing(1, 1, 32, 1, 0, b), "Nothing");
  facts->Equal("older_wait_is_over", Name(cudaStreamSynchronize(b)));
  facts->Equal("newer_record_is_not", Name(cudaEventQuery(event)));
  facts->Equal("newer_wait", Name(cudaStreamWaitEvent(b, event, 0)));
  Must(Nothing(1, 1, 32, 1, 0, b), "Nothing");
  facts->Equal("newer_wait_waits", Name(cudaStreamQuery(b)));
  Must(cudaStreamSynchronize(b), "waiting");
  facts->Equal("newer_wait_is_over", Name(cudaEventQuery(event)));

  // Times.
  const cudaEvent_t start = NewEvent(cudaEventDefault), end = NewEvent(cudaEventDefault);
  float ms = -1;
  facts->Equal("time_of_unrecorded", NameAndForget(cudaEventElapsedTime(&ms, start, end)));
  Must(cudaEventRecord(start, a), "cudaEventRecord");
  StartSpinning(a);
  Must(cudaEventRecord(end, a), "cudaEventRecord");
  facts->Equal("time_of_pending", NameAndForget(cudaEventElapsedTime(&ms, start, end)));
  facts->Equal("time_of_untimed", NameAndForget(cudaEventElapsedTime(&ms, start, event)));
  Must(cudaStreamSynchronize(a), "waiting");
  facts->Equal("time", Name(cudaEventElapsedTime(&ms, start, end)));
  facts->Equal("time_is_positive", ms > 0);
  facts->Note("spin_ms", ms);

  StartSpinning(a);
  Must(cudaEventRecord(end, a), "cudaEventRecord");
  facts->Equal("destroy_pending", Name(cudaEventDestroy(end)));
  facts->Equal("stream_goes_on", Name(cudaStreamQuery(a)));
  Must(cudaStreamSynchronize(a), "waiting");
}

}  // namespace gpu_suite
