#include <limits>

#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::Attrs FillOf(float value, std::vector<int64_t> shape, const std::string& dtype) {
  return {{"value", value}, {"shape", shape}, {"dtype", dtype}};
}

TEST(Fill, Cases) {
  for (const graph::Shape& shape : {graph::Shape{1}, {37}, {47}, {2, 1, 5}, {2, 3, 1, 5}}) {
    const std::vector<int64_t> dims(shape.begin(), shape.end());
    RunCase({"Fill", FillOf(-0.1f, dims, "f32"), {}, {F32(shape)}});
    RunCase({"Fill", FillOf(-7.0f, dims, "i32"), {}, {I32(shape)}});
    RunCase({"Fill", FillOf(-7.0f, dims, "i64"), {}, {I64(shape)}});
    RunCase({"Fill", FillOf(254.0f, dims, "u8"), {}, {U8(shape)}});  // outputs start as 255
  }
}

TEST(Fill, ValueAndDefaultType) {
  const auto y = Reference("Fill", {{"value", 0.5f}, {"shape", std::vector<int64_t>{3}}}, {});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(y[0], HostTensor(F32({3}), {0.5, 0.5, 0.5}));
}

TEST(Fill, RefusesBadAttributes) {
  ExpectRefused("Fill", FillOf(1, {}, "f32"), {}, "'shape' is empty");
  ExpectRefused("Fill", FillOf(1, {2, -1}, "f32"), {}, "negative dimension");
  ExpectRefused("Fill", FillOf(1, {2}, "f16"), {}, "'dtype' is 'f16'");
  ExpectRefused("Fill", FillOf(1, {2}, "bf16"), {}, "'dtype' is 'bf16'");
  ExpectRefused("Fill", FillOf(1, {2}, "f32"), {F32({2})}, "1 inputs");
  ExpectRefused("Fill", FillOf(1, {int64_t{1} << 40, int64_t{1} << 40}, "f32"), {},
                "more elements than a tensor may have");
}

TEST(Fill, TheValueFitsTheType) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const auto refused = [](float value, const std::string& dtype) {
    ExpectRefused("Fill", FillOf(value, {2}, dtype), {}, "which " + dtype + " cannot hold");
  };
  for (const char* dtype : {"i32", "i64", "u8"}) {
    for (float value : {nan, inf, -inf, 1e30f, -1e30f}) refused(value, dtype);
  }
  refused(0x1p31f, "i32");
  refused(-0x1.000002p31f, "i32");
  refused(0x1p63f, "i64");
  refused(-0x1.000002p63f, "i64");
  refused(256.0f, "u8");
  refused(-1.0f, "u8");
  const auto filled = [](float value, const std::string& dtype) {
    const auto y = Reference("Fill", FillOf(value, {1}, dtype), {});
    return y.empty() ? 42 : y[0].GetInt(0);
  };
  EXPECT_EQ(filled(-0x1p31f, "i32"), -2147483647 - 1);
  EXPECT_EQ(filled(0x1.fffffep30f, "i32"), 2147483520);
  EXPECT_EQ(filled(-0x1p63f, "i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(filled(255.9f, "u8"), 255);
  EXPECT_EQ(filled(-0.9f, "u8"), 0);
  RunCase({"Fill", FillOf(-0x1p31f, {3}, "i32"), {}, {I32({3})}});
  RunCase({"Fill", FillOf(inf, {3}, "f32"), {}, {F32({3})}});
}

}  // namespace
}  // namespace harness
