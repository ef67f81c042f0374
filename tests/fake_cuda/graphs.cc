// Captured streams and their graphs in the fake CUDA runtime.
#include <algorithm>
#include <utility>

#include "tests/fake_cuda/state.h"

namespace fake_cuda {
namespace {

// The nodes in an order that the edges allow; which, the seed decides.
void Replay(const CUgraphExec_st& exec, uint32_t replay, const simt::Clock& before) {
  State& s = state();
  const auto& nodes = exec.graph.nodes;
  std::vector<simt::Clock> clocks(nodes.size());
  std::vector<size_t> missing(nodes.size()), ready;
  std::vector<std::vector<size_t>> next(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    missing[i] = nodes[i].after.size();
    for (const int a : nodes[i].after) next[a].push_back(i);
    if (missing[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    std::swap(ready[s.random() % ready.size()], ready.back());
    const size_t i = ready.back();
    ready.pop_back();
    simt::Clock& clock = clocks[i];
    clock = before;
    for (const int a : nodes[i].after) simt::Merge(clocks[a], &clock);
    const int chain = exec.chains[nodes[i].branch];
    if (clock.size() <= static_cast<size_t>(chain)) clock.resize(chain + 1);
    clock[chain] = replay * static_cast<uint32_t>(nodes.size() + 1) + nodes[i].time;
    ++s.counters.work[nodes[i].name];
    simt::BeginOperation(nodes[i].name, chain, clock);
    nodes[i].run();
    s.clock_ms += 0.001;
    for (const size_t n : next[i]) {
      if (--missing[n] == 0) ready.push_back(n);
    }
  }
}

// Whether all nodes are waited for, directly or not, by the last ones of the capture's origin.
bool IsJoined(const Capture& c) {
  const auto ends = c.ends.find(c.origin);
  std::vector<int> open;
  if (ends != c.ends.end()) open.assign(ends->second.begin(), ends->second.end());
  std::set<int> joined;
  while (!open.empty()) {
    const int node = open.back();
    open.pop_back();
    if (!joined.insert(node).second) continue;
    const auto& after = c.graph.nodes[node].after;
    open.insert(open.end(), after.begin(), after.end());
  }
  return joined.size() == c.graph.nodes.size();
}

CUgraph_st* FindGraph(cudaGraph_t graph) {
  if (graph != nullptr && state().graphs.count(graph) > 0) return graph;
  Misuse(cudaErrorInvalidValue, "a graph that does not exist, or no longer");
  return nullptr;
}

}  // namespace

std::vector<std::string> Describe(CUgraph_st* graph) {
  std::vector<std::string> lines;
  for (const CUgraphNode_st& node : graph->nodes) {
    std::string line = node.name;
    for (const int a : node.after) {
      line += (a == node.after[0] ? " <- " : ", ") + graph->nodes[a].name;
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace fake_cuda

using fake_cuda::Entry;
using fake_cuda::Find;
using fake_cuda::FindGraph;
using fake_cuda::Invalidate;
using fake_cuda::Misuse;
using fake_cuda::Return;
using fake_cuda::state;

extern "C" {

// "Capture may not be initiated if stream is cudaStreamLegacy. Capture must be ended on the same
// stream in which it was initiated, and it may only be initiated if the stream is not already in
// capture mode." (CUDA)
cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  CUstream_st* const stream = Find(handle);
  if (stream == nullptr) return fake_cuda::last_error;
  if (state().streams.count(stream) == 0) return Return(cudaErrorStreamCaptureUnsupported);
  if (stream->capture != nullptr) return Return(cudaErrorIllegalState);
  auto capture = std::make_shared<fake_cuda::Capture>();
  capture->origin = stream;
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  capture->ends[stream] = {};
  stream->capture = capture;
  state().captures.push_back(capture);
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  const Entry entry;
  std::swap(*mode, fake_cuda::thread_capture_mode);
  return entry.error;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  const CUstream_st* const stream = Find(handle);
  if (stream == nullptr) return fake_cuda::last_error;
  *status = stream->capture == nullptr ? cudaStreamCaptureStatusNone
            : stream->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                       : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  const Entry entry;
  *graph = nullptr;
  if (entry.error != cudaSuccess) return entry.error;
  CUstream_st* const stream = Find(handle);
  if (stream == nullptr) return fake_cuda::last_error;
  if (stream->capture == nullptr) return Return(cudaErrorIllegalState);
  const std::shared_ptr<fake_cuda::Capture> c = stream->capture;
  // "The capture was not initiated in this stream." (CUDA, cudaErrorStreamCaptureUnmatched)
  if (c->origin != stream) {
    return Invalidate(c.get(), cudaErrorStreamCaptureUnmatched,
                      "cudaStreamEndCapture of a stream that only joined");
  }
  // "If mode is not cudaStreamCaptureModeRelaxed, cudaStreamEndCapture must be called on this
  // stream from the same thread." (CUDA)
  if (c->mode != cudaStreamCaptureModeRelaxed && c->thread != std::this_thread::get_id()) {
    return Misuse(cudaErrorStreamCaptureWrongThread, "cudaStreamEndCapture in another thread");
  }
  for (const auto& [joined, ends] : c->ends) joined->capture = nullptr;
  stream->capture = nullptr;
  c->over = true;
  auto& captures = state().captures;
  captures.erase(std::find(captures.begin(), captures.end(), c));
  // "If capture was invalidated, due to a violation of the rules of stream capture, then a NULL
  // graph will be returned." (CUDA)
  if (c->invalid) return Return(cudaErrorStreamCaptureInvalidated);
  // "The capture sequence contains a fork that was not joined to the primary stream." (CUDA)
  if (!fake_cuda::IsJoined(*c)) {
    return Misuse(cudaErrorStreamCaptureUnjoined, "a capture with a fork that is not joined");
  }
  *graph = new CUgraph_st(std::move(c->graph));
  state().graphs.insert(*graph);
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  if (FindGraph(graph) == nullptr) return fake_cuda::last_error;
  if (nodes != nullptr) {
    for (size_t i = 0; i < std::min(*count, graph->nodes.size()); ++i) nodes[i] = &graph->nodes[i];
  }
  *count = graph->nodes.size();
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Entry entry;
  if (FindGraph(graph) == nullptr) return fake_cuda::last_error;
  state().graphs.erase(graph);
  delete graph;
  return entry.error;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* handle, cudaGraph_t graph, unsigned long long) {
  const Entry entry;
  *handle = nullptr;
  if (entry.error != cudaSuccess) return entry.error;
  if (FindGraph(graph) == nullptr) return fake_cuda::last_error;
  auto exec = std::make_shared<CUgraphExec_st>();
  exec->graph = *graph;
  for (int b = 0; b < graph->branches; ++b) exec->chains.push_back(++state().chains);
  *handle = exec.get();
  state().executables[*handle] = exec;
  return cudaSuccess;
}

// "Only one instance of graphExec may be executing at a time. Each launch is ordered behind both
// any previous work in stream and any previous launches of graphExec." (CUDA)
cudaError_t cudaGraphLaunch(cudaGraphExec_t handle, cudaStream_t to) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  auto& s = state();
  CUstream_st* const stream = Find(to);
  if (stream == nullptr) return fake_cuda::last_error;
  const auto it = s.executables.find(handle);
  if (it == s.executables.end()) {
    return Misuse(cudaErrorInvalidValue, "an executable graph that does not exist, or no longer");
  }
  const std::shared_ptr<CUgraphExec_st> exec = it->second;
  if (stream->capture != nullptr) {  // would be a child graph, which the backend never makes
    return Invalidate(stream->capture.get(), cudaErrorStreamCaptureUnsupported,
                      "cudaGraphLaunch into a stream that is captured");
  }
  if (exec->last != nullptr) {
    stream->waits.push_back(exec->last);
    simt::Merge(exec->last->clock, &stream->known);
  }
  ++s.counters.graph_launches;
  const uint32_t replay = ++exec->replays;
  // What comes behind the graph comes behind all its branches; the graph's own nodes come behind
  // what its stream knew before.
  auto before = std::make_shared<simt::Clock>();
  const auto run = [exec, before, replay] { fake_cuda::Replay(*exec, replay, *before); };
  const fake_cuda::Mode mode = std::exchange(s.options.mode, fake_cuda::Mode::kLate);
  const fake_cuda::WorkPtr work = fake_cuda::Push(stream, "graph", run);
  s.options.mode = mode;
  *before = work->clock;
  const uint32_t end = (replay + 1) * static_cast<uint32_t>(exec->graph.nodes.size() + 1);
  for (const int chain : exec->chains) {
    if (stream->known.size() <= static_cast<size_t>(chain)) stream->known.resize(chain + 1);
    stream->known[chain] = end;
  }
  simt::Merge(stream->known, &work->clock);
  exec->last = work;
  if (mode == fake_cuda::Mode::kEarly) fake_cuda::Finish(work);
  return Return(s.sticky);
}

// Replays that are under way keep what they need.
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  const Entry entry;
  if (state().executables.erase(exec) == 0) {
    return Misuse(cudaErrorInvalidValue, "an executable graph that does not exist, or no longer");
  }
  return entry.error;
}

}  // extern "C"
