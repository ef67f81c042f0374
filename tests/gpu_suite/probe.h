// gpu_probe's questions. The same code runs on a GPU, where its answers are written down, and on
// tests/fake_cuda with tests/simt, which must then give the same ones (probe_test.cc).
#ifndef TESTS_GPU_SUITE_PROBE_H_
#define TESTS_GPU_SUITE_PROBE_H_

#include <cuda_runtime_api.h>

#include <string>
#include <vector>

#include "tests/gpu_suite/facts.h"

namespace gpu_suite {

// Questions that belong together. Each section finds a device that nobody has used yet, because it
// runs in a process of its own (on the fakes, after a Reset): some end with a lost context.
struct Section {
  const char* name;
  const char* what;  // for people
  void (*ask)(Facts* facts);
};
const std::vector<Section>& Sections();

// The name of an error.
inline std::string Name(int error) { return cudaGetErrorName(static_cast<cudaError_t>(error)); }

// What a section cannot go on without: throws std::runtime_error that names `what`.
void Must(int error, const std::string& what);

// Device memory for a section's while.
template <typename T>
class Array {
 public:
  explicit Array(size_t count) : count_(count) {
    void* p = nullptr;
    Must(cudaMalloc(&p, count * sizeof(T)), "cudaMalloc");
    data_ = static_cast<T*>(p);
  }
  explicit Array(const std::vector<T>& values) : Array(values.size()) { Set(values); }
  Array(const Array&) = delete;
  ~Array() { cudaFree(data_); }

  T* data() const { return data_; }
  size_t size() const { return count_; }
  // Before all later work, whatever its stream.
  void Set(const std::vector<T>& values) {
    Must(cudaMemcpy(data_, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
         "copying in");
    Must(cudaDeviceSynchronize(), "waiting");
  }
  // After all work.
  std::vector<T> Get() const {
    std::vector<T> values(count_);
    Must(cudaDeviceSynchronize(), "waiting");
    Must(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost),
         "copying out");
    return values;
  }

 private:
  size_t count_;
  T* data_ = nullptr;
};

// A stream that does not wait for the legacy one, or does (`flags` cudaStreamDefault).
cudaStream_t NewStream(unsigned flags = cudaStreamNonBlocking);
cudaEvent_t NewEvent(unsigned flags = cudaEventDisableTiming);
// Page-locked, never freed.
float* NewPinned(size_t count);
// Loads the kernels that the sections below start, which may wait for the device.
void WarmUp();
// Work that takes some ten milliseconds, after WarmUp().
void StartSpinning(cudaStream_t stream);

// The sections, by file.
void AskMachine(Facts* facts);
void AskWrappers(Facts* facts);
void AskNumbers(Facts* facts);
void AskProducts(Facts* facts);
void AskRefusedProducts(Facts* facts);
void AskCudnn(Facts* facts);
void AskErrors(Facts* facts);
void AskMisalignedAccess(Facts* facts);
void AskIllegalAddress(Facts* facts);
void AskMemory(Facts* facts);
void AskCopies(Facts* facts);
void AskStreams(Facts* facts);
void AskEvents(Facts* facts);
void AskCaptures(Facts* facts);
void AskRefusedCaptures(Facts* facts);

}  // namespace gpu_suite

#endif  // TESTS_GPU_SUITE_PROBE_H_
