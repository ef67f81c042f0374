// What cuBLASLt's products need before and after, and a product for what it refuses.
#ifndef BACKENDS_CUDA_PRODUCT_LAUNCH_H_
#define BACKENDS_CUDA_PRODUCT_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// y = act(pre) ∘ times, where pre = product + bias + add, all in f32 and each result rounded once.
// Y and Times are float or BFloat16; pointers are 16-byte aligned. y may lie over the product or
// over what is added.
template <typename Y, typename Times>
struct ProductEpilogueArgs {
  const float* product;   // (rows, cols)
  const float* bias;      // (cols), or null
  const float* add;       // (rows, cols), or null
  const Times* times;     // (rows, cols), or null
  bool times_derivative;  // of GELU at `times`, instead of times itself
  bool gelu;              // act, by erf
  Y* pre;                 // (rows, cols), or null
  Y* y;                   // (rows, cols)
  int64_t rows, cols;
};

// Rows of `cols` numbers, `stride` apart where they go, with zeros between; the stride is a
// multiple of 8, both pointers are 16-byte aligned.
struct PadRowsArgs {
  const BFloat16* from;
  BFloat16* to;
  int64_t rows, cols, stride;
};

// y = x · w, summed in f32 over the terms in order; of any sizes, no terms among them. T is float
// or BFloat16.
template <typename T>
struct PlainProductArgs {
  const T* x;  // (rows, inner), or (inner, rows) where trans_x
  const T* w;  // (inner, cols), or (cols, inner) where trans_w
  float* y;    // (rows, cols)
  int64_t rows, cols, inner;
  bool trans_x, trans_w;
};

// A cudaError_t.
template <typename Y, typename Times>
int ProductEpilogue(const ProductEpilogueArgs<Y, Times>& args, Stream stream);
int PadRows(const PadRowsArgs& args, Stream stream);
template <typename T>
int PlainProduct(const PlainProductArgs<T>& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_PRODUCT_LAUNCH_H_
