// What the descriptors of cuBLASLt hold, and the product itself, for the files of this folder.
#ifndef TESTS_FAKE_CUDA_CUBLASLT_H_
#define TESTS_FAKE_CUDA_CUBLASLT_H_

#include <cublasLt.h>

namespace fake_cuda {

struct MatrixLayout {
  cudaDataType type = CUDA_R_32F;
  uint64_t rows = 0, cols = 0;
  int64_t ld = 0;
  int32_t batch = 1;
  int64_t batch_stride = 0;  // in elements
};

struct MatmulDesc {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  int32_t transa = CUBLAS_OP_N, transb = CUBLAS_OP_N;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;  // or where a bias gradient goes
  int32_t bias_type = -1;
  int64_t bias_batch_stride = 0;
  void* aux = nullptr;
  int32_t aux_type = -1;
  int64_t aux_ld = 0, aux_batch_stride = 0;
};

// Bits of cublasLtEpilogue_t.
constexpr uint32_t kBias = CUBLASLT_EPILOGUE_BIAS, kGelu = CUBLASLT_EPILOGUE_GELU, kAux = 128,
                   kDGelu = 64, kBGrad = 16, kBGradA = CUBLASLT_EPILOGUE_BGRADA,
                   kBGradB = CUBLASLT_EPILOGUE_BGRADB;

inline size_t BytesOf(cudaDataType type) { return type == CUDA_R_16BF ? 2 : 4; }

struct Operands {
  const void *a, *b, *c;
  void* d;
  double alpha, beta;
  uint64_t parts = 1;  // of the sum, which are added in D's type
};
constexpr uint64_t kParts = 64;
// D = epilogue(alpha op(A) op(B) + beta C), summed in double and, but for parts, rounded once.
// Reads and writes device memory, as an operation of tests/simt.
void Multiply(const MatmulDesc& desc, const MatrixLayout& a, const MatrixLayout& b,
              const MatrixLayout& c, const MatrixLayout& d, const Operands& operands);

}  // namespace fake_cuda

#endif  // TESTS_FAKE_CUDA_CUBLASLT_H_
