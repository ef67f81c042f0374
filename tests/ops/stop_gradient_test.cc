#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(StopGradient, Cases) {
  for (const graph::Shape& shape : {graph::Shape{1}, {37}, {3, 5}, {2, 1, 5}, {2, 3, 1, 5}}) {
    RunCase({"StopGradient", {}, {{F32(shape), Normal()}}, {F32(shape)}});
    RunCase({"StopGradient", {}, {{I32(shape), Ids(1000)}}, {I32(shape)}});
  }
}

TEST(StopGradient, RefusesBadInputs) {
  ExpectRefused("StopGradient", {}, {}, "takes (x)");
  ExpectRefused("StopGradient", {}, {F32({2}), F32({2})}, "takes (x)");
}

}  // namespace
}  // namespace harness
