#include "gtest/gtest.h"
#include "tests/harness/op_case.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

TEST(AppendToWindow, Cases) {
  for (int64_t n : {1, 2, 7, 600}) {
    RunCase({"AppendToWindow", {}, {{F32({n}), Normal()}, {F32({1}), Normal()}}, {F32({n})}});
    RunCase({"AppendToWindow", {}, {{BF16({n}), Normal()}, {BF16({1}), Normal()}}, {BF16({n})}});
  }
}

TEST(AppendToWindow, DropsTheOldest) {
  const auto y =
      Reference("AppendToWindow", {}, {HostTensor(F64({3}), {1, 2, 3}), HostTensor(F64({1}), {4})});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(y[0].Values(), (std::vector<double>{2, 3, 4}));
}

TEST(AppendToWindow, RefusesBadInputs) {
  ExpectRefused("AppendToWindow", {}, {F32({2, 2}), F32({1})}, "input 0");
  ExpectRefused("AppendToWindow", {}, {I32({2}), I32({1})}, "input 0");
  ExpectRefused("AppendToWindow", {}, {F32({2}), F32({2})}, "input 1");
  ExpectRefused("AppendToWindow", {}, {F32({2}), F64({1})}, "input 1");
}

}  // namespace
}  // namespace harness
