#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::Attrs FillOf(float value, std::vector<int64_t> shape, const std::string& dtype) {
  return {{"value", value}, {"shape", shape}, {"dtype", dtype}};
}

TEST(Fill, Cases) {
  for (const graph::Shape& shape : {graph::Shape{1}, {37}, {2, 1, 5}, {2, 3, 1, 5}}) {
    const std::vector<int64_t> dims(shape.begin(), shape.end());
    RunCase({"Fill", FillOf(-0.1f, dims, "f32"), {}, {F32(shape)}});
    RunCase({"Fill", FillOf(-7.0f, dims, "i32"), {}, {I32(shape)}});
    RunCase({"Fill", FillOf(-7.0f, dims, "i64"), {}, {I64(shape)}});
    RunCase({"Fill", FillOf(255.0f, dims, "u8"), {}, {U8(shape)}});
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
}

}  // namespace
}  // namespace harness
