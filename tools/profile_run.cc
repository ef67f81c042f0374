#include "tools/profile_run.h"

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "tools/benchmark/machine_rates.h"
#include "tools/profile/summary.h"
#include "tools/profile/write_profile.h"

namespace tools {
namespace {

constexpr int kWarmup = 3;  // steps before those that are timed

}  // namespace

absl::StatusOr<std::unique_ptr<ProfileRun>> ProfileRun::Create(
    const graph::SchemaRegistry& registry, const ProfileRunOptions& options,
    models::Session* session, models::RunLog* log) {
  std::unique_ptr<ProfileRun> run(new ProfileRun());
  run->options_ = options;
  run->log_ = log;
  ProfileOptions profile;
  graph::Device* const device = session->options().compile.backend->device.get();
  ASSIGN_OR_RETURN(profile.rates, MeasureMachineRates(device, options.threads));
  profile.warmup = kWarmup;
  profile.steps = options.steps;
  profile.micro_batches = session->options().step.micro_batches;
  run->profiler_ = std::make_unique<Profiler>(registry, session->micro_steps(), profile);
  return run;
}

void ProfileRun::OnStep(const models::TrainMetrics&) {
  profiler_->StepEnded();
  if (!profiler_->done() || written_) return;
  // A run of days does not end because its profile cannot be written.
  const absl::Status status = Write();
  if (!status.ok()) log_->Line(absl::StrCat("no profile: ", status.message()));
}

absl::Status ProfileRun::Write() {
  written_ = true;
  const Profile profile = profiler_->Result();
  RETURN_IF_ERROR(WriteProfile(profile, options_.folder));
  log_->Line(absl::StrCat("\n", ProfileTable(profile),
                          "\nwrote ops.csv, trace.json (chrome://tracing, Perfetto) and graph.svg "
                          "to ",
                          options_.folder, "\n\n"));
  return absl::OkStatus();
}

absl::Status ProfileRun::Finish() {
  if (written_) return absl::OkStatus();
  if (!profiler_->Result().steps.empty()) return Write();
  log_->Line(absl::StrCat("no profile: the run ended before step ", kWarmup + 1,
                          ", the first after ", kWarmup, " to warm up"));
  return absl::OkStatus();
}

}  // namespace tools
