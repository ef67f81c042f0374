#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(Increment, Cases) {
  for (double value : {0.0, -1.0, 41.0, 1000000.0}) {
    for (double applied : {0.0, 1.0}) {
      RunCase({"Increment",
               {},
               {{I32({1}), Constant(value)}, {I32({1}), Constant(applied)}},
               {I32({1})}});
    }
  }
}

TEST(Increment, CountsStepsThatAreApplied) {
  for (int applied : {0, 1}) {
    const auto y = Reference("Increment", {},
                             {HostTensor(I32({1}), {41}), HostTensor(I32({1}), {applied * 1.0})});
    ASSERT_EQ(y.size(), 1u);
    EXPECT_EQ(y[0].GetInt(0), 41 + applied);
  }
}

TEST(Increment, RefusesBadInputs) {
  ExpectRefused("Increment", {}, {I32({2}), I32({1})}, "input 0");
  ExpectRefused("Increment", {}, {F32({1}), I32({1})}, "input 0");
  ExpectRefused("Increment", {}, {I32({1}), F32({1})}, "input 1");
}

}  // namespace
}  // namespace harness
