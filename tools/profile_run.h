// --profile: a training run with operators timed for some steps.
#ifndef TOOLS_PROFILE_RUN_H_
#define TOOLS_PROFILE_RUN_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "graph/schema/schema.h"
#include "models/training/run_log.h"
#include "models/training/run_observer.h"
#include "models/training/session.h"
#include "tools/profile/profiler.h"

namespace tools {

struct ProfileRunOptions {
  int steps = 10;
  int threads = 1;
  std::string folder;  // for the profile, written whole or not at all
};

// Observes a run from its first step. When the steps are over it writes the profile and
// prints the table, and the run goes on unwatched. Lives as long as the run; `session`,
// `registry` and `log` must outlive it.
class ProfileRun : public models::RunObserver {
 public:
  // Measures the machine's rates, about a second.
  static absl::StatusOr<std::unique_ptr<ProfileRun>> Create(const graph::SchemaRegistry& registry,
                                                            const ProfileRunOptions& options,
                                                            models::Session* session,
                                                            models::RunLog* log);

  void OnBatchAsked() override { profiler_->DataAsked(); }
  void OnBatch() override { profiler_->DataCame(); }
  void OnStep(const models::TrainMetrics& metrics) override;
  models::LoaderObserver* loader_observer() override { return profiler_->loader_observer(); }

  // For a run that ended early: writes what was seen, if that is one whole step; else
  // says how many steps it needs. Does nothing when the profile is written.
  absl::Status Finish();

 private:
  ProfileRun() = default;
  absl::Status Write();

  ProfileRunOptions options_;
  std::unique_ptr<Profiler> profiler_;
  models::RunLog* log_ = nullptr;
  bool written_ = false;
};

}  // namespace tools

#endif  // TOOLS_PROFILE_RUN_H_
