// Products of cuBLASLt that a probe asks for and runs. Matrices are column-major, as the library
// sees them.
#ifndef TESTS_GPU_SUITE_LT_PRODUCT_H_
#define TESTS_GPU_SUITE_LT_PRODUCT_H_

#include <cublasLt.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/gpu_suite/probe.h"

namespace gpu_suite {

inline constexpr size_t kWorkspace = size_t{32} << 20;  // as backends/cuda/product.cc gives it
inline constexpr const char* kAllowed = "CUBLAS_STATUS_SUCCESS";

inline void MustLt(cublasStatus_t status, const std::string& what) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw std::runtime_error(what + ": " + cublasLtGetStatusName(status));
  }
}

struct Types {
  const char* name;
  cudaDataType in, out;
};
inline constexpr Types kTypes[] = {{"f32", CUDA_R_32F, CUDA_R_32F},
                                   {"bf16_f32", CUDA_R_16BF, CUDA_R_32F},
                                   {"bf16", CUDA_R_16BF, CUDA_R_16BF}};

struct Shape {
  uint64_t m, n, k;
  bool ta = false, tb = false;
};

inline size_t BytesOf(cudaDataType type) { return type == CUDA_R_16BF ? 2 : 4; }

// A product that is asked for and perhaps run. Everything can be changed between the two.
class Product {
 public:
  Product(const Shape& s, const Types& t) : shape_(s), types_(t) {
    MustLt(cublasLtCreate(&handle_), "cublasLtCreate");
    MustLt(cublasLtMatmulPreferenceCreate(&preference_), "cublasLtMatmulPreferenceCreate");
    MustLt(cublasLtMatmulDescCreate(&desc_, CUBLAS_COMPUTE_32F, CUDA_R_32F),
           "cublasLtMatmulDescCreate");
    Set(CUBLASLT_MATMUL_DESC_TRANSA, int32_t{s.ta ? CUBLAS_OP_T : CUBLAS_OP_N});
    Set(CUBLASLT_MATMUL_DESC_TRANSB, int32_t{s.tb ? CUBLAS_OP_T : CUBLAS_OP_N});
    Prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{kWorkspace});
    const auto lay_out = [](cudaDataType type, uint64_t rows, uint64_t cols) {
      cublasLtMatrixLayout_t layout = nullptr;
      MustLt(cublasLtMatrixLayoutCreate(&layout, type, rows, cols, static_cast<int64_t>(rows)),
             "cublasLtMatrixLayoutCreate");
      return layout;
    };
    a = s.ta ? lay_out(t.in, s.k, s.m) : lay_out(t.in, s.m, s.k);
    b = s.tb ? lay_out(t.in, s.n, s.k) : lay_out(t.in, s.k, s.n);
    c = lay_out(t.out, s.m, s.n);
    d = lay_out(t.out, s.m, s.n);
  }
  Product(const Product&) = delete;
  ~Product() {
    for (const cublasLtMatrixLayout_t layout : {a, b, c, d}) cublasLtMatrixLayoutDestroy(layout);
    cublasLtMatmulDescDestroy(desc_);
    cublasLtMatmulPreferenceDestroy(preference_);
    cublasLtDestroy(handle_);
  }

  template <typename T>
  void Set(cublasLtMatmulDescAttributes_t which, T value) {
    MustLt(cublasLtMatmulDescSetAttribute(desc_, which, &value, sizeof(value)), "an attribute");
  }
  template <typename T>
  void Prefer(cublasLtMatmulPreferenceAttributes_t which, T value) {
    MustLt(cublasLtMatmulPreferenceSetAttribute(preference_, which, &value, sizeof(value)),
           "a preference");
  }
  // With vectors where these pointers say; aligned ones that nobody reads by default, because the
  // heuristic looks at their alignment.
  void SetEpilogue(cublasLtEpilogue_t epilogue, void* bias = reinterpret_cast<void*>(4096),
                   void* aux = reinterpret_cast<void*>(4096)) {
    Set(CUBLASLT_MATMUL_DESC_EPILOGUE, uint32_t{epilogue});
    if (epilogue == CUBLASLT_EPILOGUE_DEFAULT) return;
    Set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    if (epilogue != CUBLASLT_EPILOGUE_GELU_AUX_BIAS && epilogue != CUBLASLT_EPILOGUE_DGELU) return;
    Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux);
    Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, static_cast<int64_t>((shape_.m + 7) / 8 * 8));
  }

  // The status of asking for an algorithm.
  std::string Ask() {
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle_, desc_, a, b, c, d, preference_, 1, &result_, &found);
    if (status != CUBLAS_STATUS_SUCCESS) return cublasLtGetStatusName(status);
    return found == 0 ? "no algorithm" : cublasLtGetStatusName(result_.state);
  }
  bool Has() { return Ask() == kAllowed; }
  size_t workspace() const { return result_.workspaceSize; }

  cublasStatus_t Run(const void* A, const void* B, const void* C, void* D, const float* beta,
                     size_t workspace_bytes = kWorkspace, cudaStream_t stream = nullptr) {
    static void* const memory = [] {
      void* p = nullptr;
      Must(cudaMalloc(&p, kWorkspace), "cudaMalloc");
      return p;
    }();
    return cublasLtMatmul(handle_, desc_, &alpha, A, a, B, b, beta, C, c, D, d, &result_.algo,
                          memory, workspace_bytes, stream);
  }

  float alpha = 1;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr, d = nullptr;
  cublasLtMatmulDesc_t desc() const { return desc_; }

 private:
  const Shape shape_;
  const Types types_;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatmulHeuristicResult_t result_ = {};
};

// Elements of either type on the device, and what they are.
struct Tensor {
  Tensor(cudaDataType type, size_t count, uint64_t seed)
      : type(type), bytes(count * BytesOf(type)) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    std::vector<uint8_t> raw(bytes.size());
    for (size_t i = 0; i < count; ++i) {
      const float x = normal(random);
      uint32_t bits;
      std::memcpy(&bits, &x, sizeof(bits));
      // The upper half is a bf16 number.
      if (type == CUDA_R_16BF) bits >>= 16;
      std::memcpy(&raw[i * BytesOf(type)], &bits, BytesOf(type));
    }
    bytes.Set(raw);
  }
  std::vector<double> Read() const {
    const std::vector<uint8_t> raw = bytes.Get();
    std::vector<double> values;
    for (size_t at = 0; at < raw.size(); at += BytesOf(type)) {
      uint32_t bits = 0;
      std::memcpy(&bits, &raw[at], BytesOf(type));
      if (type == CUDA_R_16BF) bits <<= 16;
      float x;
      std::memcpy(&x, &bits, sizeof(x));
      values.push_back(x);
    }
    return values;
  }
  void* data() const { return bytes.data(); }

  const cudaDataType type;
  Array<uint8_t> bytes;
};

}  // namespace gpu_suite

#endif  // TESTS_GPU_SUITE_LT_PRODUCT_H_
