// What //tools:train --help prints.
#ifndef TOOLS_FLAGS_TRAIN_HELP_H_
#define TOOLS_FLAGS_TRAIN_HELP_H_

#include <string>

#include "models/zoo/zoo.h"
#include "tools/flags/train_flags.h"

namespace tools {

// The flags of flag_table.h, with those of the zoo's models, in their groups, with what holds where
// they are not given, and below them the official ones that are only accepted; no line longer than
// `columns`, but for the commands. Where the model decides, the value in `example` is shown
// (ResolvedFlags::flags of some model). `program` is "train" or "finetune".
std::string TrainFlagsHelp(const TrainFlags& example, const models::Zoo& zoo, int columns,
                           const std::string& program = "train");

}  // namespace tools

#endif  // TOOLS_FLAGS_TRAIN_HELP_H_
