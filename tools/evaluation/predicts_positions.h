// Tells which models have positions to measure and draw.
#ifndef TOOLS_EVALUATION_PREDICTS_POSITIONS_H_
#define TOOLS_EVALUATION_PREDICTS_POSITIONS_H_

#include <string>

#include "absl/status/status.h"
#include "models/zoo/config.h"

namespace tools {

// OK if `entry` is a model that predicts positions; else InvalidArgument says what it is and what
// can be measured instead.
absl::Status CheckPredictsPositions(const models::ZooEntry& entry);

// The entry's name, and in the words of the command line what it does, where a flag says that.
std::string NameAndMethod(const models::ZooEntry& entry);

}  // namespace tools

#endif  // TOOLS_EVALUATION_PREDICTS_POSITIONS_H_
