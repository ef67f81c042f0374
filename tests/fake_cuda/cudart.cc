#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <utility>

#include "tests/fake_cuda/runtime.h"
#include "tests/simt/emulator.h"

// One piece of work and what it comes after.
struct Work {
  std::string name;
  std::function<void()> run;        // null: only a mark
  int chain = 0;
  simt::Clock clock;                // its own time included
  std::vector<std::shared_ptr<Work>> after;
  bool done = false;
};
using WorkPtr = std::shared_ptr<Work>;

struct CUgraphNode_st {
  std::string name;
  std::function<void()> run;
  std::vector<int> after;
  int branch = 0;       // the stream that it was captured from
  uint32_t time = 0;    // its place on the branch, from 1
};
struct CUgraph_st {
  std::vector<CUgraphNode_st> nodes;
  int branches = 0;
};
struct CUgraphExec_st {
  CUgraph_st graph;
  std::vector<int> chains;   // by branch
  uint32_t replays = 0;
  WorkPtr last;
};
// A capture that streams have joined.
struct Capture {
  CUgraph_st graph;
  cudaStream_t origin = nullptr;
  std::map<cudaStream_t, std::set<int>> ends;  // by stream: what its next node waits for
  std::map<cudaStream_t, int> branch;
  bool invalid = false;
};
struct CUstream_st {
  int chain = 0;
  uint32_t time = 0;
  simt::Clock known;             // by its next work
  WorkPtr last;
  std::vector<WorkPtr> waits;    // its next work also waits for them
  std::shared_ptr<Capture> capture;
};
struct CUevent_st {
  WorkPtr work;                     // null: never recorded
  std::shared_ptr<Capture> capture; // recorded into it
  std::set<int> ends;
  bool timing = true;
};

namespace {

struct Device {
  fake::Mode mode = fake::Mode::kLate;
  std::mt19937_64 random;
  size_t memory = 0;
  int chains = 1;  // chain 0 is the legacy stream
  CUstream_st legacy;
  std::set<cudaStream_t> streams;
  std::deque<WorkPtr> pending;
  simt::Clock host;  // what the host has waited for
  std::map<void*, size_t> pinned;
  std::vector<std::string> findings;
  cudaError_t sticky = cudaSuccess;  // the context is lost
  cudaError_t last = cudaSuccess;
  std::shared_ptr<Capture> global_capture;  // one in cudaStreamCaptureModeGlobal or ThreadLocal
};
Device& device() {
  static Device* d = new Device();
  return *d;
}

cudaError_t Return(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) device().last = error;
  return error;
}

void Finish(const WorkPtr& work) {
  Device& d = device();
  if (work == nullptr || work->done) return;
  work->done = true;
  std::vector<WorkPtr> after = work->after;
  std::shuffle(after.begin(), after.end(), d.random);
  for (const WorkPtr& w : after) Finish(w);
  if (work->run && d.sticky == cudaSuccess) {
    try {
      simt::BeginOperation(work->name, work->chain, work->clock);
      const simt::DeviceAccess access;
      work->run();
    } catch (const simt::Finding& finding) {
      d.findings.push_back(finding.what());
      d.sticky = finding.kind == simt::Finding::kMisaligned ? cudaErrorMisalignedAddress
                 : finding.kind == simt::Finding::kOutOfBounds ||
                           finding.kind == simt::Finding::kFreed ||
                           finding.kind == simt::Finding::kHostMemory
                     ? cudaErrorIllegalAddress
                     : cudaErrorLaunchFailure;
    }
  }
  work->run = nullptr;
  work->after.clear();
}

cudaError_t Wait(const WorkPtr& work) {
  Finish(work);
  if (work != nullptr) simt::Merge(work->clock, &device().host);
  return device().sticky;
}

CUstream_st* Get(cudaStream_t stream) {
  return stream == nullptr || stream == cudaStreamLegacy ? &device().legacy : stream;
}

WorkPtr Push(CUstream_st* s, const std::string& name, std::function<void()> run) {
  Device& d = device();
  auto work = std::make_shared<Work>();
  work->name = name;
  work->run = std::move(run);
  work->chain = s->chain;
  simt::Merge(d.host, &s->known);
  if (s->known.size() <= static_cast<size_t>(s->chain)) s->known.resize(s->chain + 1);
  s->known[s->chain] = ++s->time;
  work->clock = s->known;
  work->after = std::move(s->waits);
  s->waits.clear();
  if (s->last != nullptr) work->after.push_back(s->last);
  s->last = work;
  if (d.mode == fake::Mode::kEarly) Finish(work);
  return work;
}

// Calls that may not be made while a capture of the thread is on.
cudaError_t Unsafe(const char* function) {
  Device& d = device();
  if (d.global_capture == nullptr) return cudaSuccess;
  d.global_capture->invalid = true;
  d.findings.push_back(std::string(function) + " while a stream is captured");
  return cudaErrorStreamCaptureUnsupported;
}

std::set<int>& Ends(CUstream_st* s) { return s->capture->ends[s]; }

void Replay(CUgraphExec_st* exec, uint32_t replay, const simt::Clock& before) {
  Device& d = device();
  const auto& nodes = exec->graph.nodes;
  std::vector<simt::Clock> clocks(nodes.size());
  std::vector<bool> done(nodes.size());
  for (size_t count = 0; count < nodes.size(); ++count) {
    std::vector<size_t> ready;  // in any order that the edges allow
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (!done[i] && std::all_of(nodes[i].after.begin(), nodes[i].after.end(),
                                  [&](int a) { return done[a]; })) {
        ready.push_back(i);
      }
    }
    const size_t i = ready[d.random() % ready.size()];
    done[i] = true;
    simt::Clock& clock = clocks[i];
    clock = before;
    for (const int a : nodes[i].after) simt::Merge(clocks[a], &clock);
    const int chain = exec->chains[nodes[i].branch];
    if (clock.size() <= static_cast<size_t>(chain)) clock.resize(chain + 1);
    clock[chain] = replay * static_cast<uint32_t>(nodes.size() + 1) + nodes[i].time;
    simt::BeginOperation(nodes[i].name, chain, clock);
    nodes[i].run();
  }
}

int SubmitKernel(simt::LaunchRequest r) {
  const uint64_t threads = uint64_t{r.block.x} * r.block.y * r.block.z;
  if (threads == 0 || threads > 1024 || r.grid.x == 0 || r.grid.y == 0 || r.grid.z == 0) {
    return Return(cudaErrorInvalidConfiguration);
  }
  auto request = std::make_shared<simt::LaunchRequest>(std::move(r));
  return fake::Enqueue(request->stream, request->name, [request] {
    simt::Run(request->name, request->thread, request->grid, request->block,
              request->shared_bytes);
  });
}

}  // namespace

namespace fake {

void Reset(Mode mode, uint64_t seed, size_t memory_bytes) {
  Device& d = device();
  d.mode = mode;
  d.random.seed(seed);
  d.memory = memory_bytes;
  d.sticky = d.last = cudaSuccess;
  d.findings.clear();
  d.global_capture = nullptr;
  simt::submit = SubmitKernel;
}

std::vector<std::string> TakeFindings() { return std::exchange(device().findings, {}); }
void Misuse(const std::string& what) { device().findings.push_back(what); }

cudaError_t Enqueue(cudaStream_t stream, const std::string& name, std::function<void()> run) {
  Device& d = device();
  CUstream_st* s = Get(stream);
  if (d.sticky != cudaSuccess) return Return(d.sticky);
  if (s->capture == nullptr) {
    if (s == &d.legacy && d.global_capture != nullptr) return Return(Unsafe("legacy stream"));
    Push(s, name, std::move(run));
    return Return(d.sticky);
  }
  Capture& c = *s->capture;
  if (c.invalid) return Return(cudaErrorStreamCaptureInvalidated);
  if (c.branch.count(s) == 0) c.branch[s] = c.graph.branches++;
  CUgraphNode_st node;
  node.name = name;
  node.run = std::move(run);
  node.branch = c.branch[s];
  node.time = static_cast<uint32_t>(c.graph.nodes.size()) + 1;
  node.after.assign(Ends(s).begin(), Ends(s).end());
  c.graph.nodes.push_back(std::move(node));
  Ends(s) = {static_cast<int>(c.graph.nodes.size()) - 1};
  return cudaSuccess;
}

std::vector<std::string> Describe(cudaGraph_t graph) {
  std::vector<std::string> lines;
  for (const CUgraphNode_st& node : graph->nodes) {
    std::string line = node.name;
    for (const int a : node.after) line += (a == node.after[0] ? " <- " : ", ") + graph->nodes[a].name;
    lines.push_back(line);
  }
  return lines;
}

}  // namespace fake

extern "C" {

// ---- Devices and memory.

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* d) {
  *d = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int d) { return Return(d == 0 ? cudaSuccess : cudaErrorInvalidDevice); }
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  *p = {};
  strcpy(p->name, "emulated sm_90");
  p->major = 9;
  p->multiProcessorCount = 132;
  p->totalGlobalMem = device().memory;
  p->sharedMemPerBlockOptin = simt::kMaxDynamicShared;
  p->warpSize = 32;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = device().memory;
  *free = *total - simt::AllocatedBytes();
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** p, size_t bytes) {
  if (cudaError_t error = Unsafe("cudaMalloc"); error != cudaSuccess) return Return(error);
  *p = nullptr;
  if (simt::AllocatedBytes() + bytes > device().memory) return Return(cudaErrorMemoryAllocation);
  if (bytes > 0) *p = simt::Allocate(bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void* p) {
  if (p == nullptr) return cudaSuccess;
  if (cudaError_t error = Unsafe("cudaFree"); error != cudaSuccess) return Return(error);
  cudaDeviceSynchronize();
  try {
    simt::Free(p);
  } catch (const simt::Finding& finding) {
    device().findings.push_back(finding.what());
    return Return(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
  *p = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  device().pinned[*p] = bytes;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* p) {
  if (device().pinned.erase(p) == 0) return Return(cudaErrorInvalidValue);
  cudaDeviceSynchronize();
  free(p);
  return cudaSuccess;
}

static bool IsPinned(const void* p) {
  const auto& pinned = device().pinned;
  auto it = pinned.upper_bound(const_cast<void*>(p));
  if (it == pinned.begin()) return false;
  --it;
  return p < static_cast<const char*>(it->first) + it->second;
}

// "For transfers from pageable host memory to device memory, a stream sync is performed before
// the copy is initiated. The function will return once the pageable buffer has been copied to
// the staging memory"; "from device memory to pageable host memory, the function will return only
// once the copy has completed" (API synchronization behavior). Pinned memory is read and written
// when the stream comes to it.
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const bool to_device = simt::IsDevice(to), from_device = simt::IsDevice(from);
  const cudaMemcpyKind is = to_device ? (from_device ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice)
                                      : (from_device ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost);
  if (kind != is && kind != cudaMemcpyDefault) return Return(cudaErrorInvalidValue);
  const bool pageable = (is == cudaMemcpyHostToDevice && !IsPinned(from)) ||
                        (is == cudaMemcpyDeviceToHost && !IsPinned(to));
  CUstream_st* s = Get(stream);
  if (pageable && s->capture != nullptr) fake::Misuse("a captured copy of pageable host memory");
  std::shared_ptr<std::vector<char>> staged;
  if (pageable && is == cudaMemcpyHostToDevice && s->capture == nullptr) {
    staged = std::make_shared<std::vector<char>>(static_cast<const char*>(from),
                                                 static_cast<const char*>(from) + bytes);
  }
  static const char* const names[] = {"copy HtoH", "copy HtoD", "copy DtoH", "copy DtoD"};
  const cudaError_t error = fake::Enqueue(stream, names[is], [=] {
    if (from_device) simt::Touch(from, bytes, false);
    if (to_device) simt::Touch(to, bytes, true);
    std::memmove(to, staged != nullptr ? staged->data() : from, bytes);
  });
  if (error == cudaSuccess && pageable && s->capture == nullptr) return Return(Wait(s->last));
  return error;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (cudaError_t error = Unsafe("cudaMemcpy"); error != cudaSuccess) return Return(error);
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  return error != cudaSuccess ? error : Return(Wait(device().legacy.last));
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  return fake::Enqueue(stream, "memset", [=] {
    simt::Touch(p, bytes, true);
    std::memset(p, value, bytes);
  });
}

// ---- Streams and events. Streams are cudaStreamNonBlocking: the legacy stream waits for none.

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  if (flags != cudaStreamNonBlocking) fake::Misuse("a stream that the legacy stream waits for");
  *stream = new CUstream_st();
  (*stream)->chain = device().chains++;
  device().streams.insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t s) {
  Wait(s->last);
  device().streams.erase(s);
  delete s;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  CUstream_st* s = Get(stream);
  if (s->capture != nullptr) {
    s->capture->invalid = true;
    fake::Misuse("cudaStreamSynchronize of a captured stream");
    return Return(cudaErrorStreamCaptureUnsupported);
  }
  for (const WorkPtr& w : s->waits) Wait(w);
  return Return(Wait(s->last));
}
cudaError_t cudaDeviceSynchronize() {
  if (cudaError_t error = Unsafe("cudaDeviceSynchronize"); error != cudaSuccess) return Return(error);
  std::vector<cudaStream_t> all(device().streams.begin(), device().streams.end());
  all.push_back(&device().legacy);
  std::shuffle(all.begin(), all.end(), device().random);
  for (const cudaStream_t s : all) Wait(s->last);
  return Return(device().sticky);
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  *event = new CUevent_st();
  (*event)->timing = (flags & cudaEventDisableTiming) == 0;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  CUstream_st* s = Get(stream);
  event->capture = s->capture;
  if (s->capture != nullptr) {
    event->ends = Ends(s);
    event->work = nullptr;
  } else {
    event->work = Push(s, "event", nullptr);
  }
  return Return(device().sticky);
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  CUstream_st* s = Get(stream);
  if (event->capture != nullptr) {
    // "It is invalid to merge two separate capture graphs"; a stream that is not captured joins.
    if (s->capture != nullptr && s->capture != event->capture) {
      s->capture->invalid = event->capture->invalid = true;
      return Return(cudaErrorStreamCaptureMerge);
    }
    if (s->capture == nullptr && s == &device().legacy) return Return(cudaErrorStreamCaptureImplicit);
    s->capture = event->capture;
    Ends(s).insert(event->ends.begin(), event->ends.end());
    return cudaSuccess;
  }
  if (s->capture != nullptr && event->work != nullptr) {
    s->capture->invalid = true;
    return Return(cudaErrorStreamCaptureIsolation);
  }
  if (event->work == nullptr) return cudaSuccess;  // never recorded: nothing to wait for
  s->waits.push_back(event->work);
  simt::Merge(event->work->clock, &s->known);
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (event->capture != nullptr) {
    event->capture->invalid = true;
    return Return(cudaErrorCapturedEvent);
  }
  return Return(Wait(event->work));
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (event->capture != nullptr) {
    event->capture->invalid = true;
    return Return(cudaErrorCapturedEvent);
  }
  if (event->work == nullptr || event->work->done) return Return(device().sticky);
  return cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t, cudaEvent_t) {
  *ms = 1.0f;
  return cudaSuccess;
}

// ---- Graphs.

cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode) {
  if (Get(s) == &device().legacy) return Return(cudaErrorStreamCaptureUnsupported);
  if (s->capture != nullptr) return Return(cudaErrorIllegalState);
  s->capture = std::make_shared<Capture>();
  s->capture->origin = s;
  if (mode != cudaStreamCaptureModeRelaxed) device().global_capture = s->capture;
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t s, cudaStreamCaptureStatus* status) {
  *status = Get(s)->capture == nullptr      ? cudaStreamCaptureStatusNone
            : Get(s)->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                       : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t* graph) {
  *graph = nullptr;
  if (s->capture == nullptr) return Return(cudaErrorIllegalState);
  const std::shared_ptr<Capture> c = s->capture;
  if (c->origin != s) return Return(cudaErrorStreamCaptureUnmatched);
  for (const auto& [stream, ends] : c->ends) stream->capture = nullptr;
  s->capture = nullptr;
  if (device().global_capture == c) device().global_capture = nullptr;
  if (c->invalid) return Return(cudaErrorStreamCaptureInvalidated);
  // All that was forked is waited for, directly or not, by the origin's last node.
  std::set<int> joined;
  std::vector<int> open(c->ends[s].begin(), c->ends[s].end());
  while (!open.empty()) {
    const int node = open.back();
    open.pop_back();
    if (!joined.insert(node).second) continue;
    const auto& after = c->graph.nodes[node].after;
    open.insert(open.end(), after.begin(), after.end());
  }
  if (joined.size() != c->graph.nodes.size()) return Return(cudaErrorStreamCaptureUnjoined);
  *graph = new CUgraph_st(std::move(c->graph));
  return cudaSuccess;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  if (nodes != nullptr) {
    for (size_t i = 0; i < std::min(*count, graph->nodes.size()); ++i) nodes[i] = &graph->nodes[i];
  }
  *count = graph->nodes.size();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new CUgraphExec_st();
  (*exec)->graph = *graph;
  for (int b = 0; b < graph->branches; ++b) (*exec)->chains.push_back(device().chains++);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  CUstream_st* s = Get(stream);
  if (s->capture != nullptr) return Return(cudaErrorStreamCaptureUnsupported);  // child graphs
  if (exec->last != nullptr) {  // an executable graph never runs beside itself
    s->waits.push_back(exec->last);
    simt::Merge(exec->last->clock, &s->known);
  }
  ++exec->replays;
  // What comes behind the graph comes behind all its branches.
  const uint32_t end = (exec->replays + 1) * static_cast<uint32_t>(exec->graph.nodes.size() + 1);
  auto before = std::make_shared<simt::Clock>();
  exec->last = Push(s, "graph", nullptr);
  *before = exec->last->clock;
  const uint32_t replays = exec->replays;
  const WorkPtr work = exec->last;
  work->done = false;
  work->run = [exec, before, replays] { Replay(exec, replays, *before); };
  for (const int chain : exec->chains) {
    if (s->known.size() <= static_cast<size_t>(chain)) s->known.resize(chain + 1);
    s->known[chain] = end;
  }
  simt::Merge(s->known, &work->clock);
  if (device().mode == fake::Mode::kEarly) Finish(work);
  return Return(device().sticky);
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  Wait(exec->last);
  delete exec;
  return cudaSuccess;
}

// ---- Errors.

cudaError_t cudaGetLastError() {
  const cudaError_t error = device().sticky != cudaSuccess ? device().sticky : device().last;
  device().last = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() {
  return device().sticky != cudaSuccess ? device().sticky : device().last;
}
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    case cudaErrorMisalignedAddress: return "cudaErrorMisalignedAddress";
    case cudaErrorStreamCaptureUnjoined: return "cudaErrorStreamCaptureUnjoined";
    case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated: return "cudaErrorStreamCaptureInvalidated";
    default: return "another cudaError_t";
  }
}
const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

}  // extern "C"
