#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::Shape logits, int64_t k) {
  const int64_t classes = logits.back();
  const int64_t rows = graph::NumElements(logits) / classes;
  return {"TopKCorrect",
          {{"k", k}},
          {{F32(logits), Normal()}, {I32({rows}), Ids(classes)}},
          {I32({rows})}};
}

std::vector<int64_t> Correct(const graph::Backend& backend, int64_t k, const HostTensor& logits,
                             const HostTensor& labels) {
  const auto out = RunOn(backend, "TopKCorrect", {{"k", k}}, {logits, labels});
  EXPECT_TRUE(out.ok()) << out.status();
  return out.ok() ? (*out)[0].IntValues() : std::vector<int64_t>();
}

TEST(TopKCorrect, Cases) {
  for (const int64_t k : {1, 2, 5}) {
    for (const graph::Shape& shape : {graph::Shape{1, 5}, {3, 10}, {2, 3, 7}, {17, 33}, {9, 100}}) {
      RunCase(Case(shape, k));
    }
  }
  RunCase(Case({4, 1}, 1));
}

// Few different values, so that labels tie with others on both sides.
TEST(TopKCorrect, Ties) {
  OpCase c = Case({40, 12}, 3);
  c.inputs[0].generate = [](HostTensor* logits, graph::RandomStream* random) {
    for (int64_t i = 0; i < logits->size(); ++i) logits->Set(i, random->Below(3));
  };
  RunCase(c);
  HostTensor equal(F32({6, 6}));
  const HostTensor labels(I32({6}), {0, 1, 2, 3, 4, 5});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    EXPECT_EQ(Correct(backend, 1, equal, labels), (std::vector<int64_t>{1, 0, 0, 0, 0, 0}));
    EXPECT_EQ(Correct(backend, 4, equal, labels), (std::vector<int64_t>{1, 1, 1, 1, 0, 0}));
    EXPECT_EQ(Correct(backend, 6, equal, labels), (std::vector<int64_t>{1, 1, 1, 1, 1, 1}));
  }
}

TEST(TopKCorrect, KnownValues) {
  const HostTensor logits(F32({4, 4}), {3, 1, 2, 0, 3, 1, 2, 0, 3, 1, 2, 0, 3, 1, 2, 0});
  const HostTensor labels(I32({4}), {0, 1, 2, 3});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    EXPECT_EQ(Correct(backend, 1, logits, labels), (std::vector<int64_t>{1, 0, 0, 0}));
    EXPECT_EQ(Correct(backend, 2, logits, labels), (std::vector<int64_t>{1, 0, 1, 0}));
    EXPECT_EQ(Correct(backend, 3, logits, labels), (std::vector<int64_t>{1, 1, 1, 0}));
  }
}

TEST(TopKCorrect, NanAndInfinityAndRowsWithoutALabel) {
  const double nan = std::numeric_limits<double>::quiet_NaN(),
               inf = std::numeric_limits<double>::infinity();
  const HostTensor logits(
      F32({6, 3}), {nan, 2, 1, nan, 2, 1, nan, nan, nan, inf, inf, 0, -inf, -inf, -inf, 9, 0, 0});
  const HostTensor labels(I32({6}), {1, 0, 2, 1, 0, -1});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    EXPECT_EQ(Correct(backend, 1, logits, labels), (std::vector<int64_t>{0, 0, 0, 0, 1, 0}));
    EXPECT_EQ(Correct(backend, 2, logits, labels), (std::vector<int64_t>{1, 0, 0, 1, 1, 0}));
    EXPECT_EQ(Correct(backend, 3, logits, labels), (std::vector<int64_t>{1, 0, 0, 1, 1, 0}));
  }
}

TEST(TopKCorrect, ALabelBeyondTheClassesIsAFaultThatNamesTheRow) {
  const HostTensor logits(F32({3, 2}), {1, 2, 3, 4, 5, 6}), labels(I32({3}), {1, -1, 2});
  for (const graph::Backend& backend : TestBackends()) {
    const auto out = RunOn(backend, "TopKCorrect", {{"k", int64_t{1}}}, {logits, labels});
    EXPECT_EQ(out.status().code(), absl::StatusCode::kOutOfRange) << backend.name;
    EXPECT_NE(out.status().ToString().find("i32[3] is 2 at element 2, and must be below 2"),
              std::string::npos)
        << out.status();
  }
}

TEST(TopKCorrect, RefusesBadInputs) {
  const auto refuse = [](int64_t k, graph::TensorType logits, graph::TensorType labels,
                         const char* message) {
    ExpectRefused("TopKCorrect", {{"k", k}}, {logits, labels}, message);
  };
  refuse(0, F32({3, 4}), I32({3}), "'k' is 0, must be at least 1");
  refuse(5, F32({3, 4}), I32({3}), "'k' is 5, but input 0 (logits) f32[3,4] has 4 classes");
  refuse(1, F32({3, 4}), I32({4}), "input 1");
  refuse(1, F32({3, 4}), I64({3}), "input 1");
  refuse(1, F32({4}), I32({1}), "input 0");
  refuse(1, F32({0, 4}), I32({0}), "input 0 (logits)");
}

}  // namespace
}  // namespace harness
