#include "tests/gpu_suite/probe.h"

#include <stdexcept>

#include "tests/gpu_suite/probe_kernels.h"

namespace gpu_suite {

const std::vector<Section>& Sections() {
  static const std::vector<Section> sections = {
      {"machine", "the chip, the driver, the libraries", AskMachine},
      {"wrappers", "mma, ldmatrix, cp.async, sums over a warp", AskWrappers},
      {"numbers", "functions of floats, rounding to bf16", AskNumbers},
      {"products", "cuBLASLt: what it has, how exact, how repeatable", AskProducts},
      {"refused_products", "cuBLASLt: what it refuses", AskRefusedProducts},
      {"cudnn", "cuDNN: its graphs, planned and run", AskCudnn},
      {"errors", "errors and their texts", AskErrors},
      {"memory", "allocating and freeing", AskMemory},
      {"copies", "when copies read and return", AskCopies},
      {"streams", "which streams wait for which", AskStreams},
      {"events", "what an event stands for", AskEvents},
      {"captures", "graphs and their replays", AskCaptures},
      {"refused_captures", "what a capture forbids", AskRefusedCaptures},
      // The last ones lose the context.
      {"misaligned", "a misaligned access", AskMisalignedAccess},
      {"illegal", "an access outside all memory", AskIllegalAddress},
  };
  return sections;
}

void Must(int error, const std::string& what) {
  if (error != cudaSuccess) throw std::runtime_error(what + ": " + Name(error));
}

cudaStream_t NewStream(unsigned flags) {
  cudaStream_t stream = nullptr;
  Must(cudaStreamCreateWithFlags(&stream, flags), "cudaStreamCreateWithFlags");
  return stream;
}
cudaEvent_t NewEvent(unsigned flags) {
  cudaEvent_t event = nullptr;
  Must(cudaEventCreateWithFlags(&event, flags), "cudaEventCreateWithFlags");
  return event;
}
float* NewPinned(size_t count) {
  void* p = nullptr;
  Must(cudaHostAlloc(&p, count * sizeof(float), cudaHostAllocDefault), "cudaHostAlloc");
  return static_cast<float*>(p);
}

namespace {

// Every spin has a place of its own to write to, so that two at a time are no race.
constexpr int kPlaces = 64;
float* Places() {
  static float* const places = [] {
    void* p = nullptr;
    Must(cudaMalloc(&p, kPlaces * sizeof(float)), "cudaMalloc");
    Must(cudaMemset(p, 0, kPlaces * sizeof(float)), "cudaMemset");
    return static_cast<float*>(p);
  }();
  return places;
}

}  // namespace

void WarmUp() {
  Must(AddOne(Places(), 1, Places() + 1, nullptr), "AddOne");
  Must(Nothing(1, 1, 32, 1, 0, nullptr), "Nothing");
  StartSpinning(nullptr);
  Must(cudaDeviceSynchronize(), "waiting");
}

void StartSpinning(cudaStream_t stream) {
  static int place = 0;
  Must(Spin(Places() + place++ % kPlaces, stream), "Spin");
}

}  // namespace gpu_suite
