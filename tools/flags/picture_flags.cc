#include "tools/flags/picture_flags.h"

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "graph/base/printable.h"

namespace tools {

void AddMaxImageMegapixels(CLI::App* app, const std::string& otherwise,
                           absl::optional<double>* value) {
  app->add_option_function<double>(
         "--max_image_megapixels", [value](const double& megapixels) { *value = megapixels; },
         absl::StrCat("larger pictures are refused, before they take memory (default: ", otherwise,
                      ")"))
      ->check(CLI::Validator(
          [](const std::string& text) {
            double megapixels = 0;
            const bool good = absl::SimpleAtod(text, &megapixels) && megapixels > 0;
            return good ? std::string() : graph::Printable(text) + " must be above 0";
          },
          "above 0"))
      ->type_name("X");
}

}  // namespace tools
