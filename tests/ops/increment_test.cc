#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(Increment, Cases) {
  for (double value : {0.0, -1.0, 41.0, 1000000.0}) {
    RunCase({"Increment", {}, {{I32({1}), Constant(value)}}, {I32({1})}});
  }
}

TEST(Increment, AddsOne) {
  const auto y = Reference("Increment", {}, {HostTensor(I32({1}), {41})});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(y[0].GetInt(0), 42);
}

TEST(Increment, RefusesBadInputs) {
  ExpectRefused("Increment", {}, {I32({2})}, "input 0");
  ExpectRefused("Increment", {}, {F32({1})}, "input 0");
}

}  // namespace
}  // namespace harness
