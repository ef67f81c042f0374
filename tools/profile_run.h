// --profile: a training run with operators timed for some steps.
#ifndef TOOLS_PROFILE_RUN_H_
#define TOOLS_PROFILE_RUN_H_

#include <memory>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "graph/schema/schema.h"
#include "models/training/session.h"
#include "models/training/trainer.h"
#include "tools/profile/profiler.h"

namespace tools {

struct ProfileRunOptions {
  int steps = 10;
  int warmup = 3;
  int accum_iter = 1;
  int threads = 1;
  std::string folder;  // for the profile, written whole or not at all
};

// Profiles a run from its first step. After the requested steps it writes the profile and prints
// the table, and the run continues without it. Lives as long as the run; `session`, `registry` and
// `out` must outlive it.
class ProfileRun {
 public:
  // Measures the machine's rates, about a second, and sets the hooks of `trainer`.
  static absl::StatusOr<std::unique_ptr<ProfileRun>> Create(const graph::SchemaRegistry& registry,
                                                            const ProfileRunOptions& options,
                                                            models::Session* session,
                                                            models::TrainerOptions* trainer,
                                                            std::ostream* out);

  // For a run that ended early: writes the profile if it has one whole step; else says how many
  // steps it needs. Does nothing if the profile is already written.
  absl::Status Finish();

 private:
  ProfileRun() = default;
  absl::Status StepDone();
  absl::Status Write();

  ProfileRunOptions options_;
  std::unique_ptr<Profiler> profiler_;
  std::ostream* out_ = nullptr;
  bool written_ = false;
};

}  // namespace tools

#endif  // TOOLS_PROFILE_RUN_H_
