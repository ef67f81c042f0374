#include "tools/flags/home.h"

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"

namespace tools {

absl::StatusOr<std::string> ExpandHome(absl::string_view argument) {
  const size_t equals = argument.find('=');
  const bool is_flag = absl::StartsWith(argument, "-");
  if (is_flag && equals == absl::string_view::npos) return std::string(argument);
  const size_t begin = is_flag ? equals + 1 : 0;
  const absl::string_view value = argument.substr(begin);
  if (value != "~" && !absl::StartsWith(value, "~/")) return std::string(argument);
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    return graph::InvalidArgument(argument,
                                  ": HOME is not set, so that ~ is no folder; write the "
                                  "path in full");
  }
  return absl::StrCat(argument.substr(0, begin), home, value.substr(1));
}

}  // namespace tools
