// The state of a run that a checkpoint keeps beside its tensors, as state.json.
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

// Identifies the images of a run, so that a resumed run sees the same.
struct DataIdentity {
  int64_t images = 0;
  uint64_t ids = 0;  // XXH3 of the image ids (Dataset::image_id) in the data's order
  friend bool operator==(const DataIdentity& a, const DataIdentity& b) {
    return a.images == b.images && a.ids == b.ids;
  }
};
DataIdentity Identify(const Dataset& data);

// The state after an optimizer step and before what follows it (evaluations, pictures); a resumed
// run does that first.
struct RunState {
  int64_t step = 0;        // optimizer steps done
  LoaderPosition loader;   // the next micro-batch
  int64_t bad_images = 0;  // undecodable training images met so far
  // Lengths of these files at that time; a resumed run cuts what was written after it.
  int64_t metrics_bytes = 0;
  int64_t log_bytes = 0;
  DataIdentity train, held_out;  // held_out.images = 0: none
  // Opaque notes saved with the state, keyed by owner: the flags, the environment, a detector's
  // statistics. Any bytes: a path need not be UTF-8.
  std::map<std::string, std::string> notes;
  // The checkpoint's other files, by name.
  std::map<std::string, FileSum> files;
};

std::string RunStateJson(const RunState& state);

// Parses RunStateJson's text; errors use `name`. Any text gives either a state or InvalidArgument:
// not JSON, a field missing or of another kind, a number out of range (counts are not negative), a
// version other than this program's.
absl::StatusOr<RunState> ParseRunState(absl::string_view json, const std::string& name);

}  // namespace models

#endif  // MODELS_TRAINING_RUN_STATE_H_
