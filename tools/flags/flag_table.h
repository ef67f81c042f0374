// The flags that do something: one row each, from which parsing, --help, flags.txt,
// defaults, resuming and the tools take what they know about a flag. The official flags that are
// only accepted are in official_flags.h.
#ifndef TOOLS_FLAGS_FLAG_TABLE_H_
#define TOOLS_FLAGS_FLAG_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "absl/types/variant.h"
#include "models/zoo/config.h"
#include "models/zoo/flag.h"
#include "tools/flags/train_flags.h"

namespace tools {

// What becomes of a flag when --resume goes on with a run.
enum class Lifetime {
  kRun,  // says what is computed: with another value it is another run
  // The run's until the command gives another: what is computed does not depend on it.
  // --recompute is the same, bit for bit; --threads and --device are not, quite, and are warned of.
  kMayChange,
  kCommand,  // of the command it was given to alone; the files of a run do not hold it
};

// What holds where a flag is not given.
struct Fallback {
  Fallback(const char* text, bool is_value = false) : text(text), is_value(is_value) {}  // NOLINT
  std::string text;
  bool is_value;  // that the flag is set to; else words for --help, and it stays unset
};
inline Fallback Value(const std::string& text) { return {text.c_str(), true}; }
inline Fallback Value(double number) { return Value(models::FlagValueText(number)); }
inline Fallback Value(absl::Span<const double> numbers) {
  return Value(models::FlagValueText(numbers));
}

// Where the value lies: a field, or for a model's flag TrainFlags::model_options.
struct ModelField {
  models::FlagValue type;
  absl::string_view family;
  models::ModelFlag::Place place;
};
using FlagField =
    absl::variant<absl::optional<int64_t> TrainFlags::*, absl::optional<double> TrainFlags::*,
                  absl::optional<bool> TrainFlags::*,  // a switch
                  absl::optional<InputSize> TrainFlags::*,
                  absl::optional<std::string> TrainFlags::*,
                  absl::optional<std::vector<std::string>> TrainFlags::*,
                  // As many numbers as `value` has names; LOW,HIGH are bounds.
                  absl::optional<std::vector<double>> TrainFlags::*, ModelField>;

struct FlagRow {
  absl::string_view name;  // with underscores
  absl::string_view group;
  models::FlagScope scope;
  FlagField field;
  models::FlagRule rule;
  absl::string_view value;  // for --help: "N", "DIR", or the choices "a|b"
  Fallback fallback;
  absl::string_view help;
  Lifetime lifetime = Lifetime::kRun;
  absl::string_view bare = "";  // what --flag says without a value; empty: it needs one
  // What a run did whose files say nothing of the flag, where the fallback has changed since;
  // empty: the fallback.
  absl::string_view once = "";

  bool is_switch() const;
};

// The trainer's flags and those of the entries' models, in the order of --help. Aborts where a
// model calls a flag as the trainer does.
std::vector<FlagRow> FlagTable(absl::Span<const models::ZooEntry> entries);

// The group of flags that say nothing; --help shows the official ones there, too.
inline constexpr absl::string_view kCompatible = "Accepted for compatibility";

// Sets the row's value from `text`. The error says what is wrong with the text,
// without the flag's name.
absl::Status SetFlag(const FlagRow& row, absl::string_view text, TrainFlags& flags);

// The text that SetFlag reads back to the same value; nothing where it is unset.
absl::optional<std::string> FlagText(const FlagRow& row, const TrainFlags& flags);

}  // namespace tools

#endif  // TOOLS_FLAGS_FLAG_TABLE_H_
