// Streams, events, threads and errors: a right use passes, a wrong one is refused or found.
#include <thread>

#include "tests/fake_cuda/test_util.h"

namespace fake_cuda {
namespace {

TEST(Streams, WorkIsLateOrEarly) {
  for (const Mode mode : {Mode::kLate, Mode::kEarly}) {
    Reset(With(mode));
    const cudaStream_t stream = NewStream();
    const cudaEvent_t event = NewEvent();
    EXPECT_ERROR(cudaSuccess, cudaEventQuery(event));  // "an empty set of work"
    OK(LaunchNothing(stream));
    OK(cudaEventRecord(event, stream));
    const cudaError_t expected = mode == Mode::kLate ? cudaErrorNotReady : cudaSuccess;
    EXPECT_EQ(cudaStreamQuery(stream), expected);
    EXPECT_EQ(cudaEventQuery(event), expected);
    EXPECT_ERROR(cudaSuccess, cudaGetLastError());  // not ready is no error
    OK(cudaEventSynchronize(event));
    OK(cudaStreamQuery(stream));
    Counters counters = TakeCounters();
    EXPECT_EQ(counters.work["Nothing"], 1u);
    EXPECT_EQ(counters.host_waits, 1u);
    EXPECT_TRUE(TakeCounters().work.empty());
    OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(stream));
  }
}

// A long chain is no deep recursion.
TEST(Streams, TakeMuchWork) {
  Reset();
  const cudaStream_t stream = NewStream();
  const cudaEvent_t event = NewEvent();
  for (int i = 0; i < 200000; ++i) OK(cudaEventRecord(event, stream));
  OK(cudaStreamSynchronize(stream));
  for (int i = 0; i < 200000; ++i) OK(cudaEventRecord(event, stream));
  Reset();  // drops them
  OK(cudaStreamSynchronize(stream));
  OK(cudaEventDestroy(event));
  OK(cudaStreamDestroy(stream));
}

TEST(Streams, AreOrderedByEventsAlone) {
  for (const Mode mode : {Mode::kLate, Mode::kEarly}) {
    for (const bool waits : {true, false}) {
      Reset(With(mode));
      const cudaStream_t a = NewStream(), b = NewStream();
      const cudaEvent_t event = NewEvent();
      char* const p = New<char>(4);
      OK(cudaMemsetAsync(p, 1, 4, a));
      OK(cudaEventRecord(event, a));
      if (waits) {
        OK(cudaStreamWaitEvent(b, event, 0));
      }
      cudaMemsetAsync(p, 2, 4, b);
      EXPECT_EQ(cudaDeviceSynchronize(), waits ? cudaSuccess : cudaErrorLaunchFailure);
      EXPECT_EQ(Findings().find("stream race") != std::string::npos, !waits);
      cudaEventDestroy(event);
      cudaStreamDestroy(a);
      cudaStreamDestroy(b);
    }
  }
}

// "use the most recently captured state at the time of the API call"
TEST(Streams, WaitForTheEventAsItWasThen) {
  Reset();
  const cudaStream_t a = NewStream(), b = NewStream();
  const cudaEvent_t event = NewEvent();
  char *const p = New<char>(4), *const q = New<char>(4);
  OK(cudaMemsetAsync(p, 1, 4, a));
  OK(cudaEventRecord(event, a));
  OK(cudaStreamWaitEvent(b, event, 0));
  OK(cudaMemsetAsync(q, 1, 4, a));
  OK(cudaEventRecord(event, a));  // b waits for the first recording
  OK(cudaMemsetAsync(p, 2, 4, b));
  OK(cudaStreamSynchronize(b));
  EXPECT_ERROR(cudaErrorNotReady, cudaEventQuery(event));
  OK(cudaMemsetAsync(q, 2, 4, b));
  EXPECT_ERROR(cudaErrorLaunchFailure, cudaDeviceSynchronize());
  EXPECT_FINDING("stream race");
  cudaEventDestroy(event);
  cudaStreamDestroy(a);
  cudaStreamDestroy(b);
}

// "the function will return immediately"
TEST(Streams, AreDestroyedWithoutAWait) {
  Reset();
  const cudaStream_t a = NewStream(), b = NewStream();
  char* const p = New<char>(4);
  OK(cudaMemsetAsync(p, 1, 4, a));
  OK(cudaStreamDestroy(a));
  EXPECT_EQ(TakeCounters().work["memset"], 0u);
  OK(cudaMemsetAsync(p, 2, 4, b));
  EXPECT_ERROR(cudaErrorLaunchFailure, cudaDeviceSynchronize());
  EXPECT_FINDING("stream race");
  cudaStreamDestroy(b);
}

TEST(Streams, ThatAreGoneAreRefused) {
  Reset();
  const cudaStream_t stream = NewStream();
  const cudaEvent_t event = NewEvent();
  OK(cudaEventDestroy(event));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaEventRecord(event, stream));
  OK(cudaStreamDestroy(stream));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaStreamSynchronize(stream));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaStreamDestroy(stream));
}

// The legacy stream and blocking streams wait for each other; non-blocking ones do not.
TEST(Streams, TheLegacyOneIsOrderedWithBlockingOnes) {
  for (const unsigned flags : {cudaStreamDefault, cudaStreamNonBlocking}) {
    Reset();
    cudaStream_t stream = nullptr;
    OK(cudaStreamCreateWithFlags(&stream, flags));
    char* const p = New<char>(4);
    OK(cudaMemsetAsync(p, 1, 4, stream));
    OK(cudaMemset(p, 2, 4));
    OK(cudaMemsetAsync(p, 3, 4, stream));
    EXPECT_EQ(cudaDeviceSynchronize(),
              flags == cudaStreamDefault ? cudaSuccess : cudaErrorLaunchFailure);
    EXPECT_EQ(Findings().empty(), flags == cudaStreamDefault);
    cudaStreamDestroy(stream);
  }
}

TEST(Events, HaveTimes) {
  Reset();
  const cudaStream_t stream = NewStream();
  const cudaEvent_t begin = NewEvent(cudaEventDefault), end = NewEvent(cudaEventDefault),
                    untimed = NewEvent();
  float ms = -1;
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&ms, begin, end));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaGetLastError());
  OK(cudaEventRecord(untimed, stream));
  OK(cudaEventRecord(begin, stream));
  for (int i = 0; i < 3; ++i) OK(LaunchNothing(stream));
  OK(cudaEventRecord(end, stream));
  EXPECT_ERROR(cudaErrorNotReady, cudaEventElapsedTime(&ms, begin, end));
  OK(cudaEventSynchronize(end));
  OK(cudaEventElapsedTime(&ms, begin, end));
  EXPECT_NEAR(ms, 0.003, 1e-6);
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&ms, untimed, end));
  for (const cudaEvent_t e : {begin, end, untimed}) OK(cudaEventDestroy(e));
  OK(cudaStreamDestroy(stream));
}

// "Sets device as the current device for the calling host thread."
TEST(Devices, AreSetInEachThread) {
  Options options;
  options.devices = 2;
  Reset(options);
  OK(cudaSetDevice(1));
  const cudaStream_t stream = NewStream();
  const cudaEvent_t event = NewEvent();
  OK(LaunchNothing(stream));
  std::thread([&] {
    int device = -1;
    OK(cudaGetDevice(&device));
    EXPECT_EQ(device, 0);
    EXPECT_EQ(LaunchNothing(stream), cudaErrorInvalidResourceHandle);
    EXPECT_FINDING("a device that is not the thread's");
    const cudaEvent_t other = NewEvent();
    EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaEventRecord(other, stream));
    OK(cudaEventDestroy(other));
    EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaGetLastError());
    OK(cudaSetDevice(1));
    OK(LaunchNothing(stream));
  }).join();
  OK(cudaEventRecord(event, stream));
  OK(cudaEventSynchronize(event));
  OK(cudaEventDestroy(event));
  OK(cudaStreamDestroy(stream));
}

// "This leaves the process in an inconsistent state and any further CUDA work will return the same
// error."
TEST(Errors, OfTheDeviceStick) {
  Reset();
  const size_t before = CountLive().total();
  char* const p = New<char>(8);
  const cudaStream_t stream = NewStream();
  OK(cudaMemsetAsync(p, 0, 16, stream));
  EXPECT_ERROR(cudaSuccess, cudaPeekAtLastError());  // nobody has waited
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaStreamSynchronize(stream));
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaMemsetAsync(p, 0, 8, stream));
  void* q = nullptr;
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaMalloc(&q, 8));
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaGetLastError());
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaGetLastError());
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaFree(p));
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaStreamDestroy(stream));
  EXPECT_EQ(CountLive().total(), before);  // cleaned up all the same
}

// A launch reports what was never asked for.
TEST(Errors, OfEarlierCallsComeOutAtALaunch) {
  Reset();
  const cudaStream_t stream = NewStream();
  void* p = nullptr;
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaMalloc(&p, size_t{1} << 60));
  EXPECT_EQ(LaunchNothing(stream), cudaErrorMemoryAllocation);
  EXPECT_EQ(LaunchNothing(stream), cudaSuccess);
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaMalloc(&p, size_t{1} << 60));
  std::thread([] { EXPECT_ERROR(cudaSuccess, cudaGetLastError()); }).join();  // each thread its own
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaPeekAtLastError());
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaGetLastError());
  OK(cudaStreamDestroy(stream));
}

TEST(Errors, OfLaunchesThatNoDeviceTakes) {
  Reset();
  const cudaStream_t stream = NewStream();
  for (const auto& [grid, block] : std::vector<std::pair<simt::Dim, simt::Dim>>{
           {{0}, {32}}, {{1}, {1025}}, {{1}, {1, 1, 65}}, {{1, 65536}, {32}}}) {
    EXPECT_EQ(LaunchNothing(stream, grid, block), cudaErrorInvalidConfiguration);
  }
  EXPECT_ERROR(cudaErrorInvalidConfiguration, cudaGetLastError());
  OK(LaunchNothing(stream, {1, 65535}, {1}));
  Reset();
  OK(cudaStreamDestroy(stream));
}

TEST(Machines, WithoutADriver) {
  for (const Driver driver : {Driver::kNone, Driver::kTooOld}) {
    Options options;
    options.driver = driver;
    Reset(options);
    int version = -1, count = -1, runtime = 0;
    OK(cudaRuntimeGetVersion(&runtime));
    OK(cudaDriverGetVersion(&version));
    if (driver == Driver::kNone) {
      EXPECT_EQ(version, 0);
    }
    EXPECT_LT(version, runtime);
    EXPECT_ERROR(cudaErrorInsufficientDriver, cudaGetDeviceCount(&count));
    EXPECT_EQ(count, 0);
    EXPECT_ERROR(cudaErrorInsufficientDriver, cudaFree(nullptr));
    EXPECT_STREQ(cudaGetErrorString(cudaErrorInsufficientDriver),
                 "CUDA driver version is insufficient for CUDA runtime version");
  }
}

TEST(Machines, WithoutADevice) {
  Options options;
  options.devices = 0;
  Reset(options);
  int count = -1;
  EXPECT_ERROR(cudaErrorNoDevice, cudaGetDeviceCount(&count));
  EXPECT_EQ(count, 0);
  EXPECT_ERROR(cudaErrorNoDevice, cudaSetDevice(0));
}

TEST(Machines, WithAnOldChip) {
  Options options;
  options.major = 7;
  options.minor = 5;
  Reset(options);
  cudaDeviceProp p;
  OK(cudaGetDeviceProperties(&p, 0));
  EXPECT_EQ(p.major, 7);
  EXPECT_EQ(p.minor, 5);
  EXPECT_EQ(LaunchNothing(nullptr), cudaErrorNoKernelImageForDevice);
  options.major = 8, options.minor = 0;
  Reset(options);
  int shared = 0;
  OK(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  EXPECT_EQ(shared, 163 << 10);
  OK(LaunchNothing(nullptr));
  EXPECT_ERROR(cudaErrorInvalidDevice, cudaGetDeviceProperties(&p, 1));
}

}  // namespace
}  // namespace fake_cuda
