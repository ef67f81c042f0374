#include "graph/runtime/fault.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"

namespace graph {
namespace {

// Shows all digits of a value that was an integer.
std::string Number(double value) {
  return value == std::floor(value) && std::fabs(value) < 1e15
             ? absl::StrCat(static_cast<int64_t>(value))
             : absl::StrCat(value);
}

}  // namespace

absl::Status FaultError(const Fault& fault, const Op& op, absl::string_view blob,
                        const TensorType& type) {
  std::string bounds;
  if (fault.low != -kNoBound) absl::StrAppend(&bounds, " at least ", Number(fault.low));
  if (fault.high != kNoBound) {
    absl::StrAppend(&bounds, bounds.empty() ? "" : " and", " below ", Number(fault.high));
  }
  return absl::OutOfRangeError(absl::StrCat(op.Describe(), ": '", blob, "' ", type.ToString(),
                                            " is ", Number(fault.value), " at element ",
                                            fault.element, ", and must be", bounds));
}

}  // namespace graph
