// Products of packed weights beside products of the plain ones on the reference backend.
#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"
#include "tests/harness/tolerance.h"

namespace harness {
namespace {

graph::Attrs PackAttrs(bool trans_w, graph::DType dtype) {
  return {{"trans_w", int64_t{trans_w}}, {"dtype", std::string(graph::DTypeName(dtype))}};
}

// x (rows, k) and a weight of `shape`, packed and plain, with everything a product takes.
void Compare(int64_t rows, graph::Shape shape, bool trans_w, graph::DType dtype,
             const std::vector<int>& teams = {1, 2, 3}) {
  const int64_t rest = graph::NumElements(shape) / shape[0];
  const int64_t k = trans_w ? rest : shape[0], n = trans_w ? shape[0] : rest;
  const bool bf16 = dtype == graph::DType::kBF16;
  const graph::TensorType x_type{dtype, {rows, k}}, w_type{dtype, shape};
  // w is rounded here, so that plain and packed multiply the same numbers.
  const HostTensor x = Random(x_type, 1), rounded = Random(w_type, 2);
  const HostTensor w(F32(shape), rounded.Values());
  const HostTensor b = Random(F32({n}), 3), times = Random(F32({rows, n}), 4);
  for (const graph::Backend& backend : TestBackends()) {
    for (int threads : teams) {
      SCOPED_TRACE(absl::StrCat(backend.name, ", ", threads, " threads, ", rows, " rows of ", k,
                                " by ", n, ", trans_w ", int{trans_w}, ", ", x_type.ToString()));
      const auto pack =
          RunIfAble(backend, "PackWeights", PackAttrs(trans_w, dtype), {w}, threads, bf16);
      if (pack.empty()) continue;
      const auto compare = [&](const std::string& type, graph::Attrs attrs,
                               std::vector<HostTensor> inputs) {
        inputs[1] = rounded;
        const auto expected = Reference(type, attrs, inputs);
        const std::string packed = "Packed" + type;
        attrs.erase("trans_w");
        attrs["cols"] = n;
        inputs[1] = pack[0];
        const auto actual = RunIfAble(backend, packed, attrs, inputs, threads, bf16);
        if (actual.empty()) return;
        ExpectClose(actual[0], expected[0],
                    ToleranceFor(backend.name, type, expected[0].type().dtype).bound);
        ExpectUnbiased(actual[0], expected[0]);
        EXPECT_TRUE(RunIfAble(backend, packed, attrs, inputs, threads, bf16) == actual);
      };
      compare("MatMul", {{"trans_w", int64_t{trans_w}}}, {x, w});
      compare("MatMul", {{"trans_w", int64_t{trans_w}}}, {x, w, times});
      compare("MatMul", {{"trans_w", int64_t{trans_w}}},
              {x, w, HostTensor({dtype, {rows, n}}, times.Values())});
      compare("MatMul", {{"trans_w", int64_t{trans_w}}, {"dtype", std::string("f32")}}, {x, w});
      if (!trans_w) continue;
      compare("Linear", {{"activation", std::string("none")}}, {x, w, b});
      compare("Linear", {{"activation", std::string("gelu")}}, {x, w, b});
      compare("Linear", {{"activation", std::string("gelu")}, {"dtype", std::string("f32")}},
              {x, w, b});
    }
  }
}

TEST(PackedProduct, IsTheProductOfThePlainWeights) {
  for (graph::DType dtype : {graph::DType::kF32, graph::DType::kBF16}) {
    for (bool trans_w : {false, true}) {
      Compare(1, {1, 1}, trans_w, dtype);
      Compare(1, {70, 130}, trans_w, dtype);
      Compare(19, {27, 100}, trans_w, dtype);
      Compare(7, {100, 27}, trans_w, dtype);
      Compare(33, {196, 192}, trans_w, dtype);
      Compare(65, {64, 3, 4, 4}, trans_w, dtype);
      Compare(130, {48, 96}, trans_w, dtype);
    }
  }
}

// More rows than a thread takes at a time, and results so large that they are stored past
// the caches.
TEST(PackedProduct, OfManyRows) {
  Compare(2100, {24, 40}, true, graph::DType::kBF16, {2});
  Compare(1700, {1856, 3}, true, graph::DType::kBF16, {2});
}

TEST(PackedProduct, RefusesBadInputs) {
  const auto x = F32({2, 3}), packed = F32({64, 64});
  const auto refused = [&](int64_t cols, const graph::TensorType& w, const char* message) {
    ExpectRefused("PackedMatMul", {{"cols", cols}}, {x, w}, message);
    ExpectRefused("PackedLinear", {{"cols", cols}, {"activation", std::string("none")}},
                  {x, w, F32({4})}, message);
  };
  refused(4, F32({4, 3}), "not what PackWeights makes");
  refused(4, BF16({64, 64}), "input 1");
  refused(65, packed, "65 columns");
  refused(-1, packed, "-1 columns");
  refused(0, packed, "0 columns");
  refused(std::numeric_limits<int64_t>::max(), packed, "columns");
  ExpectRefused("PackedMatMul", {{"cols", int64_t{4}}}, {x, packed, F32({2, 3})}, "input 2");
  const auto linear = [&](const std::string& activation, const graph::TensorType& b,
                          const char* message) {
    ExpectRefused("PackedLinear", {{"cols", int64_t{4}}, {"activation", activation}},
                  {x, packed, b}, message);
  };
  linear("none", F32({5}), "input 2 (b)");
  linear("none", F64({4}), "input 2");
  linear("relu", F32({4}), "'activation' is 'relu'");
}

}  // namespace
}  // namespace harness
