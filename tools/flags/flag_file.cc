#include "tools/flags/flag_file.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"
#include "models/training/output_dir.h"
#include "tools/flags/home.h"

namespace tools {
namespace {

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

// Where a comment begins in `text`: a '#' at its start or after a space.
size_t CommentStart(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#' && (i == 0 || IsSpace(text[i - 1]))) return i;
  }
  return text.size();
}

// The arguments on one line; none where it holds no flag.
absl::StatusOr<std::vector<std::string>> SplitLine(absl::string_view line) {
  line = absl::StripAsciiWhitespace(line);
  size_t end = 0;  // of the name
  while (end < line.size() && line[end] != '=' && line[end] != '#' && !IsSpace(line[end])) ++end;
  if (end == 0) {
    if (line.empty() || line[0] == '#') return std::vector<std::string>();
    return graph::InvalidArgument("a line holds one flag, written --name=value");
  }
  const std::string name(line.substr(0, end));
  absl::string_view rest = line.substr(end);
  const bool equals = !rest.empty() && rest[0] == '=';
  if (equals) rest.remove_prefix(1);
  // After '=' a '#' belongs to the value, unless a space stands before it.
  rest = equals ? rest : absl::StripLeadingAsciiWhitespace(rest);

  std::string value;
  if (!rest.empty() && rest[0] == '"') {
    size_t close = 1;
    while (close < rest.size() && rest[close] != '"') close += rest[close] == '\\' ? 2 : 1;
    if (close >= rest.size() || !absl::CUnescape(rest.substr(1, close - 1), &value)) {
      return graph::InvalidArgument("a quotation does not end or holds an unknown escape");
    }
    const absl::string_view after = absl::StripAsciiWhitespace(rest.substr(close + 1));
    if (!after.empty() && after[0] != '#') {
      return graph::InvalidArgument("more follows the closing quote");
    }
  } else {
    const size_t comment = equals && !rest.empty() && rest[0] == '#'
                               ? 1 + CommentStart(rest.substr(1))
                               : CommentStart(rest);
    value = std::string(absl::StripTrailingAsciiWhitespace(rest.substr(0, comment)));
    if (!equals && value.empty()) return std::vector<std::string>{name};
  }
  if (equals) return std::vector<std::string>{absl::StrCat(name, "=", value)};
  return std::vector<std::string>{name, value};
}

constexpr int64_t kLargestFile = 1 << 20;  // of flags

}  // namespace

absl::StatusOr<std::vector<FlagFileLine>> ReadFlagFile(const std::string& path) {
  const std::string resolved = models::ResolveUserPath(path);
  absl::StatusOr<std::string> text = models::ReadFile(resolved, kLargestFile);
  if (!text.ok()) return graph::Annotate(text.status(), absl::StrCat("--flagfile=", path));
  ASSIGN_OR_RETURN(std::vector<FlagFileLine> lines, SplitFlagFile(*text, path));
  for (FlagFileLine& line : lines) {
    for (std::string& arg : line.args) {
      absl::StatusOr<std::string> expanded = ExpandHome(arg);
      if (!expanded.ok()) return graph::Annotate(expanded.status(), line.where);
      arg = *std::move(expanded);
    }
  }
  return lines;
}

absl::StatusOr<std::vector<FlagFileLine>> SplitFlagFile(absl::string_view text,
                                                        const std::string& name) {
  std::vector<FlagFileLine> lines;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::string where = absl::StrCat(name, ":", ++number);
    absl::StatusOr<std::vector<std::string>> args = SplitLine(line);
    if (!args.ok()) return graph::Annotate(args.status(), where);
    if (!args->empty()) lines.push_back({where, *std::move(args)});
  }
  return lines;
}

std::string FlagFileText(absl::string_view name, absl::string_view value) {
  bool plain = !value.empty() && value[0] != '"';
  for (const char c : value) {
    plain &= c != '#' && !IsSpace(c) && !absl::ascii_iscntrl(static_cast<unsigned char>(c));
  }
  // Only what must be is escaped, so that names in any alphabet stay readable.
  return absl::StrCat(
      "--", name, "=",
      plain ? std::string(value) : absl::StrCat("\"", absl::Utf8SafeCEscape(value), "\""));
}

}  // namespace tools
