#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::Shape x, graph::Shape y) {
  return {"SumToShape",
          {{"shape", std::vector<int64_t>(y.begin(), y.end())}},
          {{F32(x), Normal()}},
          {F32(y)}};
}

TEST(SumToShape, Cases) {
  RunCase(Case({1}, {1}));
  RunCase(Case({7}, {7}));
  RunCase(Case({7}, {1}));
  RunCase(Case({3, 5}, {5}));
  RunCase(Case({1, 17}, {1, 17}));
  RunCase(Case({257, 3}, {3}));
  RunCase(Case({5, 1}, {1}));
  RunCase(Case({2, 3, 9}, {1, 3, 9}));
  RunCase(Case({65, 3, 7}, {1, 1, 7}));
  RunCase(Case({2, 3, 1, 4}, {3, 1, 4}));
}

TEST(SumToShape, SumsLeadingDimensions) {
  const auto y = Reference("SumToShape", {{"shape", std::vector<int64_t>{1, 2}}},
                           {HostTensor(F32({3, 2}), {1, 2, 30, 40, 500, 600})});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(y[0], HostTensor(F32({1, 2}), {531, 642}));
}

TEST(SumToShape, RefusesBadInputs) {
  const auto refused = [](std::vector<int64_t> shape, graph::TensorType x, const char* message) {
    ExpectRefused("SumToShape", {{"shape", shape}}, {x}, message);
  };
  refused({2}, F32({2, 3}), "input 0 (x)");
  refused({2, 3}, F32({3}), "input 0 (x)");
  refused({}, F32({3}), "'shape' is empty");
  refused({-3}, F32({3}), "negative");
  refused({3}, I32({2, 3}), "input 0");
}

}  // namespace
}  // namespace harness
