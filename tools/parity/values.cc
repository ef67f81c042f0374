#include "tools/parity/values.h"

#include <cstring>

#include "graph/base/bfloat16.h"
#include "graph/base/status.h"

namespace tools {
namespace {

template <typename T>
std::vector<double> Convert(absl::Span<const uint8_t> bytes) {
  std::vector<double> values;
  values.reserve(bytes.size() / sizeof(T));
  for (size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, &bytes[at], sizeof(T));
    values.push_back(static_cast<double>(value));
  }
  return values;
}

std::vector<double> AsDoubles(graph::DType dtype, absl::Span<const uint8_t> bytes) {
  switch (dtype) {
    case graph::DType::kF32:
      return Convert<float>(bytes);
    case graph::DType::kF64:
      return Convert<double>(bytes);
    case graph::DType::kBF16:
      return Convert<graph::BFloat16>(bytes);
    case graph::DType::kI32:
      return Convert<int32_t>(bytes);
    case graph::DType::kI64:
      return Convert<int64_t>(bytes);
    case graph::DType::kU8:
      return Convert<uint8_t>(bytes);
    case graph::DType::kI8:
      return Convert<int8_t>(bytes);
  }
  CHECK(false);
}

}  // namespace

Values ValuesOf(graph::DType dtype, absl::Span<const uint8_t> bytes) {
  return {!graph::IsFloat(dtype), AsDoubles(dtype, bytes)};
}

}  // namespace tools
