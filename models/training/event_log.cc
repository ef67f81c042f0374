#include "models/training/event_log.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "graph/base/status.h"

namespace models {

void EventLog::ResumeAfter(const RunState& state, std::string metrics_path) {
  resumed_step_ = state.step;
  metrics_bytes_ = state.metrics_bytes;
  metrics_path_ = std::move(metrics_path);
}

void EventLog::OnStep(const TrainMetrics& metrics) {
  last_step_ = metrics.step;
  Try([&](EventFileWriter* writer) { return writer->Add(metrics, absl::Now()); });
}

void EventLog::OnEvaluation(const EvalMetrics& metrics) {
  Try([&](EventFileWriter* writer) { return writer->Add(metrics, absl::Now()); });
}

void EventLog::OnPicture(int64_t step, const Picture& picture) {
  Try([&](EventFileWriter* writer) {
    return writer->AddImageFile(step, absl::Now(), picture.tag, picture.shows, picture.path);
  });
}

void EventLog::OnSave() {
  Try([](EventFileWriter* writer) { return writer->Flush(); });
}

void EventLog::OnEnd() {
  if (!writer_.has_value()) return;  // it was at its end already
  Try([&](EventFileWriter* writer) -> absl::Status {
    RETURN_IF_ERROR(writer->AddSessionEnd(last_step_, absl::Now()));
    return writer->Flush();
  });
}

void EventLog::Try(absl::FunctionRef<absl::Status(EventFileWriter*)> add) {
  if (failed_) return;
  absl::Status status = writer_.has_value() ? absl::OkStatus() : Begin();
  if (status.ok()) status = add(&*writer_);
  if (status.ok()) return;
  failed_ = true;
  log_->Line(absl::StrCat("warning: no more events for TensorBoard: ", status.message(),
                          "; training goes on, and metrics.jsonl has every number"));
}

absl::Status EventLog::Begin() {
  std::error_code error;
  std::filesystem::create_directory(folder_, error);
  if (error) {
    return absl::UnknownError(absl::StrCat("cannot make ", folder_, ": ", error.message()));
  }
  ASSIGN_OR_RETURN(EventFileWriter writer,
                   EventFileWriter::Create(folder_, absl::Now(), resumed_step_));
  writer_ = std::move(writer);
  last_step_ = std::max(last_step_, resumed_step_);
  if (!flags_.empty()) RETURN_IF_ERROR(writer_->AddFlags(resumed_step_, absl::Now(), flags_));
  if (resumed_step_ == 0) return absl::OkStatus();
  // If metrics.jsonl was removed, there is nothing to show for that step.
  const absl::StatusOr<TrainMetrics> step = ReadStepEndingAt(metrics_path_, metrics_bytes_);
  if (!step.ok() || step->step != resumed_step_) return absl::OkStatus();
  return writer_->Add(*step, absl::Now());
}

}  // namespace models
