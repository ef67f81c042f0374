// Attention and its gradient without (B, H, T, T) in memory; the contract is ops/attention.h.
#ifndef BACKENDS_CUDA_ATTENTION_LAUNCH_H_
#define BACKENDS_CUDA_ATTENTION_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// T is float or BFloat16, D = heads · head_width. Pointers are 16-byte aligned; no output may lie
// over an input.
template <typename T>
struct AttentionArgs {
  const T* qkv;              // (B, T, 3D)
  const int32_t* query_ids;  // (B, Q), or null: Q = T
  T* y;                      // (B, Q, D)
  float* lse;                // (B, H, Q)
  int batch, tokens, queries, heads, head_width;
  FaultSite site;  // where an id outside [0, T) is reported, as of input 1
};

template <typename T>
struct AttentionGradArgs {
  const T* qkv;      // (B, T, 3D)
  const T* y;        // (B, T, D)
  const float* lse;  // (B, H, T)
  const T* dy;       // (B, T, D)
  T* dqkv;           // (B, T, 3D)
  float* scratch;    // PlainAttentionGradScratch() floats; AttentionGrad needs none
  int batch, tokens, heads, head_width;
};

// All of these return a cudaError_t.

// On tensor cores, in bf16, probabilities and ds rounded to bf16 before they enter products: head
// widths 32, 48, 64 and 80, T up to 272; for the gradient up to 80.
// `shared_bytes` is what a block may have (GpuProperties).
bool HasAttention(int tokens, int head_width, size_t shared_bytes);
int Attention(const AttentionArgs<BFloat16>& args, Stream stream);
bool HasAttentionGrad(int tokens, int head_width);
int AttentionGrad(const AttentionGradArgs<BFloat16>& args, Stream stream);

// In f32 whatever the storage: any T, head widths up to 256.
bool HasPlainAttention(int head_width);
template <typename T>
int PlainAttention(const AttentionArgs<T>& args, Stream stream);
template <typename T>
int PlainAttentionGrad(const AttentionGradArgs<T>& args, Stream stream);
size_t PlainAttentionGradShared(int head_width);  // bytes that a block takes
size_t PlainAttentionGradScratch(int batch, int tokens, int heads);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_ATTENTION_LAUNCH_H_
