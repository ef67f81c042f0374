// For operators that do the same to each of many tensors, most of them small: tensors are a
// kernel's argument, by value, and a block has a piece of one. So no table is copied to the
// device, and a launch that is captured holds its own.
#ifndef BACKENDS_CUDA_TENSOR_PIECES_H_
#define BACKENDS_CUDA_TENSOR_PIECES_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"

namespace backends::cuda {

constexpr size_t kArgumentBytes = 4096;  // of a kernel, at most

// Tensors that share a launch. Each is cut at multiples of `piece` elements from its own start, so
// what is computed by pieces does not depend on the other tensors. Tensor is plain data with
// `count`, its elements.
template <typename Tensor, int kMost>
struct TensorGroup {
  Tensor tensors[kMost];
  int first_piece[kMost + 1];  // of each tensor, and the end; the group's first is 0
  int count;                   // tensors
  int64_t pieces_before;       // of the groups before this one

  int pieces() const { return first_piece[count]; }
  __device__ int PiecesOf(int tensor) const {
    return first_piece[tensor + 1] - first_piece[tensor];
  }
  // The tensor of a piece: the last that begins there or before. Empty ones have none.
  __device__ int TensorOf(int piece) const {
    int low = 0, high = count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (first_piece[middle] <= piece) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }
};

inline int64_t PiecesOf(int64_t elements, int64_t piece) { return (elements + piece - 1) / piece; }

// Calls `launch(group)`, which returns a cudaError_t, for all tensors in groups, and returns the
// first error.
template <int kMost, typename Tensor, typename Function>
int ForEachGroup(const Tensor* tensors, int count, int64_t piece, const Function& launch) {
  TensorGroup<Tensor, kMost> group = {};
  for (int first = 0; first < count; first += kMost) {
    group.count = count - first < kMost ? count - first : kMost;
    for (int i = 0; i < group.count; ++i) {
      group.tensors[i] = tensors[first + i];
      group.first_piece[i + 1] =
          group.first_piece[i] + static_cast<int>(PiecesOf(tensors[first + i].count, piece));
    }
    const int error = launch(group);
    if (error != 0) return error;
    group.pieces_before += group.pieces();
  }
  return 0;
}

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_TENSOR_PIECES_H_
