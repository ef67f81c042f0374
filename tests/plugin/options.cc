#include "tests/plugin/options.h"

#include "graph/base/status.h"

namespace plugin {

std::vector<models::ModelFlag> TanhOptions::Flags() {
  constexpr models::FlagRule kPositive = models::FlagRule::kPositive;
  return {{"hidden_units", &hidden_units, kPositive, "N", "width of the hidden layer"},
          {"second_layer", &second_layer, models::FlagRule::kAny, "", "add a hidden layer"},
          {"second_units", &second_units, kPositive, "N", "width of the second hidden layer",
           second_layer ? "" : "there is one hidden layer without --second_layer"}};
}

absl::Status TanhOptions::Resolve(const models::ModelConfig&, const std::set<std::string>& given) {
  if (given.count("second_units") == 0 && second_units > hidden_units) second_units = hidden_units;
  if (second_units <= hidden_units) return absl::OkStatus();
  return graph::InvalidArgument("--second_units=", second_units,
                                " is above --hidden_units=", hidden_units, "; lower it");
}

}  // namespace plugin
