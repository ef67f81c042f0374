// --max_image_megapixels of the tools that open pictures. (The trainer's is in flag_table.cc.)
#ifndef TOOLS_FLAGS_PICTURE_FLAGS_H_
#define TOOLS_FLAGS_PICTURE_FLAGS_H_

#include <string>

#include "absl/types/optional.h"

namespace CLI {
class App;
}  // namespace CLI

namespace tools {

// `value` stays unset without the flag; what holds then is `otherwise`, for --help.
void AddMaxImageMegapixels(CLI::App* app, const std::string& otherwise,
                           absl::optional<double>* value);

}  // namespace tools

#endif  // TOOLS_FLAGS_PICTURE_FLAGS_H_
