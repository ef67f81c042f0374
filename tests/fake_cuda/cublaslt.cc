// cuBLASLt on the host, for column-major bf16 and f32 matrices with f32 scales: what cublasLt.h
// says of layouts, epilogues and types, and refusals where it says so. Products are summed in
// double and rounded once; GELU is the tanh form, as the library's.
#include <cublasLt.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tests/fake_cuda/runtime.h"

namespace {

constexpr size_t kWorkspace = 1 << 20;  // what the one algorithm asks for

struct Layout {
  cudaDataType type = CUDA_R_32F;
  uint64_t rows = 0, cols = 0;
  int64_t ld = 0;
};
struct Desc {
  cublasOperation_t transa = CUBLAS_OP_N, transb = CUBLAS_OP_N;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;
  int32_t bias_type = -1;
  void* aux = nullptr;
  int64_t aux_ld = 0;
  cudaDataType scale_type = CUDA_R_32F;
};
struct Preference {
  uint64_t workspace = 0;
};

template <typename T>
const T& As(const void* opaque) {
  return **static_cast<T* const*>(opaque);
}
template <typename T, typename Opaque>
cublasStatus_t Make(Opaque** handle, T value) {
  static_assert(sizeof(Opaque) >= sizeof(T*), "a pointer fits");
  *handle = new Opaque();
  T* own = new T(value);
  std::memcpy(*handle, &own, sizeof(own));
  return CUBLAS_STATUS_SUCCESS;
}
template <typename T, typename Opaque>
T* Own(Opaque* handle) {
  T* own;
  std::memcpy(&own, handle, sizeof(own));
  return own;
}
template <typename T, typename Opaque>
cublasStatus_t Drop(Opaque* handle) {
  delete Own<T>(handle);
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
template <typename T>
cublasStatus_t Set(T* to, const void* from, size_t bytes) {
  if (bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(to, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

size_t Bytes(cudaDataType type) { return type == CUDA_R_16BF ? 2 : 4; }
double Get(const void* p, cudaDataType type, int64_t i) {
  if (type == CUDA_R_32F) return static_cast<const float*>(p)[i];
  const uint32_t bits = uint32_t{static_cast<const uint16_t*>(p)[i]} << 16;
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}
void Put(void* p, cudaDataType type, int64_t i, double value) {
  const float x = static_cast<float>(value);
  if (type == CUDA_R_32F) {
    static_cast<float*>(p)[i] = x;
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  static_cast<uint16_t*>(p)[i] =
      std::isnan(x) ? 0x7fff : static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
// Declares a matrix's columns as read or written.
void TouchMatrix(const void* p, const Layout& l, bool write) {
  for (uint64_t c = 0; c < l.cols; ++c) {
    simt::Touch(static_cast<const char*>(p) + c * l.ld * Bytes(l.type), l.rows * Bytes(l.type), write);
  }
}

double Gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double GeluDerivative(double x) {
  const double k = std::sqrt(2 / M_PI), t = std::tanh(k * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * k * (1 + 3 * 0.044715 * x * x);
}

bool Writes(uint32_t epilogue, uint32_t bit) { return (epilogue & bit) != 0; }
constexpr uint32_t kBias = CUBLASLT_EPILOGUE_BIAS, kAux = 128, kGelu = CUBLASLT_EPILOGUE_GELU,
                   kDGelu = 64, kBGrad = 16, kBGradA = CUBLASLT_EPILOGUE_BGRADA,
                   kBGradB = CUBLASLT_EPILOGUE_BGRADB;

// What the header says about a call. `pointers`: those that a call would have; else null.
cublasStatus_t Check(const Desc& d, const Layout& a, const Layout& b, const Layout& c,
                     const Layout& out) {
  const uint64_t m = d.transa == CUBLAS_OP_N ? a.rows : a.cols;
  const uint64_t k = d.transa == CUBLAS_OP_N ? a.cols : a.rows;
  const uint64_t n = d.transb == CUBLAS_OP_N ? b.cols : b.rows;
  if (k != (d.transb == CUBLAS_OP_N ? b.rows : b.cols) || out.rows != m || out.cols != n ||
      c.rows != m || c.cols != n) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  for (const Layout* l : {&a, &b, &c, &out}) {
    // "large enough so that matrix memory locations are not overlapping"
    if (l->ld < static_cast<int64_t>(l->rows)) return CUBLAS_STATUS_INVALID_VALUE;
    if (l->type != CUDA_R_16BF && l->type != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
    // Rows of 16 bytes: without them there are slow algorithms at best; we want none.
    if (l->type == CUDA_R_16BF && l->ld % 8 != 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (a.type != b.type || c.type != out.type) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (a.type == CUDA_R_32F && out.type != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  const bool vector = Writes(d.epilogue, kBias | kBGrad | kBGradA | kBGradB);
  if (vector) {
    if (d.bias == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    // "Bias vector elements are the same type as the elements of output matrix (Dtype)", but for
    // integer and fp8 kernels.
    if (d.bias_type != -1 && d.bias_type != out.type) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (reinterpret_cast<uintptr_t>(d.bias) % 16 != 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (Writes(d.epilogue, kAux)) {
    // "Must be divisible by 8 and be no less than the number of rows in the output matrix"
    if (d.aux == nullptr || d.aux_ld % 8 != 0 || d.aux_ld < static_cast<int64_t>(m)) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

extern "C" {

const char* cublasLtGetStatusName(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "CUBLAS_STATUS_SUCCESS" : "CUBLAS_STATUS_NOT_INITIALIZED";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = reinterpret_cast<cublasLtHandle_t>(new int(0));
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion() { return CUBLAS_VERSION; }
const char* cublasLtGetStatusString(cublasStatus_t s) {
  return s == CUBLAS_STATUS_SUCCESS         ? "CUBLAS_STATUS_SUCCESS"
         : s == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED"
         : s == CUBLAS_STATUS_INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE"
                                            : "another cublasStatus_t";
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  return Make(desc, Desc());
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) { return Drop<Desc>(desc); }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  Desc* d = Own<Desc>(handle);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return Set(&d->transa, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB: return Set(&d->transb, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return Set(&d->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return Set(&d->bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return Set(&d->bias_type, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER: return Set(&d->aux, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD: return Set(&d->aux_ld, value, bytes);
    default: fake::Misuse("a matmul attribute that the fake does not know"); return CUBLAS_STATUS_NOT_SUPPORTED;
  }
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t ld) {
  return Make(layout, Layout{type, rows, cols, ld});
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return Drop<Layout>(layout); }
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* p) {
  return Make(p, Preference());
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) { return Drop<Preference>(p); }
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  if (attribute != CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) return CUBLAS_STATUS_SUCCESS;
  return Set(&Own<Preference>(p)->workspace, value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t* results, int* count) {
  *count = 0;
  if (requested <= 0) return CUBLAS_STATUS_INVALID_VALUE;
  const cublasStatus_t status =
      Check(*Own<Desc>(desc), *Own<Layout>(a), *Own<Layout>(b), *Own<Layout>(c), *Own<Layout>(d));
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  // Two algorithms, so that choosing has something to choose from; one takes no workspace.
  for (const size_t workspace : {kWorkspace, size_t{0}}) {
    if (*count == requested || workspace > Own<Preference>(preference)->workspace) continue;
    results[*count] = {};
    results[*count].algo.data[0] = 0xd20b905 + workspace;
    results[*count].workspaceSize = workspace;
    results[(*count)++].state = CUBLAS_STATUS_SUCCESS;
  }
  return *count > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha_at,
                              const void* A, cublasLtMatrixLayout_t a_layout, const void* B,
                              cublasLtMatrixLayout_t b_layout, const void* beta_at, const void* C,
                              cublasLtMatrixLayout_t c_layout, void* D,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo,
                              void* workspace, size_t workspace_bytes, cudaStream_t stream) {
  const Desc d = *Own<Desc>(desc);
  const Layout a = *Own<Layout>(a_layout), b = *Own<Layout>(b_layout), c = *Own<Layout>(c_layout),
               out = *Own<Layout>(d_layout);
  const cublasStatus_t status = Check(d, a, b, c, out);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  // Read now: a host scalar is frozen by a capture.
  const double alpha = *static_cast<const float*>(alpha_at), beta = *static_cast<const float*>(beta_at);
  if (C == D && c.ld != out.ld) return CUBLAS_STATUS_INVALID_VALUE;
  for (const void* p : {A, B, C, static_cast<const void*>(D)}) {
    if (reinterpret_cast<uintptr_t>(p) % 16 != 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  const size_t needs = algo == nullptr ? 0 : static_cast<size_t>(algo->data[0] - 0xd20b905);
  if (needs > workspace_bytes || (needs > 0 && workspace == nullptr)) return CUBLAS_STATUS_INVALID_VALUE;
  if (needs > 0 && reinterpret_cast<uintptr_t>(workspace) % 256 != 0) return CUBLAS_STATUS_INVALID_VALUE;
  const cudaError_t error = fake::Enqueue(stream, "cublasLtMatmul", [=] {
    const uint64_t m = out.rows, n = out.cols, k = d.transa == CUBLAS_OP_N ? a.cols : a.rows;
    if (needs > 0) {  // garbage when it is done, and nobody else's meanwhile
      simt::Touch(workspace, needs, true);
      std::memset(workspace, 0xff, needs);
    }
    TouchMatrix(A, a, false);
    TouchMatrix(B, b, false);
    if (beta != 0) TouchMatrix(C, c, false);
    const auto vector_bytes = [&](uint64_t count) { return count * Bytes(out.type); };
    if (Writes(d.epilogue, kBias)) simt::Touch(d.bias, vector_bytes(m), false);
    const Layout aux = {out.type, m, n, d.aux_ld};
    if (Writes(d.epilogue, kDGelu)) TouchMatrix(d.aux, aux, false);

    // Rows of op(A) and columns of op(B), each with k running fastest.
    std::vector<float> rows(m * k), cols(n * k);
    for (uint64_t i = 0; i < m; ++i) {
      for (uint64_t l = 0; l < k; ++l) {
        rows[i * k + l] = static_cast<float>(
            Get(A, a.type, d.transa == CUBLAS_OP_N ? l * a.ld + i : i * a.ld + l));
      }
    }
    for (uint64_t j = 0; j < n; ++j) {
      for (uint64_t l = 0; l < k; ++l) {
        cols[j * k + l] = static_cast<float>(
            Get(B, b.type, d.transb == CUBLAS_OP_N ? j * b.ld + l : l * b.ld + j));
      }
    }
    std::vector<double> bias_grad(m, 0.0);
    for (uint64_t j = 0; j < n; ++j) {
      for (uint64_t i = 0; i < m; ++i) {
        double sum = 0;
        const float *row = &rows[i * k], *col = &cols[j * k];
        for (uint64_t l = 0; l < k; ++l) sum += double{row[l]} * col[l];
        double value = alpha * sum;
        if (beta != 0) value += beta * Get(C, c.type, j * c.ld + i);
        if (Writes(d.epilogue, kBias)) value += Get(d.bias, out.type, i);
        if (Writes(d.epilogue, kGelu)) {
          if (Writes(d.epilogue, kAux)) Put(d.aux, out.type, j * d.aux_ld + i, value);
          value = Gelu(value);
        }
        if (Writes(d.epilogue, kDGelu)) value *= GeluDerivative(Get(d.aux, out.type, j * d.aux_ld + i));
        if (Writes(d.epilogue, kBGrad)) bias_grad[i] += value;
        Put(D, out.type, j * out.ld + i, value);
      }
    }
    if (Writes(d.epilogue, kGelu) && Writes(d.epilogue, kAux)) TouchMatrix(d.aux, aux, true);
    TouchMatrix(D, out, true);
    // Sums over the product's k of A's rows or B's columns; of D's rows for DGELU_BGRAD.
    const auto put_sums = [&](uint64_t count, const std::function<double(uint64_t)>& sum) {
      simt::Touch(d.bias, vector_bytes(count), true);
      for (uint64_t i = 0; i < count; ++i) Put(d.bias, out.type, i, sum(i));
    };
    const auto sum_of = [k](const std::vector<float>& from, uint64_t i) {
      double sum = 0;
      for (uint64_t l = 0; l < k; ++l) sum += from[i * k + l];
      return sum;
    };
    if (Writes(d.epilogue, kBGrad)) put_sums(m, [&](uint64_t i) { return bias_grad[i]; });
    if (Writes(d.epilogue, kBGradA)) put_sums(m, [&](uint64_t i) { return sum_of(rows, i); });
    if (Writes(d.epilogue, kBGradB)) put_sums(n, [&](uint64_t j) { return sum_of(cols, j); });
  });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
