#include "tests/structure/plugin_rules.h"

#include <regex>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace structure {
namespace {

// Those that register plugins, and the tools of DropPos: its golden cases, and what measures and
// draws positions.
constexpr absl::string_view kMayName[] = {
    "tools/plugins.cc",
    "tools/reference_backend.cc",
    "tools/parity/",
    "tools/evaluation/",
    "tools/evaluate.cc",
    "tools/vis/",
    "tests/",
    "tools/predict_positions.cc",
};

// "droppos" of "ops/droppos/mask_sample.h"; empty elsewhere.
std::string PluginOf(const std::string& path) {
  if (!absl::StartsWith(path, "ops/")) return "";
  const size_t end = path.find('/', 4);
  return end == std::string::npos ? "" : path.substr(4, end - 4);
}

struct Concepts {
  std::set<std::string> code;   // classes and draws: in code, and not in texts
  std::set<std::string> flags;  // in texts, too
};

void AddMatches(const std::string& line, const std::regex& regex, std::set<std::string>* names) {
  std::smatch match;
  if (std::regex_search(line, match, regex)) names->insert(match[1]);
}

Concepts ConceptsOf(const Tree& tree, const std::string& plugin) {
  static const std::regex type(R"(^(?:struct|class|enum class) (\w+)[^;]*$)");
  static const std::regex draw(R"(constexpr graph::Purpose (k\w+))");
  // Names of one word, as `shuffle`, are everybody's.
  static const std::regex flag(R"re(\{"(\w+_\w+)", &)re");
  Concepts concepts;
  for (const auto& [path, lines] : tree) {
    const bool ops = absl::StartsWith(path, absl::StrCat("ops/", plugin, "/"));
    if (!ops && !absl::StartsWith(path, absl::StrCat("models/", plugin, "/"))) continue;
    for (const std::string& line : lines) {
      if (IsHeader(path)) {
        AddMatches(line, type, &concepts.code);
        AddMatches(line, draw, &concepts.code);
      } else if (IsCode(path)) {
        AddMatches(line, flag, &concepts.flags);
      }
    }
  }
  return concepts;
}

// A concept that the line names; empty: none.
std::string Named(absl::string_view line, const Concepts& concepts) {
  line = line.substr(0, line.find("//"));
  bool in_text = false;
  for (size_t at = 0; at < line.size();) {
    if (line[at] == '"' && (at == 0 || line[at - 1] != '\\')) in_text = !in_text;
    size_t end = at;
    while (end < line.size() && (absl::ascii_isalnum(line[end]) || line[end] == '_')) ++end;
    const std::string word(line.substr(at, end - at));
    if (concepts.flags.count(word) > 0 || (!in_text && concepts.code.count(word) > 0)) return word;
    at = std::max(end, at + 1);
  }
  return "";
}

}  // namespace

Findings CheckEngineNamesNoPlugin(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!absl::StartsWith(path, "graph/")) continue;
    if (absl::StrContains(absl::AsciiStrToLower(path), "droppos")) {
      findings.push_back(
          absl::StrCat(At(path, 0), "the name of a plugin; move the file out of ", "graph/"));
    }
    for (size_t i = 0; i < lines.size(); ++i) {
      if (!absl::StrContains(absl::AsciiStrToLower(lines[i]), "droppos")) continue;
      findings.push_back(absl::StrCat(At(path, i), "names a plugin; graph/ knows nets, not what ",
                                      "they are for: say it in general or move it out"));
    }
  }
  return findings;
}

Findings CheckPluginConceptsStayInside(const Tree& tree) {
  std::set<std::string> plugins;
  for (const auto& [path, lines] : tree) plugins.insert(PluginOf(path));
  plugins.erase("");
  Findings findings;
  for (const std::string& plugin : plugins) {
    const Concepts concepts = ConceptsOf(tree, plugin);
    for (const auto& [path, lines] : tree) {
      if (!IsCode(path) || absl::StrContains(path, absl::StrCat("/", plugin, "/"))) continue;
      bool may_name = false;
      for (const absl::string_view place : kMayName) may_name |= absl::StartsWith(path, place);
      if (may_name) continue;
      for (size_t i = 0; i < lines.size(); ++i) {
        const std::string word = Named(lines[i], concepts);
        if (word.empty()) continue;
        findings.push_back(absl::StrCat(
            At(path, i), "names ", word, " of the plugin ", plugin, "; ask the zoo entry, its ",
            "options or the model in general words (models/zoo/model_options.h)"));
      }
    }
  }
  return findings;
}

}  // namespace structure
