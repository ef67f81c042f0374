// The flags that do something: one row each, which is all that parsing, --help,
// flags.txt and comparison know about a flag. The official flags that are only
// accepted are in official_flags.h.
#ifndef TOOLS_FLAGS_FLAG_TABLE_H_
#define TOOLS_FLAGS_FLAG_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "absl/types/variant.h"
#include "tools/flags/train_flags.h"

namespace tools {

// What numbers a flag takes, beside finite ones.
enum class Rule {
  kAny,
  kPositive,
  kNotNegative,
  kThreads,  // in [1, 1024]
  kWorkers,  // in [0, 256]
  kRatio,
  kFraction
};  // kRatio [0,1], kFraction [0,1)

// What becomes of a flag when --resume goes on with a run.
enum class Lifetime {
  kRun,  // says what is computed: with another value it is another run
  // The run's until the command gives another: what is computed does not depend on it.
  // --recompute is the same, bit for bit; --threads is not, quite, and is warned of.
  kMayChange,
  kCommand,  // of the command it was given to alone; the files of a run do not set it
};

using FlagField =
    absl::variant<absl::optional<int64_t> TrainFlags::*, absl::optional<double> TrainFlags::*,
                  absl::optional<bool> TrainFlags::*,  // a switch
                  absl::optional<InputSize> TrainFlags::*,
                  absl::optional<std::string> TrainFlags::*,
                  absl::optional<std::vector<std::string>> TrainFlags::*>;

struct FlagRow {
  absl::string_view name;  // with underscores
  absl::string_view group;
  FlagField field;
  Rule rule;
  absl::string_view value;     // for --help: "N", "DIR", or the choices "a|b"
  absl::string_view fallback;  // for --help: what holds where the flag is not given
  absl::string_view help;
  Lifetime lifetime = Lifetime::kRun;

  bool is_switch() const {
    return absl::holds_alternative<absl::optional<bool> TrainFlags::*>(field);
  }
};

// In the order of --help.
absl::Span<const FlagRow> FlagTable();

// The fallback of flags that the zoo entry decides.
inline constexpr absl::string_view kRecipe = "the model's";

// Sets the row's field from `text`. The error says what is wrong with the text,
// without the flag's name.
absl::Status SetFlag(const FlagRow& row, absl::string_view text, TrainFlags& flags);

// The text that SetFlag reads back to the same value; nothing where it is unset.
absl::optional<std::string> FlagText(const FlagRow& row, const TrainFlags& flags);

// "true", "on", "yes", "1" and their opposites, in any case.
absl::optional<bool> ParseSwitch(absl::string_view text);

}  // namespace tools

#endif  // TOOLS_FLAGS_FLAG_TABLE_H_
