// Takes what is not reproducible out of a line of metrics.jsonl.
#ifndef TESTS_MODELS_TRAINING_DROP_TIMES_H_
#define TESTS_MODELS_TRAINING_DROP_TIMES_H_

#include "absl/strings/match.h"
#include "models/training/metrics.h"
#include "nlohmann/json.hpp"

namespace models {

// Returns how many there were.
inline int DropTimes(nlohmann::json* line) {
  int dropped = 0;
  for (auto it = line->begin(); it != line->end();) {
    const bool is_time = absl::StartsWith(it.key(), kTimePrefix);
    dropped += is_time ? 1 : 0;
    it = is_time ? line->erase(it) : std::next(it);
  }
  return dropped;
}

}  // namespace models

#endif  // TESTS_MODELS_TRAINING_DROP_TIMES_H_
