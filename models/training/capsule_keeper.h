// Remembers enough of the window at hand to write a capsule of it when it goes wrong.
#ifndef MODELS_TRAINING_CAPSULE_KEEPER_H_
#define MODELS_TRAINING_CAPSULE_KEEPER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/dataset.h"
#include "models/data/loader.h"
#include "models/training/capsule.h"
#include "models/training/run_state.h"
#include "models/training/session.h"

namespace models {

// Capsules that spikes may leave in a run's folder; a loss that is not finite ends the run,
// and leaves one whatever there is.
inline constexpr size_t kMostSpikeCapsules = 3;

// Of the images it keeps nothing but their keys: they are loaded again, by the same
// loader from the same place, when a capsule is to be written.
class CapsuleKeeper {
 public:
  struct Options {
    std::string run_folder;  // empty: nothing is kept
    const Dataset* images = nullptr;
    const Session* session = nullptr;
    // Flushes the logs to the disk: a capsule knows how long they are, as a checkpoint does.
    std::function<absl::Status()> flush_logs;
    // A loader of the run's batches that begins at `start`.
    std::function<absl::StatusOr<std::unique_ptr<Loader>>(const LoaderPosition& start)> load;
  };
  explicit CapsuleKeeper(Options options) : options_(std::move(options)) {}

  // The next step: the capsule's numbers of it, and where its images begin.
  void Begin(int64_t step, double epoch, double lr, Scheduled scheduled, int micro_batches,
             const LoaderPosition& start);
  // The next micro-batch of the window.
  void Add(const Batch& batch);

  // Writes the capsule while the session still has the parameters before the step, as `before` is
  // the run's state then. `metadata` is for model.safetensors. Returns a line that says whether it
  // worked; empty where nothing is to be kept.
  std::string Keep(bool spike, const std::string& seen, RunState before,
                   const std::map<std::string, std::string>& metadata);

 private:
  absl::StatusOr<std::string> Write(RunState before,
                                    const std::map<std::string, std::string>& metadata);
  void NameImages(size_t first);

  struct MicroBatch {
    LoaderPosition start;
    std::vector<int64_t> keys;
    std::vector<uint64_t> ids;
  };

  const Options options_;
  Capsule capsule_;
  LoaderPosition next_;
  std::vector<MicroBatch> window_;
};

}  // namespace models

#endif  // MODELS_TRAINING_CAPSULE_KEEPER_H_
