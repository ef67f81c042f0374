// The options of the test plugin's model, with their flags.
#ifndef TESTS_PLUGIN_OPTIONS_H_
#define TESTS_PLUGIN_OPTIONS_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "models/zoo/config.h"

namespace plugin {

struct TanhOptions : public models::ModelOptions {
  int64_t hidden_units = 16;
  bool second_layer = false;
  int64_t second_units = 8;  // at most hidden_units

  std::unique_ptr<models::ModelOptions> Clone() const override {
    return std::make_unique<TanhOptions>(*this);
  }
  absl::string_view family() const override { return "Tanh"; }
  std::vector<models::ModelFlag> Flags() override;
  absl::Status Resolve(const models::ModelConfig& model,
                       const std::set<std::string>& given) override;
};

}  // namespace plugin

#endif  // TESTS_PLUGIN_OPTIONS_H_
