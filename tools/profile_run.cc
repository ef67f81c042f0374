#include "tools/profile_run.h"

#include "graph/base/status.h"
#include "tools/benchmark/machine_rates.h"
#include "tools/profile/summary.h"
#include "tools/profile/write_profile.h"

namespace tools {

absl::StatusOr<std::unique_ptr<ProfileRun>> ProfileRun::Create(
    const graph::SchemaRegistry& registry, const ProfileRunOptions& options,
    models::Session* session, models::TrainerOptions* trainer, std::ostream* out) {
  std::unique_ptr<ProfileRun> run(new ProfileRun());
  run->options_ = options;
  run->out_ = out;
  ProfileOptions profile;
  ASSIGN_OR_RETURN(profile.rates, MeasureMachineRates(options.threads));
  profile.warmup = options.warmup;
  profile.steps = options.steps;
  profile.micro_batches = options.accum_iter;
  run->profiler_ = std::make_unique<Profiler>(registry, session->micro_steps(), profile);
  ProfileRun* const self = run.get();
  trainer->batch_asked = [self] { self->profiler_->DataAsked(); };
  trainer->batch_came = [self] { self->profiler_->DataCame(); };
  trainer->loader_observer = run->profiler_->loader_observer();
  trainer->step_done = [self] { return self->StepDone(); };
  return run;
}

absl::Status ProfileRun::StepDone() {
  profiler_->StepEnded();
  if (!profiler_->done() || written_) return absl::OkStatus();
  // A run of days does not end because its profile cannot be written.
  const absl::Status status = Write();
  if (!status.ok()) *out_ << "no profile: " << status.message() << std::endl;
  return absl::OkStatus();
}

absl::Status ProfileRun::Write() {
  written_ = true;
  const Profile profile = profiler_->Result();
  RETURN_IF_ERROR(WriteProfile(profile, options_.folder));
  *out_ << "\n"
        << ProfileTable(profile) << "\n"
        << "wrote ops.csv, trace.json (chrome://tracing, Perfetto) and graph.svg to "
        << options_.folder << "\n"
        << std::endl;
  return absl::OkStatus();
}

absl::Status ProfileRun::Finish() {
  if (written_) return absl::OkStatus();
  if (!profiler_->Result().steps.empty()) return Write();
  *out_ << "no profile: the run ended before step " << options_.warmup + 1 << ", the first after "
        << options_.warmup << " to warm up\n";
  return absl::OkStatus();
}

}  // namespace tools
