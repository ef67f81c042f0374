#include <tuple>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

using graph::TensorType;

OpCase Case(const TensorType& x, const TensorType& w, graph::Shape b, graph::Shape y) {
  return {"LinearResidual",
          {},
          {{x, Normal()}, {w, Normal()}, {F32(b), Normal()}, {F32(y), Normal()}},
          {F32(y)}};
}

TEST(LinearResidual, Cases) {
  RunCase(Case(F32({1}), F32({1, 1}), {1}, {1}));
  RunCase(Case(F32({3, 5}), F32({7, 5}), {7}, {3, 7}));
  RunCase(Case(F32({2, 3, 12}), F32({16, 3, 2, 2}), {1, 16}, {2, 3, 16}));
  for (const auto& [rows, k, n] :
       {std::make_tuple(1, 27, 100), std::make_tuple(7, 100, 27), std::make_tuple(33, 64, 200)}) {
    RunCase(Case(BF16({rows, k}), BF16({n, k}), {n}, {rows, n}));
  }
}

TEST(LinearResidual, IsLinearAndAdd) {
  const OpCase c = Case(BF16({5, 8}), BF16({16, 8}), {16}, {5, 16});
  const std::vector<HostTensor> in = MakeInputs(c);
  const auto branch = Reference("Linear", {{"activation", std::string("none")}},
                                {in[0].ToF64(), in[1].ToF64(), in[2].ToF64()});
  const auto sum = Reference("Add", {}, {branch[0], in[3].ToF64()});
  for (const graph::Backend& backend : TestBackends()) {
    const auto actual = RunOn(backend, c.type, c.attrs, in);
    ASSERT_TRUE(actual.ok()) << actual.status();
    ExpectClose((*actual)[0].ToF64(), sum[0], 1e-5);  // the branch is not rounded to bf16
  }
}

TEST(LinearResidual, RefusesBadInputs) {
  const auto refused = [](TensorType x, TensorType w, TensorType b, TensorType residual,
                          const char* message) {
    ExpectRefused("LinearResidual", {}, {x, w, b, residual}, message);
  };
  refused(F32({2, 3}), F32({3, 4}), F32({4}), F32({2, 4}), "input 1 (w)");
  refused(F32({2, 3}), F32({4, 3}), F32({3}), F32({2, 4}), "input 2 (b)");
  refused(F32({2, 3}), F32({4, 3}), F32({4}), F32({2, 3}), "input 3");
  refused(F32({2, 3}), F32({4, 3}), F32({4}), F32({4}), "input 3");
  refused(BF16({2, 3}), BF16({4, 3}), F32({4}), BF16({2, 4}), "input 3");
  refused(BF16({2, 3}), BF16({4, 3}), BF16({4}), F32({2, 4}), "input 2");
  refused(BF16({2, 3}), F32({4, 3}), F32({4}), F32({2, 4}), "input 1");
}

}  // namespace
}  // namespace harness
