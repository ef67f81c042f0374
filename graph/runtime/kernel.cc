#include "graph/runtime/kernel.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
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

void KernelTable::Add(std::string op_type, KernelFactory factory) {
  if (factories_.find(op_type) != factories_.end()) {
    std::fprintf(stderr, "two kernels for operator type '%s' in one table\n", op_type.c_str());
    std::abort();
  }
  factories_.emplace(std::move(op_type), std::move(factory));
}

const KernelFactory* KernelTable::Find(absl::string_view op_type) const {
  const auto it = factories_.find(op_type);
  return it == factories_.end() ? nullptr : &it->second;
}

std::vector<std::string> KernelTable::Types() const {
  std::vector<std::string> types;
  for (const auto& [type, factory] : factories_) types.push_back(type);
  return types;
}

}  // namespace graph
