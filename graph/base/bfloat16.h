// bfloat16: the upper half of an f32. Stored, never computed in: values are
// widened exactly to f32 and rounded to nearest, ties to even, when stored.
#ifndef GRAPH_BASE_BFLOAT16_H_
#define GRAPH_BASE_BFLOAT16_H_

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "graph/base/types.h"

namespace graph {

struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  explicit BFloat16(float value) {
    uint32_t u;
    std::memcpy(&u, &value, sizeof(u));
    if ((u & 0x7fffffffu) > 0x7f800000u) {
      bits = static_cast<uint16_t>((u >> 16) | 0x40u);  // a NaN stays one
    } else {
      bits = static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
    }
  }
  operator float() const {
    const uint32_t u = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &u, sizeof(value));
    return value;
  }
};
static_assert(sizeof(BFloat16) == 2, "two bytes in memory");

template <>
struct DTypeOf<BFloat16> : std::integral_constant<DType, DType::kBF16> {};

}  // namespace graph

#endif  // GRAPH_BASE_BFLOAT16_H_
