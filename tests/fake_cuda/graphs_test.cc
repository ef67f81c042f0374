// Capture and replay: a right use passes, a wrong one is refused or found.
#include <set>
#include <thread>

#include "tests/fake_cuda/test_util.h"

namespace fake_cuda {
namespace {

class Graphs : public testing::Test {
 protected:
  void SetUp() override { Start(); }
  void Start(Mode mode = Mode::kLate, uint64_t seed = 0) {
    Reset(With(mode, seed));
    main_ = NewStream(), side_ = NewStream();
    event_ = NewEvent();
    p_ = New<char>(8);
  }
  void TearDown() override {
    cudaEventDestroy(event_);
    cudaStreamDestroy(main_);
    cudaStreamDestroy(side_);
    cudaFree(p_);
  }
  void Begin(cudaStreamCaptureMode mode = cudaStreamCaptureModeThreadLocal) {
    OK(cudaStreamBeginCapture(main_, mode));
  }
  void Fork() {
    OK(cudaEventRecord(event_, main_));
    OK(cudaStreamWaitEvent(side_, event_, 0));
  }
  void Join() {
    OK(cudaEventRecord(event_, side_));
    OK(cudaStreamWaitEvent(main_, event_, 0));
  }
  cudaGraphExec_t End() {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(main_, &graph), cudaSuccess) << Findings();
    EXPECT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
    lines_ = Describe(graph);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    return exec;
  }
  // The capture is broken: it says so, and the stream works again.
  void ExpectInvalidated() {
    cudaStreamCaptureStatus status;
    OK(cudaStreamIsCapturing(main_, &status));
    EXPECT_EQ(status, cudaStreamCaptureStatusInvalidated);
    EXPECT_ERROR(cudaErrorStreamCaptureInvalidated, cudaMemsetAsync(p_, 0, 8, main_));
    cudaGraph_t graph = &no_graph_;
    EXPECT_ERROR(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(main_, &graph));
    EXPECT_EQ(graph, nullptr);
    OK(cudaMemsetAsync(p_, 0, 8, main_));
    OK(cudaStreamSynchronize(main_));
  }

  // Something for `graph` to differ from.
  static inline char storage_;
  CUgraph_st& no_graph_ = reinterpret_cast<CUgraph_st&>(storage_);
  cudaStream_t main_, side_;
  cudaEvent_t event_;
  char* p_;
  std::vector<std::string> lines_;
};

TEST_F(Graphs, RecordWorkAndReplayIt) {
  Begin();
  OK(cudaMemsetAsync(p_, 1, 8, main_));
  OK(LaunchNothing(main_));
  cudaGraphExec_t exec = End();
  EXPECT_EQ(lines_, (std::vector<std::string>{"memset", "Nothing <- memset"}));
  OK(cudaStreamSynchronize(main_));
  EXPECT_EQ(TakeCounters().work["memset"], 0u);
  for (int i = 0; i < 3; ++i) OK(cudaGraphLaunch(exec, main_));
  OK(cudaGraphExecDestroy(exec));  // under way
  OK(cudaStreamSynchronize(main_));
  Counters counters = TakeCounters();
  EXPECT_EQ(counters.work["memset"], 3u);
  EXPECT_EQ(counters.work["Nothing"], 3u);
  EXPECT_EQ(counters.graph_launches, 3u);
}

TEST_F(Graphs, BranchesRunInAnyOrder) {
  std::set<std::string> orders;
  TearDown();
  for (uint64_t seed = 0; seed < 8; ++seed) {
    Start(Mode::kLate, seed);
    std::string order;
    const auto note = [&](const char* name, cudaStream_t stream) {
      simt::Submit({name, [&order, name] { order += name; }, {1}, {1}, 0, stream});
    };
    Begin();
    note("a", main_);
    Fork();
    note("b", main_);
    note("c", side_);
    Join();
    note("d", main_);
    cudaGraphExec_t exec = End();
    OK(cudaGraphLaunch(exec, main_));
    OK(cudaStreamSynchronize(main_));
    OK(cudaGraphExecDestroy(exec));
    orders.insert(order);
    TearDown();
  }
  EXPECT_EQ(orders, (std::set<std::string>{"abcd", "acbd"}));
  Start();
}

TEST_F(Graphs, BranchesThatShareBytesAreARace) {
  for (const Mode mode : {Mode::kLate, Mode::kEarly}) {
    TearDown();
    Start(mode);
    Begin();
    OK(LaunchNothing(main_));
    Fork();
    OK(cudaMemsetAsync(p_, 1, 8, main_));
    OK(cudaMemsetAsync(p_, 2, 8, side_));
    Join();
    cudaGraphExec_t exec = End();
    cudaGraphLaunch(exec, main_);
    EXPECT_ERROR(cudaErrorLaunchFailure, cudaStreamSynchronize(main_));
    EXPECT_FINDING("stream race");
    cudaGraphExecDestroy(exec);
  }
}

// "Each launch is ordered behind both any previous work in stream and any previous launches of
// graphExec."
TEST_F(Graphs, AreOrderedWithTheirStreamAndThemselves) {
  Begin();
  OK(cudaMemsetAsync(p_, 1, 8, main_));
  cudaGraphExec_t exec = End();
  OK(cudaMemsetAsync(p_, 0, 8, main_));
  OK(cudaGraphLaunch(exec, main_));
  OK(cudaGraphLaunch(exec, side_));
  OK(cudaMemsetAsync(p_, 2, 8, side_));
  OK(cudaDeviceSynchronize());
  OK(cudaGraphLaunch(exec, main_));
  OK(cudaMemsetAsync(p_, 3, 8, side_));  // nothing orders this behind the launch in main_
  EXPECT_ERROR(cudaErrorLaunchFailure, cudaDeviceSynchronize());
  EXPECT_FINDING("stream race");
  cudaGraphExecDestroy(exec);
}

TEST_F(Graphs, ForksAreJoined) {
  Begin();
  Fork();
  OK(cudaMemsetAsync(p_, 1, 8, side_));
  cudaGraph_t graph = nullptr;
  EXPECT_ERROR(cudaErrorStreamCaptureUnjoined, cudaStreamEndCapture(main_, &graph));
  EXPECT_EQ(graph, nullptr);
  EXPECT_FINDING("not joined");
  OK(cudaMemsetAsync(p_, 1, 8, side_));  // no longer captured
  OK(cudaDeviceSynchronize());
}

TEST_F(Graphs, UnsafeCallsBreakACapture) {
  void* p = nullptr;
  char host = 0;
  cudaGraph_t graph = nullptr;
  char* const locked = NewHost<char>(8);
  const std::vector<std::pair<const char*, std::function<cudaError_t()>>> calls = {
      {"cudaMalloc", [&] { return cudaMalloc(&p, 8); }},
      {"cudaFree", [&] { return cudaFree(p_); }},
      {"cudaHostAlloc", [&] { return cudaMallocHost(&p, 8); }},
      {"cudaFreeHost", [&] { return cudaFreeHost(locked); }},
      {"cudaMemcpy", [&] { return cudaMemcpy(&host, p_, 1, cudaMemcpyDeviceToHost); }},
      {"cudaMemset", [&] { return cudaMemset(p_, 0, 8); }},
      {"cudaDeviceSynchronize", [] { return cudaDeviceSynchronize(); }},
      {"cudaStreamSynchronize", [&] { return cudaStreamSynchronize(main_); }},
      {"cudaStreamQuery", [&] { return cudaStreamQuery(main_); }},
      {"a captured copy of pageable",
       [&] { return cudaMemcpyAsync(p_, &host, 1, cudaMemcpyHostToDevice, main_); }},
  };
  for (const auto& [name, call] : calls) {
    SCOPED_TRACE(name);
    Begin();
    EXPECT_ERROR(cudaErrorStreamCaptureUnsupported, call());
    EXPECT_FINDING(name);
    ExpectInvalidated();
  }
  for (const auto& call : {cudaEventSynchronize, cudaEventQuery}) {
    Begin();
    OK(cudaEventRecord(event_, main_));
    EXPECT_ERROR(cudaErrorCapturedEvent, call(event_));
    ExpectInvalidated();
  }
  // Page-locked memory may be copied.
  Begin();
  OK(cudaMemcpyAsync(p_, locked, 8, cudaMemcpyHostToDevice, main_));
  OK(cudaGraphExecDestroy(End()));
  EXPECT_ERROR(cudaErrorIllegalState, cudaStreamEndCapture(main_, &graph));
  OK(cudaFreeHost(locked));
}

TEST_F(Graphs, OtherThreadsAreLeftAloneUnlessTheModeIsGlobal) {
  for (const auto mode : {cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeGlobal}) {
    for (const bool relaxed : {false, true}) {
      Begin(mode);
      std::thread([&, mode = mode] {
        cudaStreamCaptureMode own = cudaStreamCaptureModeThreadLocal;
        if (relaxed) {
          OK(cudaThreadExchangeStreamCaptureMode(&own));
        }
        void* p = nullptr;
        const bool allowed = relaxed || mode == cudaStreamCaptureModeThreadLocal;
        EXPECT_EQ(cudaMallocHost(&p, 8), allowed ? cudaSuccess : cudaErrorStreamCaptureUnsupported);
        cudaGraph_t graph = nullptr;
        EXPECT_ERROR(cudaErrorStreamCaptureWrongThread, cudaStreamEndCapture(main_, &graph));
        if (allowed) {
          OK(cudaFreeHost(p));
        }
      }).join();
      cudaGraph_t graph = nullptr;
      EXPECT_EQ(cudaStreamEndCapture(main_, &graph),
                relaxed || mode == cudaStreamCaptureModeThreadLocal
                    ? cudaSuccess
                    : cudaErrorStreamCaptureInvalidated);
      if (graph != nullptr) {
        OK(cudaGraphDestroy(graph));
      }
    }
  }
}

TEST_F(Graphs, EventsDoNotCrossTheirBorder) {
  // From before.
  OK(cudaEventRecord(event_, side_));
  Begin();
  EXPECT_ERROR(cudaErrorStreamCaptureIsolation, cudaStreamWaitEvent(main_, event_, 0));
  ExpectInvalidated();
  // Out of a capture that is over.
  Begin();
  OK(cudaEventRecord(event_, main_));
  OK(cudaGraphExecDestroy(End()));
  EXPECT_ERROR(cudaErrorCapturedEvent, cudaStreamWaitEvent(side_, event_, 0));
  OK(cudaEventRecord(event_, side_));  // its own again
  OK(cudaEventSynchronize(event_));
  // Between two captures.
  Begin();
  OK(cudaEventRecord(event_, main_));
  OK(cudaStreamBeginCapture(side_, cudaStreamCaptureModeThreadLocal));
  EXPECT_ERROR(cudaErrorStreamCaptureMerge, cudaStreamWaitEvent(side_, event_, 0));
  cudaGraph_t graph = nullptr;
  EXPECT_ERROR(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(side_, &graph));
  ExpectInvalidated();
  // Into the legacy stream.
  Begin();
  OK(cudaEventRecord(event_, main_));
  EXPECT_ERROR(cudaErrorStreamCaptureImplicit, cudaStreamWaitEvent(nullptr, event_, 0));
  ExpectInvalidated();
}

TEST_F(Graphs, BeginAndEndInOneStreamThatIsNotTheLegacyOne) {
  EXPECT_ERROR(cudaErrorStreamCaptureUnsupported,
               cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeThreadLocal));
  Begin();
  EXPECT_ERROR(cudaErrorIllegalState,
               cudaStreamBeginCapture(main_, cudaStreamCaptureModeThreadLocal));
  Fork();
  cudaGraph_t graph = nullptr;
  EXPECT_ERROR(cudaErrorStreamCaptureUnmatched, cudaStreamEndCapture(side_, &graph));
  ExpectInvalidated();
}

// "the legacy stream is in an unusable state until the blocking stream capture is terminated"
TEST_F(Graphs, TheLegacyStreamIsUnusableBesideABlockingCapture) {
  cudaStream_t blocking = nullptr;
  OK(cudaStreamCreate(&blocking));
  Begin();
  OK(cudaMemsetAsync(p_, 0, 8, nullptr));  // main_ is non-blocking
  OK(cudaGraphExecDestroy(End()));
  OK(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeThreadLocal));
  EXPECT_ERROR(cudaErrorStreamCaptureImplicit, cudaMemsetAsync(p_, 0, 8, nullptr));
  cudaGraph_t graph = nullptr;
  EXPECT_ERROR(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(blocking, &graph));
  OK(cudaStreamDestroy(blocking));
}

}  // namespace
}  // namespace fake_cuda
