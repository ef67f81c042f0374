// EmbeddingDrop on the device; the contract is ops/droppos/embedding_drop.h. Its gradient is
// MaskedRowSum (backends/cuda/sum_rows_launch.h).
#ifndef BACKENDS_CUDA_DROPPOS_EMBEDDING_DROP_LAUNCH_H_
#define BACKENDS_CUDA_DROPPOS_EMBEDDING_DROP_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda::droppos {

// T is float or BFloat16; tensors are 16-byte aligned; y may lie over tokens. No scratch. Faults
// are of inputs 3 (ids), 4 (an image's number of dropped positions), 5 (ids_dropped) and 6
// (order); where there is one, the token gets no position.
template <typename T>
struct EmbeddingDropArgs {
  const T* tokens;             // (images, visible, cols)
  const T* table;              // (positions, cols)
  const T* mask_token;         // (cols): what dropped positions get; null: none
  const int32_t* ids;          // (images, visible), in [0, positions)
  const uint8_t* mask_pos;     // (images, visible)
  const int32_t* ids_dropped;  // (images, dropped), in [0, positions): wrong positions; or null
  const int32_t* order;        // (images, dropped), in [0, dropped); or null
  T* y;                        // (images, visible, cols)
  int64_t images;
  int visible, positions, dropped, cols;
  FaultSite fault;
};
template <typename T>
int EmbeddingDrop(const EmbeddingDropArgs<T>& args, Stream stream);  // a cudaError_t

}  // namespace backends::cuda::droppos

#endif  // BACKENDS_CUDA_DROPPOS_EMBEDDING_DROP_LAUNCH_H_
