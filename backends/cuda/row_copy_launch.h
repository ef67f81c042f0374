// Operators that copy rows, on the device; the contracts are ops/{gather_rows,slice_rows,
// prepend_token,patchify,append_to_window}.h.
//
// Copies are of bits: elements have two or four bytes, and tensors are 16-byte aligned. Nothing
// lies in place but AppendToWindow's y. Each returns a cudaError_t. No scratch.
#ifndef BACKENDS_CUDA_ROW_COPY_LAUNCH_H_
#define BACKENDS_CUDA_ROW_COPY_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// Row prefix + v of an image of y is row prefix + ids[image, v] of the same image of x, zeros
// where the id is none (a fault of input 1); rows before `prefix` are the same in both.
struct GatherRowsArgs {
  const void* x;       // (images, prefix + rows, row_bytes)
  const int32_t* ids;  // (images, picked), in [0, rows)
  void* y;             // (images, prefix + picked, row_bytes)
  int64_t images, row_bytes;
  int prefix, rows, picked;
  FaultSite fault;
};
int GatherRows(const GatherRowsArgs& args, Stream stream);

// Row l of an image of y is the sum of the rows i of that image of x with ids[image, i] = l, in
// order of i, in float; zeros where there is none. An id that is no row is a fault of input 1 and
// its row is left out. T is float or BFloat16.
template <typename T>
struct ScatterRowsArgs {
  const T* x;          // (images, picked, cols)
  const int32_t* ids;  // (images, picked), in [0, rows)
  T* y;                // (images, rows, cols)
  int64_t images;
  int picked, rows, cols;
  FaultSite fault;
};
template <typename T>
int ScatterRows(const ScatterRowsArgs<T>& args, Stream stream);

// Row t of an image of y is row t + shift of that image of x, and `fill` where x has none.
struct ShiftRowsArgs {
  const void* x;     // (images, x_rows, row_bytes)
  const void* fill;  // (row_bytes), or null: zeros
  void* y;           // (images, y_rows, row_bytes)
  int64_t images, row_bytes;
  int x_rows, y_rows, shift;
};
int ShiftRows(const ShiftRowsArgs& args, Stream stream);

struct PatchifyArgs {
  const void* images;  // (batch, channels, height, width)
  void* y;             // (batch, height / patch · width / patch, channels · patch²)
  int64_t batch;
  int channels, height, width, patch, element_bytes;
};
int Patchify(const PatchifyArgs& args, Stream stream);

// y = window without its first element, then value; y may lie over window. T is float or BFloat16.
template <typename T>
int AppendToWindow(const T* window, const T* value, T* y, int64_t count, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_ROW_COPY_LAUNCH_H_
