#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::TensorType Float(graph::Shape shape, bool bf16) { return bf16 ? BF16(shape) : F32(shape); }

// The gradient is checked one number at a time, of few.
constexpr int64_t kManyCols = 100;

OpCase Gather(int64_t images, int64_t rows, int64_t count, int64_t cols, Generator ids,
              bool bf16 = false) {
  return {"GatherRows",
          {},
          {{Float({images, rows, cols}, bf16), Normal(), cols < kManyCols},
           {I32({images, count}), std::move(ids)}},
          {Float({images, count, cols}, bf16)}};
}

OpCase Scatter(int64_t images, int64_t count, int64_t rows, int64_t cols, Generator ids,
               bool bf16 = false) {
  return {"ScatterRows",
          {{"rows", rows}},
          {{Float({images, count, cols}, bf16), Normal(), cols < kManyCols},
           {I32({images, count}), std::move(ids)}},
          {Float({images, rows, cols}, bf16)}};
}

// More ids than a warp has lanes, and rows that are whole vectors of a GPU or not, one or several
// of each lane.
TEST(GatherRows, Cases) {
  for (bool bf16 : {false, true}) {
    RunCase(Gather(1, 1, 1, 1, Ids(1), bf16));
    RunCase(Gather(2, 5, 3, 4, DistinctIds(5), bf16));
    RunCase(Gather(2, 5, 5, 1, DistinctIds(5), bf16));
    RunCase(Gather(3, 2, 7, 3, Ids(2), bf16));  // repeated: gradients add up
    RunCase(Gather(1, 9, 1, 17, Ids(9), bf16));
    RunCase(Gather(2, 50, 40, 8, DistinctIds(50), bf16));
    RunCase(Gather(1, 3, 2, 1030, DistinctIds(3), bf16));
    RunCase(Gather(1, 3, 2, 1032, DistinctIds(3), bf16));
  }
}

TEST(ScatterRows, Cases) {
  for (bool bf16 : {false, true}) {
    RunCase(Scatter(1, 1, 1, 1, Ids(1), bf16));
    RunCase(Scatter(2, 3, 5, 4, DistinctIds(5), bf16));
    RunCase(Scatter(2, 5, 5, 1, DistinctIds(5), bf16));
    RunCase(Scatter(3, 7, 2, 3, Ids(2), bf16));
    RunCase(Scatter(1, 1, 9, 17, Ids(9), bf16));
    RunCase(Scatter(2, 40, 50, 8, Ids(50), bf16));
    RunCase(Scatter(1, 3, 2, 1030, Ids(2), bf16));
    RunCase(Scatter(1, 3, 2, 1032, Ids(2), bf16));
  }
}

TEST(GatherRows, KnownRows) {
  const HostTensor ids(I32({1, 3}), {2, 0, 2});
  const auto y = Reference("GatherRows", {}, {HostTensor(F32({1, 3, 2}), {1, 2, 3, 4, 5, 6}), ids});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(y[0], HostTensor(F32({1, 3, 2}), {5, 6, 1, 2, 5, 6}));
  const auto x = Reference("ScatterRows", {{"rows", int64_t{4}}},
                           {HostTensor(F32({1, 3, 2}), {1, 2, 3, 4, 50, 60}), ids});
  ASSERT_EQ(x.size(), 1u);
  EXPECT_EQ(x[0], HostTensor(F32({1, 4, 2}), {3, 4, 0, 0, 51, 62, 0, 0}));
}

TEST(GatherRows, RefusesBadInputs) {
  ExpectRefused("GatherRows", {}, {F32({2, 5, 3}), I32({3, 4})}, "input 1 (ids)");
  ExpectRefused("GatherRows", {}, {F32({2, 5, 3}), I64({2, 4})}, "input 1");
  ExpectRefused("GatherRows", {}, {F32({2, 5, 3}), I32({8})}, "input 1");
  ExpectRefused("GatherRows", {}, {F32({5, 3}), I32({2, 4})}, "input 0");
  ExpectRefused("GatherRows", {}, {I32({2, 5, 3}), I32({2, 4})}, "input 0");
  ExpectRefused("ScatterRows", {{"rows", int64_t{5}}}, {F32({2, 3, 4}), I32({2, 2})},
                "input 1 (ids)");
  ExpectRefused("ScatterRows", {{"rows", int64_t{0}}}, {F32({2, 3, 4}), I32({2, 3})},
                "'rows' is 0");
}

// Its element is counted over all images.
TEST(GatherRows, AnIdOutOfRangeIsAFault) {
  const HostTensor x(F32({2, 2, 1})), ids(I32({2, 2}), {0, 1, 0, 2});
  for (const graph::Backend& backend : TestBackends()) {
    for (const absl::Status& status :
         {RunOn(backend, "GatherRows", {}, {x, ids}).status(),
          RunOn(backend, "ScatterRows", {{"rows", int64_t{2}}}, {x, ids}).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << backend.name;
      EXPECT_NE(std::string(status.message()).find("is 2 at element 3"), std::string::npos)
          << status;
    }
  }
}

}  // namespace
}  // namespace harness
