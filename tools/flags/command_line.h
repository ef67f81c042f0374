// What the tools' parsers have in common: how numbers are checked, --device, --max_image_megapixels, and
// one line that names the flag when something is wrong.
#ifndef TOOLS_FLAGS_COMMAND_LINE_H_
#define TOOLS_FLAGS_COMMAND_LINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace tools {

// For CLI::Option::check: whole numbers with these bounds.
CLI::Validator AtLeast(int64_t least);
CLI::Validator Between(int64_t least, int64_t most);

// --device, which is also called --backend. `reference`: the checking backend is a device, too.
void AddDevice(CLI::App* app, bool reference, std::string* device);

// --max_image_megapixels of the tools that open pictures. `value` stays unset without the flag;
// what holds then is `otherwise`, for --help. (The trainer's is in flag_table.cc.)
void AddMaxImageMegapixels(CLI::App* app, const std::string& otherwise,
                           absl::optional<double>* value);

// For tools that take another's flags beside their own: `app`'s options with their values go to
// `own`, all else to `others`.
void DivideCommandLine(const CLI::App& app, int argc, char** argv, std::vector<std::string>* own,
                       std::vector<std::string>* others);

// Parses the command line of //tools:`tool`. False where --help was asked for and has been
// printed: there is nothing left to do. InvalidArgument names the flag: first those that
// the tool does not have, with the one that was perhaps meant.
absl::StatusOr<bool> ParseCommandLine(const std::string& tool, int argc, char** argv,
                                      CLI::App* app);

}  // namespace tools

#endif  // TOOLS_FLAGS_COMMAND_LINE_H_
