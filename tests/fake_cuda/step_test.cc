// A step of two products on three streams, as the backend would run it: eager, captured and
// replayed, with equal bits; and what each dependency that is left out leads to.
#include <cublasLt.h>

#include <set>
#include <stdexcept>

#include "tests/fake_cuda/test_util.h"

namespace fake_cuda {
namespace {

constexpr int64_t kSize = 16;  // of all matrices, which are square
constexpr size_t kBytes = kSize * kSize * sizeof(float), kWorkspace = 1 << 16;

enum class Bug {
  kNone,
  kNoFork,
  kNoJoin,
  kOneWorkspace,
  kAliased,
  kMallocInCapture,
  kInputTooEarly,
  kReadTooEarly
};

void Must(int error, const char* call) {
  if (error != 0) throw std::runtime_error(std::string(call) + ": " + std::to_string(error));
}
#define MUST(call) Must(static_cast<int>(call), #call)

// main: h = x w, y = x w; side: g = xᵀ h; main, after both: w = g g + w / 2. copy: x comes in.
class Step {
 public:
  explicit Step(Bug bug) : bug_(bug) {
    MUST(cublasLtCreate(&handle_));
    MUST(cublasLtMatrixLayoutCreate(&layout_, CUDA_R_32F, kSize, kSize, kSize));
    MUST(cublasLtMatmulDescCreate(&plain_, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    MUST(cublasLtMatmulDescCreate(&transposed_, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    const int32_t t = CUBLAS_OP_T;
    MUST(cublasLtMatmulDescSetAttribute(transposed_, CUBLASLT_MATMUL_DESC_TRANSA, &t, sizeof(t)));
    // The planner's sharing: y over h would do, were all products in one stream.
    for (float** p : {&x_, &w_, &g_, &h_}) *p = New<float>(kSize * kSize);
    y_ = bug == Bug::kAliased ? h_ : New<float>(kSize * kSize);
    main_workspace_ = New<char>(kWorkspace);
    side_workspace_ = bug == Bug::kOneWorkspace ? main_workspace_ : New<char>(kWorkspace);
    input_ = NewHost<float>(kSize * kSize), output_ = NewHost<float>(2 * kSize * kSize);
    std::vector<float> values(kSize * kSize);
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.01f * static_cast<float>(i % 17);
    MUST(cudaMemcpy(w_, values.data(), kBytes, cudaMemcpyHostToDevice));
    MUST(cudaDeviceSynchronize());
  }
  ~Step() {
    cudaDeviceSynchronize();
    if (exec_ != nullptr) cudaGraphExecDestroy(exec_);
    for (void* p : std::set<void*>{x_, h_, w_, g_, y_, main_workspace_, side_workspace_, extra_}) {
      cudaFree(p);
    }
    cudaFreeHost(input_);
    cudaFreeHost(output_);
    for (cudaEvent_t e : {fork_, join_, ready_, taken_}) cudaEventDestroy(e);
    for (cudaStream_t s : {main_, side_, copy_}) cudaStreamDestroy(s);
    cublasLtMatmulDescDestroy(plain_);
    cublasLtMatmulDescDestroy(transposed_);
    cublasLtMatrixLayoutDestroy(layout_);
    cublasLtDestroy(handle_);
  }

  void Capture() {
    cudaGraph_t graph = nullptr;
    MUST(cudaStreamBeginCapture(main_, cudaStreamCaptureModeThreadLocal));
    try {
      Enqueue();
    } catch (...) {
      cudaStreamEndCapture(main_, &graph);
      throw;
    }
    MUST(cudaStreamEndCapture(main_, &graph));
    MUST(cudaGraphInstantiate(&exec_, graph, 0));
    lines_ = Describe(graph);
    MUST(cudaGraphDestroy(graph));
  }

  void Run(int step) {
    if (bug_ != Bug::kInputTooEarly)
      MUST(cudaEventSynchronize(ready_));  // the copy before has read
    for (int64_t i = 0; i < kSize * kSize; ++i)
      input_[i] = 0.1f * static_cast<float>((i + step) % 13);
    MUST(cudaStreamWaitEvent(copy_, taken_, 0));
    MUST(cudaMemcpyAsync(x_, input_, kBytes, cudaMemcpyHostToDevice, copy_));
    MUST(cudaEventRecord(ready_, copy_));
    MUST(cudaStreamWaitEvent(main_, ready_, 0));
    if (exec_ != nullptr) {
      MUST(cudaGraphLaunch(exec_, main_));
    } else {
      Enqueue();
    }
    MUST(cudaEventRecord(taken_, main_));
  }

  std::vector<float> Read() {
    MUST(cudaMemcpyAsync(output_, w_, kBytes, cudaMemcpyDeviceToHost, main_));
    MUST(cudaMemcpyAsync(output_ + kSize * kSize, y_, kBytes, cudaMemcpyDeviceToHost, main_));
    if (bug_ != Bug::kReadTooEarly) MUST(cudaStreamSynchronize(main_));
    return std::vector<float>(output_, output_ + 2 * kSize * kSize);
  }

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  void Product(cublasLtMatmulDesc_t desc, const float* a, const float* b, float beta, float* d,
               cudaStream_t stream) {
    cublasLtMatmulPreference_t preference = nullptr;
    MUST(cublasLtMatmulPreferenceCreate(&preference));
    const uint64_t bytes = kWorkspace;
    MUST(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                              &bytes, sizeof(bytes)));
    cublasLtMatmulHeuristicResult_t result;
    int count = 0;
    const cublasStatus_t found = cublasLtMatmulAlgoGetHeuristic(
        handle_, desc, layout_, layout_, layout_, layout_, preference, 1, &result, &count);
    cublasLtMatmulPreferenceDestroy(preference);
    MUST(found);
    const float one = 1;
    MUST(cublasLtMatmul(handle_, desc, &one, a, layout_, b, layout_, &beta, d, layout_, d, layout_,
                        &result.algo, stream == side_ ? side_workspace_ : main_workspace_,
                        kWorkspace, stream));
  }

  void Enqueue() {
    Product(plain_, x_, w_, 0, h_, main_);
    if (bug_ == Bug::kMallocInCapture) MUST(cudaMalloc(&extra_, 8));
    if (bug_ != Bug::kNoFork) {
      MUST(cudaEventRecord(fork_, main_));
      MUST(cudaStreamWaitEvent(side_, fork_, 0));
    }
    Product(transposed_, x_, h_, 0, g_, side_);
    Product(plain_, x_, w_, 0, y_, main_);
    if (bug_ != Bug::kNoJoin) {
      MUST(cudaEventRecord(join_, side_));
      MUST(cudaStreamWaitEvent(main_, join_, 0));
    }
    Product(plain_, g_, g_, 0.5f, w_, main_);
  }

  const Bug bug_;
  cudaStream_t main_ = NewStream(), side_ = NewStream(), copy_ = NewStream();
  cudaEvent_t fork_ = NewEvent(), join_ = NewEvent(), ready_ = NewEvent(), taken_ = NewEvent();
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatrixLayout_t layout_ = nullptr;
  cublasLtMatmulDesc_t plain_ = nullptr, transposed_ = nullptr;
  cudaGraphExec_t exec_ = nullptr;
  float *x_, *h_, *w_, *g_, *y_;
  float *input_, *output_;
  char *main_workspace_, *side_workspace_;
  void* extra_ = nullptr;
  std::vector<std::string> lines_;
};

std::vector<float> RunSteps(Mode mode, uint64_t seed, bool graph, int steps, Bug bug = Bug::kNone) {
  Reset(With(mode, seed));
  Step step(bug);
  if (graph) step.Capture();
  for (int i = 0; i < steps; ++i) step.Run(i);
  return step.Read();
}

TEST(Step, ReplayIsTheEagerRunBitForBit) {
  const std::vector<float> eager = RunSteps(Mode::kEarly, 0, false, 3);
  EXPECT_NE(RunSteps(Mode::kEarly, 0, false, 2), eager);
  EXPECT_EQ(RunSteps(Mode::kLate, 1, false, 3), eager);
  for (uint64_t seed = 0; seed < 4; ++seed) {
    EXPECT_EQ(RunSteps(Mode::kLate, seed, true, 3), eager);
    EXPECT_EQ(RunSteps(Mode::kEarly, seed, true, 3), eager);
  }
  EXPECT_TRUE(TakeFindings().empty());
  EXPECT_EQ(CountLive().total(), 0u);
}

TEST(Step, CapturedEdges) {
  Reset();
  Step step(Bug::kNone);
  step.Capture();
  ASSERT_EQ(step.lines().size(), 4u);
  EXPECT_EQ(step.lines()[1], "cublasLtMatmul <- cublasLtMatmul");
  EXPECT_EQ(step.lines()[3], "cublasLtMatmul <- cublasLtMatmul, cublasLtMatmul");
}

TEST(Step, WhatIsLeftOutIsFound) {
  const auto found = [](Mode mode, Bug bug, bool graph) {
    std::string text;
    try {
      RunSteps(mode, 3, graph, 2, bug);
    } catch (const std::runtime_error& e) {
      text = std::string(e.what()) + "; ";
    }
    text += Findings();
    Reset();
    return text;
  };
  struct Case {
    Bug bug;
    bool graph;
    const char* finding;
  };
  for (const Mode mode : {Mode::kLate, Mode::kEarly}) {
    for (const Case& c : std::vector<Case>{
             {Bug::kNone, false, ""},
             {Bug::kNone, true, ""},
             {Bug::kNoFork, false, "stream race"},
             // The side stream is not captured then: it works on what is not there.
             {Bug::kNoFork, true, mode == Mode::kLate ? "an event from before" : "nobody wrote"},
             {Bug::kNoJoin, true, "not joined"},
             {Bug::kOneWorkspace, false, "stream race"},
             {Bug::kOneWorkspace, true, "stream race"},
             {Bug::kAliased, false, "stream race"},
             {Bug::kAliased, true, "stream race"},
             {Bug::kMallocInCapture, true, "cudaMalloc while a stream is captured"}}) {
      const std::string text = found(mode, c.bug, c.graph);
      SCOPED_TRACE(testing::Message() << "bug " << static_cast<int>(c.bug) << ": " << text);
      EXPECT_NE(text.find(c.finding), std::string::npos);
      EXPECT_EQ(text.empty(), c.bug == Bug::kNone);
    }
  }
  // Without the join, main reads what side has not written yet; or the two race.
  EXPECT_NE(found(Mode::kLate, Bug::kNoJoin, false), "");
  EXPECT_NE(found(Mode::kEarly, Bug::kNoJoin, false), "");
}

// No check of memory sees the host's page-locked buffers; the numbers do, as the device is as late
// as it may be.
TEST(Step, TheHostTooEarlyIsSeenInTheNumbers) {
  for (const bool graph : {false, true}) {
    const std::vector<float> right = RunSteps(Mode::kLate, 0, graph, 3);
    EXPECT_NE(RunSteps(Mode::kLate, 0, graph, 3, Bug::kInputTooEarly), right);
    EXPECT_NE(RunSteps(Mode::kLate, 0, graph, 3, Bug::kReadTooEarly), right);
  }
}

}  // namespace
}  // namespace fake_cuda
