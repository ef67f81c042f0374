#include "graph/base/types.h"

#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace graph {
namespace {

TEST(DType, NamesAndSizes) {
  const struct {
    DType dtype;
    const char* name;
    size_t bytes;
  } cases[] = {{DType::kF32, "f32", 4}, {DType::kF64, "f64", 8}, {DType::kBF16, "bf16", 2},
               {DType::kI32, "i32", 4}, {DType::kI64, "i64", 8}, {DType::kU8, "u8", 1},
               {DType::kI8, "i8", 1}};
  for (const auto& c : cases) {
    EXPECT_EQ(DTypeName(c.dtype), c.name);
    EXPECT_EQ(ByteSize(c.dtype), c.bytes) << c.name;
    EXPECT_EQ(ParseDType(c.name), c.dtype) << c.name;
    EXPECT_EQ(IsFloat(c.dtype), c.name[0] == 'f' || c.name[0] == 'b') << c.name;
  }
}

TEST(DType, OtherNamesAreNone) {
  for (const char* name : {"", "f3", "f323", "F32", " f32", "float", "i9"}) {
    EXPECT_EQ(ParseDType(name), absl::nullopt) << name;
  }
}

TEST(Shape, Elements) {
  EXPECT_EQ(NumElements({}), 1);
  EXPECT_EQ(NumElements({7}), 7);
  EXPECT_EQ(NumElements({2, 3, 5}), 30);
  EXPECT_EQ(NumElements({2, 0, 5}), 0);
}

TEST(Shape, Valid) {
  EXPECT_TRUE(IsValidShape({}));
  EXPECT_TRUE(IsValidShape({0}));
  EXPECT_TRUE(IsValidShape({int64_t{1} << 24, int64_t{1} << 24}));
  EXPECT_FALSE(IsValidShape({-1}));
  EXPECT_FALSE(IsValidShape({0, -1}));
  EXPECT_FALSE(IsValidShape({int64_t{1} << 24, int64_t{1} << 24, 2}));
  // The product without the zero would overflow.
  EXPECT_FALSE(IsValidShape({int64_t{1} << 40, int64_t{1} << 40, 0}));
  EXPECT_FALSE(IsValidShape({std::numeric_limits<int64_t>::max(), 3}));
}

TEST(Shape, Text) {
  EXPECT_EQ(ShapeString({}), "[]");
  EXPECT_EQ(ShapeString({8, 17, 128}), "[8,17,128]");
}

TEST(TensorType, RowsColumnsAndBytes) {
  const TensorType t{DType::kBF16, {8, 17, 128}};
  EXPECT_EQ(t.ToString(), "bf16[8,17,128]");
  EXPECT_EQ(t.elements(), 8 * 17 * 128);
  EXPECT_EQ(t.bytes(), 2u * 8 * 17 * 128);
  EXPECT_EQ(t.rank(), 3);
  EXPECT_EQ(t.rows(), 8 * 17);
  EXPECT_EQ(t.cols(), 128);
  EXPECT_EQ(t.dim(0), 8);
  EXPECT_EQ(t.dim(-1), 128);
  EXPECT_EQ(t.dim(-3), 8);
}

TEST(TensorType, RankZeroAndEmpty) {
  // In a vector: GCC's uninitialised-memory warning is wrong about a local under sanitizers.
  const std::vector<TensorType> types = {{DType::kF64, {}}, {DType::kF64, {0, 3}}};
  const TensorType& scalar = types[0];
  EXPECT_EQ(scalar.rows(), 1);
  EXPECT_EQ(scalar.cols(), 1);
  EXPECT_EQ(scalar.bytes(), 8u);
  const TensorType& empty = types[1];
  EXPECT_EQ(empty.rows(), 0);
  EXPECT_EQ(empty.cols(), 3);
  EXPECT_EQ(empty.bytes(), 0u);
}

TEST(TensorType, Equality) {
  const TensorType t{DType::kF32, {2, 3}};
  EXPECT_EQ(t, (TensorType{DType::kF32, {2, 3}}));
  EXPECT_NE(t, (TensorType{DType::kI32, {2, 3}}));
  EXPECT_NE(t, (TensorType{DType::kF32, {3, 2}}));
  EXPECT_NE(t, (TensorType{DType::kF32, {2, 3, 1}}));
}

}  // namespace
}  // namespace graph
