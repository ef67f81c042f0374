// Products on the emulated CUDA backend that tests/ops has no case for: in parts, without the
// library, of no terms, of no rows, with a workspace.
#include "backends/cuda/product.h"

#include "graph/compiler/backend.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

using backends::cuda::CudaDevice;
using backends::cuda::DevicePtr;
using backends::cuda::MakeProduct;

using backends::cuda::ProductOptions;

// The backend under test, with other products.
graph::Backend With(const ProductOptions& options) {
  graph::Backend backend = TestBackends().back();
  const DevicePtr device = std::static_pointer_cast<CudaDevice>(backend.device);
  backend.kernels = graph::KernelTable();
  for (const char* type : {"MatMul", "MatMulWeightGrad", "Linear"}) {
    backend.kernels.Add(type, [=](const graph::KernelSpec& spec) {
      return MakeProduct(device, spec, options);
    });
  }
  return backend;
}

OpCase LinearCase(int64_t rows, int64_t k, int64_t n, const char* activation, bool bf16,
                  bool y_bf16) {
  const auto type = [](bool is_bf16, graph::Shape shape) {
    return is_bf16 ? BF16(shape) : F32(shape);
  };
  return {"Linear",
          {{"activation", std::string(activation)},
           {"dtype", std::string(y_bf16 ? "bf16" : "f32")}},
          {{type(bf16, {rows, k}), Normal()}, {type(bf16, {n, k}), Normal()}, {F32({n}), Normal()}},
          {type(y_bf16, {rows, n})}};
}

OpCase MatMulCase(int64_t rows, int64_t k, int64_t n, int64_t trans_w, bool times) {
  OpCase c = {"MatMul",
              {{"trans_w", trans_w}},
              {{BF16({rows, k}), Normal()},
               {BF16(trans_w ? graph::Shape{n, k} : graph::Shape{k, n}), Normal()}},
              {BF16({rows, n})}};
  if (times) c.inputs.push_back({BF16({rows, n}), Normal()});
  return c;
}

// 16 columns in f32 are 64 bytes: parts of 256 rows, whole ones only and with a rest.
TEST(CudaProduct, InPartsOfRows) {
  for (const int64_t part_bytes : {int64_t{1}, int64_t{64} * 256, int64_t{64} * 600}) {
    ProductOptions options;
    options.part_bytes = part_bytes;
    const graph::Backend backend = With(options);
    for (const int64_t rows : {255, 256, 512, 520}) {
      RunCaseOn(backend, LinearCase(rows, 8, 16, "gelu", /*bf16=*/true, /*y_bf16=*/true));
    }
    RunCaseOn(backend, LinearCase(515, 5, 7, "none", /*bf16=*/true, /*y_bf16=*/true));
    RunCaseOn(backend, MatMulCase(515, 5, 7, 0, /*times=*/true));
    RunCaseOn(backend, MatMulCase(515, 8, 16, 1, /*times=*/true));
  }
}

TEST(CudaProduct, WithoutTheLibrary) {
  ProductOptions options;
  options.library = false;
  options.part_bytes = 1;
  const graph::Backend backend = With(options);
  for (const char* activation : {"none", "gelu"}) {
    for (const bool bf16 : {false, true}) {
      for (const bool y_bf16 : {false, true}) {
        RunCaseOn(backend, LinearCase(7, 5, 16, activation, bf16, y_bf16));
        RunCaseOn(backend, LinearCase(300, 8, 3, activation, bf16, y_bf16));
      }
    }
  }
  for (const int64_t trans_w : {0, 1}) {
    for (const bool times : {false, true}) RunCaseOn(backend, MatMulCase(7, 19, 8, trans_w, times));
  }
  for (const bool bf16 : {false, true}) {
    RunCaseOn(backend, {"MatMulWeightGrad",
                        {{"shape", std::vector<int64_t>{70, 7}}},
                        {{bf16 ? BF16({33, 70}) : F32({33, 70}), Normal()},
                         {bf16 ? BF16({33, 7}) : F32({33, 7}), Normal()}},
                        {F32({70, 7})}});
  }
}

TEST(CudaProduct, OfF32RoundedToBFloat16) {
  const graph::Backend backend = TestBackends().back();
  for (const char* activation : {"none", "gelu"}) {
    RunCaseOn(backend, LinearCase(5, 8, 16, activation, /*bf16=*/false, /*y_bf16=*/true));
    RunCaseOn(backend, LinearCase(5, 3, 7, activation, /*bf16=*/false, /*y_bf16=*/true));
  }
}

TEST(CudaProduct, OfNoTermsIsTheBias) {
  const graph::Backend backend = TestBackends().back();
  for (const bool bf16 : {false, true}) {
    for (const int64_t n : {7, 16}) {
      RunCaseOn(backend, LinearCase(5, 0, n, "gelu", bf16, bf16));
      RunCaseOn(backend, LinearCase(5, 0, n, "none", bf16, /*y_bf16=*/false));
    }
  }
  RunCaseOn(backend, MatMulCase(5, 0, 7, 1, /*times=*/true));
  RunCaseOn(backend, MatMulCase(5, 0, 8, 0, /*times=*/false));
  RunCaseOn(backend, {"MatMulWeightGrad",
                      {{"shape", std::vector<int64_t>{5, 7}}},
                      {{BF16({0, 5}), Normal()}, {BF16({0, 7}), Normal()}},
                      {F32({5, 7})}});
}

TEST(CudaProduct, OfNoRowsIsNothing) {
  const graph::Backend backend = TestBackends().back();
  RunCaseOn(backend, LinearCase(0, 5, 7, "gelu", true, true));
  RunCaseOn(backend, MatMulCase(0, 5, 7, 1, /*times=*/true));
}

// Enough terms for the library to be given a workspace, beside padded factors and a product that
// wait in the same scratch.
TEST(CudaProduct, WithAWorkspace) {
  const graph::Backend backend = TestBackends().back();
  const OpCase c = LinearCase(257, 2051, 35, "gelu", /*bf16=*/true, /*y_bf16=*/true);
  RunCaseOn(backend, c);
}

TEST(CudaProduct, SaysHowItIsMade) {
  const graph::Backend backend = TestBackends().back();
  const auto implementation = [&](const OpCase& c) {
    std::vector<graph::TensorType> inputs;
    for (const CaseInput& input : c.inputs) inputs.push_back(input.type);
    const TypedOp op = MakeOp(c.type, c.attrs, inputs).value();
    graph::KernelSpec spec;
    spec.op = &op.op;
    spec.inputs = op.inputs;
    spec.outputs = op.outputs;
    return (*backend.kernels.Find(c.type))(spec).value()->implementation();
  };
  EXPECT_EQ(implementation(LinearCase(5, 8, 16, "none", true, false)), "cublaslt");
  EXPECT_EQ(implementation(LinearCase(5, 8, 16, "none", true, true)), "cublaslt, own epilogue");
  EXPECT_EQ(implementation(LinearCase(5, 8, 16, "gelu", true, false)), "cublaslt, own epilogue");
  EXPECT_EQ(implementation(MatMulCase(5, 8, 16, 1, false)), "cublaslt");
  EXPECT_EQ(implementation(MatMulCase(5, 0, 16, 1, true)), "own:f32, own epilogue");
}

}  // namespace
}  // namespace harness
