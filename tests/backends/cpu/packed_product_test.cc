// Products with packed weights on AMX tiles: that they are our own there, the same bits for
// every team, and a GELU that is as good as it says.
#include <cmath>
#include <limits>

#include "backends/cpu/gemm.h"
#include "backends/cpu/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/harness/op_case.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

struct Product {
  const char* type;
  graph::Attrs attrs;
  std::vector<HostTensor> inputs;  // the weights packed
  const char* implementation;
};

graph::Attrs Packed(int64_t cols, graph::Attrs attrs) {
  attrs["cols"] = cols;
  return attrs;
}

// One of each kind; `tokens` rows of `images` images.
std::vector<Product> Products(int64_t images, int64_t tokens, int64_t k, int64_t n) {
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  const HostTensor x = Random(BF16({images, tokens, k}), 1), w = Random(F32({n, k}), 2),
                   b = Random(F32({n}), 3), times = Random(BF16({images, tokens, n}), 4);
  const graph::Attrs pack = {{"trans_w", int64_t{1}}, {"dtype", std::string("bf16")}};
  const auto packed = RunOn(backend, "PackWeights", pack, {w}, 2);
  const auto bytes = RunOn(backend, "QuantizeWeights", {}, {w}, 2);
  EXPECT_TRUE(packed.ok() && bytes.ok()) << packed.status() << bytes.status();
  if (!packed.ok() || !bytes.ok()) return {};
  const std::string none = "none", gelu = "gelu", f32 = "f32";
  const HostTensor &p = (*packed)[0], &q = (*bytes)[0], &scales = (*bytes)[1];
  const char* const in_bf16 = "own:amx-bf16";
  const char* const in_int8 = "own:amx-int8";
  return {
      {"PackedLinear", Packed(n, {{"activation", none}}), {x, p, b}, in_bf16},
      {"PackedLinear", Packed(n, {{"activation", gelu}}), {x, p, b}, in_bf16},
      {"PackedLinear", Packed(n, {{"activation", none}, {"dtype", f32}}), {x, p, b}, in_bf16},
      {"PackedMatMul", Packed(n, {}), {x, p}, in_bf16},
      {"PackedMatMul", Packed(n, {}), {x, p, times}, in_bf16},
      {"QuantizedLinear", {{"activation", none}}, {x, q, scales, b}, in_int8},
      {"QuantizedLinear", {{"activation", gelu}}, {x, q, scales, b}, in_int8},
      {"QuantizedLinear", {{"activation", gelu}, {"dtype", f32}}, {x, q, scales, b}, in_int8},
  };
}

TypedOp OpOf(const Product& product) {
  std::vector<graph::TensorType> types;
  for (const HostTensor& input : product.inputs) types.push_back(input.type());
  auto op = MakeOp(product.type, product.attrs, types);
  EXPECT_TRUE(op.ok()) << op.status();
  return *op;
}

TEST(CpuPackedProduct, IsOurOwnOnAmx) {
  if (!backends::cpu::HasAmx()) GTEST_SKIP() << "no AMX";
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  for (const Product& product : Products(2, 5, 70, 45)) {
    const TypedOp op = OpOf(product);
    graph::KernelSpec spec;
    spec.op = &op.op;
    spec.inputs = op.inputs;
    spec.outputs = op.outputs;
    spec.threads = 2;
    const auto kernel = (*backend.kernels.Find(op.op.type))(spec);
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    EXPECT_EQ((*kernel)->implementation(), product.implementation) << op.op.Describe();
  }
}

TEST(CpuPackedProduct, DoesNotDependOnThreads) {
  if (!backends::cpu::HasAmx()) GTEST_SKIP() << "no AMX";
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  // More threads than images or rows; a last block of one tile; several blocks of images
  // a thread, the last a small one; results stored past the caches.
  for (const auto& [images, tokens, k, n] :
       {std::make_tuple(1, 1, 33, 17), std::make_tuple(5, 19, 100, 96),
        std::make_tuple(11, 400, 40, 64), std::make_tuple(17, 100, 5, 1856)}) {
    for (const Product& product : Products(images, tokens, k, n)) {
      const TypedOp op = OpOf(product);
      std::vector<HostTensor> first;
      for (const int threads : {1, 2, 3, 7}) {
        auto runner = OpRunner::Create(backend, op, threads);
        ASSERT_TRUE(runner.ok()) << runner.status();
        const auto out = (*runner)->Run(product.inputs);
        ASSERT_TRUE(out.ok()) << out.status();
        if (first.empty()) first = *out;
        EXPECT_TRUE((*out)[0] == first[0]) << op.op.Describe() << ", " << threads << " threads";
      }
    }
  }
}

// Over all of the range where it bends, by a product with 1.
TEST(CpuPackedProduct, GeluIsWithinItsBound) {
  if (!backends::cpu::HasAmx()) GTEST_SKIP() << "no AMX";
  const graph::Backend backend = *backends::cpu::MakeBackend(1);
  constexpr int64_t kPoints = 4001;
  HostTensor x(BF16({kPoints, 1}));
  for (int64_t i = 0; i < kPoints; ++i) x.Set(i, -10 + i * 0.005);
  const double infinity = std::numeric_limits<double>::infinity();
  x.Set(0, infinity);
  x.Set(1, -infinity);
  x.Set(2, std::numeric_limits<double>::quiet_NaN());
  x.Set(3, -1e30);
  const graph::Attrs pack = {{"trans_w", int64_t{1}}, {"dtype", std::string("bf16")}};
  const auto w = RunOn(backend, "PackWeights", pack, {HostTensor(F32({1, 1}), {1})});
  ASSERT_TRUE(w.ok()) << w.status();
  const auto y = RunOn(backend, "PackedLinear", Packed(1, {{"activation", std::string("gelu")}}),
                       {x, (*w)[0], HostTensor(F32({1}), {0})});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].Get(0), infinity);
  EXPECT_EQ((*y)[0].Get(1), 0);
  EXPECT_TRUE(std::isnan((*y)[0].Get(2)));
  EXPECT_EQ((*y)[0].Get(3), 0);
  for (int64_t i = 4; i < kPoints; ++i) {
    const double v = x.Get(i), exact = 0.5 * v * std::erfc(-v * M_SQRT1_2);
    // gelu_avx512.h, and half a step of bf16.
    ASSERT_NEAR((*y)[0].Get(i), exact, 6e-5 + std::fabs(exact) / 256) << v;
  }
}

}  // namespace
}  // namespace harness
