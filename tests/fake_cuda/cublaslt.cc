// cuBLASLt on the host, for column-major bf16 and f32 matrices with f32 scales: what cublasLt.h
// says of layouts, epilogues and types, and refusals where it says so.
#include "tests/fake_cuda/cublaslt.h"

#include <cstring>

#include "tests/fake_cuda/state.h"

using fake_cuda::MatmulDesc;
using fake_cuda::MatrixLayout;
using fake_cuda::state;

namespace fake_cuda {
namespace {

struct Preference {
  uint64_t workspace = 0;                        // "default: 0 - no workspace allowed"
  uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;  // "allows all reduction schemes"
  uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D; "default: 256"
};

// What a handle points to lies behind the library's own struct.
template <typename T, typename Opaque>
cublasStatus_t Make(Opaque** handle, T value) {
  static_assert(sizeof(Opaque) >= sizeof(T*), "a pointer fits");
  *handle = new Opaque();
  T* const own = new T(value);
  std::memcpy(*handle, &own, sizeof(own));
  return CUBLAS_STATUS_SUCCESS;
}
template <typename T, typename Opaque>
T* Own(const Opaque* handle) {
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
// "CUBLAS_STATUS_INVALID_VALUE if buf is NULL or sizeInBytes doesn't match size of internal storage
// for selected attribute" (Lt)
template <typename T>
cublasStatus_t Set(T* to, const void* from, size_t bytes) {
  if (from == nullptr || bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(to, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t Unknown(const char* what) {
  state().findings.push_back(std::string("the fake does not know ") + what);
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

// The algorithms, as the heuristic offers them.
struct Algorithm {
  uint64_t id;
  size_t workspace;
  unsigned alignment;  // of pointers and rows, in bytes; 0: of elements
};
constexpr Algorithm kAlgorithms[] = {{1, 1 << 16, 16}, {2, 0, 16}, {3, 0, 0}};
constexpr uint64_t kMagic = 0xd209905;

bool Aligned(const void* p, size_t bytes) { return reinterpret_cast<uintptr_t>(p) % bytes == 0; }

struct Problem {
  MatmulDesc desc;
  MatrixLayout a, b, c, d;
};
// An algorithm is for the problem that it was asked for. The library would take it for others that
// cublasLtMatmulAlgoCheck accepts; a cache that mixes them up is a mistake all the same.
uint64_t Fingerprint(const Problem& p) {
  uint64_t hash = 1469598103934665603u;
  const auto add = [&](uint64_t value) { hash = (hash ^ value) * 1099511628211u; };
  for (const MatrixLayout* l : {&p.a, &p.b, &p.c, &p.d}) {
    for (const uint64_t v : {uint64_t(l->type), l->rows, l->cols, uint64_t(l->ld),
                             uint64_t(l->batch), uint64_t(l->batch_stride)}) {
      add(v);
    }
  }
  for (const uint64_t v : {uint64_t(p.desc.compute), uint64_t(p.desc.transa),
                           uint64_t(p.desc.transb), uint64_t(p.desc.epilogue)}) {
    add(v);
  }
  return hash;
}

cublasStatus_t CheckLayouts(const Problem& p) {
  const bool ta = p.desc.transa != CUBLAS_OP_N, tb = p.desc.transb != CUBLAS_OP_N;
  const uint64_t m = ta ? p.a.cols : p.a.rows, k = ta ? p.a.rows : p.a.cols;
  const uint64_t n = tb ? p.b.rows : p.b.cols;
  if (k != (tb ? p.b.cols : p.b.rows) || p.d.rows != m || p.d.cols != n || p.c.rows != m ||
      p.c.cols != n) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  for (const MatrixLayout* l : {&p.a, &p.b, &p.c, &p.d}) {
    // "must be large enough so that matrix memory locations are not overlapping (e.g. greater or
    // equal to CUBLASLT_MATRIX_LAYOUT_ROWS in case of CUBLASLT_ORDER_COL)" (Lt)
    if (l->ld < static_cast<int64_t>(l->rows)) return CUBLAS_STATUS_INVALID_VALUE;
    if (l->batch < 1 || l->batch != p.d.batch) return CUBLAS_STATUS_INVALID_VALUE;
    if (l->type != CUDA_R_16BF && l->type != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  // The manual's table for cublasLtMatmul with CUBLAS_COMPUTE_32F: A and B of one type, C and D
  // too; bf16 to bf16 or f32, f32 to f32.
  if (p.a.type != p.b.type || p.c.type != p.d.type) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (p.a.type == CUDA_R_32F && p.d.type != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (p.a.type == CUDA_R_16BF && p.desc.compute != CUBLAS_COMPUTE_32F) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CheckEpilogue(const Problem& p) {
  const MatmulDesc& d = p.desc;
  switch (d.epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_GELU:
    case CUBLASLT_EPILOGUE_GELU_BIAS:
    case CUBLASLT_EPILOGUE_GELU_AUX:
    case CUBLASLT_EPILOGUE_GELU_AUX_BIAS:
    case CUBLASLT_EPILOGUE_DGELU:
    case CUBLASLT_EPILOGUE_DGELU_BGRAD:
    case CUBLASLT_EPILOGUE_BGRADA:
    case CUBLASLT_EPILOGUE_BGRADB:
      break;
    default:
      return Unknown("this epilogue");
  }
  if ((d.epilogue & (kBias | kBGrad | kBGradA | kBGradB)) != 0) {
    if (d.bias == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    // "Bias vector elements are the same type as the elements of output matrix (Dtype) with the
    // following exceptions:" IMMA and fp8 kernels. "Bias gradient vector elements are the same type
    // as the output elements (Ctype) with the exception of IMMA kernels". (Lt)
    if (d.bias_type != -1 && d.bias_type != p.d.type) return CUBLAS_STATUS_NOT_SUPPORTED;
    // "batch stride for bias or bias gradient vector. Used [...] when matrix D's
    // CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT > 1" (Lt): gradients of all batches in one place.
    if (p.d.batch > 1 && d.bias_batch_stride == 0 && (d.epilogue & kBias) == 0) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
  }
  if ((d.epilogue & kAux) != 0) {
    // "Requires setting CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD attribute." "Must be divisible by 8
    // and be no less than the number of rows in the output matrix." (Lt)
    if (d.aux == nullptr || d.aux_ld % 8 != 0 || d.aux_ld < static_cast<int64_t>(p.d.rows)) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    // "GELU input matrix batch stride in elements [...] Must be divisible by 8." (Lt)
    if (p.d.batch > 1 && (d.aux_batch_stride % 8 != 0 || d.aux_batch_stride == 0)) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    // "GELU input matrix elements type is the same as the type of elements of the output matrix"
    if (d.aux_type != -1 && d.aux_type != p.d.type) return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t Check(const Problem& p) {
  const cublasStatus_t status = CheckLayouts(p);
  return status != CUBLAS_STATUS_SUCCESS ? status : CheckEpilogue(p);
}

// Whether rows, batches and vectors are as an algorithm needs them. "Routines that don't
// dereference this pointer, like cublasLtMatmulAlgoGetHeuristic() depend on its value to determine
// expected pointer alignment." (Lt, of bias and aux)
bool Fits(const Algorithm& algorithm, const Problem& p) {
  for (const MatrixLayout* l : {&p.a, &p.b, &p.c, &p.d}) {
    if (algorithm.alignment == 0) continue;
    const int64_t bytes = static_cast<int64_t>(BytesOf(l->type));
    if (l->ld * bytes % algorithm.alignment != 0) return false;
    if (l->batch > 1 && l->batch_stride * bytes % algorithm.alignment != 0) return false;
  }
  const size_t need = algorithm.alignment > 0 ? algorithm.alignment : BytesOf(p.d.type);
  const bool vector = (p.desc.epilogue & (kBias | kBGrad | kBGradA | kBGradB)) != 0;
  return (!vector || Aligned(p.desc.bias, need)) &&
         ((p.desc.epilogue & kAux) == 0 || Aligned(p.desc.aux, need));
}

Problem ProblemOf(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                  cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d) {
  return {*Own<MatmulDesc>(desc), *Own<MatrixLayout>(a), *Own<MatrixLayout>(b),
          *Own<MatrixLayout>(c), *Own<MatrixLayout>(d)};
}

}  // namespace
}  // namespace fake_cuda

extern "C" {

// "CUBLAS_STATUS_NOT_INITIALIZED" without a device: nothing to initialize on.
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  const fake_cuda::Entry entry("cublasLtCreate");
  *handle = nullptr;
  if (entry.error != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = reinterpret_cast<cublasLtHandle_t>(new int(fake_cuda::current_device));
  ++state().cublaslt_handles;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  const fake_cuda::Entry entry;
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  delete reinterpret_cast<int*>(handle);
  --state().cublaslt_handles;
  return CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion() { return CUBLAS_VERSION; }
const char* cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    default:
      return "another cublasStatus_t";
  }
}
const char* cublasLtGetStatusString(cublasStatus_t status) { return cublasLtGetStatusName(status); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  if (compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_FAST_TF32) {
    return fake_cuda::Unknown("this compute type");
  }
  if (scale != CUDA_R_32F) return fake_cuda::Unknown("scales but f32");
  MatmulDesc value;
  value.compute = compute;
  return fake_cuda::Make(desc, value);
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  return fake_cuda::Drop<MatmulDesc>(desc);
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  using fake_cuda::Set;
  MatmulDesc* const d = fake_cuda::Own<MatmulDesc>(handle);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return Set(&d->transa, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return Set(&d->transb, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return Set(&d->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return Set(&d->bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return Set(&d->bias_type, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE:
      return Set(&d->bias_batch_stride, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      return Set(&d->aux, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE:
      return Set(&d->aux_type, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      return Set(&d->aux_ld, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE:
      return Set(&d->aux_batch_stride, value, bytes);
    default:
      return fake_cuda::Unknown("this attribute of a product");
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t ld) {
  MatrixLayout value;
  value.type = type, value.rows = rows, value.cols = cols, value.ld = ld;
  return fake_cuda::Make(layout, value);
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return fake_cuda::Drop<MatrixLayout>(layout);
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, size_t bytes) {
  MatrixLayout* const l = fake_cuda::Own<MatrixLayout>(handle);
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return fake_cuda::Set(&l->batch, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return fake_cuda::Set(&l->batch_stride, value, bytes);
    default:
      return fake_cuda::Unknown("this attribute of a layout");
  }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return fake_cuda::Make(preference, fake_cuda::Preference());
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return fake_cuda::Drop<fake_cuda::Preference>(preference);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  auto* const p = fake_cuda::Own<fake_cuda::Preference>(preference);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return fake_cuda::Set(&p->workspace, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return fake_cuda::Set(&p->alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES],
                            value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return fake_cuda::Set(&p->reductions, value, bytes);
    default:
      return fake_cuda::Unknown("this preference");
  }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t* results,
                                              int* count) {
  const fake_cuda::Entry entry;
  *count = 0;
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  // "CUBLAS_STATUS_INVALID_VALUE if requestedAlgoCount is less or equal to zero" (Lt)
  if (requested <= 0) return CUBLAS_STATUS_INVALID_VALUE;
  const fake_cuda::Problem problem = fake_cuda::ProblemOf(desc, a, b, c, d);
  const cublasStatus_t status = fake_cuda::Check(problem);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  if ((problem.desc.epilogue & state().options.refused_epilogues) != 0) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  const auto& wish = *fake_cuda::Own<fake_cuda::Preference>(preference);
  for (const fake_cuda::Algorithm& algorithm : fake_cuda::kAlgorithms) {
    if (*count == requested || algorithm.workspace > wish.workspace) continue;
    // "Selecting a smaller value will exclude algorithms that can not work with matrix A that is
    // not as strictly aligned as they need." (Lt)
    bool fits = fake_cuda::Fits(algorithm, problem);
    for (const uint32_t alignment : wish.alignment) fits = fits && alignment >= algorithm.alignment;
    if (!fits) continue;
    cublasLtMatmulHeuristicResult_t& result = results[(*count)++];
    result = {};
    result.algo.data[0] = fake_cuda::kMagic;
    result.algo.data[1] = algorithm.id;
    result.algo.data[2] = fake_cuda::Fingerprint(problem);
    // "Only algorithm configurations specifying CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME that is not
    // masked out by this attribute are allowed." What takes a workspace splits the sum, and adds
    // its parts "in the output type" (INPLACE, OUTPUT_TYPE) where that is not forbidden. (Lt)
    constexpr uint32_t kInOutputType =
        CUBLASLT_REDUCTION_SCHEME_INPLACE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
    result.algo.data[3] =
        algorithm.workspace > 0 && (wish.reductions & kInOutputType) != 0 ? fake_cuda::kParts : 1;
    result.workspaceSize = algorithm.workspace;
    result.state = CUBLAS_STATUS_SUCCESS;
  }
  // "CUBLAS_STATUS_NOT_SUPPORTED if no heuristic function available for current configuration" (Lt)
  return *count > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha,
                              const void* A, cublasLtMatrixLayout_t a, const void* B,
                              cublasLtMatrixLayout_t b, const void* beta, const void* C,
                              cublasLtMatrixLayout_t c, void* D, cublasLtMatrixLayout_t d,
                              const cublasLtMatmulAlgo_t* algo, void* workspace,
                              size_t workspace_bytes, cudaStream_t stream) {
  const fake_cuda::Entry entry;
  if (entry.error != cudaSuccess) return CUBLAS_STATUS_EXECUTION_FAILED;
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const fake_cuda::Problem p = fake_cuda::ProblemOf(desc, a, b, c, d);
  if (cublasStatus_t status = fake_cuda::Check(p); status != CUBLAS_STATUS_SUCCESS) return status;
  // Read now: a capture freezes a scalar of the host.
  fake_cuda::Operands operands = {
      A, B, C, D, *static_cast<const float*>(alpha), *static_cast<const float*>(beta)};
  if (operands.beta != 0 && C == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (C == D && p.c.ld != p.d.ld) return CUBLAS_STATUS_INVALID_VALUE;
  fake_cuda::Algorithm chosen = fake_cuda::kAlgorithms[2];  // none given: no workspace to be had
  if (algo != nullptr) {
    if (algo->data[0] != fake_cuda::kMagic || algo->data[2] != fake_cuda::Fingerprint(p)) {
      state().findings.push_back("an algorithm of another product");
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    chosen = fake_cuda::kAlgorithms[algo->data[1] - 1];
    operands.parts = algo->data[3];
  }
  // "will fail if e.g. buffers are not correctly aligned" (Lt, cublasLtMatmulAlgoCheck)
  bool fits = fake_cuda::Fits(chosen, p);
  const MatrixLayout* const layouts[] = {&p.a, &p.b, &p.c, &p.d};
  const void* const pointers[] = {A, B, operands.beta != 0 ? C : D, D};
  for (int i = 0; i < 4; ++i) {
    const size_t need =
        chosen.alignment > 0 ? chosen.alignment : fake_cuda::BytesOf(layouts[i]->type);
    fits = fits && fake_cuda::Aligned(pointers[i], need);
  }
  if (!fits) return CUBLAS_STATUS_NOT_SUPPORTED;
  // "CUBLAS_STATUS_INVALID_VALUE [...] e.g. when workspaceSizeInBytes is less than workspace
  // required by configured algo" (Lt). "Must be 256B aligned (i.e. lowest 8 bits of address must be
  // 0)." (cuBLAS manual, workspace)
  const size_t needs = chosen.workspace;
  if (needs > 0 &&
      (needs > workspace_bytes || workspace == nullptr || !fake_cuda::Aligned(workspace, 256))) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const cudaError_t error = fake_cuda::Enqueue(stream, "cublasLtMatmul", [=] {
    const auto use_workspace = [=] {
      if (needs == 0) return;
      simt::Touch(workspace, needs, true);
      std::memset(workspace, 0xff, needs);
    };
    if (chosen.alignment == 0) ++state().counters.unaligned_products;
    use_workspace();  // nobody else's meanwhile: no operand, and no result
    fake_cuda::Multiply(p.desc, p.a, p.b, p.c, p.d, operands);
    use_workspace();
  });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
