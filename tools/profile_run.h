// --profile: a training run whose operators are timed for some steps.
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
  std::string folder;  // where the profile goes, whole or not at all
};

// Watches a run from its first step. When the steps are over it writes the profile and
// prints the table, and the run goes on unwatched. Lives as long as the run; `session`,
// `registry` and `out` must outlive it.
class ProfileRun {
 public:
  // Measures the machine's rates, about a second, and sets the hooks of `trainer`.
  static absl::StatusOr<std::unique_ptr<ProfileRun>> Create(const graph::SchemaRegistry& registry,
                                                            const ProfileRunOptions& options,
                                                            models::Session* session,
                                                            models::TrainerOptions* trainer,
                                                            std::ostream* out);

  // For a run that ended early: writes what was seen, if that is one whole step; else
  // says how many steps it needs. Does nothing when the profile is written.
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
