#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(Add, Cases) {
  for (const graph::Shape& shape :
       {graph::Shape{1}, {7}, {3, 5}, {1, 17, 1}, {2, 3, 9}, {2, 1, 3, 5}}) {
    RunCase(
        {"Add", {}, {{F32(shape), Normal(), true}, {F32(shape), Normal(), true}}, {F32(shape)}});
  }
}

TEST(Add, EitherPrecision) {
  for (const graph::Shape& shape : {graph::Shape{1}, {7}, {3, 5}, {2, 64}, {5, 197}, {3, 4096}}) {
    const auto run = [&](graph::TensorType a, graph::TensorType b, graph::TensorType y) {
      RunCase({"Add", {}, {{a, Normal(), true}, {b, Normal(), true}}, {y}});
    };
    if (shape.size() == 1 || shape[1] < 10) {
      run(F32(shape), BF16(shape), F32(shape));
      run(BF16(shape), F32(shape), F32(shape));
    }
    OpCase wide = {"Add", {}, {{BF16(shape), Normal()}, {F32(shape), Normal()}}, {F32(shape)}};
    RunCase(wide);
    wide = {"Add", {}, {{F32(shape), Normal()}, {F32(shape), Normal()}}, {F32(shape)}};
    RunCase(wide);
    wide = {"Add", {}, {{BF16(shape), Normal()}, {BF16(shape), Normal()}}, {BF16(shape)}};
    RunCase(wide);
  }
}

TEST(Add, NonFiniteElementsShow) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (const graph::TensorType& a : {F32({5}), BF16({5})}) {
    for (const graph::TensorType& b : {F32({5}), BF16({5})}) {
      const bool both = a == b;
      RunCase({"Add",
               {},
               {{a, Values({inf, -inf, nan, 1, 0})}, {b, Values({1, inf, 1, nan, -inf})}},
               {both ? a : F32({5})}});
    }
  }
}

TEST(Add, RefusesBadInputs) {
  ExpectRefused("Add", {}, {F32({2, 3}), F32({3, 2})}, "input 1");
  ExpectRefused("Add", {}, {F32({2, 3}), F64({2, 3})}, "input 1");
  ExpectRefused("Add", {}, {F64({2, 3}), BF16({2, 3})}, "input 1");
  ExpectRefused("Add", {}, {F32({2, 3}), BF16({3})}, "input 1");
  ExpectRefused("Add", {}, {F32({2, 3}), F32({3})}, "input 1");
  ExpectRefused("Add", {}, {I32({2}), I32({2})}, "input 0");
  ExpectRefused("Add", {}, {F32({2})}, "takes (a, b)");
}

}  // namespace
}  // namespace harness
