#include "models/zoo/model_options.h"

#include "graph/base/status.h"

namespace models {

absl::Status ModelFlag::Set(absl::string_view text) const {
  const auto parse = [&](auto* target) { return ParseFlag(text, rule, value, target); };
  return graph::Annotate(absl::visit(parse, field), absl::StrCat("--", name, "=", text));
}

std::string ModelFlag::Text() const {
  return absl::visit([](const auto* source) { return FlagValueText(*source); }, field);
}

}  // namespace models
