#include "graph/runtime/kernel.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace graph {
namespace {

// Shows all digits of a value that was an integer.
std::string Number(double value) {
  return value == std::floor(value) && std::fabs(value) < 1e15
             ? absl::StrCat(static_cast<int64_t>(value))
             : absl::StrCat(value);
}

std::string JoinTypes(absl::Span<const TensorType> types) {
  return absl::StrJoin(types, ", ", [](std::string* out, const TensorType& type) {
    absl::StrAppend(out, type.ToString());
  });
}

}  // namespace

std::string DescribeTypes(const KernelSpec& spec) {
  return absl::StrCat(spec.op->Describe(), " (", JoinTypes(spec.inputs), ") -> (",
                      JoinTypes(spec.outputs), ")");
}

absl::Status RequireFloats(const KernelSpec& spec, absl::string_view backend, bool bf16) {
  for (const auto* types : {&spec.inputs, &spec.outputs}) {
    for (const TensorType& type : *types) {
      const bool known = type.dtype == DType::kF32 || (bf16 && type.dtype == DType::kBF16);
      if (IsFloat(type.dtype) && !known) {
        return absl::UnimplementedError(absl::StrCat(
            spec.op->Describe(), ": the ", backend, " backend computes in f32",
            bf16 ? " or bf16" : "", ", not ", DTypeName(type.dtype),
            "; the reference backend has all floats"));
      }
    }
  }
  return absl::OkStatus();
}

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
