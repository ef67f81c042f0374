// A checkpoint given on a tool's command line: its file, model and settings.
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

// The flags that name it.
struct CheckpointFlags {
  std::string checkpoint;
  std::string model;     // only for files that do not name it themselves
  std::string flagfile;  // the same: further flags of the run, for example its flags.txt
};

// Adds --checkpoint (required), --model and --flagfile to a tool's parser.
void AddCheckpointFlags(CLI::App* app, CheckpointFlags* flags);

struct TrainedModel {
  std::string path;        // the file, as found by FindModelFile
  ResolvedFlags resolved;  // of the run that made it; resolved.entry is the model
  int64_t step = -1;       // -1: not in the file

  const models::ZooEntry& entry() const { return resolved.entry; }
};

// Reads the metadata of the file, but not its tensors (models::LoadParameters does). The file is
// also found in a run's folder or a checkpoint's. Files of //tools:train contain model and flags;
// for other files (the official weights, converted) --model names the zoo entry and --flagfile
// further flags, and both override the file. Errors name the file: missing, not safetensors, no
// model known, flags that this version does not have.
absl::StatusOr<TrainedModel> ReadTrainedModel(const CheckpointFlags& flags, const models::Zoo& zoo);

// InvalidArgument if writing `output`, which `flag` names, would replace the checkpoint: `output`
// is that file under any name, or the folder that contains it.
absl::Status CheckKeepsCheckpoint(const TrainedModel& trained, const std::string& flag,
                                  const std::string& output);

}  // namespace tools

#endif  // TOOLS_CHECKPOINT_TRAINED_MODEL_H_
