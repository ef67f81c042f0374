#include <limits>
#include <tuple>

#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::Shape x, graph::Shape w, int64_t trans_w, graph::Shape y) {
  return {"MatMul",
          {{"trans_w", trans_w}},
          {{F32(x), Normal(), true}, {F32(w), Normal(), true}},
          {F32(y)}};
}

OpCase GradCase(graph::Shape a, graph::Shape b, graph::Shape y) {
  return {"MatMulWeightGrad",
          {{"shape", std::vector<int64_t>(y.begin(), y.end())}},
          {{F32(a), Normal()}, {F32(b), Normal()}},
          {F32(y)}};
}

TEST(MatMul, Cases) {
  RunCase(Case({1}, {1, 1}, 1, {1}));
  RunCase(Case({5}, {3, 5}, 1, {3}));
  RunCase(Case({3, 5}, {7, 5}, 1, {3, 7}));
  RunCase(Case({3, 5}, {5, 7}, 0, {3, 7}));
  RunCase(Case({2, 3, 5}, {1, 5}, 1, {2, 3, 1}));
  RunCase(Case({2, 1, 5}, {5, 4}, 0, {2, 1, 4}));
  RunCase(Case({2, 3, 1, 1}, {1, 9}, 0, {2, 3, 1, 9}));
  // A patch embedding as a matrix, both ways.
  RunCase(Case({2, 3, 12}, {5, 3, 2, 2}, 1, {2, 3, 5}));
  RunCase(Case({2, 3, 5}, {5, 3, 2, 2}, 0, {2, 3, 12}));
}

// The same in bf16, written as `dtype` says, with a factor.
TEST(MatMul, InBFloat16) {
  for (const char* dtype : {"same", "f32", "bf16"}) {
    for (int64_t trans_w : {0, 1}) {
      for (const bool times : {false, true}) {
        for (const auto& [rows, k, n] :
             {std::make_tuple(1, 27, 100), std::make_tuple(7, 100, 27), std::make_tuple(196, 64, 3),
              std::make_tuple(33, 1, 196)}) {
          const graph::Shape w = trans_w ? graph::Shape{n, k} : graph::Shape{k, n};
          const bool f32 = std::string(dtype) == "f32";
          OpCase c = {"MatMul",
                      {{"trans_w", trans_w}, {"dtype", std::string(dtype)}},
                      {{BF16({rows, k}), Normal()}, {BF16(w), Normal()}},
                      {f32 ? F32({rows, n}) : BF16({rows, n})}};
          if (times) c.inputs.push_back({f32 ? BF16({rows, n}) : F32({rows, n}), Normal()});
          RunCase(c);
        }
      }
    }
  }
}

TEST(MatMul, TimesAFactor) {
  for (int64_t trans_w : {0, 1}) {
    OpCase c =
        Case({2, 3, 5}, trans_w ? graph::Shape{7, 5} : graph::Shape{5, 7}, trans_w, {2, 3, 7});
    for (auto& input : c.inputs) input.check_gradient = false;
    c.inputs.push_back({F32({2, 3, 7}), Normal()});
    RunCase(c);
    c.attrs["dtype"] = std::string("f32");
    c.inputs[2].type = BF16({2, 3, 7});
    RunCase(c);
  }
  OpCase large = Case({3, 43, 67}, {131, 67}, 1, {3, 43, 131});
  for (auto& input : large.inputs) input.check_gradient = false;
  large.inputs.push_back({F32({3, 43, 131}), Normal()});
  RunCase(large);
}

TEST(MatMul, HasAGradientOnlyAsItIsBuilt) {
  const auto refused = [](graph::DType dtype, graph::Attrs attrs, bool times, const char* message) {
    graph::NetBuilder builder(&TestRegistry(), "net");
    std::vector<graph::BlobId> in = {builder.Input("x", {dtype, {2, 3}}),
                                     builder.Input("w", {dtype, {4, 3}})};
    if (times) in.push_back(builder.Input("times", F32({2, 4})));
    attrs["trans_w"] = int64_t{1};
    const graph::BlobId y = builder.Op("MatMul", "fc", in, attrs);
    ASSERT_TRUE(builder.status().ok()) << builder.status();
    graph::GradientBuilder gradient(&builder, builder.net().ops.back(), {y},
                                    std::vector<bool>(in.size(), true));
    const absl::Status status = TestRegistry().Find("MatMul")->gradient(&gradient);
    EXPECT_NE(std::string(status.message()).find(message), std::string::npos) << status;
  };
  using graph::DType;
  refused(DType::kF32, {}, true, "MatMul 'fc': the product alone is gone");
  refused(DType::kBF16, {}, false, "MatMul 'fc' computes in bf16");
  refused(DType::kF32, {{"dtype", std::string("bf16")}}, false, "MatMul 'fc' computes in bf16");
}

TEST(MatMul, LargerThanAnyBlock) {
  for (int64_t trans_w : {0, 1}) {
    OpCase c = Case({3, 43, 67}, trans_w ? graph::Shape{131, 67} : graph::Shape{67, 131}, trans_w,
                    {3, 43, 131});
    for (auto& input : c.inputs) input.check_gradient = false;
    RunCase(c);
  }
}

TEST(MatMulWeightGrad, Cases) {
  RunCase(GradCase({1}, {1}, {1, 1}));
  RunCase(GradCase({3, 5}, {3, 7}, {5, 7}));
  RunCase(GradCase({2, 3, 5}, {6, 1}, {5, 1}));
  RunCase(GradCase({2, 3, 5}, {2, 3, 12}, {5, 3, 2, 2}));
  RunCase(GradCase({4, 33, 17}, {4, 33, 65}, {17, 65}));
}

TEST(MatMulWeightGrad, InBFloat16) {
  for (const auto& [rows, m, n] : {std::make_tuple(1, 5, 7), std::make_tuple(196, 27, 100),
                                   std::make_tuple(33, 100, 27), std::make_tuple(130, 1, 64)}) {
    OpCase c = GradCase({rows, m}, {rows, n}, {m, n});
    c.inputs[0].type = BF16({rows, m});
    c.inputs[1].type = BF16({rows, n});
    RunCase(c);
  }
}

// Sizes at which the cpu backend reorders b first.
TEST(MatMulWeightGrad, OfAReorderedFactor) {
  RunCase(GradCase({3, 5, 17}, {3, 5, 3072}, {17, 3072}));
  RunCase(GradCase({1, 3}, {1, 3072}, {3, 3072}));
  RunCase(GradCase({19, 2048}, {19, 27}, {2048, 27}));
  for (const auto& [rows, m, n] : {std::make_tuple(37, 512, 1024), std::make_tuple(5, 1025, 19)}) {
    OpCase c = GradCase({rows, m}, {rows, n}, {m, n});
    c.inputs[0].type = BF16({rows, m});
    c.inputs[1].type = BF16({rows, n});
    RunCase(c);
  }
}

// On all sides of the cpu backend's tiles (16 x 32) and panels (32), either factor the
// wider one, and results whose rows are whole cache lines and not.
TEST(MatMulWeightGrad, AroundTheTiles) {
  for (const auto& [rows, m, n] :
       {std::make_tuple(1, 1, 1), std::make_tuple(1, 64, 96), std::make_tuple(2, 33, 15),
        std::make_tuple(31, 16, 48), std::make_tuple(32, 32, 32), std::make_tuple(33, 17, 47),
        std::make_tuple(37, 100, 80), std::make_tuple(63, 1, 129), std::make_tuple(64, 161, 31),
        std::make_tuple(797, 70, 33), std::make_tuple(800, 48, 80), std::make_tuple(800, 80, 64)}) {
    OpCase c = GradCase({rows, m}, {rows, n}, {m, n});
    c.inputs[0].type = BF16({rows, m});
    c.inputs[1].type = BF16({rows, n});
    RunCase(c);
  }
}

// More rows than the cpu backend sums at once, and more panels than a thread keeps.
TEST(MatMulWeightGrad, OfManyRows) {
  for (const auto& [rows, m, n] : {std::make_tuple(1700, 3, 590), std::make_tuple(1666, 577, 2),
                                   std::make_tuple(3401, 35, 16)}) {
    OpCase c = GradCase({rows, m}, {rows, n}, {m, n});
    c.inputs[0].type = BF16({rows, m});
    c.inputs[1].type = BF16({rows, n});
    RunCase(c);
  }
}

TEST(MatMul, KnownProduct) {
  const HostTensor x(F32({1, 2}), {1, 10});
  const HostTensor w(F32({2, 2}), {1, 2, 3, 4});
  const auto plain = Reference("MatMul", {{"trans_w", int64_t{0}}}, {x, w});
  const auto transposed = Reference("MatMul", {{"trans_w", int64_t{1}}}, {x, w});
  ASSERT_EQ(plain.size(), 1u);
  ASSERT_EQ(transposed.size(), 1u);
  EXPECT_EQ(plain[0], HostTensor(F32({1, 2}), {31, 42}));
  EXPECT_EQ(transposed[0], HostTensor(F32({1, 2}), {21, 43}));
}

TEST(MatMul, RefusesBadInputs) {
  const auto refused = [](graph::TensorType x, graph::TensorType w, int64_t trans_w,
                          const char* message) {
    ExpectRefused("MatMul", {{"trans_w", trans_w}}, {x, w}, message);
  };
  refused(F32({2, 3}), F32({3, 4}), 1, "input 1 (w)");
  refused(F32({2, 3}), F32({4, 3}), 0, "input 1 (w)");
  refused(F32({2, 3}), F32({3}), 1, "input 1");
  refused(F32({2, 3}), F64({4, 3}), 1, "input 1");
  refused(I32({2, 3}), I32({4, 3}), 1, "input 0");
  refused(F32({2, 3}), F32({4, 3}), 2, "'trans_w' is 2");
  refused(BF16({2, 3}), F32({4, 3}), 1, "input 1");
  ExpectRefused("MatMul", {}, {F32({2, 3}), F32({4, 3})}, "'trans_w' is missing");
}

TEST(MatMul, RefusesBadAttributesAndFactors) {
  const auto refused = [](graph::Attrs attrs, std::vector<graph::TensorType> inputs,
                          const char* message) {
    attrs["trans_w"] = int64_t{1};
    ExpectRefused("MatMul", attrs, inputs, message);
  };
  const auto x = F32({2, 3}), w = F32({4, 3});
  refused({{"dtype", std::string("i8")}}, {x, w}, "'dtype' is 'i8'");
  refused({{"dtype", std::string("f64")}}, {x, w}, "'dtype' is 'f64'");
  refused({}, {x, w, F32({2, 3})}, "input 2");
  refused({}, {x, w, F64({2, 4})}, "input 2");
  refused({}, {x, w, I32({2, 4})}, "input 2");
}

TEST(MatMulWeightGrad, RefusesBadInputs) {
  const auto refused = [](graph::TensorType a, graph::TensorType b, std::vector<int64_t> shape,
                          const char* message) {
    ExpectRefused("MatMulWeightGrad", {{"shape", shape}}, {a, b}, message);
  };
  refused(F32({2, 3}), F32({3, 4}), {3, 4}, "rows");
  refused(F32({2, 3}), F32({2, 4}), {4, 3}, "'shape' [4,3]");
  refused(F32({2, 3}), F32({2, 4}), {3, 2, 3}, "'shape' [3,2,3]");
  refused(F32({2, 1}), F32({2, 4}), {4}, "'shape' [4]");
  // 2^62 * 4 would wrap around to 0, and 2^32 * 2^32 with it.
  refused(F32({2, 3}), F32({2, 0}), {3, int64_t{1} << 62, 4}, "more elements");
  refused(F32({2, 3}), F32({2, 4}), {3, int64_t{1} << 32, int64_t{1} << 32}, "more elements");
  refused(F32({2, 3}), F64({2, 4}), {3, 4}, "input 1");
}

}  // namespace
}  // namespace harness
