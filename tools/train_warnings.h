// What a run is told at its beginning that it might regret.
#ifndef TOOLS_TRAIN_WARNINGS_H_
#define TOOLS_TRAIN_WARNINGS_H_

#include <string>
#include <vector>

#include "models/data/open_dataset.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

// One line each, with the flag that mends it: a step of far more or fewer images than the published
// one, fewer held-out images than models::kLeastHeldOut. `given` is what the command says.
std::vector<std::string> TrainWarnings(const TrainFlags& given, const ResolvedFlags& resolved,
                                       const models::Datasets& data);

}  // namespace tools

#endif  // TOOLS_TRAIN_WARNINGS_H_
