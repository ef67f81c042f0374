// Attention without (B, H, T, T) in memory; the contract is ops/attention.h.
#ifndef BACKENDS_CUDA_ATTENTION_LAUNCH_H_
#define BACKENDS_CUDA_ATTENTION_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

struct AttentionArgs {
  const BFloat16* qkv;       // (B, T, 3D)
  const int32_t* query_ids;  // (B, Q), or null: Q = T
  BFloat16* y;               // (B, Q, D)
  float* lse;                // (B, H, Q)
  int batch, tokens, queries, heads, head_width;
};
// Whether Attention() takes the shape: T up to 272, head widths 32, 48, 64 and 80.
bool HasAttention(int tokens, int head_width);
int Attention(const AttentionArgs& args, Stream stream);  // a cudaError_t

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_ATTENTION_LAUNCH_H_
