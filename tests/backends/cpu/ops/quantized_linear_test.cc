#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "backends/cpu/kernel_table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

// x·wᵀ + b on `backend`, w quantized there too, as its layout is its own.
HostTensor Quantized(const graph::Backend& backend, const HostTensor& x, const HostTensor& w,
                     const HostTensor& b, const graph::Attrs& attrs, int threads) {
  const auto pack = MakeOp("QuantizeWeights", {}, {w.type()});
  EXPECT_TRUE(pack.ok()) << pack.status();
  auto packer = OpRunner::Create(backend, *pack, threads);
  EXPECT_TRUE(packer.ok()) << packer.status();
  const auto packed = (*packer)->Run({w});
  EXPECT_TRUE(packed.ok()) << packed.status();
  const auto op =
      MakeOp("QuantizedLinear", attrs, {x.type(), pack->outputs[0], pack->outputs[1], b.type()});
  EXPECT_TRUE(op.ok()) << op.status();
  auto runner = OpRunner::Create(backend, *op, threads);
  EXPECT_TRUE(runner.ok()) << runner.status();
  const auto y = (*runner)->Run({x, (*packed)[0], (*packed)[1], b});
  EXPECT_TRUE(y.ok()) << y.status();
  const auto again = (*runner)->Run({x, (*packed)[0], (*packed)[1], b});
  EXPECT_TRUE((*again)[0] == (*y)[0]) << "differs when run again";
  return (*y)[0];
}

// All but those that this processor has no instructions for.
std::vector<graph::Backend> Int8Backends() {
  std::vector<graph::Backend> backends;
  for (graph::Backend& backend : TestBackends()) {
    if (backend.name != "cpu" || backends::cpu::DetectCapabilities().int8_products) {
      backends.push_back(std::move(backend));
    }
  }
  return backends;
}

struct Sizes {
  int64_t images, tokens, k, n;
};
constexpr Sizes kSizes[] = {{1, 1, 1, 1},     {2, 3, 5, 7},    {3, 17, 27, 100},
                            {2, 65, 64, 192}, {5, 50, 96, 33}, {40, 33, 130, 48}};

TEST(QuantizedLinear, BackendsAgree) {
  for (const Sizes& s : kSizes) {
    for (const char* activation : {"none", "gelu"}) {
      for (const bool bf16 : {false, true}) {
        SCOPED_TRACE(absl::StrCat(s.images, "x", s.tokens, "x", s.k, " to ", s.n, " ", activation,
                                  bf16 ? " bf16" : " f32"));
        const graph::Shape shape = {s.images, s.tokens, s.k};
        const HostTensor x = Random(bf16 ? BF16(shape) : F32(shape), 1);
        const HostTensor w = Random(F32({s.n, s.k}), 2), b = Random(F32({s.n}), 3);
        const graph::Attrs attrs = {{"activation", std::string(activation)}};
        const HostTensor expected = Quantized(ReferenceBackend(), x, w, b, attrs, 1);
        for (const graph::Backend& backend : Int8Backends()) {
          for (int threads : {1, 2, 3}) {
            SCOPED_TRACE(absl::StrCat(backend.name, ", ", threads, " threads"));
            // The sums are whole numbers: what is left is one rounding of y (and GELU's).
            ExpectClose(Quantized(backend, x, w, b, attrs, threads), expected, bf16 ? 5e-3 : 2e-6);
          }
        }
      }
    }
  }
}

// Both factors are rounded to the nearest step of their scale, of an image's x and of an
// output's w. Independent errors of up to half a step have a deviation of step/√12.
TEST(QuantizedLinear, IsLinearWithinTheStepOfItsScales) {
  const Sizes s = {4, 50, 192, 96};
  const HostTensor x = Random(F32({s.images, s.tokens, s.k}), 1), w = Random(F32({s.n, s.k}), 2),
                   b = Random(F32({s.n}), 3);
  const graph::Attrs attrs = {{"activation", std::string("none")}};
  const HostTensor exact = Reference("Linear", attrs, {x, w, b})[0];
  const HostTensor quantized = Quantized(ReferenceBackend(), x, w, b, attrs, 1);
  // Largest |a| and sum of squares of n elements from `begin` on.
  const auto sizes = [](const HostTensor& a, int64_t begin, int64_t n) {
    double largest = 0, squares = 0;
    for (int64_t i = begin; i < begin + n; ++i) {
      largest = std::max(largest, std::fabs(a.Get(i)));
      squares += a.Get(i) * a.Get(i);
    }
    return std::make_pair(largest, squares);
  };
  double worst = 0, squares = 0;  // of errors in deviations
  for (int64_t row = 0; row < s.images * s.tokens; ++row) {
    const int64_t image = row / s.tokens * s.tokens * s.k;
    const double x_step = sizes(x, image, s.tokens * s.k).first / 127;
    const double x_squares = sizes(x, row * s.k, s.k).second;
    for (int64_t j = 0; j < s.n; ++j) {
      const int64_t i = row * s.n + j;
      const auto [w_max, w_squares] = sizes(w, j * s.k, s.k);
      const double w_step = w_max / 127;
      const double deviation =
          std::sqrt((x_squares * w_step * w_step + w_squares * x_step * x_step) / 12);
      const double error = std::fabs(quantized.Get(i) - exact.Get(i)) / deviation;
      worst = std::max(worst, error);
      squares += error * error;
    }
  }
  const double mean = std::sqrt(squares / static_cast<double>(quantized.size()));
  EXPECT_LT(worst, 5);         // of 19200; seen 3.99
  EXPECT_NEAR(mean, 1, 0.02);  // seen 0.9995, and 2.39 where rounded towards zero
}

TEST(QuantizedLinear, AnImageDoesNotDependOnItsBatch) {
  HostTensor x = Random(F32({2, 9, 32}), 1);
  const HostTensor w = Random(F32({16, 32}), 2), b = Random(F32({16}), 3);
  const graph::Attrs attrs = {{"activation", std::string("gelu")}};
  for (const graph::Backend& backend : Int8Backends()) {
    SCOPED_TRACE(backend.name);
    const HostTensor before = Quantized(backend, x, w, b, attrs, 2);
    HostTensor changed = x;
    for (int64_t i = 9 * 32; i < x.size(); ++i) changed.Set(i, 1000 * x.Get(i));
    const HostTensor after = Quantized(backend, changed, w, b, attrs, 2);
    for (int64_t i = 0; i < 9 * 16; ++i) ASSERT_EQ(after.Get(i), before.Get(i));
  }
}

TEST(QuantizedLinear, ZerosGiveTheBiasAndNaNStays) {
  HostTensor x(F32({3, 2, 8}));
  x.Set(17, std::numeric_limits<double>::quiet_NaN());  // in image 1
  x.Set(33, std::numeric_limits<double>::infinity());   // in image 2
  const HostTensor w = Random(F32({4, 8}), 2), b = Random(F32({4}), 3);
  for (const graph::Backend& backend : Int8Backends()) {
    SCOPED_TRACE(backend.name);
    const HostTensor y = Quantized(backend, x, w, b, {{"activation", std::string("none")}}, 1);
    for (int64_t i = 0; i < 8; ++i) EXPECT_EQ(y.Get(i), b.Get(i % 4));
    for (int64_t i = 8; i < 24; ++i) EXPECT_TRUE(std::isnan(y.Get(i))) << i;
  }
}

// Where sums of two products overflow in 16 bits, refusing is better than their numbers.
TEST(QuantizedLinear, NeedsInstructionsForItOnCpu) {
  const graph::Backend cpu = *backends::cpu::MakeBackend(1);
  const auto pack = MakeOp("QuantizeWeights", {}, {F32({4, 8})});
  ASSERT_TRUE(pack.ok()) << pack.status();
  const auto product = MakeOp("QuantizedLinear", {{"activation", std::string("none")}},
                              {F32({1, 6, 8}), pack->outputs[0], pack->outputs[1], F32({4})});
  ASSERT_TRUE(product.ok()) << product.status();
  for (const TypedOp& op : {*pack, *product}) {
    const absl::Status status = OpRunner::Create(cpu, op, 1).status();
    EXPECT_EQ(status.ok(), backends::cpu::DetectCapabilities().int8_products) << status;
    if (status.ok()) continue;
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(op.op.type + " 'case'"));
    EXPECT_THAT(std::string(status.message()),
                ::testing::HasSubstr("need AVX512-VNNI, AVX2-VNNI or AMX"));
  }
}

TEST(QuantizeWeights, Reference) {
  const HostTensor w(F32({2, 3}), {1, -2, 0.5, 0, 0, 0});
  const std::vector<HostTensor> out = Reference("QuantizeWeights", {}, {w});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].type().ToString(), "i8[80,64]");
  EXPECT_FLOAT_EQ(static_cast<float>(out[1].Get(0)), 2.0f / 127);
  EXPECT_EQ(out[1].Get(1), 0);
  EXPECT_EQ(out[0].GetInt(0), 64);  // 63.5, to even
  EXPECT_EQ(out[0].GetInt(64), -127);
  EXPECT_EQ(out[0].GetInt(128), 32);  // 31.75
  EXPECT_EQ(out[0].GetInt(1), 0);
}

TEST(QuantizedLinear, Refused) {
  const auto types = [](graph::TensorType x, graph::TensorType packed, graph::TensorType b) {
    return std::vector<graph::TensorType>{x, packed, F32({4}), b};
  };
  const graph::Attrs attrs = {{"activation", std::string("none")}};
  ExpectRefused("QuantizedLinear", attrs, types(F32({6, 8}), I8({80, 64}), F32({4})), "rank");
  ExpectRefused("QuantizedLinear", attrs, types(F32({1, 6, 80}), I8({80, 64}), F32({4})),
                "is not what QuantizeWeights makes");
  ExpectRefused("QuantizedLinear", attrs, types(F32({1, 6, 8}), I8({80, 64}), F32({5})),
                "must have shape [4]");
  ExpectRefused("QuantizedLinear", {{"activation", std::string("relu")}},
                types(F32({1, 6, 8}), I8({80, 64}), F32({4})), "must be none or gelu");
  ExpectRefused("QuantizedLinear", attrs, types(F32({1, 6, 0}), I8({16, 64}), F32({4})),
                "tokens of nothing");
  ExpectRefused("QuantizeWeights", {}, {F32({4})}, "rank");
  ExpectRefused("QuantizeWeights", {}, {F32({4, 0})}, "rows of nothing");
}

}  // namespace
}  // namespace harness
