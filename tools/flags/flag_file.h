// Files of flags, one a line: the syntax that --flagfile reads and flags.txt has.
#ifndef TOOLS_FLAGS_FLAG_FILE_H_
#define TOOLS_FLAGS_FLAG_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tools {

struct FlagFileLine {
  std::string where;              // "path:line"
  std::vector<std::string> args;  // as on a command line: {"--a=b"} or {"--a", "b"}
};

// The lines of `text` that hold a flag; `name` is what `where` and errors call it.
absl::StatusOr<std::vector<FlagFileLine>> SplitFlagFile(absl::string_view text,
                                                        const std::string& name);

// The same of a file. `path` is relative to where the command was typed.
// Errors: of the file system, naming `path`; InvalidArgument naming path and
// line for an unfinished quotation.
absl::StatusOr<std::vector<FlagFileLine>> ReadFlagFile(const std::string& path);

// "--name=value", quoted where reading it back needs that.
std::string FlagFileText(absl::string_view name, absl::string_view value);

}  // namespace tools

#endif  // TOOLS_FLAGS_FLAG_FILE_H_
