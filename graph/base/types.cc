#include "graph/base/types.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "graph/base/status.h"

namespace graph {
namespace {

struct DTypeInfo {
  absl::string_view name;
  size_t bytes;
};
constexpr DTypeInfo kDTypes[] = {{"f32", 4}, {"f64", 8}, {"bf16", 2}, {"i32", 4},
                                 {"i64", 8}, {"u8", 1},  {"i8", 1}};

}  // namespace

size_t ByteSize(DType dtype) { return kDTypes[static_cast<int>(dtype)].bytes; }

absl::string_view DTypeName(DType dtype) { return kDTypes[static_cast<int>(dtype)].name; }

absl::optional<DType> ParseDType(absl::string_view name) {
  for (size_t i = 0; i < sizeof(kDTypes) / sizeof(kDTypes[0]); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return absl::nullopt;
}

bool IsValidShape(absl::Span<const int64_t> shape) {
  int64_t n = 1;
  for (int64_t d : shape) {
    if (d < 0 || __builtin_mul_overflow(n, d == 0 ? 1 : d, &n) || n > (int64_t{1} << 48)) {
      return false;
    }
  }
  return true;
}

int64_t NumElements(absl::Span<const int64_t> shape) {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}

std::string ShapeString(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ","), "]");
}

std::string TensorType::ToString() const {
  return absl::StrCat(DTypeName(dtype), ShapeString(shape));
}

}  // namespace graph
