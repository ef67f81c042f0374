// Memory and copies: a right use passes, a wrong one is refused or found.
#include "tests/fake_cuda/test_util.h"

namespace fake_cuda {
namespace {

TEST(Memory, EndsAtASetSize) {
  Options options;
  options.memory_bytes = 1000;
  Reset(options);
  void* first = nullptr;
  void* second = &first;
  OK(cudaMalloc(&first, 600));
  size_t free = 0, total = 0;
  OK(cudaMemGetInfo(&free, &total));
  EXPECT_EQ(free, 400u);
  EXPECT_EQ(total, 1000u);
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaMalloc(&second, 401));
  EXPECT_EQ(second, nullptr);
  // No lost context, and remembered until somebody asks.
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaGetLastError());
  EXPECT_ERROR(cudaSuccess, cudaGetLastError());
  OK(cudaMalloc(&second, 400));
  OK(cudaFree(first));
  OK(cudaFree(second));
  EXPECT_EQ(CountLive().total(), 0u);
}

TEST(Memory, OfEachDeviceIsItsOwn) {
  Options options;
  options.memory_bytes = 1000;
  options.devices = 2;
  Reset(options);
  char* const first = New<char>(1000);
  OK(cudaSetDevice(1));
  char* const second = New<char>(1000);
  cudaPointerAttributes attributes;
  OK(cudaPointerGetAttributes(&attributes, second + 10));
  EXPECT_EQ(attributes.type, cudaMemoryTypeDevice);
  EXPECT_EQ(attributes.device, 1);
  OK(cudaFree(first));
  OK(cudaFree(second));
  EXPECT_ERROR(cudaErrorInvalidDevice, cudaSetDevice(2));
}

TEST(Memory, OfTheHostEndsToo) {
  Options options;
  options.host_bytes = 100;
  Reset(options);
  char* const p = NewHost<char>(60);
  void* q = nullptr;
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaMallocHost(&q, 41));
  cudaPointerAttributes attributes;
  OK(cudaPointerGetAttributes(&attributes, p + 59));
  EXPECT_EQ(attributes.type, cudaMemoryTypeHost);
  OK(cudaPointerGetAttributes(&attributes, &q));
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
  OK(cudaFreeHost(p));
  EXPECT_EQ(CountLive().total(), 0u);
}

TEST(Memory, IsFreedOnce) {
  Reset();
  OK(cudaFree(nullptr));
  OK(cudaFreeHost(nullptr));
  char* const p = New<char>(8);
  EXPECT_ERROR(cudaErrorInvalidValue, cudaFree(p + 1));
  OK(cudaFree(p));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaFree(p));
  EXPECT_FINDING("cudaFree of what cudaMalloc did not give");
}

TEST(MemoryDeathTest, HostCodeCannotTouchIt) {
  Reset();
  volatile char* const p = New<char>(8);
  EXPECT_DEATH(*p = 1, "device memory");
  OK(cudaFree(const_cast<char*>(p)));
}

TEST(Memory, UnwrittenIsFoundWhenRead) {
  Reset();
  char* const p = New<char>(8);
  char host[8];
  OK(cudaMemset(p, 0, 7));
  OK(cudaMemcpy(host, p, 7, cudaMemcpyDeviceToHost));
  EXPECT_ERROR(cudaErrorLaunchFailure, cudaMemcpy(host, p, 8, cudaMemcpyDeviceToHost));
  EXPECT_FINDING("nobody");
}

TEST(Memory, PastTheEndIsFound) {
  Reset();
  char* const p = New<char>(8);
  EXPECT_EQ(cudaMemset(p, 0, 9), cudaSuccess);  // it comes to the device later
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaDeviceSynchronize());
  EXPECT_FINDING("out of bounds");
}

// "this API may perform implicit synchronization": may.
TEST(Memory, FreedWhileWorkUsesItIsFound) {
  for (const bool waits : {true, false}) {
    Reset();
    char* const p = New<char>(8);
    const cudaStream_t stream = NewStream();
    OK(cudaMemsetAsync(p, 0, 8, stream));
    if (waits) {
      OK(cudaStreamSynchronize(stream));
    }
    OK(cudaFree(p));
    EXPECT_EQ(cudaStreamSynchronize(stream), waits ? cudaSuccess : cudaErrorIllegalAddress);
    EXPECT_EQ(Findings().find("freed") != std::string::npos, !waits);
    cudaStreamDestroy(stream);
  }
}

TEST(Memory, PageLockedFreedWhileACopyReadsItIsFound) {
  Reset();
  char* const p = New<char>(8);
  char* const host = NewHost<char>(8);
  const cudaStream_t stream = NewStream();
  OK(cudaMemcpyAsync(p, host, 8, cudaMemcpyHostToDevice, stream));
  OK(cudaFreeHost(host));
  EXPECT_ERROR(cudaErrorIllegalAddress, cudaStreamSynchronize(stream));
  EXPECT_FINDING("page-locked memory that has been freed");
  cudaStreamDestroy(stream);
}

// Page-locked memory is read when the stream comes to the copy; of pageable memory a copy is taken.
TEST(Copies, ReadPageLockedMemoryLate) {
  for (const bool pinned : {true, false}) {
    Reset();
    char* const p = New<char>(1);
    char pageable = 1;
    char* const locked = NewHost<char>(1);
    char* const host = pinned ? locked : &pageable;
    const cudaStream_t stream = NewStream();
    *host = 1;
    OK(cudaMemcpyAsync(p, host, 1, cudaMemcpyHostToDevice, stream));
    *host = 2;  // too early, if it is page-locked
    char result = 0;
    OK(cudaMemcpyAsync(&result, p, 1, cudaMemcpyDeviceToHost, stream));  // pageable: waits
    EXPECT_EQ(result, pinned ? 2 : 1);
    OK(cudaStreamDestroy(stream));
    OK(cudaFreeHost(locked));
    OK(cudaFree(p));
  }
}

TEST(Copies, IntoPageLockedMemoryAreThereAfterAWait) {
  Reset();
  char* const p = New<char>(1);
  char* const host = NewHost<char>(1);
  *host = 1;
  const cudaStream_t stream = NewStream();
  OK(cudaMemsetAsync(p, 7, 1, stream));
  OK(cudaMemcpyAsync(host, p, 1, cudaMemcpyDeviceToHost, stream));
  EXPECT_EQ(*host, 1);
  OK(cudaStreamSynchronize(stream));
  EXPECT_EQ(*host, 7);
  EXPECT_EQ(TakeCounters().work["copy DtoH"], 1u);
  OK(cudaStreamDestroy(stream));
  OK(cudaFreeHost(host));
  OK(cudaFree(p));
}

// The copy of pageable memory to the device is staged, not done: nothing orders it before another
// stream's work.
TEST(Copies, OfPageableMemoryOrderNoOtherStream) {
  Reset();
  char* const p = New<char>(8);
  const char host[8] = {};
  const cudaStream_t a = NewStream(), b = NewStream();
  OK(cudaMemcpyAsync(p, host, 8, cudaMemcpyHostToDevice, a));
  OK(cudaMemsetAsync(p, 1, 8, b));
  EXPECT_ERROR(cudaErrorLaunchFailure, cudaDeviceSynchronize());
  EXPECT_FINDING("stream race");
  cudaStreamDestroy(a);
  cudaStreamDestroy(b);
}

// "For transfers from device memory to device memory, no host-side synchronization is performed."
TEST(Copies, WithinTheDeviceDoNotWait) {
  for (const bool waits : {true, false}) {
    Reset();
    char *const p = New<char>(8), *const q = New<char>(8);
    OK(cudaMemset(p, 1, 8));
    OK(cudaMemcpy(q, p, 8, cudaMemcpyDeviceToDevice));
    if (waits) {
      OK(cudaStreamSynchronize(nullptr));
    }
    const cudaStream_t stream = NewStream();
    OK(cudaMemsetAsync(q, 2, 8, stream));
    EXPECT_EQ(cudaDeviceSynchronize(), waits ? cudaSuccess : cudaErrorLaunchFailure);
    EXPECT_EQ(Findings().find("stream race") != std::string::npos, !waits);
    cudaStreamDestroy(stream);
  }
}

TEST(Copies, HaveADirectionAndDoNotOverlap) {
  Reset();
  char* const p = New<char>(8);
  char host[8] = {};
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpy(p, host, 8, cudaMemcpyDeviceToHost));
  EXPECT_FINDING("direction");
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpy(p, p + 1, 4, cudaMemcpyDefault));
  EXPECT_FINDING("overlap");
  OK(cudaMemcpy(p, host, 8, cudaMemcpyDefault));
  OK(cudaMemcpy(p, p + 4, 4, cudaMemcpyDefault));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemset(host, 0, 8));
  OK(cudaFree(p));
}

}  // namespace
}  // namespace fake_cuda
