#include "models/training/evaluator.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"

namespace models {

absl::Status Evaluator::Prepare() {
  if (held_out_ == nullptr) return absl::OkStatus();
  LoaderOptions o = run_.MakeLoaderOptions(LoaderMode::kEvaluate);
  o.observer = run_.Watched(held_out_, nullptr);
  o.stop = run_.options.stop;
  o.on_bad_image = [this](const std::string& message) {
    if (!named_.insert(message).second) return;
    run_.log.Line(absl::StrCat("skipped an image: ", message));
  };
  ASSIGN_OR_RETURN(loader_, Loader::Create(held_out_, std::move(o)));
  return absl::OkStatus();
}

absl::Status Evaluator::EvaluateAndDraw(int64_t step) {
  accuracy_.reset();
  const TrainerOptions& options = run_.options;
  const bool last = step == run_.last_step;
  const bool ends_period = run_.epochs.EndsEpoch(step, options.eval_epochs);
  const bool asked = options.eval_every > 0 && step % options.eval_every == 0;
  if (held_out_ != nullptr && (asked || last || ends_period)) {
    run_.watchdog.Do("evaluating held-out images");
    const absl::Status status = Evaluate(step, options.eval_every > 0 && (asked || last));
    if (!status.ok()) return graph::Annotate(status, "held-out images");
  }
  if (options.vis_every > 0 && (last || step % options.vis_every == 0)) {
    run_.watchdog.Do("drawing pictures");
    const RunContext::Time before = options.now();
    // A run of days does not end because a picture cannot be drawn.
    if (const absl::Status drawn = OrOutOfMemory([&] { return Draw(step); }); !drawn.ok()) {
      run_.log.Line(absl::StrCat("warning: no picture of step ", step, ": ", drawn.message(),
                                 "; training goes on"));
    }
    run_.progress.LeaveOut(run_.SecondsSince(before));
  }
  return absl::OkStatus();
}

absl::Status Evaluator::Evaluate(int64_t step, bool all) {
  const RunContext::Time before = run_.options.now();
  const int64_t bad_before = loader_->bad_images();
  ASSIGN_OR_RETURN(const std::vector<Session::Measured> measured,
                   run_.session->Evaluate(loader_.get()));
  const std::vector<Evaluation> evaluations = run_.model.Evaluations();
  EvalMetrics m;
  m.epoch = run_.epochs.epochs(step);
  m.step = step;
  if (!evaluations.empty()) m.chance = evaluations[0].chance;
  for (size_t i = 0; i < evaluations.size(); ++i) {
    m.values.push_back(
        {evaluations[i].metric, measured[i].value(), evaluations[i].unit, evaluations[i].chance});
  }
  for (RunObserver* observer : run_.options.observers) {
    if (!all) break;
    ASSIGN_OR_RETURN(const MetricList more, observer->Evaluate());
    m.values.insert(m.values.end(), more.begin(), more.end());
  }
  const int64_t bad = loader_->bad_images() - bad_before;
  const double seconds = run_.SecondsSince(before);
  run_.progress.Evaluated(m, held_out_->size(), bad, seconds);
  if (bad > 0) m.values.push_back({"heldout_skipped", static_cast<double>(bad)});
  m.timing = {{"seconds", seconds}};
  RETURN_IF_ERROR(run_.metrics->Write(m));
  if (!m.values.empty() && m.values[0].unit == Unit::kShare) accuracy_ = m.values[0].value;
  for (RunObserver* observer : run_.options.observers) observer->OnEvaluation(m);
  return absl::OkStatus();
}

absl::Status Evaluator::Draw(int64_t step) {
  // A picture is written by the run folder's path.
  if (run_.options.checkpoints != nullptr) {
    RETURN_IF_ERROR(run_.options.checkpoints->CheckFolder());
  }
  for (RunObserver* artist : run_.options.observers) {
    ASSIGN_OR_RETURN(const Picture picture, artist->Draw(step));
    if (picture.path.empty()) continue;
    for (RunObserver* observer : run_.options.observers) observer->OnPicture(step, picture);
  }
  return absl::OkStatus();
}

}  // namespace models
