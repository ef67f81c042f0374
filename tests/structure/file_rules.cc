#include "tests/structure/file_rules.h"

#include <map>
#include <regex>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace structure {
namespace {

std::string Guard(const std::string& path) {
  std::string guard = absl::AsciiStrToUpper(path) + "_";
  for (char& c : guard) {
    if (!absl::ascii_isalnum(c)) c = '_';
  }
  return guard;
}

bool IsComment(absl::string_view line) {
  line = absl::StripAsciiWhitespace(line);
  return line.empty() || absl::StartsWith(line, "//");
}

bool IsDocument(absl::string_view path) { return absl::EndsWith(path, ".md"); }

// Whether `line` has `word` where it is not the end of a longer name or path: "/x/" counts in
// "-I/x/y", but not after a name ("a/x/y") or a variable ("${A}/x/y").
bool HasPath(absl::string_view line, absl::string_view word) {
  for (size_t at = line.find(word); at != absl::string_view::npos; at = line.find(word, at + 1)) {
    if (at == 0) return true;
    const char before = line[at - 1];
    if (!absl::ascii_isalnum(before) && !absl::StrContains("_.-)}*]>~", std::string(1, before))) {
      return true;
    }
    // "-I/x": an option and its path.
    if (at >= 2 && line[at - 2] == '-' && absl::StrContains("IL", std::string(1, before)) &&
        (at == 2 || !absl::ascii_isalnum(line[at - 3]))) {
      return true;
    }
  }
  return false;
}

// All strings between quotes.
std::vector<std::string> Quoted(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '"');
  std::vector<std::string> quoted;
  for (size_t i = 1; i < parts.size(); i += 2) quoted.push_back(parts[i]);
  return quoted;
}

// The sources in `srcs` of a BUILD file's test rules. A rule ends with an empty line. A rule made
// for every stem of a list names stem + "_test.cc", and the list after its `for`; there OPS stands
// for the operators `ops`.
std::set<std::string> TestSources(const std::vector<std::string>& lines,
                                  const std::vector<ListedOp>& ops) {
  static const std::regex test("\\n[ \\[]*(cc|emulated|py|sh)_test\\("),
      srcs("\\n *srcs = \\[([^\\]]*)\\]"), stems("\\n *(\\) )?for ");
  std::set<std::string> sources;
  for (auto line = lines.begin(); line != lines.end(); ++line) {
    std::string rule = "\n";
    for (; line != lines.end() && !line->empty(); ++line) {
      absl::StrAppend(&rule, line->substr(0, line->find('#')), "\n");
    }
    std::smatch named, list;
    if (std::regex_search(rule, test) && std::regex_search(rule, named, srcs)) {
      std::vector<std::string> before = {""};
      if (std::regex_search(rule, list, stems)) {
        before = Quoted(list.suffix());
        if (std::regex_search(rule, std::regex("\\bOPS\\b"))) {
          for (const ListedOp& op : ops) before.push_back(op.stem);
        }
      }
      for (const std::string& name : Quoted(named[1])) {
        for (const std::string& stem : before) sources.insert(stem + name);
      }
    }
    if (line == lines.end()) break;
  }
  return sources;
}

}  // namespace

Findings CheckHeaderGuards(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!IsHeader(path)) continue;
    size_t i = 0;
    while (i < lines.size() && IsComment(lines[i])) ++i;
    const std::string guard = Guard(path);
    if (i + 1 < lines.size() && lines[i] == "#ifndef " + guard &&
        lines[i + 1] == "#define " + guard) {
      continue;
    }
    findings.push_back(absl::StrCat(At(path, i), "expected the header guard ", guard,
                                    " here; the guard is the path"));
  }
  return findings;
}

Findings CheckSizes(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!IsCode(path) || lines.size() <= kMaxLines) continue;
    findings.push_back(absl::StrCat(At(path, kMaxLines), "the file has ", lines.size(),
                                    " lines, more than ", kMaxLines, "; split it by subject"));
  }
  return findings;
}

Findings LongFiles(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!IsCode(path) || lines.size() <= kLongLines) continue;
    findings.push_back(absl::StrCat(path, ": ", lines.size(), " lines"));
  }
  return findings;
}

Findings CheckOneBuildSystem(const Tree& tree) {
  static const std::string other = absl::StrCat("cm", "ake");  // so that this file is not a finding
  Findings findings;
  for (const auto& [path, lines] : tree) {
    const std::string name = absl::AsciiStrToLower(BaseName(path));
    if (absl::StrContains(name, other) || name == "makefile" || name == "configure") {
      findings.push_back(absl::StrCat(At(path, 0), "belongs to another build system; Bazel builds ",
                                      "this project: delete it"));
    }
    if (IsDocument(path)) continue;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (!absl::StrContains(absl::AsciiStrToLower(lines[i]), other)) continue;
      findings.push_back(
          absl::StrCat(At(path, i), "names another build system; Bazel builds this project"));
    }
  }
  return findings;
}

Findings CheckNoMachinePaths(const Tree& tree) {
  // In two halves, so that this file is not a finding.
  static const std::string paths[] = {absl::StrCat("/wo", "rk/"), absl::StrCat("/ro", "ot/"),
                                      absl::StrCat("/ho", "me/"), absl::StrCat("/Us", "ers/"),
                                      absl::StrCat("/tm", "p/ob")};
  Findings findings;
  for (const auto& [file, lines] : tree) {
    for (size_t i = 0; i < lines.size(); ++i) {
      for (const std::string& path : paths) {
        if (!HasPath(lines[i], path)) continue;
        findings.push_back(absl::StrCat(At(file, i), "the path ", path,
                                        "... exists on one machine only; use a path below the ",
                                        "repository, TEST_TMPDIR or a flag"));
      }
    }
  }
  return findings;
}

Findings CheckTimeOfDay(const Tree& tree) {
  static const std::set<std::string> dates = {
      "models/training/event_log.cc", "models/training/output_dir.h",
      "models/training/run_log.h",  // how long a progress bar stays; survives a clock that is set
      "tools/training_program.cc"};
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!IsCode(path) || absl::StartsWith(path, "tests/") || dates.count(path) > 0) continue;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (!absl::StrContains(lines[i], "absl::Now")) continue;
      findings.push_back(absl::StrCat(
          At(path, i), "the time of day; durations are measured by std::chrono::steady_clock, ",
          "which nobody sets"));
    }
  }
  return findings;
}

Findings CheckPtx(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (path == "backends/cuda/device.h" || !IsCode(path)) continue;
    if (!absl::StartsWith(path, "backends/cuda/") && !absl::EndsWith(path, ".cu.cc")) continue;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (!absl::StrContains(lines[i], "asm volatile") && !absl::StrContains(lines[i], "asm(")) {
        continue;
      }
      findings.push_back(absl::StrCat(
          At(path, i), "assembly, which the emulator of kernels cannot see; give it a function in ",
          "backends/cuda/device.h, and its meaning in tests/simt"));
    }
  }
  return findings;
}

Findings CheckTestsRun(const Tree& tree) {
  Findings findings;
  std::map<std::string, std::set<std::string>> run;  // by BUILD file
  for (const auto& [path, lines] : tree) {
    if (!absl::StartsWith(path, "tests/")) continue;
    if (!absl::EndsWith(path, "_test.cc") && !absl::EndsWith(path, "_test.cu.cc") &&
        !absl::EndsWith(path, "_test.sh")) {
      continue;
    }
    const std::string build = Folder(path) + "/BUILD.bazel";
    if (tree.count(build) > 0 && run.count(build) == 0) {
      const std::string folder(absl::StripPrefix(Folder(path), "tests/"));
      run[build] = TestSources(tree.at(build), ListedOps(tree, folder));
    }
    if (run[build].count(BaseName(path)) > 0) continue;
    findings.push_back(absl::StrCat(At(path, 0), "no test runs this file; name it in srcs of a ",
                                    "cc_test or sh_test of ", build));
  }
  return findings;
}

}  // namespace structure
