// What //tools:train and //tools:finetune do: from the command line to the end of a run. Everything
// that can be wrong with flags, data and folders is found before the first file is written.
#ifndef TOOLS_TRAINING_PROGRAM_H_
#define TOOLS_TRAINING_PROGRAM_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/zoo/zoo.h"
#include "tools/flags/train_flags.h"

namespace tools {

// Flags as in flags.txt, and what they come from, for errors.
struct ProgramFlags {
  std::string text, name;
};

// The text of each flag that is given, by name.
using GivenTexts = std::map<std::string, std::string>;

// Where the two differ.
struct TrainingProgramKind {
  const char* name;           // "train"
  models::Zoo zoo;            // what it trains
  const char* example_model;  // whose defaults --help shows
  // The flags that a new run has beside those given, which win. An error says what a program cannot
  // do with those.
  std::function<absl::StatusOr<ProgramFlags>(const GivenTexts& given)> first_flags;
  // Of these, what holds for each new run of the entry; may be empty.
  std::function<void(const models::ZooEntry& entry, TrainFlags* flags)> defaults = nullptr;
};

// The program's main, for RunProgram().
absl::StatusOr<int> TrainingProgram(const TrainingProgramKind& kind, int argc, char** argv);

}  // namespace tools

#endif  // TOOLS_TRAINING_PROGRAM_H_
