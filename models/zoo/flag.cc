#include "models/zoo/flag.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "graph/base/status.h"

namespace models {

absl::Status CheckFlagRule(FlagRule rule, double value) {
  const struct {
    FlagRule rule;
    bool kept;
    const char* error;
  } rules[] = {
      {FlagRule::kPositive, value > 0, "must be greater than 0"},
      {FlagRule::kNotNegative, value >= 0, "must not be negative"},
      {FlagRule::kNotNegative64, value >= 0, "must not be negative"},
      {FlagRule::kThreads, value >= 1 && value <= 1024, "must be between 1 and 1024"},
      {FlagRule::kWorkers, value >= 0 && value <= 256, "must be between 0 and 256"},
      {FlagRule::kRatio, value >= 0 && value <= 1, "must be between 0 and 1"},
      {FlagRule::kFraction, value >= 0 && value < 1, "must be at least 0 and below 1"},
      {FlagRule::kShare, value > 0 && value <= 1, "must be above 0 and at most 1"},
  };
  if (!std::isfinite(value)) return graph::InvalidArgument("must be a finite number");
  for (const auto& one : rules) {
    if (one.rule == rule && !one.kept) return graph::InvalidArgument(one.error);
  }
  return absl::OkStatus();
}

absl::Status ParseFlag(absl::string_view text, FlagRule rule, absl::string_view, int64_t* value) {
  if (!absl::SimpleAtoi(text, value)) return graph::InvalidArgument("must be a whole number");
  if (rule != FlagRule::kNotNegative64 && *value > std::numeric_limits<int32_t>::max()) {
    return graph::InvalidArgument("must be at most ", std::numeric_limits<int32_t>::max());
  }
  return CheckFlagRule(rule, static_cast<double>(*value));
}

absl::Status ParseFlag(absl::string_view text, FlagRule rule, absl::string_view, double* value) {
  if (!absl::SimpleAtod(text, value)) return graph::InvalidArgument("must be a number");
  return CheckFlagRule(rule, *value);
}

absl::Status ParseFlag(absl::string_view text, FlagRule, absl::string_view, bool* value) {
  const absl::optional<bool> parsed = ParseSwitch(text);
  if (!parsed.has_value()) return graph::InvalidArgument("must be true or false");
  *value = *parsed;
  return absl::OkStatus();
}

absl::Status ParseFlag(absl::string_view text, FlagRule, absl::string_view takes,
                       std::string* value) {
  if (text.empty()) {
    return graph::InvalidArgument("is empty; leave the flag out to get the default");
  }
  if (absl::StrContains(takes, '|')) {
    const std::vector<absl::string_view> choices = absl::StrSplit(takes, '|');
    bool found = false;
    for (const absl::string_view choice : choices) found |= choice == text;
    if (!found) return graph::InvalidArgument("must be ", absl::StrJoin(choices, " or "));
  }
  *value = std::string(text);
  return absl::OkStatus();
}

std::string FlagValueText(int64_t value) { return absl::StrCat(value); }
std::string FlagValueText(bool value) { return value ? "true" : "false"; }
std::string FlagValueText(const std::string& value) { return value; }
std::string FlagValueText(double value) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, result.ptr);
}

std::string FlagValueText(absl::Span<const double> values) {
  return absl::StrJoin(values, ",",
                       [](std::string* out, double value) { out->append(FlagValueText(value)); });
}

absl::optional<bool> ParseSwitch(absl::string_view text) {
  for (const absl::string_view word : {"true", "on", "yes", "1"}) {
    if (absl::EqualsIgnoreCase(text, word)) return true;
  }
  for (const absl::string_view word : {"false", "off", "no", "0"}) {
    if (absl::EqualsIgnoreCase(text, word)) return false;
  }
  return absl::nullopt;
}

}  // namespace models
