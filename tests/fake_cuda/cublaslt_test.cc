// Products of the fake cuBLASLt against loops in double, and what it refuses.
#include <cublasLt.h>

#include <cmath>
#include <memory>

#include "tests/fake_cuda/test_util.h"

namespace fake_cuda {
namespace {

constexpr size_t kWorkspace = 1 << 16;

// A column-major matrix of floats, stored as its type, with garbage below its rows.
struct Matrix {
  Matrix(cudaDataType type, uint64_t rows, uint64_t cols, int64_t ld, uint64_t seed)
      : type(type),
        rows(rows),
        cols(cols),
        ld(ld),
        bytes(ld * cols * (type == CUDA_R_16BF ? 2 : 4)) {
    EXPECT_EQ(cudaMalloc(&data, bytes), cudaSuccess);
    EXPECT_EQ(cublasLtMatrixLayoutCreate(&layout, type, rows, cols, ld), CUBLAS_STATUS_SUCCESS);
    if (seed == 0) return;
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    std::vector<char> host(bytes);
    for (int64_t i = 0; i < ld * static_cast<int64_t>(cols); ++i) {
      const float x = normal(random);
      if (type == CUDA_R_32F) {
        reinterpret_cast<float*>(host.data())[i] = x;
      } else {
        reinterpret_cast<uint16_t*>(host.data())[i] = ToBf16(x);
      }
    }
    EXPECT_EQ(cudaMemcpy(data, host.data(), bytes, cudaMemcpyHostToDevice), cudaSuccess);
  }
  Matrix(const Matrix&) = delete;
  ~Matrix() {
    cublasLtMatrixLayoutDestroy(layout);
    cudaFree(data);
  }
  // (row, column), each column apart: rows below are not read.
  std::vector<double> Read() const {
    std::vector<double> values(rows * cols);
    const size_t size = type == CUDA_R_16BF ? 2 : 4;
    std::vector<char> column(rows * size);
    for (uint64_t c = 0; c < cols; ++c) {
      const char* from = static_cast<char*>(data) + c * ld * size;
      EXPECT_EQ(cudaMemcpy(column.data(), from, column.size(), cudaMemcpyDeviceToHost),
                cudaSuccess);
      for (uint64_t r = 0; r < rows; ++r) {
        values[r * cols + c] = type == CUDA_R_32F
                                   ? reinterpret_cast<float*>(column.data())[r]
                                   : FromBf16(reinterpret_cast<uint16_t*>(column.data())[r]);
      }
    }
    return values;
  }

  const cudaDataType type;
  const uint64_t rows, cols;
  const int64_t ld;
  const size_t bytes;
  void* data = nullptr;
  cublasLtMatrixLayout_t layout = nullptr;
};

class CublasLt : public testing::Test {
 protected:
  void SetUp() override {
    Reset();
    OK(cublasLtCreate(&handle_));
    OK(cublasLtMatmulPreferenceCreate(&preference_));
    SetWorkspace(kWorkspace);
    SetReductions(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
    OK(cudaMalloc(&workspace_, kWorkspace));
    MakeDesc();
  }
  void TearDown() override {
    OK(cublasLtMatmulDescDestroy(desc_));
    OK(cublasLtMatmulPreferenceDestroy(preference_));
    OK(cudaFree(workspace_));
    OK(cublasLtDestroy(handle_));
    EXPECT_EQ(CountLive().total(), 0u);
  }
  void MakeDesc(cublasComputeType_t compute = CUBLAS_COMPUTE_32F) {
    if (desc_ != nullptr) {
      OK(cublasLtMatmulDescDestroy(desc_));
    }
    OK(cublasLtMatmulDescCreate(&desc_, compute, CUDA_R_32F));
  }
  template <typename T>
  void Set(cublasLtMatmulDescAttributes_t which, T value) {
    OK(cublasLtMatmulDescSetAttribute(desc_, which, &value, sizeof(value)));
  }
  void SetWorkspace(uint64_t bytes) {
    OK(cublasLtMatmulPreferenceSetAttribute(preference_, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                            &bytes, sizeof(bytes)));
  }
  void SetReductions(uint32_t mask) {
    OK(cublasLtMatmulPreferenceSetAttribute(
        preference_, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &mask, sizeof(mask)));
  }
  int Ask(const Matrix& a, const Matrix& b, const Matrix& d, cublasStatus_t* status) {
    int count = -1;
    *status = cublasLtMatmulAlgoGetHeuristic(handle_, desc_, a.layout, b.layout, d.layout, d.layout,
                                             preference_, 4, results_, &count);
    return count;
  }
  cublasStatus_t Run(const Matrix& a, const Matrix& b, const Matrix& d, float beta = 0,
                     float alpha = 1, const Matrix* c = nullptr, int algorithm = 0) {
    cublasStatus_t status;
    if (Ask(a, b, d, &status) <= algorithm) return status;
    return Launch(a, b, d, beta, alpha, c, algorithm);
  }
  cublasStatus_t Launch(const Matrix& a, const Matrix& b, const Matrix& d, float beta = 0,
                        float alpha = 1, const Matrix* c = nullptr, int algorithm = 0) {
    return cublasLtMatmul(handle_, desc_, &alpha, a.data, a.layout, b.data, b.layout, &beta,
                          c != nullptr ? c->data : d.data, d.layout, d.data, d.layout,
                          &results_[algorithm].algo, workspace_, kWorkspace, nullptr);
  }
  static void ExpectNear(const std::vector<double>& actual, const std::vector<double>& expected,
                         double tolerance) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::fabs(expected[i]))) << i;
    }
  }
  static std::vector<double> Product(const Matrix& a, bool ta, const Matrix& b, bool tb) {
    const uint64_t m = ta ? a.cols : a.rows, k = ta ? a.rows : a.cols, n = tb ? b.rows : b.cols;
    const auto x = a.Read(), y = b.Read();
    std::vector<double> d(m * n);
    for (uint64_t i = 0; i < m; ++i) {
      for (uint64_t j = 0; j < n; ++j) {
        for (uint64_t l = 0; l < k; ++l) {
          d[i * n + j] += (ta ? x[l * a.cols + i] : x[i * a.cols + l]) *
                          (tb ? y[j * b.cols + l] : y[l * b.cols + j]);
        }
      }
    }
    return d;
  }

  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatmulHeuristicResult_t results_[4];
  void* workspace_ = nullptr;
};

double Gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

TEST_F(CublasLt, MultipliesTransposed) {
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      for (const cudaDataType in : {CUDA_R_16BF, CUDA_R_32F}) {
        const uint64_t m = 16, n = 5, k = 24;
        const Matrix a(in, ta ? k : m, ta ? m : k, 32, 1), b(in, tb ? n : k, tb ? k : n, 24, 2);
        const Matrix d(CUDA_R_32F, m, n, 16, 3);
        const std::vector<double> before = d.Read();
        Set(CUBLASLT_MATMUL_DESC_TRANSA, ta ? CUBLAS_OP_T : CUBLAS_OP_N);
        Set(CUBLASLT_MATMUL_DESC_TRANSB, tb ? CUBLAS_OP_T : CUBLAS_OP_N);
        std::vector<double> expected = Product(a, ta, b, tb);
        for (size_t i = 0; i < expected.size(); ++i) expected[i] = 2 * expected[i] + 3 * before[i];
        OK(Run(a, b, d, 3, 2));
        ExpectNear(d.Read(), expected, 1e-5);
      }
    }
  }
}

TEST_F(CublasLt, RoundsToBf16OrTf32) {
  const Matrix a(CUDA_R_16BF, 16, 24, 16, 1), b(CUDA_R_16BF, 24, 8, 24, 2),
      d(CUDA_R_16BF, 16, 8, 16, 0);
  OK(Run(a, b, d));
  ExpectNear(d.Read(), Product(a, false, b, false), 1.0 / 256);
  const Matrix x(CUDA_R_32F, 16, 24, 16, 1), y(CUDA_R_32F, 24, 8, 24, 2),
      z(CUDA_R_32F, 16, 8, 16, 0);
  OK(Run(x, y, z));
  const std::vector<double> exact = z.Read();
  MakeDesc(CUBLAS_COMPUTE_32F_FAST_TF32);
  OK(Run(x, y, z));
  ExpectNear(z.Read(), exact, 1.0 / 128);
  EXPECT_NE(z.Read(), exact);
}

TEST_F(CublasLt, BiasAndGeluAndItsInput) {
  const uint64_t m = 16, n = 6;
  const Matrix a(CUDA_R_32F, m, 8, m, 1), b(CUDA_R_32F, 8, n, 8, 2), d(CUDA_R_32F, m, n, m, 0),
      bias(CUDA_R_32F, m, 1, m, 3), aux(CUDA_R_32F, m, n, 24, 0);
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_GELU_AUX_BIAS);
  Set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias.data);
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux.data);
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int64_t{24});
  OK(Run(a, b, d));
  std::vector<double> pre = Product(a, false, b, false), y;
  const std::vector<double> v = bias.Read();
  for (uint64_t i = 0; i < m * n; ++i) {
    pre[i] += v[i / n];
    y.push_back(Gelu(pre[i]));
  }
  ExpectNear(aux.Read(), pre, 1e-5);
  ExpectNear(d.Read(), y, 1e-5);
}

TEST_F(CublasLt, GeluGradientAndItsSums) {
  const uint64_t m = 16, n = 6;
  const Matrix a(CUDA_R_32F, m, 8, m, 1), b(CUDA_R_32F, 8, n, 8, 2), d(CUDA_R_32F, m, n, m, 0),
      sums(CUDA_R_32F, m, 1, m, 0), aux(CUDA_R_32F, m, n, m, 3);
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DGELU_BGRAD);
  Set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, sums.data);
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux.data);
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, static_cast<int64_t>(m));
  OK(Run(a, b, d));
  std::vector<double> expected = Product(a, false, b, false), sum(m);
  const std::vector<double> pre = aux.Read();
  for (uint64_t i = 0; i < m * n; ++i) {
    expected[i] *= (Gelu(pre[i] + 1e-5) - Gelu(pre[i] - 1e-5)) / 2e-5;
    sum[i / n] += expected[i];
  }
  ExpectNear(d.Read(), expected, 1e-5);
  ExpectNear(sums.Read(), sum, 1e-5);
}

// "Bias gradient based on the input matrix A [B] [...] The reduction happens over the GEMM's "k"
// dimension."
TEST_F(CublasLt, BiasGradients) {
  for (const bool of_a : {true, false}) {
    for (const bool transposed : {true, false}) {
      const uint64_t m = 16, n = 8, k = 24;
      const Matrix a(CUDA_R_16BF, transposed ? k : m, transposed ? m : k, 24, 1),
          b(CUDA_R_16BF, transposed ? n : k, transposed ? k : n, 24, 2), d(CUDA_R_32F, m, n, m, 0),
          sums(CUDA_R_32F, of_a ? m : n, 1, m, 0);
      Set(CUBLASLT_MATMUL_DESC_TRANSA, transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
      Set(CUBLASLT_MATMUL_DESC_TRANSB, transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
      Set(CUBLASLT_MATMUL_DESC_EPILOGUE,
          of_a ? CUBLASLT_EPILOGUE_BGRADA : CUBLASLT_EPILOGUE_BGRADB);
      Set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, sums.data);
      OK(Run(a, b, d));
      const Matrix& of = of_a ? a : b;
      const bool along_rows = of_a != transposed;  // sums over its columns
      const std::vector<double> x = of.Read();
      std::vector<double> expected(sums.rows);
      for (uint64_t r = 0; r < of.rows; ++r) {
        for (uint64_t c = 0; c < of.cols; ++c) expected[along_rows ? r : c] += x[r * of.cols + c];
      }
      ExpectNear(sums.Read(), expected, 1e-5);
      ExpectNear(d.Read(), Product(a, transposed, b, transposed), 1e-5);
    }
  }
}

TEST_F(CublasLt, Batches) {
  const Matrix a(CUDA_R_32F, 8, 3 * 4, 8, 1), b(CUDA_R_32F, 4, 3 * 8, 4, 2),
      d(CUDA_R_32F, 8, 3 * 8, 8, 0);
  Matrix one_a(CUDA_R_32F, 8, 4, 8, 1), one_b(CUDA_R_32F, 4, 8, 4, 2), one(CUDA_R_32F, 8, 8, 8, 0);
  const int32_t count = 3;
  for (const auto& [layout, stride] :
       {std::make_pair(one_a.layout, int64_t{32}), {one_b.layout, 32}, {one.layout, 64}}) {
    OK(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, 4));
    OK(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                        &stride, 8));
  }
  cublasStatus_t status;
  ASSERT_GT(Ask(one_a, one_b, one, &status), 0);
  const float alpha = 1, beta = 0;
  OK(cublasLtMatmul(handle_, desc_, &alpha, a.data, one_a.layout, b.data, one_b.layout, &beta,
                    d.data, one.layout, d.data, one.layout, &results_[0].algo, workspace_,
                    kWorkspace, nullptr));
  const std::vector<double> x = a.Read(), y = b.Read(), z = d.Read();
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 24; ++j) {
      double sum = 0;
      for (int l = 0; l < 4; ++l) sum += x[i * 12 + j / 8 * 4 + l] * y[l * 24 + j];
      ASSERT_NEAR(z[i * 24 + j], sum, 1e-5);
    }
  }
  // A gradient vector for all of them at one place would be written three times.
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BGRADA);
  Set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, d.data);
  EXPECT_LE(Ask(one_a, one_b, one, &status), 0);
  EXPECT_EQ(status, CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(CublasLt, AddsPartsOfASumInTheTypeOfTheResultUnlessThatIsForbidden) {
  const Matrix a(CUDA_R_16BF, 16, 512, 16, 1), b(CUDA_R_16BF, 512, 8, 512, 2),
      d(CUDA_R_16BF, 16, 8, 16, 0);
  OK(Run(a, b, d));
  const std::vector<double> rounded_once = d.Read();
  ExpectNear(rounded_once, Product(a, false, b, false), 0.004);
  SetReductions(CUBLASLT_REDUCTION_SCHEME_MASK);
  OK(Run(a, b, d));
  EXPECT_NE(d.Read(), rounded_once);
  SetWorkspace(0);  // no sum is split
  OK(Run(a, b, d));
  EXPECT_EQ(d.Read(), rounded_once);
}

TEST_F(CublasLt, SpoilsAResultInItsWorkspace) {
  const Matrix a(CUDA_R_32F, 128, 8, 128, 1), b(CUDA_R_32F, 8, 128, 8, 2),
      d(CUDA_R_32F, 128, 128, 128, 0);
  cublasStatus_t status;
  ASSERT_GT(Ask(a, b, d, &status), 0);
  const float alpha = 1, beta = 0;
  OK(cublasLtMatmul(handle_, desc_, &alpha, a.data, a.layout, b.data, b.layout, &beta, d.data,
                    d.layout, d.data, d.layout, &results_[0].algo, d.data, kWorkspace, nullptr));
  EXPECT_TRUE(std::isnan(d.Read()[0]));
}

TEST_F(CublasLt, OffersAlgorithmsWithinTheWorkspace) {
  const Matrix a(CUDA_R_32F, 16, 8, 16, 1), b(CUDA_R_32F, 8, 8, 8, 2), d(CUDA_R_32F, 16, 8, 16, 0);
  cublasStatus_t status;
  EXPECT_EQ(Ask(a, b, d, &status), 3);
  EXPECT_EQ(results_[0].workspaceSize, kWorkspace);
  const float alpha = 1, beta = 0;
  const auto run = [&](void* workspace, size_t bytes) {
    return cublasLtMatmul(handle_, desc_, &alpha, a.data, a.layout, b.data, b.layout, &beta, d.data,
                          d.layout, d.data, d.layout, &results_[0].algo, workspace, bytes, nullptr);
  };
  EXPECT_EQ(run(workspace_, kWorkspace - 1), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(run(nullptr, kWorkspace), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(run(static_cast<char*>(workspace_) + 16, kWorkspace), CUBLAS_STATUS_INVALID_VALUE);
  OK(run(workspace_, kWorkspace));
  // What lay there is gone.
  OK(cudaMemset(workspace_, 0, kWorkspace));
  OK(run(workspace_, kWorkspace));
  unsigned char byte = 0;
  OK(cudaMemcpy(&byte, static_cast<char*>(workspace_) + 1000, 1, cudaMemcpyDeviceToHost));
  EXPECT_EQ(byte, 0xff);
  SetWorkspace(0);
  EXPECT_EQ(Ask(a, b, d, &status), 2);
  EXPECT_EQ(results_[0].workspaceSize, 0u);
  int count = -1;
  EXPECT_EQ(cublasLtMatmulAlgoGetHeuristic(handle_, desc_, a.layout, b.layout, d.layout, d.layout,
                                           preference_, 0, results_, &count),
            CUBLAS_STATUS_INVALID_VALUE);
}

// Rows, pointers and what the preference says of them; the algorithm that takes all is counted.
TEST_F(CublasLt, AlignmentDecidesWhichAlgorithm) {
  const Matrix a(CUDA_R_16BF, 16, 9, 16, 1), b(CUDA_R_16BF, 9, 8, 9, 2),
      d(CUDA_R_32F, 16, 8, 16, 0);
  cublasStatus_t status;
  EXPECT_EQ(Ask(a, b, d, &status), 1);  // rows of 18 bytes
  TakeCounters();
  OK(Run(a, b, d));
  ExpectNear(d.Read(), Product(a, false, b, false), 1e-5);
  EXPECT_EQ(TakeCounters().unaligned_products, 1u);

  const Matrix even(CUDA_R_16BF, 8, 8, 8, 2), x(CUDA_R_16BF, 16, 8, 16, 1);
  EXPECT_EQ(Ask(x, even, d, &status), 3);
  OK(Run(x, even, d));
  OK(cudaDeviceSynchronize());
  EXPECT_EQ(TakeCounters().unaligned_products, 0u);
  const float alpha = 1, beta = 0;
  const Matrix room(CUDA_R_16BF, 8, 9, 8, 2);
  EXPECT_EQ(cublasLtMatmul(handle_, desc_, &alpha, x.data, x.layout,
                           static_cast<char*>(room.data) + 2, even.layout, &beta, d.data, d.layout,
                           d.data, d.layout, &results_[0].algo, workspace_, kWorkspace, nullptr),
            CUBLAS_STATUS_NOT_SUPPORTED);
  const uint32_t two = 2;
  OK(cublasLtMatmulPreferenceSetAttribute(preference_, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                                          &two, sizeof(two)));
  EXPECT_EQ(Ask(x, even, d, &status), 1);
}

TEST_F(CublasLt, RefusesWhatTheHeaderRefuses) {
  const Matrix a(CUDA_R_16BF, 16, 8, 16, 1), b(CUDA_R_16BF, 8, 8, 8, 2),
      d(CUDA_R_16BF, 16, 8, 16, 0), f(CUDA_R_32F, 16, 8, 16, 0), wrong(CUDA_R_16BF, 8, 16, 8, 1),
      square(CUDA_R_32F, 8, 8, 8, 2);
  cublasStatus_t status;
  const auto expect = [&](cublasStatus_t expected, const Matrix& x, const Matrix& y,
                          const Matrix& z) {
    EXPECT_LE(Ask(x, y, z, &status), 0);
    EXPECT_EQ(status, expected);
  };
  EXPECT_GT(Ask(a, b, d, &status), 0);
  expect(CUBLAS_STATUS_INVALID_VALUE, a, wrong, wrong);  // shapes of D
  expect(CUBLAS_STATUS_INVALID_VALUE, b, a, d);          // inner sizes
  expect(CUBLAS_STATUS_NOT_SUPPORTED, a, square, d);     // two types
  expect(CUBLAS_STATUS_NOT_SUPPORTED, f, square, d);     // f32 to bf16
  cublasLtMatmulDesc_t none = nullptr;
  EXPECT_NE(cublasLtMatmulDescCreate(&none, CUBLAS_COMPUTE_16F, CUDA_R_16F), CUBLAS_STATUS_SUCCESS);
  // "sizeInBytes doesn't match size of internal storage"
  const uint64_t long_epilogue = CUBLASLT_EPILOGUE_BIAS;
  EXPECT_EQ(cublasLtMatmulDescSetAttribute(desc_, CUBLASLT_MATMUL_DESC_EPILOGUE, &long_epilogue, 8),
            CUBLAS_STATUS_INVALID_VALUE);
  // "Bias vector elements are the same type as the elements of output matrix"
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  expect(CUBLAS_STATUS_INVALID_VALUE, a, b, d);  // where is it?
  Set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, f.data);
  Set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, static_cast<int32_t>(CUDA_R_32F));
  expect(CUBLAS_STATUS_NOT_SUPPORTED, a, b, d);
  EXPECT_GT(Ask(a, b, f, &status), 0);
  Set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, static_cast<int32_t>(CUDA_R_16BF));
  EXPECT_GT(Ask(a, b, d, &status), 0);
  expect(CUBLAS_STATUS_NOT_SUPPORTED, a, b, f);
  // "Must be divisible by 8 and be no less than the number of rows in the output matrix."
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_GELU_AUX);
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, f.data);
  for (const int64_t ld : {0, 8, 20}) {
    Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, ld);
    expect(CUBLAS_STATUS_INVALID_VALUE, a, b, d);
  }
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int64_t{24});
  EXPECT_GT(Ask(a, b, d, &status), 0);
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, static_cast<int32_t>(CUDA_R_32F));
  expect(CUBLAS_STATUS_INVALID_VALUE, a, b, d);
  // An algorithm goes with the product that it was asked for.
  MakeDesc();
  const Matrix narrow(CUDA_R_16BF, 16, 8, 24, 1);
  ASSERT_GT(Ask(a, b, d, &status), 0);
  EXPECT_EQ(Launch(narrow, b, d), CUBLAS_STATUS_INVALID_VALUE);
  OK(Launch(a, b, d));
}

TEST_F(CublasLt, HasNoAlgorithmForEpiloguesThatAreRefused) {
  const Matrix a(CUDA_R_16BF, 16, 8, 16, 1), b(CUDA_R_16BF, 8, 8, 8, 2),
      d(CUDA_R_32F, 16, 8, 16, 0), sums(CUDA_R_32F, 16, 1, 16, 0);
  Options options;
  options.refused_epilogues = CUBLASLT_EPILOGUE_BGRADA;
  Reset(options);
  cublasStatus_t status;
  EXPECT_GT(Ask(a, b, d, &status), 0);
  Set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, sums.data);
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BGRADA);
  EXPECT_LE(Ask(a, b, d, &status), 0);
  EXPECT_EQ(status, CUBLAS_STATUS_NOT_SUPPORTED);
  Set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  EXPECT_GT(Ask(a, b, d, &status), 0);
}

// "Currently only non-negative values are supported, must be large enough so that matrix memory
// locations are not overlapping"
TEST_F(CublasLt, RefusesColumnsThatOverlap) {
  cublasLtMatrixLayout_t layout = nullptr;
  OK(cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, 16, 8, 12));
  const Matrix b(CUDA_R_32F, 8, 8, 8, 2), d(CUDA_R_32F, 16, 8, 16, 0);
  int count = -1;
  EXPECT_EQ(cublasLtMatmulAlgoGetHeuristic(handle_, desc_, layout, b.layout, d.layout, d.layout,
                                           preference_, 1, results_, &count),
            CUBLAS_STATUS_INVALID_VALUE);
  OK(cublasLtMatrixLayoutDestroy(layout));
}

TEST(CublasLtMachines, WithoutADevice) {
  Options options;
  options.devices = 0;
  Reset(options);
  cublasLtHandle_t handle = nullptr;
  EXPECT_EQ(cublasLtCreate(&handle), CUBLAS_STATUS_NOT_INITIALIZED);
}

}  // namespace
}  // namespace fake_cuda
