// A step that went wrong, kept so that it can be repeated without the run and its data:
//
//   capsules/step_00001234/model.safetensors      before the step, as in a checkpoint
//                          optimizer.safetensors
//                          batch_0000.safetensors what was fed: images (B,3,H,W), keys, labels and
//                                                 image_ids (B); one file a micro-batch
//                          capsule.json           what was asked of the step, and what was seen
//                          state.json, DONE       a checkpoint's, with the sums of all files
//
// //tools:replay repeats the step. It is also a checkpoint (checkpoint_store.h) of the step before,
// which --resume=DIR takes, unless a part of the window had updated before (CheckCanGoOn).
#ifndef MODELS_TRAINING_CAPSULE_H_
#define MODELS_TRAINING_CAPSULE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/data/loader.h"
#include "models/files/file_system.h"
#include "models/training/checkpoint_store.h"
#include "models/training/run_state.h"
#include "models/training/session.h"

namespace models {

struct Capsule {
  // Of the run before the step; state.step is then `step` - 1. Its notes say flags and
  // environment.
  Checkpoint before;

  bool spike = false;  // otherwise something was not finite
  std::string seen;    // what the run said about it, one line
  int64_t step = 0;    // counted from 1: the one that went wrong
  double epoch = 0;    // at its beginning, with a fraction
  double lr = 0;
  Scheduled scheduled;  // the model's other inputs: sigma
  int num_classes = 0;  // of the data, which the model may need

  // The window's micro-batches, and which of them are here: from the first after the window's
  // last update (0 where it had none) to the one that went wrong, `losses.size()` of them.
  int micro_batches = 1;
  int first_micro_batch = 0;
  std::vector<double> losses;                    // of those here, as the run had them
  std::vector<std::vector<std::string>> images;  // of those here: names in the data set
};

// Writes `capsule` into `run_folder`: the session's parameters and optimizer, which are those
// before the step, and a micro-batch for each of capsule.losses, which `next_batch` gives one at a
// time. Returns the folder's path; an earlier one of the step, which knows the lengths of logs that
// are gone, is replaced (WriteStepFolder). Errors: RESOURCE_EXHAUSTED if the disk has not the room,
// next_batch's, the file system's.
absl::StatusOr<std::string> WriteCapsule(const std::string& run_folder, const Capsule& capsule,
                                         const Session& session,
                                         const std::map<std::string, std::string>& metadata,
                                         const BatchSource& next_batch,
                                         FileSystem* files = FileSystem::Real());

// The steps of a run's capsules, by their folders' names (CheckpointName), in order.
std::vector<int64_t> CapsuleSteps(const std::string& run_folder);

// Reads what WriteCapsule wrote, and compares all sums. Errors name the file.
absl::StatusOr<Capsule> OpenCapsule(const std::string& path);

// That a run can go on from `checkpoint`, which may be a capsule. FailedPrecondition if it lies
// within a step: what the step had summed before is in no file. The error says the way out.
absl::Status CheckCanGoOn(const Checkpoint& checkpoint);

// The `i`-th micro-batch that is here.
absl::StatusOr<Batch> ReadCapsuleBatch(const Capsule& capsule, int i);

}  // namespace models

#endif  // MODELS_TRAINING_CAPSULE_H_
