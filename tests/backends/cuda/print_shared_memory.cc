// Prints how much dynamic shared memory the kernels ask for whose launches need leave for it, for
// kernel_report.py:
//
//   facts        : dynamic shared memory of '_ZN...': 55296 bytes
//
// nvcc's host code runs on the functions of CUDA's runtime below, which note what it asks for and
// start nothing. It needs no GPU.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <map>
#include <string>

#include "backends/cuda/attention_launch.h"

namespace {

// By the address that the host knows a kernel by.
std::map<const void*, std::string>& Names() {
  static auto* names = new std::map<const void*, std::string>;
  return *names;
}
std::map<std::string, int>& Sizes() {
  static auto* sizes = new std::map<std::string, int>;
  return *sizes;
}

}  // namespace

// Of CUDA's crt/host_runtime.h, called before main and by each launch.
extern "C" {
void** __cudaRegisterFatBinary(void*) { return nullptr; }
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, uint3*, uint3*,
                            dim3*, dim3*, int*) {
  Names()[host] = name;
}
unsigned __cudaPushCallConfiguration(dim3, dim3, size_t, cudaStream_t) { return 0; }
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, size_t*, void*) { return cudaErrorNotReady; }
cudaError_t __cudaGetKernel(cudaKernel_t*, const void*) { return cudaSuccess; }
cudaError_t __cudaLaunchKernel(cudaKernel_t, dim3, dim3, void**, size_t, cudaStream_t) {
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) Sizes()[Names()[kernel]] = value;
  return cudaSuccess;
}
}

namespace backends::cuda {
namespace {

template <typename T>
void StartPlain() {
  for (int width = 32; width <= 256; width *= 2) {
    AttentionArgs<T> forward = {};
    forward.batch = forward.heads = 1;
    forward.tokens = forward.queries = 50;
    forward.head_width = width;
    PlainAttention(forward, nullptr);
    AttentionGradArgs<T> backward = {};
    backward.batch = backward.heads = 1;
    backward.tokens = 50;
    backward.head_width = width;
    PlainAttentionGrad(backward, nullptr);
  }
}

// Each instance of the tensor-core kernels.
void StartAttention() {
  for (int width = 32; width <= 80; width += 16) {
    for (int tokens = 1; tokens <= 272; ++tokens) {
      AttentionArgs<BFloat16> forward = {};
      forward.batch = forward.heads = 1;
      forward.tokens = forward.queries = tokens;
      forward.head_width = width;
      Attention(forward, nullptr);
      if (!HasAttentionGrad(tokens, width)) continue;
      AttentionGradArgs<BFloat16> backward = {};
      backward.batch = backward.heads = 1;
      backward.tokens = tokens;
      backward.head_width = width;
      AttentionGrad(backward, nullptr);
    }
  }
}

}  // namespace
}  // namespace backends::cuda

int main() {
  backends::cuda::StartPlain<float>();
  backends::cuda::StartPlain<backends::cuda::BFloat16>();
  backends::cuda::StartAttention();
  for (const auto& [name, bytes] : Sizes()) {
    std::printf("facts        : dynamic shared memory of '%s': %d bytes\n", name.c_str(), bytes);
  }
  return 0;
}
