#include "tests/fake_cuda/state.h"

#include <algorithm>
#include <utility>

#include "tests/simt/emulator.h"

namespace fake_cuda {
namespace {

// The oldest chip that the backend's kernels are compiled for.
constexpr int kOldestMajor = 8;

cudaError_t ErrorOf(simt::Finding::Kind kind) {
  switch (kind) {
    case simt::Finding::kMisaligned:
      return cudaErrorMisalignedAddress;
    // "The device encountered a load or store instruction on an invalid memory address." (CUDA)
    case simt::Finding::kOutOfBounds:
    case simt::Finding::kFreed:
    case simt::Finding::kHostMemory:
      return cudaErrorIllegalAddress;
    // A GPU would not notice the others; a test must.
    default:
      return cudaErrorLaunchFailure;
  }
}

void Execute(Work* work) {
  State& s = state();
  work->done = true;
  // "This leaves the process in an inconsistent state and any further CUDA work will return the
  // same error." (CUDA, cudaErrorIllegalAddress)
  if (work->run && s.sticky == cudaSuccess) {
    ++s.counters.work[work->name];
    try {
      simt::BeginOperation(work->name, work->chain, work->clock);
      const simt::DeviceAccess access;
      work->run();
    } catch (const simt::Finding& finding) {
      s.findings.push_back(finding.what());
      s.sticky = ErrorOf(finding.kind);
    }
    s.clock_ms += 0.001;
  }
  work->finished_ms = s.clock_ms;
  work->run = nullptr;
  work->after.clear();
}

// How tests/simt starts kernels.
int SubmitKernel(simt::LaunchRequest r) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  const uint64_t threads = uint64_t{r.block.x} * r.block.y * r.block.z;
  // "a kernel launch is requesting resources that can never be satisfied by the current device"
  // (CUDA, cudaErrorInvalidConfiguration); 65535: maxGridSize of y and z.
  if (threads == 0 || threads > 1024 || r.block.z > 64 || r.grid.x == 0 || r.grid.y == 0 ||
      r.grid.z == 0 || r.grid.x > 0x7fffffffu || r.grid.y > 65535 || r.grid.z > 65535) {
    return Misuse(cudaErrorInvalidConfiguration, r.name + ": a grid or block that no device takes");
  }
  // "there is no kernel image available that is suitable for the device" (CUDA)
  if (state().options.major < kOldestMajor) return Return(cudaErrorNoKernelImageForDevice);
  CUstream_st* const stream = Find(r.stream);
  if (stream == nullptr) return last_error;
  // "A kernel launch will fail if it is issued to a stream that is not associated to the current
  // device" (Guide, Stream and Event Behavior)
  if (stream->device != current_device) {
    return Misuse(cudaErrorInvalidResourceHandle,
                  r.name + ": launched into a stream of a device that is not the thread's");
  }
  auto request = std::make_shared<simt::LaunchRequest>(std::move(r));
  (void)Enqueue(request->stream, request->name, [request] {
    simt::Run(request->name, request->thread, request->grid, request->block, request->shared_bytes);
  });
  // "Kernel launches do not return any error code, so cudaPeekAtLastError() or cudaGetLastError()
  // must be called just after the kernel launch [...] to ensure that any error [...] does not
  // originate from calls prior to the kernel launch, one has to make sure that the runtime error
  // variable is set to cudaSuccess just before" (Guide, Error Checking): an older error comes out.
  return cudaGetLastError();
}

cudaError_t Broken() {
  const State& s = state();
  // "the installed NVIDIA CUDA driver is older than the CUDA runtime library" (CUDA); also what the
  // runtime says where there is none.
  if (s.options.driver != Driver::kPresent) return cudaErrorInsufficientDriver;
  if (s.options.devices == 0) return cudaErrorNoDevice;
  return s.sticky;
}

// "If the local thread has an ongoing capture sequence that was not initiated with
// cudaStreamCaptureModeRelaxed [...], or if any other thread has a concurrent capture sequence
// initiated with cudaStreamCaptureModeGlobal, this thread is prohibited from potentially unsafe API
// calls." A thread in mode ThreadLocal looks at its own alone, one in mode Relaxed at none. (CUDA,
// cudaThreadExchangeStreamCaptureMode)
cudaError_t Unsafe(const char* function) {
  if (thread_capture_mode == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  for (const auto& c : state().captures) {
    const bool own = c->thread == std::this_thread::get_id();
    const bool forbids = own ? c->mode != cudaStreamCaptureModeRelaxed
                             : c->mode == cudaStreamCaptureModeGlobal &&
                                   thread_capture_mode == cudaStreamCaptureModeGlobal;
    if (forbids) {
      return Invalidate(c.get(), cudaErrorStreamCaptureUnsupported,
                        std::string(function) + " while a stream is captured");
    }
  }
  return cudaSuccess;
}

// A chain of work may be longer than the stack is deep.
void Drop(std::vector<WorkPtr> open) {
  while (!open.empty()) {
    const WorkPtr work = std::move(open.back());
    open.pop_back();
    if (work == nullptr || work->done) continue;
    work->done = true;
    work->run = nullptr;
    std::move(work->after.begin(), work->after.end(), std::back_inserter(open));
    work->after.clear();
  }
}

}  // namespace

thread_local int current_device = 0;
thread_local cudaError_t last_error = cudaSuccess;
thread_local cudaStreamCaptureMode thread_capture_mode = cudaStreamCaptureModeGlobal;

State& state() {
  static State* s = new State();
  return *s;
}

cudaError_t Return(cudaError_t error) {
  // "cudaErrorNotReady [...] is not considered an error and is therefore not reported by
  // cudaPeekAtLastError() or cudaGetLastError()" (Guide, Error Checking)
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error = error;
  return error;
}
cudaError_t Misuse(cudaError_t error, const std::string& what) {
  state().findings.push_back(what);
  return Return(error);
}

Entry::Entry() : error(Return(Broken())) {}
Entry::Entry(const char* unsafe_function)
    : error(Broken() != cudaSuccess ? Return(Broken()) : Unsafe(unsafe_function)) {}

cudaError_t Invalidate(Capture* capture, cudaError_t error, const std::string& what) {
  // "When an invalid operation is attempted while a stream is being captured, any associated
  // capture graphs are invalidated." (Guide, Prohibited and Unhandled Operations)
  capture->invalid = true;
  return Misuse(error, what);
}

CUstream_st* Find(cudaStream_t stream) {
  State& s = state();
  if (stream == nullptr || stream == cudaStreamLegacy) {
    CUstream_st* const legacy = &s.legacy[current_device];
    if (legacy->chain == 0) legacy->chain = ++s.chains;
    legacy->device = current_device;
    return legacy;
  }
  if (s.streams.count(stream) > 0) return stream;
  Misuse(cudaErrorInvalidResourceHandle, "a stream that does not exist, or no longer");
  return nullptr;
}

void Finish(const WorkPtr& work) {
  std::vector<WorkPtr> open = {work};
  while (!open.empty()) {
    const WorkPtr top = open.back();
    std::vector<WorkPtr> first;
    if (top != nullptr && !top->done) {
      for (const WorkPtr& w : top->after) {
        if (!w->done) first.push_back(w);
      }
      if (first.empty()) Execute(top.get());
    }
    if (first.empty()) {
      open.pop_back();
      continue;
    }
    std::shuffle(first.begin(), first.end(), state().random);
    open.insert(open.end(), first.begin(), first.end());
  }
}

cudaError_t Wait(const WorkPtr& work) {
  Finish(work);
  if (work != nullptr) simt::Merge(work->clock, &state().host);
  return Return(state().sticky);
}

cudaError_t WaitForStream(CUstream_st* stream) {
  for (const WorkPtr& w : stream->waits) Wait(w);
  return Wait(stream->last);
}

WorkPtr Push(CUstream_st* stream, const std::string& name, std::function<void()> run) {
  State& s = state();
  auto work = std::make_shared<Work>();
  work->name = name;
  work->run = std::move(run);
  work->chain = stream->chain;
  // "Two operations from different streams cannot run concurrently if any CUDA operation on the
  // NULL stream is submitted in-between them, unless the streams are non-blocking streams" (Guide,
  // Implicit Synchronization)
  const auto wait_for = [&](const CUstream_st& other) {
    if (&other == stream || other.last == nullptr) return;
    stream->waits.push_back(other.last);
    simt::Merge(other.last->clock, &stream->known);
  };
  CUstream_st& legacy = s.legacy[stream->device];
  if (stream == &legacy) {
    for (const cudaStream_t other : s.streams) {
      if (other->blocking && other->device == stream->device) wait_for(*other);
    }
  } else if (stream->blocking) {
    wait_for(legacy);
  }
  simt::Merge(s.host, &stream->known);
  if (stream->known.size() <= static_cast<size_t>(stream->chain)) {
    stream->known.resize(stream->chain + 1);
  }
  stream->known[stream->chain] = ++stream->time;
  work->clock = stream->known;
  work->after = std::move(stream->waits);
  stream->waits.clear();
  if (stream->last != nullptr) work->after.push_back(stream->last);
  stream->last = work;
  if (s.options.mode == Mode::kEarly) Finish(work);
  return work;
}

cudaError_t Enqueue(cudaStream_t handle, const std::string& name, std::function<void()> run) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  State& s = state();
  CUstream_st* const stream = Find(handle);
  if (stream == nullptr) return last_error;
  if (stream->capture == nullptr) {
    // "When a blocking stream is capturing, the legacy stream is in an unusable state until the
    // blocking stream capture is terminated." (CUDA, cudaStreamIsCapturing)
    if (stream == &s.legacy[stream->device]) {
      for (const cudaStream_t other : s.streams) {
        if (other->blocking && other->capture != nullptr) {
          return Invalidate(other->capture.get(), cudaErrorStreamCaptureImplicit,
                            name + " in the legacy stream while a blocking stream is captured");
        }
      }
    }
    Push(stream, name, std::move(run));
    return Return(s.sticky);
  }
  Capture& c = *stream->capture;
  if (c.invalid) return Return(cudaErrorStreamCaptureInvalidated);
  if (c.branch.count(stream) == 0) c.branch[stream] = c.graph.branches++;
  CUgraphNode_st node;
  node.name = name;
  node.run = std::move(run);
  node.branch = c.branch[stream];
  node.time = static_cast<uint32_t>(c.graph.nodes.size()) + 1;
  std::set<int>& ends = c.ends[stream];
  node.after.assign(ends.begin(), ends.end());
  ends = {static_cast<int>(c.graph.nodes.size())};
  c.graph.nodes.push_back(std::move(node));
  return cudaSuccess;
}

void Reset(const Options& options) {
  State& s = state();
  const std::lock_guard<std::recursive_mutex> lock(s.mutex);
  std::vector<WorkPtr> pending = std::move(s.orphans);
  s.orphans.clear();
  std::vector<CUstream_st*> streams(s.streams.begin(), s.streams.end());
  for (auto& [device, legacy] : s.legacy) streams.push_back(&legacy);
  for (CUstream_st* stream : streams) {
    pending.push_back(stream->last);
    pending.insert(pending.end(), stream->waits.begin(), stream->waits.end());
    stream->waits.clear();
    stream->capture = nullptr;
  }
  Drop(std::move(pending));
  for (const auto& capture : s.captures) capture->over = capture->invalid = true;
  s.captures.clear();
  s.options = options;
  s.random.seed(options.seed);
  s.findings.clear();
  s.counters = Counters();
  s.sticky = last_error = cudaSuccess;
  current_device = 0;
  thread_capture_mode = cudaStreamCaptureModeGlobal;
  simt::submit = SubmitKernel;
}

std::vector<std::string> TakeFindings() {
  const std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return std::exchange(state().findings, {});
}
Counters TakeCounters() {
  const std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return std::exchange(state().counters, {});
}

Live CountLive() {
  State& s = state();
  const std::lock_guard<std::recursive_mutex> lock(s.mutex);
  Live live;
  live.allocations = s.allocations.size();
  live.host_allocations = s.pinned.size();
  live.streams = s.streams.size();
  live.events = s.events.size();
  live.graphs = s.graphs.size();
  live.executables = s.executables.size();
  live.cublaslt = s.cublaslt_handles;
  return live;
}

}  // namespace fake_cuda
