// Where a run stands: what a checkpoint keeps beside its tensors, as state.json.
#ifndef MODELS_TRAINING_RUN_STATE_H_
#define MODELS_TRAINING_RUN_STATE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/dataset.h"
#include "models/data/loader.h"
#include "models/files/durable.h"

namespace models {

// Which images a run sees, so that a resumed one sees the same.
struct DataIdentity {
  int64_t images = 0;
  uint64_t ids = 0;  // XXH3 of the image ids (Dataset::image_id) in the data's order
  friend bool operator==(const DataIdentity& a, const DataIdentity& b) {
    return a.images == b.images && a.ids == b.ids;
  }
};
DataIdentity Identify(const Dataset& data);

// After an optimizer step and before anything that follows it (evaluations, pictures):
// those a resumed run does first.
struct RunState {
  int64_t step = 0;        // optimizer steps done
  LoaderPosition loader;   // the next micro-batch
  int64_t bad_images = 0;  // undecodable training images met so far
  // Lengths of these files: a resumed run cuts off what a killed one wrote after that.
  int64_t metrics_bytes = 0;
  int64_t log_bytes = 0;
  DataIdentity train, held_out;  // held_out.images = 0: none
  // What others keep, by name: the flags, the environment, a detector's statistics.
  // Any bytes: a path need not be UTF-8.
  std::map<std::string, std::string> notes;
  // The checkpoint's other files, by name.
  std::map<std::string, FileSum> files;
};

std::string RunStateJson(const RunState& state);

// Reads what RunStateJson wrote; `name` is what errors call it. Any text gives either a
// state or InvalidArgument: no JSON, a field missing or of another kind, a number out of
// range (counts are not negative), a version that is not this program's.
absl::StatusOr<RunState> ParseRunState(absl::string_view json, const std::string& name);

}  // namespace models

#endif  // MODELS_TRAINING_RUN_STATE_H_
