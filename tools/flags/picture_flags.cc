#include "tools/flags/picture_flags.h"

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"

namespace tools {

void AddMaxImageMegapixels(CLI::App* app, const std::string& otherwise,
                           absl::optional<double>* value) {
  app->add_option_function<double>(
         "--max_image_megapixels", [value](const double& megapixels) { *value = megapixels; },
         absl::StrCat("larger pictures are refused, before they take memory (default: ", otherwise,
                      ")"))
      ->check(CLI::PositiveNumber)
      ->type_name("X");
}

}  // namespace tools
