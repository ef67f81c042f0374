// The command line of //tools:train: text to TrainFlags and back.
//
// Every official name works, and so do the ways in which people write them:
// "--name value", "--name=value", '-' for '_' in a name, and for switches
// "--flag", "--flag True", "--flag=false", "--no_flag". A flag that is given
// twice has its last value, as in argparse.
#ifndef TOOLS_FLAGS_PARSE_FLAGS_H_
#define TOOLS_FLAGS_PARSE_FLAGS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/zoo/zoo.h"
#include "tools/flags/train_flags.h"

namespace tools {

struct ParsedFlags {
  TrainFlags flags;
  // One line each about an official flag that was given and has no effect here.
  std::vector<std::string> notices;
};

// `args` are the arguments after the program's name, `zoo` has the models whose flags there are.
// Everything that flags alone can tell is checked; sizes and ratios against each other are checked
// by models::Validate once the zoo entry is known.
//
// Files and the command line win over the flags in `base`, which TrainFlagsText made of a run and
// errors call `base_name`. Of `base` the flags of the run count (Lifetime), not those of a command:
// a checkpoint does not choose what is written where. "auto" on the command line or in a file leaves
// to the run what it has chosen, where auto is what holds without the flag. --channels on the
// command line or in a file leaves out what lies below it of --mean and --std for another number.
//
// --flagfile=FILE reads more flags: one a line, written as on the command line,
// '#' at a line's start or after a space begins a comment, a value may stand in
// double quotes with C escapes. The command line wins, whatever the order; where
// one of two flags that exclude each other is on the command line and the other
// in a file, so too. FILE is relative to where the command was typed.
//
// Errors (InvalidArgument, NotFound and others for FILE): one line that names
// the flag, its value, file and line where it comes from one, and the way out.
absl::StatusOr<ParsedFlags> ParseTrainFlags(const std::vector<std::string>& args,
                                            const models::Zoo& zoo, const std::string& base = "",
                                            const std::string& base_name = "");

// What `args` and the files they name say, as text by flag, before anything is checked
// but the flags' names.
absl::StatusOr<std::map<std::string, std::string>> GivenFlags(const std::vector<std::string>& args,
                                                              const models::Zoo& zoo);

// Names and values, as text, of all flags that are set, but those of a command (Lifetime).
// `entries` have the models whose flags are among them.
std::vector<std::pair<std::string, std::string>> SetFlags(
    const TrainFlags& flags, absl::Span<const models::ZooEntry> entries);

// SetFlags, one a line, as a file for --flagfile: parsing it gives the same flags. `comment` is put
// above, line by line.
std::string TrainFlagsText(const TrainFlags& flags, const std::string& comment,
                           absl::Span<const models::ZooEntry> entries);

}  // namespace tools

#endif  // TOOLS_FLAGS_PARSE_FLAGS_H_
