// Row-major products through cuBLASLt, prepared once. The only file of the backend that speaks
// column-major.
#ifndef BACKENDS_CUDA_CUBLASLT_PRODUCT_H_
#define BACKENDS_CUDA_CUBLASLT_PRODUCT_H_

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/cuda/launch.h"

namespace backends::cuda {

// y (rows, cols) = x · w, all row-major, all of at least one element: x is (rows, inner), or
// (inner, rows) where trans_x; w is (inner, cols), or (cols, inner) where trans_w. Sums are f32,
// and so are products of f32 factors (no TF32). What else the library does is in flags; what stands
// beside y has its type.
struct CublasLtSpec {
  int64_t rows = 0, cols = 0, inner = 0;
  bool trans_x = false, trans_w = false;
  int64_t x_stride = 0, w_stride = 0;  // elements from row to row; in bf16 a multiple of 8
  cudaDataType type = CUDA_R_32F;      // of x and w: CUDA_R_32F or CUDA_R_16BF
  cudaDataType y_type = CUDA_R_32F;    // CUDA_R_16BF only where `type` is, and cols a multiple of 8
  bool bias = false;                   // y += bias (cols)
  bool sums = false;                   // sums (rows) = x summed over the terms; not beside a bias
  bool add = false;                    // y += add (rows, cols)
};

// Where a product's tensors are, 256-byte aligned; null what the spec does not ask for.
struct CublasLtTensors {
  const void* x = nullptr;
  const void* w = nullptr;
  const void* bias = nullptr;
  const void* add = nullptr;  // may be y
  void* sums = nullptr;
  void* y = nullptr;
  void* workspace = nullptr;
};

class CublasLtProduct {
 public:
  // Chooses the algorithm that the library takes for the fastest of those that need at most
  // `max_workspace` bytes; Unimplemented where there is none, or none with all that the spec asks.
  // A null handle, of a GPU that is only described, plans for all of that and for the most bytes,
  // and does not run.
  static absl::StatusOr<std::unique_ptr<CublasLtProduct>> Create(cublasLtHandle_t handle,
                                                                 const CublasLtSpec& spec,
                                                                 size_t max_workspace);

  size_t workspace_bytes() const { return workspace_bytes_; }
  absl::Status Run(const CublasLtTensors& at, Stream stream) const;

 private:
  template <auto kDestroy>
  struct Destroy {
    template <typename T>
    void operator()(T* p) const {
      kDestroy(p);
    }
  };
  template <typename Handle, auto kDestroy>
  using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<kDestroy>>;
  using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;

  CublasLtProduct() = default;
  // Of a row-major (rows, cols) matrix.
  static absl::StatusOr<Layout> MakeLayout(cudaDataType type, int64_t rows, int64_t cols,
                                           int64_t stride);

  cublasLtHandle_t handle_ = nullptr;
  Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy> desc_;
  Layout x_, w_, y_;
  cublasLtMatmulAlgo_t algo_ = {};
  size_t workspace_bytes_ = 0;
};

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_CUBLASLT_PRODUCT_H_
