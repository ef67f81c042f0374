#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(BiasAdd, Cases) {
  const struct {
    graph::Shape x, b;
  } shapes[] = {
      {{1}, {1}},
      {{7}, {7}},
      {{3, 5}, {5}},
      {{1, 17}, {1, 17}},
      {{2, 3, 9}, {9}},
      {{2, 3, 9}, {1, 3, 9}},
      {{5, 1, 4}, {1, 1, 4}},
      {{2, 3, 5, 1}, {5, 1}},
      {{2, 3, 1, 4}, {3, 1, 4}},
      {{33, 65}, {65}},
      {{3, 4}, {1}},
  };
  for (const auto& s : shapes) {
    RunCase({"BiasAdd", {}, {{F32(s.x), Normal(), true}, {F32(s.b), Normal(), true}}, {F32(s.x)}});
  }
}

TEST(BiasAdd, RefusesBadInputs) {
  ExpectRefused("BiasAdd", {}, {F32({2, 3}), F32({2})}, "input 1 (b)");
  ExpectRefused("BiasAdd", {}, {F32({2, 3, 4}), F32({2, 1, 4})}, "input 1 (b)");
  ExpectRefused("BiasAdd", {}, {F32({3}), F32({2, 3})}, "input 1 (b)");
  ExpectRefused("BiasAdd", {}, {F32({2, 3}), F64({3})}, "input 1");
  ExpectRefused("BiasAdd", {}, {I32({2, 3}), I32({3})}, "input 0");
}

}  // namespace
}  // namespace harness
