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
  std::string ops, kernels[2], tests;
} kFolders[] = {
    {"ops", {"backends/reference", "backends/cpu"}, "tests/ops"},
    {"ops/droppos", {"backends/reference/droppos", "backends/cpu/droppos"}, "tests/ops/droppos"},
    {"backends/cpu/ops", {"backends/reference/cpu", "backends/cpu"}, "tests/backends/cpu/ops"},
};

struct Declaration {
  size_t line_index;
  std::string function;
};

// "void RegisterX(graph::SchemaRegistry*" and "void RegisterX(graph::KernelTable*", as
// declaration or definition. The functions that are tables themselves are left out.
std::vector<Declaration> Registrations(const std::vector<std::string>& lines,
                                       absl::string_view parameter) {
  std::vector<Declaration> found;
  for (size_t i = 0; i < lines.size(); ++i) {
    absl::string_view line = lines[i];
    if (!absl::ConsumePrefix(&line, "void Register")) continue;
    const size_t parenthesis = line.find('(');
    if (parenthesis == absl::string_view::npos) continue;
    if (!absl::StartsWith(line.substr(parenthesis + 1), parameter)) continue;
    const absl::string_view name = line.substr(0, parenthesis);
    if (name == "Ops" || name == "Kernels") continue;
    found.push_back({i, absl::StrCat("Register", name)});
  }
  return found;
}

constexpr char kSchemas[] = "graph::SchemaRegistry*";
constexpr char kKernels[] = "graph::KernelTable*";

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
    bool found = false;
    for (const auto& folder : kFolders) {
      if (folder.kernels[0] != Folder(path) && folder.kernels[1] != Folder(path)) continue;
      candidates.push_back(absl::StrCat(folder.ops, "/", header));
      found |= tree.count(candidates.back()) > 0;
    }
    if (found || candidates.empty()) continue;
    findings.push_back(absl::StrCat(At(path, kernels[0].line_index), "kernels without ",
                                    absl::StrJoin(candidates, " or "),
                                    "; name the file like the operator's"));
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
