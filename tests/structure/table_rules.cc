#include "tests/structure/table_rules.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace structure {
namespace {

// Where the operators of a folder have their kernels and tests: the core's, a plugin's, and those
// that only the passes of one backend make.
const struct {
  std::string ops;
  std::vector<std::string> kernels;
  std::string tests;
} kFolders[] = {
    {"ops", {"backends/reference", "backends/cpu", "backends/cuda"}, "tests/ops"},
    {"ops/droppos",
     {"backends/reference/droppos", "backends/cpu/droppos", "backends/cuda/droppos"},
     "tests/ops/droppos"},
    {"backends/cpu/ops", {"backends/reference/cpu", "backends/cpu"}, "tests/backends/cpu/ops"},
    {"backends/cuda/ops", {"backends/reference/cuda", "backends/cuda"}, "tests/backends/cuda/ops"},
};

struct Declaration {
  size_t line_index;
  std::string function;
};

// "void RegisterX(graph::SchemaRegistry*", "void RegisterX(graph::KernelTable*" and, with a device,
// "void RegisterX(const DevicePtr&", as declaration or definition. The functions that are tables
// themselves are left out.
std::vector<Declaration> Registrations(const std::vector<std::string>& lines,
                                       const std::vector<absl::string_view>& parameters) {
  std::vector<Declaration> found;
  for (size_t i = 0; i < lines.size(); ++i) {
    absl::string_view line = lines[i];
    if (!absl::ConsumePrefix(&line, "void Register")) continue;
    const size_t parenthesis = line.find('(');
    if (parenthesis == absl::string_view::npos) continue;
    const absl::string_view begin = line.substr(parenthesis + 1);
    if (std::none_of(parameters.begin(), parameters.end(),
                     [&](absl::string_view p) { return absl::StartsWith(begin, p); })) {
      continue;
    }
    const absl::string_view name = line.substr(0, parenthesis);
    if (name == "Ops" || name == "Kernels") continue;
    found.push_back({i, absl::StrCat("Register", name)});
  }
  return found;
}

const std::vector<absl::string_view> kSchemas = {"graph::SchemaRegistry*"};
const std::vector<absl::string_view> kKernels = {"graph::KernelTable*", "const DevicePtr&"};

void Expect(const Tree& tree, const std::string& header, const std::string& path, const char* what,
            Findings* findings) {
  if (tree.count(path) > 0) return;
  findings->push_back(
      absl::StrCat(At(header, 0), "has no ", what, " ", path, "; write it under that name"));
}

}  // namespace

Findings CheckSameStems(const Tree& tree) {
  Findings findings;
  for (const auto& folder : kFolders) {
    for (const auto& [path, lines] : tree) {
      if (Folder(path) != folder.ops || !IsHeader(path)) continue;
      if (Registrations(lines, kSchemas).empty()) continue;
      const std::string stem(absl::StripSuffix(BaseName(path), ".h"));
      Expect(tree, path, absl::StrCat(folder.ops, "/", stem, ".cc"), "source", &findings);
      for (const std::string& kernels : folder.kernels) {
        Expect(tree, path, absl::StrCat(kernels, "/", stem, ".cc"), "kernels", &findings);
      }
      Expect(tree, path, absl::StrCat(folder.tests, "/", stem, "_test.cc"), "test", &findings);
    }
  }
  for (const auto& [path, lines] : tree) {
    const std::vector<Declaration> kernels = Registrations(lines, kKernels);
    if (kernels.empty() || !absl::EndsWith(path, ".cc")) continue;
    const std::string header = absl::StrCat(absl::StripSuffix(BaseName(path), ".cc"), ".h");
    std::vector<std::string> candidates;
    std::vector<Declaration> schemas;
    for (const auto& folder : kFolders) {
      if (std::count(folder.kernels.begin(), folder.kernels.end(), Folder(path)) == 0) continue;
      candidates.push_back(absl::StrCat(folder.ops, "/", header));
      if (tree.count(candidates.back()) == 0) continue;
      schemas = Registrations(tree.at(candidates.back()), kSchemas);
    }
    if (candidates.empty()) continue;
    for (const Declaration& kernel : kernels) {
      if (std::any_of(schemas.begin(), schemas.end(),
                      [&](const Declaration& s) { return s.function == kernel.function; })) {
        continue;
      }
      findings.push_back(absl::StrCat(At(path, kernel.line_index), "kernels without ",
                                      kernel.function, " in ", absl::StrJoin(candidates, " or "),
                                      "; name file and function like the operator's"));
    }
  }
  return findings;
}

Findings CheckOpsAreListed(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!IsHeader(path)) continue;
    const std::vector<ListedOp> listed = ListedOps(tree, Folder(path));
    const std::string stem(absl::StripSuffix(BaseName(path), ".h"));
    for (const Declaration& d : Registrations(lines, kSchemas)) {
      const auto is_it = [&](const ListedOp& op) {
        return op.stem == stem && absl::StrCat("Register", op.name) == d.function;
      };
      if (std::any_of(listed.begin(), listed.end(), is_it)) continue;
      findings.push_back(absl::StrCat(At(path, d.line_index), "the operator does not exist; add \"",
                                      stem, "\": \"", absl::StripPrefix(d.function, "Register"),
                                      "\" to ", Folder(path), "/ops.bzl"));
    }
  }
  return findings;
}

Findings CheckKernels(const std::vector<std::string>& schema_types, const std::string& backend,
                      const std::vector<std::string>& kernel_types) {
  const auto has = [](const std::vector<std::string>& types, const std::string& type) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  Findings findings;
  for (const std::string& type : schema_types) {
    if (has(kernel_types, type)) continue;
    findings.push_back(absl::StrCat("backends/", backend, "/kernel_table.cc:1: no kernel for ",
                                    type, "; add it to the file of the operator's stem"));
  }
  for (const std::string& type : kernel_types) {
    if (has(schema_types, type)) continue;
    findings.push_back(absl::StrCat("backends/", backend, "/kernel_table.cc:1: a kernel for ", type,
                                    ", which has no schema; add one under ops/"));
  }
  return findings;
}

}  // namespace structure
