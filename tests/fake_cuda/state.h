// The fake device itself, for the files of this folder.
#ifndef TESTS_FAKE_CUDA_STATE_H_
#define TESTS_FAKE_CUDA_STATE_H_

#include <cuda_runtime_api.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/fake_cuda/control.h"
#include "tests/simt/memory.h"

namespace fake_cuda {

// One piece of work and what it comes after.
struct Work {
  std::string name;
  std::function<void()> run;  // null: only a mark
  int chain = 0;
  simt::Clock clock;  // its own time included
  std::vector<std::shared_ptr<Work>> after;
  bool done = false;
  double finished_ms = 0;  // on the device's clock
};
using WorkPtr = std::shared_ptr<Work>;
struct Capture;

}  // namespace fake_cuda

// CUDA's names for what its handles point to.
struct CUgraphNode_st {
  std::string name;
  std::function<void()> run;
  std::vector<int> after;
  int branch = 0;     // the stream that it was captured from
  uint32_t time = 0;  // its place in the graph, from 1
};
struct CUgraph_st {
  std::vector<CUgraphNode_st> nodes;
  int branches = 0;
};
struct CUgraphExec_st {
  CUgraph_st graph;
  std::vector<int> chains;  // by branch
  uint32_t replays = 0;
  fake_cuda::WorkPtr last;
};
struct CUstream_st {
  int device = 0;
  bool blocking = false;  // it and the legacy stream wait for each other
  int chain = 0;
  uint32_t time = 0;
  simt::Clock known;  // by its next work
  fake_cuda::WorkPtr last;
  std::vector<fake_cuda::WorkPtr> waits;  // its next work also waits for them
  std::shared_ptr<fake_cuda::Capture> capture;
};
struct CUevent_st {
  int device = 0;
  bool timing = true;
  fake_cuda::WorkPtr work;                      // null: never recorded, or in a capture
  std::shared_ptr<fake_cuda::Capture> capture;  // recorded into it
  std::set<int> ends;
};

namespace fake_cuda {

// A capture and the streams that have joined it.
struct Capture {
  CUgraph_st graph;
  cudaStream_t origin = nullptr;
  std::thread::id thread;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::map<cudaStream_t, std::set<int>> ends;  // by stream: what its next node waits for
  std::map<cudaStream_t, int> branch;
  bool invalid = false, over = false;
};

struct State {
  std::recursive_mutex mutex;
  Options options;
  std::mt19937_64 random;
  int chains = 0;
  std::map<int, CUstream_st> legacy;  // by device
  std::set<cudaStream_t> streams;
  std::set<cudaEvent_t> events;
  std::set<cudaGraph_t> graphs;
  std::map<cudaGraphExec_t, std::shared_ptr<CUgraphExec_st>> executables;
  size_t cublaslt_handles = 0;
  std::vector<WorkPtr> orphans;  // the last work of destroyed streams
  std::vector<std::shared_ptr<Capture>> captures;
  simt::Clock host;  // what the host has waited for
  double clock_ms = 0;
  struct Allocation {
    size_t bytes;
    int device;
  };
  std::map<void*, Allocation> allocations;
  std::map<const char*, size_t> pinned;
  std::vector<std::string> findings;
  Counters counters;
  cudaError_t sticky = cudaSuccess;  // the context is lost
};
State& state();

// "Sets device as the current device for the calling host thread." (CUDA, cudaSetDevice)
extern thread_local int current_device;
// "Returns the last error that has been produced by any of the runtime calls in the same instance
// of the CUDA Runtime library in the host thread" (CUDA, cudaGetLastError)
extern thread_local cudaError_t last_error;
// "Swaps the stream capture interaction mode for a thread" (CUDA,
// cudaThreadExchangeStreamCaptureMode)
extern thread_local cudaStreamCaptureMode thread_capture_mode;

// The error to return; remembered as the thread's last.
cudaError_t Return(cudaError_t error);
// The same, with a finding that says what is wrong.
cudaError_t Misuse(cudaError_t error, const std::string& what);

// Each function of the API begins with one: one thread at a time, and the errors that every call
// returns: no driver, no device, a lost context.
class Entry {
  std::lock_guard<std::recursive_mutex> lock_{state().mutex};  // before `error`

 public:
  Entry();
  // Also refuses where a capture forbids calls that are "potentially unsafe".
  explicit Entry(const char* unsafe_function);
  const cudaError_t error;
};

// The stream behind a handle; null, with a finding, if there is none.
CUstream_st* Find(cudaStream_t stream);
// Work at the end of a stream that is not captured.
WorkPtr Push(CUstream_st* stream, const std::string& name, std::function<void()> run);
// Puts work into a stream, or into the graph that it is captured into. `run` is called within an
// operation of tests/simt and may throw a simt::Finding.
cudaError_t Enqueue(cudaStream_t stream, const std::string& name, std::function<void()> run);
// Does a piece of work and all that it comes after.
void Finish(const WorkPtr& work);
// The same; the host now knows of it.
cudaError_t Wait(const WorkPtr& work);
// All that a stream was given.
cudaError_t WaitForStream(CUstream_st* stream);
cudaError_t Invalidate(Capture* capture, cudaError_t error, const std::string& what);

}  // namespace fake_cuda

#endif  // TESTS_FAKE_CUDA_STATE_H_
