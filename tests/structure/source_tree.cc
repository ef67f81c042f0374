#include "tests/structure/source_tree.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace structure {
namespace {

std::vector<std::string> SplitLines(absl::string_view text) {
  absl::ConsumeSuffix(&text, "\n");
  return absl::StrSplit(text, '\n');
}

}  // namespace

Tree ReadTree(const std::string& root) {
  Tree tree;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;  // Bazel's links to files count as such
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    if (text.find('\0') != std::string::npos) continue;
    tree[entry.path().lexically_relative(root).string()] = SplitLines(text);
  }
  return tree;
}

Tree MakeTree(const std::map<std::string, std::string>& text_by_path) {
  Tree tree;
  for (const auto& [path, text] : text_by_path) tree[path] = SplitLines(text);
  return tree;
}

std::string At(const std::string& path, size_t line_index) {
  return absl::StrCat(path, ":", line_index + 1, ": ");
}

std::string Folder(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? "" : std::string(path.substr(0, slash));
}

std::string BaseName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == absl::string_view::npos ? path : path.substr(slash + 1));
}

bool IsHeader(absl::string_view path) {
  return absl::EndsWith(path, ".h") || absl::EndsWith(path, ".cuh");
}

bool IsCode(absl::string_view path) {
  return IsHeader(path) || absl::EndsWith(path, ".cc") || absl::EndsWith(path, ".cu");
}

bool Contains(const Tree& tree, const std::string& path, absl::string_view text) {
  const auto file = tree.find(path);
  if (file == tree.end()) return false;
  for (const std::string& line : file->second) {
    if (absl::StrContains(line, text)) return true;
  }
  return false;
}

std::vector<ListedOp> ListedOps(const Tree& tree, const std::string& folder) {
  std::vector<ListedOp> ops;
  const auto file = tree.find(folder + "/ops.bzl");
  if (file == tree.end()) return ops;
  for (const std::string& line : file->second) {
    const std::vector<std::string> parts = absl::StrSplit(line, '"');
    if (parts.size() == 5 && parts[0] == "    " && parts[2] == ": " && parts[4] == ",") {
      ops.push_back({parts[1], parts[3]});
    }
  }
  return ops;
}

std::vector<Include> Includes(const std::vector<std::string>& lines) {
  std::vector<Include> includes;
  for (size_t i = 0; i < lines.size(); ++i) {
    absl::string_view line = absl::StripAsciiWhitespace(lines[i]);
    if (!absl::ConsumePrefix(&line, "#")) continue;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&line, "include")) continue;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (line.empty() || (line[0] != '"' && line[0] != '<')) continue;
    const bool quoted = line[0] == '"';
    const size_t end = line.find(quoted ? '"' : '>', 1);
    if (end == absl::string_view::npos) continue;
    includes.push_back({i, std::string(line.substr(1, end - 1)), quoted});
  }
  return includes;
}

}  // namespace structure
