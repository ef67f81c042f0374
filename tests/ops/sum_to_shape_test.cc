#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::Shape x, graph::Shape y, bool bf16 = false) {
  return {"SumToShape",
          {{"shape", std::vector<int64_t>(y.begin(), y.end())}},
          {{bf16 ? BF16(x) : F32(x), Normal()}},
          {F32(y)}};
}

// Rows on either side of what a chunk and four rows of it are, columns on either side
// of vectors and of blocks.
TEST(SumToShape, RowsAndColumnsOfManySizes) {
  for (bool bf16 : {false, true}) {
    for (int64_t cols : {1, 7, 16, 64, 197}) {
      for (int64_t rows : {0, 1, 2, 3, 4, 15, 16, 17, 67, 1030}) {
        RunCase(Case({rows, cols}, {cols}, bf16));
      }
    }
    RunCase(Case({70, 768}, {768}, bf16));
    RunCase(Case({18, 4100}, {4100}, bf16));
    RunCase(Case({18, 5, 820}, {1, 5, 820}, bf16));
  }
}

TEST(SumToShape, NonFiniteElementsShow) {
  const double inf = std::numeric_limits<double>::infinity();
  for (double bad : {inf, -inf, std::nan("")}) {
    std::vector<double> values(40 * 17, 1.0);
    values[29 * 17 + 16] = bad;
    values[31 * 17 + 3] = bad;
    for (const graph::TensorType& type : {F32({40, 17}), BF16({40, 17})}) {
      RunCase({"SumToShape",
               {{"shape", std::vector<int64_t>{17}}},
               {{type, Values(values)}},
               {F32({17})}});
    }
  }
}

TEST(SumToShape, EqualForEveryNumberOfThreads) {
  const std::vector<HostTensor> in = MakeInputs(Case({1030, 197}, {197}));
  for (const graph::Backend& backend : TestBackends()) {
    const auto one = RunOn(backend, "SumToShape", {{"shape", std::vector<int64_t>{197}}}, in, 1);
    const auto three = RunOn(backend, "SumToShape", {{"shape", std::vector<int64_t>{197}}}, in, 3);
    ASSERT_TRUE(one.ok() && three.ok()) << backend.name;
    EXPECT_TRUE(*one == *three) << backend.name;
  }
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
