// The home folder in paths on command lines.
#ifndef TOOLS_FLAGS_HOME_H_
#define TOOLS_FLAGS_HOME_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tools {

// `argument` of a command line with a ~/ (or a ~ alone) at its beginning, or at the beginning of
// a flag's value, as the home folder ($HOME): shells leave it as it is in --flag=~/folder, and a
// folder called ~ is what nobody means. Everything else stays, ~name too. InvalidArgument where
// HOME is not set.
absl::StatusOr<std::string> ExpandHome(absl::string_view argument);

}  // namespace tools

#endif  // TOOLS_FLAGS_HOME_H_
