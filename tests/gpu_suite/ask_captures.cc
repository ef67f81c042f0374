// Sections about captures: what they record, and what they forbid (tests/fake_cuda/graphs.cc).
#include <functional>
#include <thread>

#include "tests/gpu_suite/probe.h"
#include "tests/gpu_suite/probe_kernels.h"

namespace gpu_suite {
namespace {

constexpr cudaStreamCaptureMode kGlobal = cudaStreamCaptureModeGlobal;
const char* const kAllowed = "cudaSuccess";

std::string Status(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  const cudaError_t error = cudaStreamIsCapturing(stream, &status);
  if (error != cudaSuccess) return Name(error);
  switch (status) {
    case cudaStreamCaptureStatusNone:
      return "none";
    case cudaStreamCaptureStatusActive:
      return "active";
    default:
      return "invalidated";
  }
}

struct Captured {
  std::string status, end;  // after the call; of cudaStreamEndCapture
  cudaGraph_t graph = nullptr;
};

// Captures a kernel and then what `call` starts.
Captured Capture(cudaStream_t stream, cudaStreamCaptureMode mode,
                 const std::function<void()>& call) {
  Must(cudaStreamBeginCapture(stream, mode), "cudaStreamBeginCapture");
  Must(Nothing(1, 1, 32, 1, 0, stream), "Nothing");
  call();
  Captured c;
  c.status = Status(stream);
  c.end = Name(cudaStreamEndCapture(stream, &c.graph));
  cudaGetLastError();
  return c;
}

void Drop(const Captured& c) {
  if (c.graph != nullptr) cudaGraphDestroy(c.graph);
  cudaGetLastError();
}

cudaGraphExec_t Instantiate(const Captured& c) {
  cudaGraphExec_t exec = nullptr;
  Must(cudaGraphInstantiate(&exec, c.graph, 0), "cudaGraphInstantiate");
  return exec;
}

}  // namespace

void AskCaptures(Facts* facts) {
  WarmUp();
  const cudaStream_t stream = NewStream(), side = NewStream();
  const Array<float> x(std::vector<float>(4, 1.0f)), y(std::vector<float>(4, 0.0f));

  // A capture runs nothing; a replay does what was recorded, each time anew.
  facts->Equal("before", Status(stream));
  Captured c = Capture(stream, kGlobal, [&] {
    facts->Equal("while", Status(stream));
    Must(AddOne(x.data(), 4, y.data(), stream), "AddOne");
    Must(cudaMemcpyAsync(x.data(), y.data(), 16, cudaMemcpyDeviceToDevice, stream), "copying");
  });
  facts->Equal("end", c.end);
  facts->Equal("after", Status(stream));
  size_t nodes = 0;
  facts->Equal("get_nodes", Name(cudaGraphGetNodes(c.graph, nullptr, &nodes)));
  facts->Equal("nodes", nodes);
  facts->Equal("a_capture_runs_nothing", x.Get());
  const cudaGraphExec_t exec = Instantiate(c);
  Drop(c);  // the executable keeps what it needs
  for (int i = 0; i < 3; ++i) Must(cudaGraphLaunch(exec, stream), "cudaGraphLaunch");
  facts->Equal("three_replays", y.Get());
  // Two streams: launches of one executable are in order.
  Must(cudaGraphLaunch(exec, stream), "cudaGraphLaunch");
  Must(cudaGraphLaunch(exec, side), "cudaGraphLaunch");
  facts->Equal("replays_in_two_streams", y.Get());
  StartSpinning(stream);
  Must(cudaGraphLaunch(exec, stream), "cudaGraphLaunch");
  facts->Equal("destroy_while_pending", Name(cudaGraphExecDestroy(exec)));
  facts->Equal("its_replay_comes", y.Get());

  // Streams join by events, and are set free by the end.
  const cudaEvent_t fork = NewEvent(), join = NewEvent();
  c = Capture(stream, kGlobal, [&] {
    Must(cudaEventRecord(fork, stream), "cudaEventRecord");
    facts->Equal("fork", Name(cudaStreamWaitEvent(side, fork, 0)));
    facts->Equal("joined_stream", Status(side));
    Must(Nothing(1, 1, 32, 1, 0, side), "Nothing");
    Must(cudaEventRecord(join, side), "cudaEventRecord");
    facts->Equal("join", Name(cudaStreamWaitEvent(stream, join, 0)));
  });
  facts->Equal("forked_end", c.end);
  facts->Equal("side_after", Status(side));
  facts->Equal("old_event_wait", Name(cudaStreamWaitEvent(side, join, 0)));
  cudaGetLastError();
  facts->Equal("old_event_query", Name(cudaEventQuery(join)));
  Drop(c);

  // Of page-locked memory; what was there at the replay counts.
  float* const pinned = NewPinned(4);
  pinned[0] = 1.0f;
  c = Capture(stream, kGlobal, [&] {
    facts->Equal("pinned_copy", Name(cudaMemcpyAsync(x.data(), pinned, 16, cudaMemcpyHostToDevice,
                                                     stream)));
  });
  facts->Equal("pinned_copy_end", c.end);
  pinned[0] = 7.0f;
  const cudaGraphExec_t copy = Instantiate(c);
  Must(cudaGraphLaunch(copy, stream), "cudaGraphLaunch");
  facts->Equal("pinned_copy_reads", x.Get()[0]);
  Drop(c);

  // What threads and modes change.
  void* p = nullptr;
  const auto in_another_thread = [&](const std::function<int()>& call) {
    int error = 0;
    std::thread([&] { error = call(); }).join();
    return Name(error);
  };
  const auto allocate = [&] { return static_cast<int>(cudaMalloc(&p, 16)); };
  for (const auto& [name, mode] : {std::pair{"global", kGlobal},
                                   {"thread_local", cudaStreamCaptureModeThreadLocal},
                                   {"relaxed", cudaStreamCaptureModeRelaxed}}) {
    const std::string prefix = name;
    c = Capture(stream, mode, [&] {
      facts->Equal(prefix + "_malloc_elsewhere", in_another_thread(allocate));
    });
    facts->Equal(prefix + "_malloc_elsewhere_end", c.end);
    Drop(c);
    c = Capture(stream, mode, [&] { facts->Equal(prefix + "_malloc", Name(allocate())); });
    facts->Equal(prefix + "_malloc_status", c.status);
    facts->Equal(prefix + "_malloc_end", c.end);
    Drop(c);
  }
  c = Capture(stream, kGlobal, [&] {
    facts->Equal("relaxed_thread_malloc", in_another_thread([&] {
      cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
      const cudaError_t error = cudaThreadExchangeStreamCaptureMode(&mode);
      facts->Equal("exchanged_mode", static_cast<int>(mode));
      return error != cudaSuccess ? static_cast<int>(error) : allocate();
    }));
  });
  facts->Equal("relaxed_thread_end", c.end);
  Drop(c);
  for (const auto& [name, mode] : {std::pair{"thread_local", cudaStreamCaptureModeThreadLocal},
                                   {"relaxed", cudaStreamCaptureModeRelaxed}}) {
    const std::string prefix = name;
    Must(cudaStreamBeginCapture(stream, mode), "cudaStreamBeginCapture");
    cudaGraph_t graph = nullptr;
    facts->Equal(prefix + "_end_elsewhere", in_another_thread([&] {
      return static_cast<int>(cudaStreamEndCapture(stream, &graph));
    }));
    if (Status(stream) != "none") cudaStreamEndCapture(stream, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();
  }
}

void AskRefusedCaptures(Facts* facts) {
  WarmUp();
  const cudaStream_t stream = NewStream(), side = NewStream(), other = NewStream();
  const cudaStream_t blocking = NewStream(cudaStreamDefault);
  const Array<float> x(std::vector<float>(4, 1.0f));
  float* const pinned = NewPinned(4);
  static float pageable[4];
  const cudaEvent_t event = NewEvent(), before = NewEvent();
  Must(cudaEventRecord(before, other), "cudaEventRecord");
  cudaGraph_t none = nullptr;
  void* p = nullptr;

  facts->Equal("begin_in_legacy", Name(cudaStreamBeginCapture(nullptr, kGlobal)));
  facts->Equal("end_of_none", Name(cudaStreamEndCapture(stream, &none)));
  cudaGetLastError();

  // The call's result and the capture's end.
  const auto ask = [&](const std::string& name, const std::function<int()>& call) {
    int error = 0;
    const Captured c = Capture(stream, kGlobal, [&] { error = call(); });
    facts->Equal(name, Name(error));
    facts->Equal(name + "_end", c.end);
    Drop(c);
  };
  // The same for what a chip may allow.
  const auto ask_may = [&](const std::string& name, const std::function<int()>& call) {
    int error = 0;
    const Captured c = Capture(stream, kGlobal, [&] { error = call(); });
    facts->MayAllow(name, Name(error), kAllowed);
    facts->MayAllow(name + "_end", c.end, kAllowed);
    Drop(c);
  };
  ask("begin_twice", [&] { return cudaStreamBeginCapture(stream, kGlobal); });
  ask("host_alloc", [&] { return cudaHostAlloc(&p, 16, cudaHostAllocDefault); });
  ask("stream_synchronize", [&] { return cudaStreamSynchronize(stream); });
  ask("stream_query", [&] { return cudaStreamQuery(stream); });
  ask("device_synchronize", [&] { return cudaDeviceSynchronize(); });
  ask("event_of_before", [&] { return cudaStreamWaitEvent(stream, before, 0); });
  ask("event_synchronize", [&] {
    Must(cudaEventRecord(event, stream), "cudaEventRecord");
    return cudaEventSynchronize(event);
  });
  ask("event_query", [&] {
    Must(cudaEventRecord(event, stream), "cudaEventRecord");
    return cudaEventQuery(event);
  });
  void* allocated = nullptr;
  Must(cudaMalloc(&allocated, 16), "cudaMalloc");
  ask("free", [&] { return cudaFree(allocated); });
  ask_may("free_host", [&] { return cudaFreeHost(pinned); });
  ask_may("synchronous_copy",
          [&] { return cudaMemcpy(x.data(), pageable, 16, cudaMemcpyHostToDevice); });
  ask_may("synchronous_memset", [&] { return cudaMemset(x.data(), 0, 16); });
  ask_may("pageable_copy", [&] {
    return cudaMemcpyAsync(x.data(), pageable, 16, cudaMemcpyHostToDevice, stream);
  });
  ask("unjoined_fork", [&] {
    Must(cudaEventRecord(event, stream), "cudaEventRecord");
    Must(cudaStreamWaitEvent(side, event, 0), "cudaStreamWaitEvent");
    return Nothing(1, 1, 32, 1, 0, side);
  });
  ask("end_in_a_joined_stream", [&] {
    Must(cudaEventRecord(event, stream), "cudaEventRecord");
    Must(cudaStreamWaitEvent(side, event, 0), "cudaStreamWaitEvent");
    return cudaStreamEndCapture(side, &none);
  });
  cudaGetLastError();
  ask("work_after_a_refusal", [&] {
    cudaStreamSynchronize(stream);
    cudaGetLastError();
    return Nothing(1, 1, 32, 1, 0, stream);
  });

  // A second capture, which must not meet the first.
  std::string wait, end_of_other;
  const Captured c = Capture(stream, kGlobal, [&] {
    Must(cudaEventRecord(event, stream), "cudaEventRecord");
    const Captured second = Capture(other, kGlobal, [&] {
      wait = Name(cudaStreamWaitEvent(other, event, 0));
      cudaGetLastError();
    });
    end_of_other = second.end;
    Drop(second);
  });
  facts->Equal("merge", wait);
  facts->Equal("merge_end", c.end);
  facts->Equal("merge_end_of_other", end_of_other);
  Drop(c);

  // The legacy stream, beside a capture in a blocking stream and one in another.
  for (const auto& [name, of] : {std::pair{"legacy_beside_blocking", blocking},
                                 {"legacy_beside_non_blocking", stream}}) {
    std::string launch;
    const Captured beside = Capture(of, kGlobal, [&] {
      launch = Name(Nothing(1, 1, 32, 1, 0, nullptr));
      cudaGetLastError();
    });
    facts->Equal(name, launch);
    facts->Equal(std::string(name) + "_end", beside.end);
    Drop(beside);
  }
  ask("legacy_waits_for_captured_event", [&] {
    Must(cudaEventRecord(event, stream), "cudaEventRecord");
    return cudaStreamWaitEvent(nullptr, event, 0);
  });

  // A graph in a capture; a stream that is destroyed in one.
  const Captured inner = Capture(other, kGlobal, [] {});
  cudaGraphExec_t exec = nullptr;
  Must(cudaGraphInstantiate(&exec, inner.graph, 0), "cudaGraphInstantiate");
  Drop(inner);
  ask_may("graph_launch", [&] { return cudaGraphLaunch(exec, stream); });
  ask_may("destroy_a_joined_stream", [&] {
    Must(cudaEventRecord(event, stream), "cudaEventRecord");
    Must(cudaStreamWaitEvent(side, event, 0), "cudaStreamWaitEvent");
    return cudaStreamDestroy(side);
  });
}

}  // namespace gpu_suite
