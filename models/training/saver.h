// Saves a run: when it is due, once a step, and with all that a checkpoint has to know.
#ifndef MODELS_TRAINING_SAVER_H_
#define MODELS_TRAINING_SAVER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "models/training/run_context.h"
#include "models/training/run_state.h"

namespace models {

class Saver {
 public:
  // `run` must outlive it.
  explicit Saver(RunContext* run) : run_(*run) {}

  // Before the first step, when `state` is where the run stands: does what a save that was killed
  // had still to do.
  absl::Status Begin(const RunState& state);

  // Whether a save is due after `step` as the options say, counted from the last one or Begin().
  bool IsDue(int64_t step) const;

  // Saves the session as of `state`, unless that was tried already, or there is nowhere to save.
  // Flushes metrics.jsonl and the log first: a checkpoint knows how long they are, and they must
  // be that long after a power cut.
  absl::Status Save(const RunState& state);
  // The same, but what goes wrong is a line in the log, and the next save tries again: whoever
  // stops the run until then may have made room.
  void SaveOrWarn(const RunState& state);

  // Keeps the checkpoint of `step`, the best so far; what goes wrong is a line in the log.
  void KeepBest(int64_t step);

  // For a model.safetensors of `step`.
  std::map<std::string, std::string> Metadata(int64_t step) const;

 private:
  absl::Status SaveOnce(const RunState& state);

  RunContext& run_;
  absl::optional<int64_t> tried_;  // the step
  RunContext::Time saved_at_;      // or tried to, or began
};

}  // namespace models

#endif  // MODELS_TRAINING_SAVER_H_
