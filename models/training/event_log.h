// Shows a run in TensorBoard: its flags, the numbers of metrics.jsonl, and pictures.
//
// metrics.jsonl is the record; this is a view of it that a run can do without. The first error
// (disk full) is logged as a warning and ends the events.
#ifndef MODELS_TRAINING_EVENT_LOG_H_
#define MODELS_TRAINING_EVENT_LOG_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "models/training/event_file.h"
#include "models/training/metrics.h"
#include "models/training/run_log.h"
#include "models/training/run_observer.h"
#include "models/training/run_state.h"

namespace models {

// Not thread-safe.
class EventLog : public RunObserver {
 public:
  // Changes nothing: folder and file are made at the first call of a function below, when a run
  // that cannot be resumed has already been refused. `log` must outlive it. `flags` are the run's;
  // they are shown where the file begins.
  EventLog(std::string folder, RunLog* log, FlagList flags = {})
      : folder_(std::move(folder)), log_(log), flags_(std::move(flags)) {}

  // Call first when a run resumes from a checkpoint with this state. TensorBoard also has to forget
  // the checkpoint's own step, because a resumed run repeats what is due after it (trainer.h); the
  // numbers of the step itself, which is not computed again, are read from `metrics_path`.
  void ResumeAfter(const RunState& state, std::string metrics_path);

  void OnStep(const TrainMetrics& metrics) override;
  void OnEvaluation(const EvalMetrics& metrics) override;
  void OnPicture(int64_t step, const Picture& picture) override;
  void OnSave() override;  // flushes
  // The run has done all steps that it was asked for; marked if this process did any of them.
  void OnEnd();

 private:
  void Try(absl::FunctionRef<absl::Status(EventFileWriter*)> add);
  absl::Status Begin();

  const std::string folder_;
  RunLog* const log_;
  const FlagList flags_;
  int64_t last_step_ = 0;
  // Of the checkpoint; 0: the run was not resumed.
  int64_t resumed_step_ = 0;
  int64_t metrics_bytes_ = 0;
  std::string metrics_path_;
  absl::optional<EventFileWriter> writer_;
  bool failed_ = false;
};

}  // namespace models

#endif  // MODELS_TRAINING_EVENT_LOG_H_
