// The elements of any tensor as doubles.
#ifndef TOOLS_PARITY_VALUES_H_
#define TOOLS_PARITY_VALUES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "graph/base/types.h"

namespace tools {

struct Values {
  bool integer = false;  // what they were stored as
  std::vector<double> data;
};
Values ValuesOf(graph::DType dtype, absl::Span<const uint8_t> bytes);

}  // namespace tools

#endif  // TOOLS_PARITY_VALUES_H_
