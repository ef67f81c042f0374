#include "tools/operator_report.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"

namespace tools {
namespace {

using graph::DType;

bool IsNeeded(const graph::Schema& schema, DType dtype) {
  return dtype == DType::kF32 || !schema.low_precision_inputs.empty() ||
         !schema.low_precision_outputs.empty() || !schema.any_precision_inputs.empty();
}

std::string Cell(const OperatorSupport& s) {
  if (!s.implementations.empty()) return absl::StrJoin(s.implementations, ", ");
  return s.needed ? "MISSING" : "-";
}

}  // namespace

std::vector<OperatorSupport> ListSupport(const graph::SchemaRegistry& registry,
                                         const graph::Backend& backend) {
  std::vector<OperatorSupport> all;
  for (const std::string& type : registry.Types()) {
    const graph::KernelTraits* const traits = backend.kernels.FindTraits(type);
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      OperatorSupport s;
      s.op = type;
      s.backend = backend.name;
      s.dtype = dtype;
      s.needed = IsNeeded(*registry.Find(type), dtype);
      if (traits != nullptr && absl::c_linear_search(traits->floats, dtype)) {
        s.implementations = traits->implementations;
      }
      all.push_back(std::move(s));
    }
  }
  return all;
}

std::string SupportTable(absl::Span<const OperatorSupport> all) {
  std::vector<std::string> columns;  // as they come
  std::map<std::string, std::map<std::string, std::string>> rows;
  std::map<std::string, size_t> widths;
  size_t name_width = absl::string_view("operator").size();
  for (const OperatorSupport& s : all) {
    const std::string column = absl::StrCat(s.backend, " ", graph::DTypeName(s.dtype));
    const std::string cell = Cell(s);
    if (widths.count(column) == 0) columns.push_back(column);
    widths[column] = std::max({widths[column], column.size(), cell.size()});
    name_width = std::max(name_width, s.op.size());
    rows[s.op][column] = cell;
  }
  const auto padded = [](std::string text, size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
  };
  std::string text;
  const auto add = [&](const std::string& name, const auto& cell_of) {
    std::string line = padded(name, name_width);
    for (const std::string& column : columns) {
      absl::StrAppend(&line, "  ", padded(cell_of(column), widths[column]));
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  };
  add("operator", [](const std::string& column) { return column; });
  for (auto& [op, cells] : rows) {
    add(op, [&cells = cells](const std::string& column) { return cells[column]; });
  }
  return text;
}

std::string MissingText(absl::Span<const OperatorSupport> all) {
  std::string text;
  for (const OperatorSupport& s : all) {
    if (!s.missing()) continue;
    absl::StrAppend(&text, s.backend, ": no kernel for ", s.op, " in ", graph::DTypeName(s.dtype),
                    "\n");
  }
  return text;
}

std::string SupportJson(absl::Span<const OperatorSupport> all) {
  nlohmann::ordered_json kernels = nlohmann::ordered_json::array();
  for (const OperatorSupport& s : all) {
    kernels.push_back({{"operator", s.op},
                       {"backend", s.backend},
                       {"dtype", std::string(graph::DTypeName(s.dtype))},
                       {"needed", s.needed},
                       {"implementations", s.implementations}});
  }
  return nlohmann::ordered_json{{"kernels", std::move(kernels)}}.dump();
}

}  // namespace tools
