#include "graph/runtime/kernel.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "graph/base/status.h"

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

// Unimplemented, with the operator and the type, unless each float tensor is one of `floats`.
absl::Status RequireFloats(const KernelSpec& spec, absl::Span<const DType> floats) {
  for (const auto* types : {&spec.inputs, &spec.outputs}) {
    for (const TensorType& type : *types) {
      if (!IsFloat(type.dtype) || absl::c_linear_search(floats, type.dtype)) continue;
      const auto append_name = [](std::string* out, DType dtype) {
        absl::StrAppend(out, DTypeName(dtype));
      };
      return absl::UnimplementedError(absl::StrCat(
          spec.op->Describe(), ": this backend computes in ",
          absl::StrJoin(floats, " or ", append_name), ", not ", DTypeName(type.dtype),
          "; the reference backend has all floats"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string DescribeTypes(const KernelSpec& spec) {
  return absl::StrCat(spec.op->Describe(), " (", JoinTypes(spec.inputs), ") -> (",
                      JoinTypes(spec.outputs), ")");
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

void KernelTable::Add(std::string op_type, KernelFactory factory, KernelTraits traits) {
  if (FindTraits(op_type) != nullptr) {
    std::fprintf(stderr, "two kernels for operator type '%s' in one table\n", op_type.c_str());
    std::abort();
  }
  KernelFactory checked =
      [floats = traits.floats, factory = std::move(factory)](
          const KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    RETURN_IF_ERROR(RequireFloats(spec, floats));
    return factory(spec);
  };
  entries_.emplace(std::move(op_type), Entry{std::move(checked), std::move(traits)});
}

const KernelFactory* KernelTable::Find(absl::string_view op_type) const {
  const auto it = entries_.find(op_type);
  return it == entries_.end() ? nullptr : &it->second.factory;
}

const KernelTraits* KernelTable::FindTraits(absl::string_view op_type) const {
  const auto it = entries_.find(op_type);
  return it == entries_.end() ? nullptr : &it->second.traits;
}

std::vector<std::string> KernelTable::Types() const {
  std::vector<std::string> types;
  for (const auto& [type, entry] : entries_) types.push_back(type);
  return types;
}

void AddFloat32(KernelTable* table, std::string op_type, KernelFactory factory,
                std::vector<std::string> implementations) {
  table->Add(std::move(op_type), std::move(factory), {{DType::kF32}, std::move(implementations)});
}

void AddFloat32OrBfloat16(KernelTable* table, std::string op_type, KernelFactory factory,
                          std::vector<std::string> implementations) {
  table->Add(std::move(op_type), std::move(factory),
             {{DType::kF32, DType::kBF16}, std::move(implementations)});
}

}  // namespace graph
