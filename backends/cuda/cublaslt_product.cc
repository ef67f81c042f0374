// A row-major matrix is the transpose of a column-major one with the same bytes, so the library
// computes yᵀ = wᵀ · xᵀ: its A is w, its B is x, and its D has cols rows. "Rows of D", which a bias
// runs along, are our columns; the sums of its B over "k" are those of x over the terms, one for
// each of our rows.
#include "backends/cuda/cublaslt_product.h"

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"

namespace backends::cuda {
namespace {

absl::Status ToStatus(cublasStatus_t status, absl::string_view what) {
  if (status == CUBLAS_STATUS_SUCCESS) return absl::OkStatus();
  const std::string text = absl::StrCat("cuBLASLt, ", what, ": ", cublasLtGetStatusString(status));
  return status == CUBLAS_STATUS_NOT_SUPPORTED ? absl::UnimplementedError(text)
                                               : absl::InternalError(text);
}

template <typename T>
absl::Status Set(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t which, const T& value) {
  return ToStatus(cublasLtMatmulDescSetAttribute(desc, which, &value, sizeof(value)),
                  "setting an attribute");
}

}  // namespace

absl::StatusOr<CublasLtProduct::Layout> CublasLtProduct::MakeLayout(cudaDataType type, int64_t rows,
                                                                    int64_t cols, int64_t stride) {
  cublasLtMatrixLayout_t layout = nullptr;
  RETURN_IF_ERROR(ToStatus(cublasLtMatrixLayoutCreate(&layout, type, static_cast<uint64_t>(cols),
                                                      static_cast<uint64_t>(rows), stride),
                           "describing a matrix"));
  return Layout(layout);
}

absl::StatusOr<std::unique_ptr<CublasLtProduct>> CublasLtProduct::Create(cublasLtHandle_t handle,
                                                                         const CublasLtSpec& s,
                                                                         size_t max_workspace) {
  std::unique_ptr<CublasLtProduct> p(new CublasLtProduct());
  if (handle == nullptr) {
    p->workspace_bytes_ = max_workspace;
    return p;
  }
  p->handle_ = handle;
  cublasLtMatmulDesc_t desc = nullptr;
  RETURN_IF_ERROR(ToStatus(cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F),
                           "describing a product"));
  p->desc_.reset(desc);
  RETURN_IF_ERROR(Set(desc, CUBLASLT_MATMUL_DESC_TRANSA, s.trans_w ? CUBLAS_OP_T : CUBLAS_OP_N));
  RETURN_IF_ERROR(Set(desc, CUBLASLT_MATMUL_DESC_TRANSB, s.trans_x ? CUBLAS_OP_T : CUBLAS_OP_N));
  if (s.bias || s.sums) {
    RETURN_IF_ERROR(Set(desc, CUBLASLT_MATMUL_DESC_EPILOGUE,
                        s.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_BGRADB));
    // The heuristic reads the alignment off the pointer; that of the run is as aligned.
    const void* const aligned = reinterpret_cast<const void*>(uintptr_t{256});
    RETURN_IF_ERROR(Set(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, aligned));
  }
  ASSIGN_OR_RETURN(p->w_, MakeLayout(s.type, s.trans_w ? s.cols : s.inner,
                                     s.trans_w ? s.inner : s.cols, s.w_stride));
  ASSIGN_OR_RETURN(p->x_, MakeLayout(s.type, s.trans_x ? s.inner : s.rows,
                                     s.trans_x ? s.rows : s.inner, s.x_stride));
  ASSIGN_OR_RETURN(p->y_, MakeLayout(s.y_type, s.rows, s.cols, s.cols));

  cublasLtMatmulPreference_t made = nullptr;
  RETURN_IF_ERROR(ToStatus(cublasLtMatmulPreferenceCreate(&made), "making a preference"));
  const Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy> preference(made);
  const uint64_t workspace = max_workspace;
  RETURN_IF_ERROR(
      ToStatus(cublasLtMatmulPreferenceSetAttribute(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                    &workspace, sizeof(workspace)),
               "setting a preference"));
  if (s.y_type != CUDA_R_32F) {
    // Other schemes add the parts of a sum in the result's type.
    const uint32_t scheme = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    RETURN_IF_ERROR(
        ToStatus(cublasLtMatmulPreferenceSetAttribute(
                     made, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &scheme, sizeof(scheme)),
                 "setting a preference"));
  }
  cublasLtMatmulHeuristicResult_t result = {};
  int found = 0;
  RETURN_IF_ERROR(
      ToStatus(cublasLtMatmulAlgoGetHeuristic(handle, desc, p->w_.get(), p->x_.get(), p->y_.get(),
                                              p->y_.get(), made, 1, &result, &found),
               "choosing an algorithm"));
  if (found == 0) return absl::UnimplementedError("cuBLASLt has no algorithm");
  RETURN_IF_ERROR(ToStatus(result.state, "choosing an algorithm"));
  p->algo_ = result.algo;
  p->workspace_bytes_ = result.workspaceSize;
  return p;
}

absl::Status CublasLtProduct::Run(const CublasLtTensors& at, Stream stream) const {
  if (const void* const vector = at.bias != nullptr ? at.bias : at.sums; vector != nullptr) {
    RETURN_IF_ERROR(Set(desc_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector));
  }
  const float one = 1.0f, beta = at.add != nullptr ? 1.0f : 0.0f;
  const void* const c = at.add != nullptr ? at.add : at.y;
  return ToStatus(
      cublasLtMatmul(handle_, desc_.get(), &one, at.w, w_.get(), at.x, x_.get(), &beta, c, y_.get(),
                     at.y, y_.get(), &algo_, at.workspace, workspace_bytes_, stream),
      "starting a product");
}

}  // namespace backends::cuda
