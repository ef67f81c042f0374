#include "models/training/trainer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/data/overfit_loader.h"
#include "models/training/capsule_keeper.h"
#include "models/training/evaluator.h"
#include "models/training/lookahead.h"
#include "models/training/loss_rise.h"
#include "models/training/run_context.h"
#include "models/training/saver.h"
#include "models/training/spike_detector.h"

namespace models {
namespace {

// In RunState::notes: the last losses, for the spike detector.
constexpr char kLossesNote[] = "last_losses";
// The same: the last loss as it was, where those are cut to what is no spike.
constexpr char kLastLossNote[] = "last_loss";
// The same: step and accuracy of the best checkpoint.
constexpr char kBestNote[] = "best";

// What the batches of a window tell, as of the last one.
struct Loaded {
  bool ok = true;          // false: there was an error instead
  LoaderPosition next;     // after it
  int64_t bad_images = 0;  // undecodable ones, in this process
  int64_t seen_in_epoch = 0, bad_in_epoch = 0;
};

// One run. Its functions are in the order in which they are called.
class Run {
 public:
  Run(const TrainerOptions& options, const Model& model, const Dataset& train,
      const Dataset* held_out, Session* session, RunLog* log)
      : run_(options, model, session, log),
        train_(train),
        spikes_(options.spike_z),
        saver_(&run_),
        evaluator_(&run_, held_out),
        capsules_(KeeperOptions()) {
    state_.train = Identify(train_);
    if (held_out != nullptr) state_.held_out = Identify(*held_out);
    state_.notes = options.notes;
  }

  // All that can be refused before a file is touched.
  absl::Status Prepare() {
    ASSIGN_OR_RETURN(run_.epochs, EpochPlan::Of(run_.step(), train_.size()));
    const TrainerOptions& options = run_.options;
    const int64_t planned = run_.epochs.steps() * static_cast<int64_t>(options.schedule.epochs);
    run_.last_step = options.steps < 0 ? planned : std::min(planned, options.steps);
    if (options.resume != nullptr) RETURN_IF_ERROR(GoOnFrom(*options.resume));
    state_.notes[kLossesNote] = spikes_.State();
    ASSIGN_OR_RETURN(loader_, MakeTrainLoader(state_.loader, /*beside=*/false));
    RETURN_IF_ERROR(evaluator_.Prepare());
    // A capsule may outlive the metrics it was written beside, when the run was begun again or
    // gone on with from an earlier step.
    return MetricsWriter::CheckResume(options.metrics_path, state_.metrics_bytes, step_);
  }

  absl::Status Open() {
    const TrainerOptions& options = run_.options;
    if (best_.step > 0) saver_.KeepBest(best_.step);
    RETURN_IF_ERROR(saver_.Begin(state_));
    ASSIGN_OR_RETURN(
        MetricsWriter metrics,
        options.resume == nullptr
            ? MetricsWriter::Create(options.metrics_path, options.files)
            : MetricsWriter::Resume(options.metrics_path, state_.metrics_bytes, options.files));
    run_.metrics = std::make_unique<MetricsWriter>(std::move(metrics));
    // A file that was gone is a new one; a capsule of the next step knows these, not the old.
    state_.metrics_bytes = run_.metrics->bytes();
    state_.log_bytes = run_.log.bytes();
    ASSIGN_OR_RETURN(updates_, run_.session->CountUpdates());
    return absl::OkStatus();
  }

  absl::Status Loop() {
    run_.progress.Begin(step_, run_.last_step, run_.epochs.steps());
    // What the run that is gone on with was doing, or had still to do, when it ended.
    if (step_ > 0) RETURN_IF_ERROR(EvaluateAndDraw());
    if (step_ > 0 && Stopped()) return SaveStopped();
    while (step_ < run_.last_step) {
      RETURN_IF_ERROR(Step());
      if (Stopped()) return SaveStopped();
      // Before the evaluation, which may be broken off and must be what a resumed run repeats.
      if (step_ == run_.last_step) {
        RETURN_IF_ERROR(saver_.Save(state_));
      } else if (saver_.IsDue(step_) || EndsPeriod()) {
        saver_.SaveOrWarn(state_);
      }
      RETURN_IF_ERROR(EvaluateAndDraw());
      if (Stopped()) return SaveStopped();
      RETURN_IF_ERROR(run_.log.status());
    }
    return absl::OkStatus();
  }

  // After the loop, which ended with `status`.
  absl::Status End(absl::Status status) {
    run_.watchdog.Rest();
    run_.log.EndProgress();
    if (status.ok()) return saver_.Save(state_);
    status = graph::Annotate(status, absl::StrCat("after step ", step_));
    const bool is_begun =
        state_.step > (run_.options.resume != nullptr ? run_.options.resume->step : 0);
    // Parameters are those of state_ only as long as nothing has been updated since.
    const absl::StatusOr<int64_t> updates = run_.session->CountUpdates();
    if (!is_begun || !updates.ok() || *updates != updates_) return status;
    const absl::Status saved = saver_.Save(state_);
    if (saved.ok()) return status;
    return graph::Annotate(status, absl::StrCat(saved.message(), "; before that"));
  }

 private:
  // Resumes after the step at which `state` was saved.
  absl::Status GoOnFrom(const RunState& state) {
    if (!(state.train == state_.train) || !(state.held_out == state_.held_out)) {
      const bool train = !(state.train == state_.train);
      const DataIdentity& then = train ? state.train : state.held_out;
      const DataIdentity& now = train ? state_.train : state_.held_out;
      return absl::FailedPreconditionError(absl::StrCat(
          "the ", train ? "training" : "held-out",
          " images are not those of the run: ", then.images, " then, ", now.images, " now",
          then.images == now.images ? " of other names" : "",
          "; give it its data back with --data_path, or begin a new run with --init_from. A run of "
          "a "
          "version that passed over links to folders, lines that come again, TIFF, BMP, GIF and "
          "files without an ending needs a folder without them"));
    }
    const EpochPlan::Window next = run_.epochs.Next(state.step);
    if (state.loader.epoch != next.epoch || state.loader.batch != next.first) {
      return absl::DataLossError(absl::StrCat(
          "the checkpoint contradicts itself: step ", state.step, " is batch ", next.first,
          " of epoch ", next.epoch, ", not ", state.loader.batch, " of ", state.loader.epoch));
    }
    if (state.step > run_.last_step) {
      return absl::FailedPreconditionError(absl::StrCat("--steps=", run_.last_step,
                                                        " is before the checkpoint, which has ",
                                                        state.step, " steps"));
    }
    state_.step = step_ = state.step;
    state_.loader = state.loader;
    state_.bad_images = bad_before_ = state.bad_images;
    state_.metrics_bytes = state.metrics_bytes;
    state_.log_bytes = state.log_bytes;
    if (const auto best = state.notes.find(kBestNote); best != state.notes.end()) {
      const std::pair<absl::string_view, absl::string_view> words =
          absl::StrSplit(best->second, absl::MaxSplits(' ', 1));
      if (!absl::SimpleAtoi(words.first, &best_.step) ||
          !absl::SimpleAtod(words.second, &best_.accuracy)) {
        return absl::DataLossError("the checkpoint's best is no step and accuracy: " +
                                   graph::Quoted(best->second));
      }
      state_.notes[kBestNote] = best->second;
    }
    double last_loss = 0;
    if (const auto last = state.notes.find(kLastLossNote);
        last != state.notes.end() && absl::SimpleAtod(last->second, &last_loss)) {
      rise_.See(state.step, last_loss);
      state_.notes[kLastLossNote] = last->second;
    }
    const auto losses = state.notes.find(kLossesNote);
    return losses == state.notes.end() ? absl::OkStatus() : spikes_.Restore(losses->second);
  }

  // `beside`: not the run's own, but one that reads some of its batches again.
  absl::StatusOr<std::unique_ptr<Loader>> MakeTrainLoader(const LoaderPosition& start,
                                                          bool beside) {
    LoaderOptions o = run_.MakeLoaderOptions(LoaderMode::kTrain);
    o.start = start;
    o.batches_per_epoch = run_.epochs.micro_batches();
    if (beside) {
      o.num_workers = 0;
    } else {
      o.on_bad_image = [this](const std::string& message) {
        // Each once: with few steps an epoch the log would be full of them.
        if (named_.insert(message).second) to_name_.push_back(message);
      };
      LoaderObserver* watcher = nullptr;
      for (RunObserver* observer : run_.options.observers) {
        if (watcher == nullptr) watcher = observer->loader_observer();
      }
      o.observer = run_.Watched(&train_, watcher);
    }
    if (!run_.options.overfit_batch) return Loader::Create(&train_, std::move(o));
    return CreateOverfitLoader(&train_, std::move(o), run_.step().micro_batches);
  }

  bool Stopped() const { return run_.options.stop != nullptr && run_.options.stop->load(); }

  // One window, and what is said of it.
  absl::Status Step() {
    const EpochPlan::Window window = run_.epochs.Next(step_);
    const LrSchedule& schedule = run_.options.schedule;
    const double lr = LearningRate(schedule, window.position);
    const auto scheduled = run_.model.ScheduledInputs(static_cast<int>(window.epoch),
                                                      static_cast<int>(schedule.epochs));
    const RunContext::Time before = run_.options.now();
    capsules_.Begin(step_ + 1, run_.epochs.epochs(step_), lr, scheduled, window.micro_batches,
                    state_.loader);
    Loaded loaded;
    const absl::StatusOr<StepResult> result = run_.session->Step(
        [&] { return NextBatch(&loaded); }, lr, scheduled, window.micro_batches, spikes_.Limit(),
        step_ + 1 < run_.last_step ? [this] { return batches_.Peek(); } : BatchPeek());
    if (absl::IsOutOfRange(result.status()) && loaded.ok) {
      KeepCapsule(/*spike=*/false, std::string(result.status().message()));
      return graph::Annotate(result.status(), rise_.Steepest(lr));
    }
    RETURN_IF_ERROR(result.status());
    // Where none can be a spike yet.
    const bool rose = rise_.See(step_ + 1, result->loss) && std::isinf(spikes_.Limit());
    if (const std::string spike = spikes_.See(result->loss); !spike.empty()) {
      run_.log.Line(
          absl::StrCat("warning: step ", step_ + 1, ": ", rise_.LastStep(lr), "; ", spike));
      if (result->held) KeepCapsule(/*spike=*/true, spike);
    } else if (rose && run_.options.spike_z > 0) {
      run_.log.Line(absl::StrCat("warning: step ", step_ + 1, ": ", rise_.LastStep(lr)));
    }
    if (result->held) RETURN_IF_ERROR(run_.session->Release());
    ++step_;

    TrainMetrics line = Line(*result, loaded, lr);
    const double images = static_cast<double>(run_.step().micro_batch) * window.micro_batches;
    const double seconds = run_.SecondsSince(before);
    for (const auto& [name, value] : scheduled) line.model.push_back({name, value});
    const double waited = loader_->data_wait_seconds();
    line.timing = {{"seconds", seconds},
                   {"images_per_s", images / seconds},
                   {"data_wait_seconds", waited - waited_}};
    waited_ = waited;
    // Without the step's line nothing may be saved: a run resumed from there would never write it.
    RETURN_IF_ERROR(run_.metrics->Write(line));
    run_.progress.StepDone(
        {step_, &*result, lr, images, seconds, waited, loaded.seen_in_epoch, loaded.bad_in_epoch});
    Complete(loaded, result->updates + (result->held ? 1 : 0));
    for (RunObserver* observer : run_.options.observers) observer->OnStep(line);
    return absl::OkStatus();
  }

  absl::StatusOr<const Batch*> LoadBatch() {
    for (RunObserver* observer : run_.options.observers) observer->OnBatchAsked();
    run_.watchdog.WaitForImages();
    absl::StatusOr<const Batch*> batch = loader_->Next();
    run_.watchdog.ComputeStep(step_ + 1);
    for (RunObserver* observer : run_.options.observers) observer->OnBatch();
    return batch;
  }

  // A batch that was only looked at leaves no trace: whoever resumes here meets its images again.
  absl::StatusOr<const Batch*> NextBatch(Loaded* loaded) {
    const absl::StatusOr<const Batch*> batch = batches_.Next();
    for (const std::string& image : to_name_) run_.log.Line("skipped an image: " + image);
    to_name_.clear();
    loaded->ok = batch.ok();
    if (!batch.ok()) return batch;
    capsules_.Add(**batch);
    *loaded = {true, (*batch)->next, loader_->bad_images(), (*batch)->seen, (*batch)->bad};
    return batch;
  }

  CapsuleKeeper::Options KeeperOptions() {
    CapsuleKeeper::Options o;
    o.run_folder = run_.options.run_folder;
    o.images = &train_;
    o.session = run_.session;
    o.flush_logs = [this] {
      // A capsule is written by the run folder's path.
      if (run_.options.checkpoints != nullptr) {
        RETURN_IF_ERROR(run_.options.checkpoints->CheckFolder());
      }
      RETURN_IF_ERROR(run_.metrics->Sync());
      return run_.log.Sync();
    };
    o.load = [this](const LoaderPosition& start) { return MakeTrainLoader(start, true); };
    return o;
  }

  // Before the session's parameters change.
  void KeepCapsule(bool spike, const std::string& seen) {
    if (run_.options.run_folder.empty()) return;
    run_.watchdog.Do("writing a capsule");
    const std::string line = capsules_.Keep(spike, seen, state_, saver_.Metadata(step_));
    if (!line.empty()) run_.log.Line(line);
  }

  TrainMetrics Line(const StepResult& result, const Loaded& loaded, double lr) const {
    TrainMetrics line;
    line.step = step_;
    line.epoch = run_.epochs.epochs(step_);
    line.loss = result.loss;
    line.model = result.metrics;
    line.lr = lr;
    line.grad_norm = result.grad_norm;
    line.clipped = result.clipped;
    line.skipped = loaded.bad_in_epoch;
    return line;
  }

  // The step is complete: this is what a checkpoint says from here on, also while
  // EvaluateAndDraw(), which a resumed run repeats, writes more lines.
  void Complete(const Loaded& loaded, int updates) {
    RunState state = state_;
    state.step = step_;
    state.loader = loaded.next;
    state.bad_images = bad_before_ + loaded.bad_images;
    state.metrics_bytes = run_.metrics->bytes();
    state.log_bytes = run_.log.bytes();
    state.notes[kLossesNote] = spikes_.State();
    state.notes[kLastLossNote] = absl::StrFormat("%.17g", rise_.loss());
    state_ = std::move(state);
    updates_ += updates;
  }

  // Unless stopped. A watch that is broken off is not an error: the resumed run does it again.
  absl::Status EvaluateAndDraw() {
    if (Stopped()) return absl::OkStatus();
    absl::Status status = evaluator_.EvaluateAndDraw(step_);
    KeepBest();
    return absl::IsCancelled(status) && Stopped() ? absl::OkStatus() : status;
  }

  bool EndsPeriod() const { return run_.epochs.EndsEpoch(step_, run_.options.eval_epochs); }

  // Which steps come into question depends on flags alone, not on when the run was stopped or how
  // fast it was: a resumed run keeps the same.
  void KeepBest() {
    const absl::optional<double>& accuracy = evaluator_.accuracy();
    const int64_t every = run_.options.save_every;
    const bool is_saved = EndsPeriod() || step_ == run_.last_step ||
                          (every > 0 && step_ % every == 0);
    if (!accuracy.has_value() || !is_saved) return;
    if (best_.step > 0 && *accuracy <= best_.accuracy) return;
    best_ = {step_, *accuracy};
    state_.notes[kBestNote] = absl::StrFormat("%d %.17g", best_.step, best_.accuracy);
    saver_.KeepBest(step_);
  }

  absl::Status SaveStopped() {
    RETURN_IF_ERROR(saver_.Save(state_));
    const auto& how_to_go_on = run_.options.how_to_go_on;
    run_.log.Line(absl::StrCat("stopped by a signal after step ", step_,
                               how_to_go_on ? "; to go on: " + how_to_go_on() : ""));
    return absl::OkStatus();
  }

  RunContext run_;  // before the loaders, which its watchdog observes
  const Dataset& train_;
  SpikeDetector spikes_;
  LossRise rise_;
  Saver saver_;
  Evaluator evaluator_;
  CapsuleKeeper capsules_;
  std::unique_ptr<Loader> loader_;
  Lookahead batches_{[this]() -> absl::StatusOr<const Batch*> {
    // An exception would end the step beside which this one's images are loaded.
    absl::StatusOr<const Batch*> batch = nullptr;
    RETURN_IF_ERROR(OrOutOfMemory([&] {
      batch = LoadBatch();
      return absl::OkStatus();
    }));
    return batch;
  }};
  std::set<std::string> named_;       // messages about training images, each said once
  std::vector<std::string> to_name_;  // of them, with the batch that they belong to
  int64_t step_ = 0;                  // optimizer steps that the session has done
  RunState state_;                    // after the last complete step: what a checkpoint says
  struct {
    int64_t step = 0;  // 0: none yet
    double accuracy = 0;
  } best_;
  int64_t updates_ = 0;     // that the session had made then
  double waited_ = 0;       // for images, seconds of this process
  int64_t bad_before_ = 0;  // undecodable images met by the processes before this one
};

}  // namespace

absl::Status Train(const TrainerOptions& options, const Model& model, const Dataset& train,
                   const Dataset* held_out, Session* session, RunLog* log) {
  Run run(options, model, train, held_out, session, log);
  RETURN_IF_ERROR(run.Prepare());
  RETURN_IF_ERROR(run.Open());
  return run.End(OrOutOfMemory([&run] { return run.Loop(); }));
}

absl::Status CheckTrain(const TrainerOptions& options, const Model& model, const Dataset& train,
                        const Dataset* held_out, Session* session) {
  TrainerOptions quiet = options;
  quiet.watchdog_seconds = 0;
  RunLog nowhere({nullptr, false, {}});
  return Run(quiet, model, train, held_out, session, &nowhere).Prepare();
}

}  // namespace models
