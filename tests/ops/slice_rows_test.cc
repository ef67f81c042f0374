#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::TensorType Float(graph::Shape shape, bool bf16) { return bf16 ? BF16(shape) : F32(shape); }

OpCase Slice(graph::Shape x, int64_t start, int64_t count, bool bf16) {
  return {"SliceRows",
          {{"start", start}, {"count", count}},
          {{Float(x, bf16), Normal(), true}},
          {Float({x[0], count, x[2]}, bf16)}};
}

OpCase Pad(graph::Shape x, int64_t start, int64_t rows, bool bf16) {
  return {"PadRows",
          {{"start", start}, {"rows", rows}},
          {{Float(x, bf16), Normal(), true}},
          {Float({x[0], rows, x[2]}, bf16)}};
}

TEST(SliceRows, Cases) {
  for (bool bf16 : {false, true}) {
    RunCase(Slice({1, 1, 1}, 0, 1, bf16));
    RunCase(Slice({2, 5, 3}, 1, 4, bf16));
    RunCase(Slice({2, 5, 3}, 0, 1, bf16));
    RunCase(Slice({3, 5, 1}, 2, 2, bf16));
    RunCase(Slice({3, 4, 17}, 0, 4, bf16));
    RunCase(Slice({3, 4, 24}, 1, 2, bf16));
  }
}

TEST(PadRows, Cases) {
  for (bool bf16 : {false, true}) {
    RunCase(Pad({1, 1, 1}, 0, 1, bf16));
    RunCase(Pad({2, 4, 3}, 1, 5, bf16));
    RunCase(Pad({2, 1, 3}, 0, 5, bf16));
    RunCase(Pad({3, 2, 1}, 2, 5, bf16));
    RunCase(Pad({3, 4, 17}, 0, 4, bf16));
    RunCase(Pad({3, 2, 24}, 1, 4, bf16));
  }
}

TEST(SliceRows, KnownRows) {
  const auto y = Reference("SliceRows", {{"start", int64_t{1}}, {"count", int64_t{1}}},
                           {HostTensor(F32({2, 2, 2}), {1, 2, 3, 4, 5, 6, 7, 8})});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(y[0], HostTensor(F32({2, 1, 2}), {3, 4, 7, 8}));
  const auto x = Reference("PadRows", {{"start", int64_t{1}}, {"rows", int64_t{3}}}, {y[0]});
  ASSERT_EQ(x.size(), 1u);
  EXPECT_EQ(x[0], HostTensor(F32({2, 3, 2}), {0, 0, 3, 4, 0, 0, 0, 0, 7, 8, 0, 0}));
}

TEST(SliceRows, RefusesBadInputs) {
  const auto slice = [](graph::TensorType x, int64_t start, int64_t count, const char* message) {
    ExpectRefused("SliceRows", {{"start", start}, {"count", count}}, {x}, message);
  };
  slice(F32({2, 5, 3}), 2, 4, "input 0 (x)");
  slice(F32({2, 5, 3}), 0, 6, "input 0 (x)");
  slice(F32({2, 5, 3}), -1, 2, "'start' is -1");
  slice(F32({2, 5, 3}), 1, 0, "'count' is 0");
  slice(F32({2, 5, 3}), int64_t{1} << 62, int64_t{1} << 62, "input 0 (x)");
  slice(F32({5, 3}), 0, 1, "input 0");
  slice(I32({2, 5, 3}), 0, 1, "input 0");
  ExpectRefused("PadRows", {{"start", int64_t{3}}, {"rows", int64_t{5}}}, {F32({2, 3, 4})},
                "input 0 (x)");
  ExpectRefused("PadRows", {{"start", int64_t{0}}, {"rows", int64_t{2}}}, {F32({2, 3, 4})},
                "input 0 (x)");
}

}  // namespace
}  // namespace harness
