// Operators on the CUDA backend, where tests/ops has no case for how it computes them:
// products in parts, without the library, of no terms, of no rows, with a workspace; attention on
// tensor cores, by our kernels and by cuDNN.
#include <cublasLt.h>

#include "backends/cuda/product.h"
#include "graph/compiler/backend.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/cuda.h"
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
  for (const char* type : {"MatMul", "MatMulWeightGrad", "Linear", "LinearGelu", "MatMulGeluGrad",
                           "LinearResidual", "LinearWeightGrad"}) {
    AddFloat32OrBfloat16(
        &backend.kernels, type,
        [=](const graph::KernelSpec& spec) { return MakeProduct(device, spec, options); },
        {"cublaslt", "cudnn", "own"});
  }
  return backend;
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> Make(const graph::Backend& backend,
                                                    const OpCase& c) {
  std::vector<graph::TensorType> inputs;
  for (const CaseInput& input : c.inputs) inputs.push_back(input.type);
  const TypedOp op = MakeOp(c.type, c.attrs, inputs).value();
  graph::KernelSpec spec;
  spec.op = &op.op;
  spec.inputs = op.inputs;
  spec.outputs = op.outputs;
  return (*backend.kernels.Find(c.type))(spec);
}

// The kernel of the backend under test.
absl::StatusOr<std::unique_ptr<graph::Kernel>> Make(const OpCase& c) {
  static const auto* backend = new graph::Backend(TestBackends().back());
  return Make(*backend, c);
}

std::string Implementation(const OpCase& c) { return Make(c).value()->implementation(); }

OpCase LinearCase(int64_t rows, int64_t k, int64_t n, const char* activation, bool bf16,
                  bool y_bf16) {
  const auto type = [](bool is_bf16, graph::Shape shape) {
    return is_bf16 ? BF16(shape) : F32(shape);
  };
  return {
      "Linear",
      {{"activation", std::string(activation)}, {"dtype", std::string(y_bf16 ? "bf16" : "f32")}},
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

OpCase LinearGeluCase(int64_t rows, int64_t k, int64_t n) {
  OpCase c = LinearCase(rows, k, n, "none", /*bf16=*/true, /*y_bf16=*/true);
  c.type = "LinearGelu";
  c.attrs = {};
  c.outputs.push_back(c.outputs[0]);
  return c;
}

OpCase MatMulGeluGradCase(int64_t rows, int64_t k, int64_t n) {
  OpCase c = MatMulCase(rows, k, n, /*trans_w=*/0, /*times=*/true);
  c.type = "MatMulGeluGrad";
  return c;
}

OpCase LinearResidualCase(int64_t rows, int64_t k, int64_t n, bool bf16) {
  OpCase c = LinearCase(rows, k, n, "none", bf16, /*y_bf16=*/false);
  c.type = "LinearResidual";
  c.attrs = {};
  c.inputs.push_back({F32({rows, n}), Normal()});
  return c;
}

OpCase LinearWeightGradCase(int64_t rows, int64_t m, int64_t n, bool bf16, bool so_far) {
  const auto type = [bf16](graph::Shape shape) { return bf16 ? BF16(shape) : F32(shape); };
  OpCase c = {"LinearWeightGrad",
              {{"shape", std::vector<int64_t>{m, n}}},
              {{type({rows, m}), Normal()}, {type({rows, n}), Normal()}},
              {F32({m, n}), F32({m})}};
  if (so_far) c.inputs.push_back({F32({m, n}), Normal()});
  return c;
}

bool HasCudnn() {
  return TestBackends().back().description.find(", no cuDNN: ") == std::string::npos;
}

// 16 columns in f32 are 64 bytes: parts of 256 rows, whole ones only and with a rest.
TEST(CudaProduct, InPartsOfRows) {
  for (const int64_t part_bytes : {int64_t{1}, int64_t{64} * 256, int64_t{64} * 600}) {
    ProductOptions options;
    options.cudnn = false;
    options.part_bytes = part_bytes;
    const graph::Backend backend = With(options);
    for (const int64_t rows : {255, 256, 512, 520}) {
      RunCaseOn(backend, LinearCase(rows, 8, 16, "gelu", /*bf16=*/true, /*y_bf16=*/true));
    }
    RunCaseOn(backend, LinearCase(515, 5, 7, "none", /*bf16=*/true, /*y_bf16=*/true));
    RunCaseOn(backend, MatMulCase(515, 5, 7, 0, /*times=*/true));
    RunCaseOn(backend, MatMulCase(515, 8, 16, 1, /*times=*/true));
    RunCaseOn(backend, LinearGeluCase(515, 8, 16));
    RunCaseOn(backend, MatMulGeluGradCase(515, 8, 16));
  }
}

TEST(CudaProduct, WithoutTheLibrary) {
  ProductOptions options;
  options.cudnn = options.library = false;
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
    RunCaseOn(backend, LinearResidualCase(300, 8, 3, bf16));
    for (const bool so_far : {false, true}) {
      RunCaseOn(backend, LinearWeightGradCase(33, 300, 7, bf16, so_far));
    }
  }
  RunCaseOn(backend, LinearGeluCase(300, 8, 3));
  RunCaseOn(backend, MatMulGeluGradCase(300, 8, 3));
}

// Each refusal leaves as much to the library as it takes.
TEST(CudaProduct, DoesItselfWhatTheLibraryRefuses) {
  std::vector<OpCase> biases, sums;
  for (const bool y_bf16 : {false, true}) {
    biases.push_back(LinearCase(300, 8, 16, "none", /*bf16=*/true, y_bf16));
    if (y_bf16) biases.back().inputs[2].type = BF16({16});
    biases.push_back(LinearResidualCase(300, 8, 16, /*bf16=*/!y_bf16));
    sums.push_back(LinearWeightGradCase(33, 300, 8, /*bf16=*/true, /*so_far=*/y_bf16));
  }
  const auto expect = [&](uint32_t refused, const char* of_bias, const char* of_sums) {
    SCOPED_TRACE(refused);
    const RefusedEpilogues refusal(refused);
    if (!refusal.active()) return;
    const graph::Backend backend = TestBackends().back();
    for (const OpCase& c : biases) {
      EXPECT_EQ(Implementation(c), of_bias) << c.type;
      RunCaseOn(backend, c);
    }
    for (const OpCase& c : sums) {
      EXPECT_EQ(Implementation(c), of_sums);
      RunCaseOn(backend, c);
    }
  };
  expect(0, "cublaslt", "cublaslt");
  expect(CUBLASLT_EPILOGUE_BIAS, "cublaslt, own epilogue", "cublaslt");
  expect(CUBLASLT_EPILOGUE_BGRADB, "cublaslt", "cublaslt, own sums");
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
  const OpCase c = LinearCase(257, 2051, 40, "gelu", /*bf16=*/true, /*y_bf16=*/true);
  constexpr size_t kPadded = (257 + 40) * 2056 * 2, kProduct = 257 * 40 * 4, kGaps = 3 * 256;
  EXPECT_GT(Make(c).value()->scratch_bytes(), kPadded + kProduct + kGaps) << "no workspace";
  RunCaseOn(backend, c);
  // A result in bf16 that the library stores, of sums that it keeps in f32.
  RunCaseOn(backend, MatMulCase(257, 2056, 40, /*trans_w=*/1, /*times=*/false));
}

// Epilogues that cuBLASLt lacks.
TEST(CudaProduct, IsCudnnsInBFloat16) {
  for (const auto& [rows, k, n] :
       {std::make_tuple(5, 8, 16), std::make_tuple(70, 24, 8), std::make_tuple(33, 72, 40)}) {
    for (const OpCase& c : {LinearCase(rows, k, n, "gelu", true, true), LinearGeluCase(rows, k, n),
                            MatMulGeluGradCase(rows, k, n)}) {
      EXPECT_EQ(Implementation(c), HasCudnn() ? "cudnn" : "cublaslt, own epilogue") << c.type;
      RunCaseOn(TestBackends().back(), c);
    }
    // An f32 bias of a bf16 result, which passes leave to nobody, and the CPU's way with GELU.
    for (const OpCase& c :
         {LinearCase(rows, k, n, "none", true, true), MatMulCase(rows, k, n, 0, /*times=*/true),
          MatMulCase(rows, k, n, 1, /*times=*/true)}) {
      EXPECT_EQ(Implementation(c), "cublaslt, own epilogue") << c.type;
      RunCaseOn(TestBackends().back(), c);
    }
  }
  // Rows that are no whole vectors of 16 bytes.
  EXPECT_EQ(Implementation(LinearGeluCase(5, 8, 12)), "cublaslt, own epilogue");
  EXPECT_EQ(Implementation(LinearGeluCase(5, 12, 8)), "cublaslt, own epilogue");
}

TEST(CudaProduct, SaysHowItIsMade) {
  EXPECT_EQ(Implementation(LinearCase(5, 8, 16, "none", true, false)), "cublaslt");
  EXPECT_EQ(Implementation(LinearCase(5, 8, 16, "gelu", true, false)), "cublaslt, own epilogue");
  EXPECT_EQ(Implementation(LinearWeightGradCase(0, 8, 16, true, true)),
            "own:f32, own epilogue, own sums");
  EXPECT_EQ(Implementation(MatMulCase(5, 8, 16, 1, false)), "cublaslt");
  EXPECT_EQ(Implementation(MatMulCase(5, 0, 16, 1, true)), "own:f32, own epilogue");
}

OpCase AttentionCase(graph::DType dtype, int64_t tokens, int64_t head_width, int64_t queries = 0) {
  const int64_t images = 2, heads = 2, width = heads * head_width;
  const int64_t asked = queries == 0 ? tokens : queries;
  OpCase c = {"Attention",
              {{"heads", heads}},
              {{{dtype, {images, tokens, 3 * width}}, Normal()}},
              {{dtype, {images, asked, width}}, F32({images, heads, asked})}};
  if (queries > 0) c.inputs.push_back({I32({images, queries}), Ids(tokens)});
  return c;
}

// y and lse are the forward operator's.
OpCase AttentionGradCase(graph::DType dtype, int64_t tokens, int64_t head_width) {
  const OpCase forward = AttentionCase(dtype, tokens, head_width);
  const std::vector<HostTensor> in = MakeInputs(forward);
  const std::vector<HostTensor> out = Reference("Attention", forward.attrs, in);
  OpCase c = {"AttentionGrad",
              forward.attrs,
              {{in[0].type(), Values(in[0].Values())},
               {out[0].type(), Values(out[0].Values())},
               {out[1].type(), Values(out[1].Values())},
               {out[0].type(), Normal()}},
              {in[0].type()}};
  c.parts = 3;
  return c;
}

TEST(CudaAttention, OnTensorCores) {
  const graph::Backend backend = TestBackends().back();
  for (const OpCase& c : {AttentionCase(graph::DType::kBF16, 20, 32),
                          AttentionCase(graph::DType::kBF16, 37, 64, /*queries=*/9),
                          AttentionGradCase(graph::DType::kBF16, 20, 32)}) {
    EXPECT_EQ(Implementation(c), "own:mma");
    RunCaseOn(backend, c);
  }
}

TEST(CudaAttention, TakesTensorCoresWhereItCan) {
  using graph::DType;
  EXPECT_EQ(Implementation(AttentionCase(DType::kBF16, 272, 80)), "own:mma");
  EXPECT_EQ(Implementation(AttentionCase(DType::kF32, 50, 64)), "own:f32");
  EXPECT_EQ(Implementation(AttentionGradCase(DType::kBF16, 80, 32)), "own:mma");
  EXPECT_EQ(Implementation(AttentionGradCase(DType::kF32, 5, 32)), "own:f32");
}

// Longer than our kernels on tensor cores take, or of widths that they lack.
std::vector<OpCase> CasesBeyondTensorCores() {
  using graph::DType;
  return {AttentionCase(DType::kBF16, 273, 32), AttentionCase(DType::kBF16, 50, 40),
          AttentionGradCase(DType::kBF16, 81, 32), AttentionGradCase(DType::kBF16, 197, 64),
          AttentionGradCase(DType::kBF16, 20, 16)};
}

TEST(CudaAttention, IsCudnnsBeyondOurTensorCores) {
  for (const OpCase& c : CasesBeyondTensorCores()) {
    EXPECT_EQ(Implementation(c), HasCudnn() ? "cudnn" : "own:f32");
    RunCaseOn(TestBackends().back(), c);
  }
}

TEST(CudaAttention, IsOursWhereCudnnCannot) {
  using graph::DType;
  for (const OpCase& c :
       {AttentionCase(DType::kBF16, 300, 32, /*queries=*/9), AttentionCase(DType::kBF16, 20, 36),
        AttentionGradCase(DType::kBF16, 1, 16)}) {
    EXPECT_EQ(Implementation(c), "own:f32");
    RunCaseOn(TestBackends().back(), c);
  }
}

TEST(CudaAttention, IsOursWithoutCudnn) {
  const WithoutCudnn without;
  const graph::Backend backend = MakeCuda();
  if (backend.description.find(", no cuDNN: ") == std::string::npos) {
    GTEST_SKIP() << "a machine's cuDNN cannot be hidden";
  }
  for (const OpCase& c : CasesBeyondTensorCores()) {
    EXPECT_EQ(Make(backend, c).value()->implementation(), "own:f32");
  }
  RunCaseOn(backend, AttentionGradCase(graph::DType::kBF16, 81, 32));
}

TEST(CudaAttention, RefusesHeadsThatAreTooWide) {
  EXPECT_EQ(Implementation(AttentionCase(graph::DType::kF32, 3, 256)), "own:f32");
  for (const OpCase& c : {AttentionCase(graph::DType::kF32, 3, 257),
                          AttentionGradCase(graph::DType::kBF16, 3, 257)}) {
    const auto kernel = Make(c);
    EXPECT_TRUE(absl::IsUnimplemented(kernel.status())) << kernel.status();
    const std::string text(kernel.status().message());
    EXPECT_NE(text.find(c.type + " 'case' ("), std::string::npos) << text;
    EXPECT_NE(text.find("heads of 257 columns are wider"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace harness
