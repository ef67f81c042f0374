// What the tests of this folder share.
#ifndef TESTS_FAKE_CUDA_TEST_UTIL_H_
#define TESTS_FAKE_CUDA_TEST_UTIL_H_

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/fake_cuda/control.h"
#include "tests/simt/emulator.h"

namespace fake_cuda {

#define OK(call) EXPECT_EQ(static_cast<int>(call), 0) << #call
#define EXPECT_ERROR(error, call) EXPECT_STREQ(cudaGetErrorName(call), #error) << #call

inline Options With(Mode mode, uint64_t seed = 0) {
  Options options;
  options.mode = mode;
  options.seed = seed;
  return options;
}

// All findings in one text.
inline std::string Findings() {
  std::string text;
  for (const std::string& finding : TakeFindings()) text += finding + "; ";
  return text;
}
// Of the last call, which must be the only one.
#define EXPECT_FINDING(part) EXPECT_NE(Findings().find(part), std::string::npos)

template <typename T>
T* New(size_t count) {
  void* p = nullptr;
  EXPECT_EQ(cudaMalloc(&p, count * sizeof(T)), cudaSuccess);
  return static_cast<T*>(p);
}
template <typename T>
T* NewHost(size_t count) {
  void* p = nullptr;
  EXPECT_EQ(cudaMallocHost(&p, count * sizeof(T)), cudaSuccess);
  return static_cast<T*>(p);
}
inline cudaStream_t NewStream() {
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  return stream;
}
inline cudaEvent_t NewEvent(unsigned flags = cudaEventDisableTiming) {
  cudaEvent_t event = nullptr;
  EXPECT_EQ(cudaEventCreateWithFlags(&event, flags), cudaSuccess);
  return event;
}

inline float FromBf16(uint16_t x) {
  const uint32_t bits = uint32_t{x} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
inline uint16_t ToBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// A kernel that touches no memory.
inline int LaunchNothing(cudaStream_t stream, simt::Dim grid = {1}, simt::Dim block = {32}) {
  return simt::Submit({"Nothing", [] {}, grid, block, 0, stream});
}

}  // namespace fake_cuda

#endif  // TESTS_FAKE_CUDA_TEST_UTIL_H_
