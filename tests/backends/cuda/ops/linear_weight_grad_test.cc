#include <tuple>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

using graph::TensorType;

OpCase Case(const TensorType& a, const TensorType& b, const graph::Shape& dw, bool so_far) {
  OpCase c = {"LinearWeightGrad",
              {{"shape", std::vector<int64_t>(dw.begin(), dw.end())}},
              {{a, Normal()}, {b, Normal()}},
              {F32(dw), F32({dw[0]})}};
  if (so_far) c.inputs.push_back({F32(dw), Normal()});
  return c;
}

TEST(LinearWeightGrad, Cases) {
  for (const bool so_far : {false, true}) {
    RunCase(Case(F32({1}), F32({1}), {1, 1}, so_far));
    RunCase(Case(F32({5, 3}), F32({5, 7}), {3, 7}, so_far));
    RunCase(Case(F32({2, 3, 16}), F32({6, 12}), {16, 3, 2, 2}, so_far));
    RunCase(Case(F32({0, 3}), F32({0, 8}), {3, 8}, so_far));
    for (const auto& [rows, m, n] :
         {std::make_tuple(1, 27, 100), std::make_tuple(7, 100, 27), std::make_tuple(33, 64, 200)}) {
      RunCase(Case(BF16({rows, m}), BF16({rows, n}), {m, n}, so_far));
    }
  }
  RunCase(Case(BF16({5, 3}), BF16({5, 0}), {3, 0}, false));
}

TEST(LinearWeightGrad, IsTheProductTheSumsAndTheAddition) {
  const OpCase c = Case(BF16({50, 24}), BF16({50, 40}), {24, 40}, true);
  const std::vector<HostTensor> in = MakeInputs(c);
  const auto product = Reference("MatMulWeightGrad", c.attrs, {in[0].ToF64(), in[1].ToF64()});
  const auto dw = Reference("Add", {}, {in[2].ToF64(), product[0]});
  const auto db = Reference("SumToShape", {{"shape", std::vector<int64_t>{24}}}, {in[0].ToF64()});
  for (const graph::Backend& backend : TestBackends()) {
    const auto actual = RunOn(backend, c.type, c.attrs, in);
    ASSERT_TRUE(actual.ok()) << actual.status();
    ExpectClose((*actual)[0].ToF64(), dw[0], 1e-5);
    ExpectClose((*actual)[1].ToF64(), db[0], 1e-5);
  }
}

TEST(LinearWeightGrad, RefusesBadInputs) {
  const auto refused = [](std::vector<TensorType> inputs, std::vector<int64_t> shape,
                          const char* message) {
    ExpectRefused("LinearWeightGrad", {{"shape", shape}}, inputs, message);
  };
  refused({F32({2, 3}), F32({4, 5})}, {3, 5}, "rows, must have the same");
  refused({F32({2, 3}), F32({2, 5})}, {5, 3}, "attribute 'shape'");
  refused({F32({2, 3}), F32({2, 5})}, {15}, "attribute 'shape'");
  refused({F32({2, 3}), BF16({2, 5})}, {3, 5}, "input 1");
  refused({F32({2, 3}), F32({2, 5}), F32({5, 3})}, {3, 5}, "input 2");
  refused({BF16({2, 3}), BF16({2, 5}), BF16({3, 5})}, {3, 5}, "input 2");
}

}  // namespace
}  // namespace harness
