// What the text of a flag may be, whoever holds its value: the trainer's flags are in
// tools/flags/flag_table.h, a model's belong to its options (model_options.h).
#ifndef MODELS_ZOO_FLAG_H_
#define MODELS_ZOO_FLAG_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "absl/types/variant.h"

namespace models {

// What --help says where the zoo entry decides what holds without a flag.
inline constexpr char kOfTheModel[] = "the model's";

// What numbers a flag takes, beside finite ones. Whole numbers are at most 2^31 - 1, but for
// kNotNegative64.
enum class FlagRule {
  kAny,
  kPositive,
  kNotNegative,
  kNotNegative64,
  kThreads,   // in [1, 1024]
  kWorkers,   // in [0, 256]
  kRatio,     // in [0, 1]
  kFraction,  // in [0, 1)
  kShare,     // in (0, 1]
};

// That `value` is finite and the rule allows it.
absl::Status CheckFlagRule(FlagRule rule, double value);

// Sets *value from `text`. `takes` is what --help shows for the value: where it has a '|', these
// are the choices of a text. The error says what is wrong, without the flag's name.
absl::Status ParseFlag(absl::string_view text, FlagRule rule, absl::string_view takes,
                       int64_t* value);
absl::Status ParseFlag(absl::string_view text, FlagRule rule, absl::string_view takes,
                       double* value);
absl::Status ParseFlag(absl::string_view text, FlagRule rule, absl::string_view takes, bool* value);
absl::Status ParseFlag(absl::string_view text, FlagRule rule, absl::string_view takes,
                       std::string* value);

using FlagValue = absl::variant<int64_t, double, bool, std::string>;

// The shortest text that ParseFlag reads back to the same value.
std::string FlagValueText(int64_t value);
std::string FlagValueText(double value);
std::string FlagValueText(bool value);
std::string FlagValueText(const std::string& value);
// With commas between them.
std::string FlagValueText(absl::Span<const double> values);

// "true", "on", "yes", "1" and their opposites, in any case.
absl::optional<bool> ParseSwitch(absl::string_view text);

}  // namespace models

#endif  // MODELS_ZOO_FLAG_H_
