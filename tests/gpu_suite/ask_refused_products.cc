// The section about what cuBLASLt refuses, as tests/fake_cuda/cublaslt.cc claims.
#include <functional>

#include "tests/gpu_suite/lt_product.h"

namespace gpu_suite {

void AskRefusedProducts(Facts* facts) {
  const Shape s = {64, 64, 64};
  const auto may = [&](const char* name, const std::string& status) {
    facts->MayAllow(name, status, kAllowed);
  };
  const auto ask = [&](const char* name, const Types& t,
                       const std::function<void(Product*)>& change) {
    Product product(s, t);
    change(&product);
    may(name, product.Ask());
  };
  ask("f32_bias_of_bf16", kTypes[2], [](Product* p) {
    p->SetEpilogue(CUBLASLT_EPILOGUE_BIAS);
    p->Set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, int32_t{CUDA_R_32F});
  });
  ask("f32_bias_gradient_of_bf16", kTypes[2], [](Product* p) {
    p->SetEpilogue(CUBLASLT_EPILOGUE_BGRADB);
    p->Set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, int32_t{CUDA_R_32F});
  });
  ask("f32_gelu_input_of_bf16", kTypes[2], [](Product* p) {
    p->SetEpilogue(CUBLASLT_EPILOGUE_GELU_AUX_BIAS);
    p->Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, int32_t{CUDA_R_32F});
  });
  ask("no_bias_pointer", kTypes[0],
      [](Product* p) { p->SetEpilogue(CUBLASLT_EPILOGUE_BIAS, nullptr); });
  ask("no_aux_pointer", kTypes[2], [](Product* p) {
    p->SetEpilogue(CUBLASLT_EPILOGUE_DGELU, reinterpret_cast<void*>(4096), nullptr);
  });
  for (const int64_t ld : {int64_t{56}, int64_t{68}}) {
    ask(ld < 64 ? "aux_rows_too_short" : "aux_rows_of_no_8", kTypes[2], [&](Product* p) {
      p->SetEpilogue(CUBLASLT_EPILOGUE_DGELU);
      p->Set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, ld);
    });
  }
  ask("bf16_of_f32_factors", {"", CUDA_R_32F, CUDA_R_16BF}, [](Product*) {});
  ask("factors_of_two_types", kTypes[0], [](Product* p) {
    cublasLtMatrixLayoutDestroy(p->a);
    MustLt(cublasLtMatrixLayoutCreate(&p->a, CUDA_R_16BF, 64, 64, 64), "a layout");
  });
  ask("sums_of_two_lengths", kTypes[0], [](Product* p) {
    cublasLtMatrixLayoutDestroy(p->a);
    MustLt(cublasLtMatrixLayoutCreate(&p->a, CUDA_R_32F, 64, 32, 64), "a layout");
  });
  ask("result_of_another_size", kTypes[0], [](Product* p) {
    cublasLtMatrixLayoutDestroy(p->d);
    MustLt(cublasLtMatrixLayoutCreate(&p->d, CUDA_R_32F, 32, 64, 64), "a layout");
  });
  ask("columns_that_overlap", kTypes[0], [](Product* p) {
    cublasLtMatrixLayoutDestroy(p->a);
    MustLt(cublasLtMatrixLayoutCreate(&p->a, CUDA_R_32F, 64, 64, 32), "a layout");
  });
  ask("batches_of_two_counts", kTypes[0], [](Product* p) {
    const int32_t batches = 2;
    MustLt(cublasLtMatrixLayoutSetAttribute(p->a, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batches,
                                            sizeof(batches)),
           "a layout's attribute");
  });
  {
    Product product(s, kTypes[0]);
    const int16_t operation = 0;
    may("attribute_of_another_size",
        cublasLtGetStatusName(cublasLtMatmulDescSetAttribute(
            product.desc(), CUBLASLT_MATMUL_DESC_TRANSA, &operation, sizeof(operation))));
  }

  const Tensor a(CUDA_R_32F, 64 * 64, 1), b(CUDA_R_32F, 64 * 64, 2), d(CUDA_R_32F, 64 * 64, 3);
  const float zero = 0;
  {
    Product product(s, kTypes[0]);
    facts->Equal("plain", product.Ask());
    facts->Equal("beta_0_without_c", cublasLtGetStatusName(product.Run(a.data(), b.data(), nullptr,
                                                                       d.data(), &zero)));
    if (product.workspace() > 0) {
      may("too_little_workspace",
          cublasLtGetStatusName(product.Run(a.data(), b.data(), d.data(), d.data(), &zero, 0)));
    } else {
      facts->Note("too_little_workspace", "the algorithm needs none");
    }
  }
  {
    Product product(s, kTypes[0]);
    const cudaStream_t stream = NewStream();
    Must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
    cublasLtHandle_t handle = nullptr;
    may("create_in_a_capture", cublasLtGetStatusName(cublasLtCreate(&handle)));
    cudaGraph_t graph = nullptr;
    facts->MayAllow("create_in_a_capture_end", Name(cudaStreamEndCapture(stream, &graph)),
                    "cudaSuccess");
    cudaGetLastError();
    if (graph != nullptr) cudaGraphDestroy(graph);
    if (handle != nullptr) cublasLtDestroy(handle);
  }
  // The last, because who does not refuse reads from address 0.
  Product product(s, kTypes[0]);
  facts->Equal("plain_again", product.Ask());
  const float one = 1;
  may("beta_without_c",
      cublasLtGetStatusName(product.Run(a.data(), b.data(), nullptr, d.data(), &one)));
}

}  // namespace gpu_suite
