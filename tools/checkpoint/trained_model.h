// A checkpoint as a tool gets it on its command line: the file, and which model
// with which numbers it holds.
#ifndef TOOLS_CHECKPOINT_TRAINED_MODEL_H_
#define TOOLS_CHECKPOINT_TRAINED_MODEL_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/zoo/config.h"
#include "models/zoo/zoo.h"
#include "tools/flags/resolve_flags.h"

namespace CLI {
class App;
}

namespace tools {

// The flags that say it.
struct CheckpointFlags {
  std::string checkpoint;
  std::string model;     // only for files that do not say it themselves
  std::string flagfile;  // the same: further flags of the run, e.g. its flags.txt
};

// Adds --checkpoint (required), --model and --flagfile to a tool's parser.
void AddCheckpointFlags(CLI::App* app, CheckpointFlags* flags);

struct TrainedModel {
  std::string path;        // the file, as FindModelFile gives it
  ResolvedFlags resolved;  // of the run that made it; resolved.entry is the model
  int64_t step = -1;       // -1: the file does not say

  const models::ZooEntry& entry() const { return resolved.entry; }
};

// Reads the metadata of the file, which is also found in a run's folder or a checkpoint's, not its
// tensors (models::LoadParameters does). What //tools:train writes says model and flags itself; for
// other files (the official weights, converted) --model names the zoo entry and --flagfile further
// flags, and both win over what a file says.
// Errors name the file: missing, not safetensors, no model known, flags this
// version does not have.
absl::StatusOr<TrainedModel> ReadTrainedModel(const CheckpointFlags& flags, const models::Zoo& zoo);

// InvalidArgument where writing `output`, which `flag` names, would replace the checkpoint:
// it is that file by whatever name, or the folder that the file lies in.
absl::Status CheckKeepsCheckpoint(const TrainedModel& trained, const std::string& flag,
                                  const std::string& output);

}  // namespace tools

#endif  // TOOLS_CHECKPOINT_TRAINED_MODEL_H_
