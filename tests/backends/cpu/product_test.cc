// MatMul, MatMulWeightGrad and Linear against loops in double: weights of rank
// four, both orientations, odd and unit sizes, 1 to 4 threads.
#include <cmath>
#include <cstdlib>

#include "backends/cpu/gemm.h"
#include "backends/cpu/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/harness/op_case.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

using Doubles = std::vector<double>;

// Runs at 1 to 4 threads, twice each, and compares.
void Check(const std::string& type, graph::Attrs attrs, const std::vector<HostTensor>& inputs,
           const Doubles& expected) {
  std::vector<graph::TensorType> types;
  for (const HostTensor& input : inputs) types.push_back(input.type());
  const auto made = MakeOp(type, std::move(attrs), types);
  ASSERT_TRUE(made.ok()) << made.status();
  const TypedOp& op = *made;
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  for (int threads = 1; threads <= 4; ++threads) {
    SCOPED_TRACE(absl::StrCat(op.op.type, " ", op.inputs[0].ToString(), " ",
                              op.inputs[1].ToString(), ", ", threads, " threads"));
    auto runner = OpRunner::Create(backend, op, threads);
    ASSERT_TRUE(runner.ok()) << runner.status();
    const auto first = (*runner)->Run(inputs);
    ASSERT_TRUE(first.ok()) << first.status();
    ExpectClose((*first)[0], HostTensor(op.outputs[0], expected), 2e-6);
    const auto second = (*runner)->Run(inputs);
    EXPECT_TRUE(second.ok() && (*second)[0] == (*first)[0]);
  }
}

// `weight` is (N, ...) with trans_w, else (K, ...), rest flattened.
void CheckMatMul(const graph::Shape& x_shape, const graph::Shape& weight, bool trans_w) {
  const HostTensor x = Random(F32(x_shape), 1), w = Random(F32(weight), 2);
  const int64_t rows = x.type().rows(), k = x.type().cols(), n = w.size() / k;
  Doubles y(rows * n);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < n; ++c) {
      for (int64_t i = 0; i < k; ++i) {
        y[r * n + c] += x.Get(r * k + i) * w.Get(trans_w ? c * k + i : i * n + c);
      }
    }
  }
  Check("MatMul", {{"trans_w", int64_t{trans_w}}}, {x, w}, y);

  // The same product with a bias, and with the GELU behind it.
  if (!trans_w) return;
  const HostTensor b = Random(F32({n}), 3);
  Doubles biased = y, activated = y;
  for (int64_t i = 0; i < rows * n; ++i) {
    biased[i] = y[i] + b.Get(i % n);
    activated[i] = 0.5 * biased[i] * std::erfc(-biased[i] * M_SQRT1_2);
  }
  Check("Linear", {{"activation", std::string("none")}}, {x, w, b}, biased);
  Check("Linear", {{"activation", std::string("gelu")}}, {x, w, b}, activated);
}

void CheckWeightGrad(const graph::Shape& a_shape, const graph::Shape& b_shape,
                     const std::vector<int64_t>& shape) {
  const HostTensor a = Random(F32(a_shape), 4), b = Random(F32(b_shape), 5);
  const int64_t rows = a.type().rows(), m = a.type().cols(), n = b.type().cols();
  Doubles w(m * n);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) w[i * n + j] += a.Get(r * m + i) * b.Get(r * n + j);
    }
  }
  Check("MatMulWeightGrad", {{"shape", shape}}, {a, b}, w);
}

TEST(CpuProduct, MatrixWeights) {
  CheckMatMul({3, 17, 40}, {24, 40}, true);
  CheckMatMul({3, 17, 40}, {40, 24}, false);
  CheckMatMul({5, 13}, {7, 13}, true);
  CheckMatMul({5, 13}, {13, 7}, false);
  CheckMatMul({64, 128}, {384, 128}, true);
}

TEST(CpuProduct, WeightsOfRankFour) {
  CheckMatMul({2, 9, 48}, {20, 3, 4, 4}, true);
  CheckMatMul({2, 9, 20}, {20, 3, 4, 4}, false);
}

TEST(CpuProduct, UnitSizes) {
  CheckMatMul({1, 1}, {1, 1}, true);
  CheckMatMul({1, 1}, {1, 1}, false);
  CheckMatMul({1, 9}, {5, 9}, true);
  CheckMatMul({7, 1}, {5, 1}, true);
  CheckMatMul({7, 9}, {1, 9}, true);
  CheckMatMul({7, 9}, {9, 1}, false);
  CheckMatMul({11}, {3, 11}, true);
}

TEST(CpuProduct, WeightGradients) {
  CheckWeightGrad({2, 9, 20}, {2, 9, 48}, {20, 3, 4, 4});
  CheckWeightGrad({33, 7}, {33, 13}, {7, 13});
  CheckWeightGrad({1, 7}, {1, 13}, {7, 13});
  CheckWeightGrad({5, 1}, {5, 1}, {1, 1});
  CheckWeightGrad({400, 64}, {400, 96}, {64, 96});
}

TypedOp WeightGradOf(graph::DType dtype, int64_t rows, int64_t m, int64_t n) {
  return *MakeOp("MatMulWeightGrad", {{"shape", std::vector<int64_t>{m, n}}},
                 {{dtype, {rows, m}}, {dtype, {rows, n}}});
}

std::unique_ptr<graph::Kernel> KernelOf(const TypedOp& op, int threads) {
  graph::KernelSpec spec;
  spec.op = &op.op;
  spec.inputs = op.inputs;
  spec.outputs = op.outputs;
  spec.threads = threads;
  return *(*backends::cpu::MakeBackend(threads)->kernels.Find(op.op.type))(spec);
}

TEST(CpuProduct, SaysWhichWeightGradientsAreOurOwn) {
  const auto name = [](graph::DType dtype) {
    return KernelOf(WeightGradOf(dtype, 5, 6, 7), 2)->implementation();
  };
  EXPECT_NE(name(graph::DType::kF32), "own:amx-bf16");
  if (std::getenv("ONEDNN_MAX_CPU_ISA") != nullptr) {
    EXPECT_FALSE(backends::cpu::HasAmx());
  }
  if (backends::cpu::HasAmx()) {
    EXPECT_EQ(name(graph::DType::kBF16), "own:amx-bf16");
  }
}

TEST(CpuProduct, WeightGradientsOnAmxDoNotDependOnThreads) {
  if (!backends::cpu::HasAmx()) GTEST_SKIP() << "no AMX";
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  for (const auto& [rows, m, n] : {std::make_tuple(797, 70, 330), std::make_tuple(800, 256, 64),
                                   std::make_tuple(1700, 33, 560), std::make_tuple(1, 40, 40)}) {
    SCOPED_TRACE(absl::StrCat(rows, " ", m, " ", n));
    const TypedOp op = WeightGradOf(graph::DType::kBF16, rows, m, n);
    const std::vector<HostTensor> inputs = {Random(op.inputs[0], 1), Random(op.inputs[1], 2)};
    std::vector<HostTensor> expected;
    for (const int threads : {1, 2, 3, 4, 7, 12}) {
      auto runner = OpRunner::Create(backend, op, threads);
      ASSERT_TRUE(runner.ok()) << runner.status();
      const auto out = (*runner)->Run(inputs);
      ASSERT_TRUE(out.ok()) << out.status();
      if (expected.empty()) expected = *out;
      EXPECT_TRUE((*out)[0] == expected[0]) << threads << " threads";
    }
  }
}

// At most as much as copies of both factors and of a thread's share of the cache.
TEST(CpuProduct, ScratchOfWeightGradientsOnAmxIsModest) {
  if (!backends::cpu::HasAmx()) GTEST_SKIP() << "no AMX";
  for (const auto& [rows, m, n] : {std::make_tuple(3200, 768, 3072), std::make_tuple(64, 96, 96),
                                   std::make_tuple(100000, 512, 2048)}) {
    const size_t copies = size_t{2} * (rows + 31) * (m + n + 62);
    for (const int threads : {1, 2, 16}) {
      const size_t bytes =
          KernelOf(WeightGradOf(graph::DType::kBF16, rows, m, n), threads)->scratch_bytes();
      EXPECT_LE(bytes, copies + threads * (size_t{1} << 20)) << rows << " rows, " << threads;
      // Rows are done in blocks.
      EXPECT_LE(bytes, size_t{1664} * 2 * std::min(m, n) + threads * (size_t{1} << 20));
    }
  }
}

}  // namespace
}  // namespace harness
