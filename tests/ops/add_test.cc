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

TEST(Add, RefusesBadInputs) {
  ExpectRefused("Add", {}, {F32({2, 3}), F32({3, 2})}, "input 1");
  ExpectRefused("Add", {}, {F32({2, 3}), F64({2, 3})}, "input 1");
  ExpectRefused("Add", {}, {F32({2, 3}), F32({3})}, "input 1");
  ExpectRefused("Add", {}, {I32({2}), I32({2})}, "input 0");
  ExpectRefused("Add", {}, {F32({2})}, "takes (a, b)");
}

}  // namespace
}  // namespace harness
