// The source tree as structure tests see it.
#ifndef TESTS_STRUCTURE_SOURCE_TREE_H_
#define TESTS_STRUCTURE_SOURCE_TREE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace structure {

// The lines of each text file, by its path from the root: "ops/add.cc".
using Tree = std::map<std::string, std::vector<std::string>>;

// What is wrong, one line for each finding: "ops/add.cc:3: <what>; <what to do>".
using Findings = std::vector<std::string>;

// All text files below `root`.
Tree ReadTree(const std::string& root);
// A tree of made-up files, for tests of the rules.
Tree MakeTree(const std::map<std::string, std::string>& text_by_path);

std::string At(const std::string& path, size_t line_index);  // "path:line: ", counted from 1
std::string Folder(absl::string_view path);                  // "ops/droppos" of "ops/droppos/a.cc"
std::string BaseName(absl::string_view path);                // "a.cc"
bool IsHeader(absl::string_view path);
bool IsCode(absl::string_view path);  // .h or .cc
// Whether the file at `path` has `text`, for example a call.
bool Contains(const Tree& tree, const std::string& path, absl::string_view text);

// A line `    "layer_norm": "LayerNorm",` of `folder`/ops.bzl.
struct ListedOp {
  std::string stem, name;
};
std::vector<ListedOp> ListedOps(const Tree& tree, const std::string& folder);

struct Include {
  size_t line_index;
  std::string name;
  bool quoted;  // "..." rather than <...>
};
std::vector<Include> Includes(const std::vector<std::string>& lines);

}  // namespace structure

#endif  // TESTS_STRUCTURE_SOURCE_TREE_H_
