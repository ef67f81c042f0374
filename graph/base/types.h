// Element types, shapes and tensor types.
#ifndef GRAPH_BASE_TYPES_H_
#define GRAPH_BASE_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "graph/base/status.h"

namespace graph {

enum class DType : uint8_t { kF32, kF64, kBF16, kI32, kI64, kU8, kI8 };

size_t ByteSize(DType dtype);
// "f32", "f64", "bf16", "i32", "i64", "u8", "i8".
absl::string_view DTypeName(DType dtype);
absl::optional<DType> ParseDType(absl::string_view name);
inline bool IsFloat(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF64 || dtype == DType::kBF16;
}

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> : std::integral_constant<DType, DType::kF32> {};
template <>
struct DTypeOf<double> : std::integral_constant<DType, DType::kF64> {};
template <>
struct DTypeOf<int32_t> : std::integral_constant<DType, DType::kI32> {};
template <>
struct DTypeOf<int64_t> : std::integral_constant<DType, DType::kI64> {};
template <>
struct DTypeOf<uint8_t> : std::integral_constant<DType, DType::kU8> {};
template <>
struct DTypeOf<int8_t> : std::integral_constant<DType, DType::kI8> {};

// Returns `fn(T())` for the one of `First` and `Rest` that stores `dtype`; aborts where none does.
template <typename First, typename... Rest, typename Function>
auto VisitDType(DType dtype, const Function& fn) {
  if constexpr (sizeof...(Rest) > 0) {
    if (dtype != DTypeOf<First>::value) return VisitDType<Rest...>(dtype, fn);
  }
  CHECK(dtype == DTypeOf<First>::value);
  return fn(First());
}

// Dimensions, row-major, outermost first. A scalar has shape {1}.
using Shape = absl::InlinedVector<int64_t, 4>;

// Non-negative dimensions whose product, zeros counted as ones, is at most 2^48,
// so that no count of elements or bytes overflows. Every Shape in a net that
// passed Verify() is valid.
bool IsValidShape(absl::Span<const int64_t> shape);
// Product of the dimensions of a valid shape; 1 for rank 0.
int64_t NumElements(absl::Span<const int64_t> shape);
// "[8,17,128]".
std::string ShapeString(absl::Span<const int64_t> shape);

struct TensorType {
  DType dtype = DType::kF32;
  Shape shape;

  int64_t elements() const { return NumElements(shape); }
  size_t bytes() const { return static_cast<size_t>(elements()) * ByteSize(dtype); }
  int rank() const { return static_cast<int>(shape.size()); }
  // Dimension `i`; negative counts from the end.
  int64_t dim(int i) const { return shape[i < 0 ? shape.size() + i : i]; }
  // The tensor as a matrix (rows(), cols()): the last dimension is the columns.
  int64_t cols() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const {
    return NumElements(absl::MakeConstSpan(shape).first(shape.empty() ? 0 : shape.size() - 1));
  }
  // "f32[8,17,128]".
  std::string ToString() const;

  friend bool operator==(const TensorType& a, const TensorType& b) {
    return a.dtype == b.dtype && a.shape == b.shape;
  }
  friend bool operator!=(const TensorType& a, const TensorType& b) { return !(a == b); }
};

}  // namespace graph

#endif  // GRAPH_BASE_TYPES_H_
