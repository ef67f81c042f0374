#include "models/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <set>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/overfit_loader.h"
#include "models/training/capsule_keeper.h"
#include "models/training/metrics.h"
#include "models/training/progress.h"
#include "models/training/spike_detector.h"
#include "models/training/watchdog.h"

namespace models {
namespace {

bool IsAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// In RunState::notes: the last losses, for the spike detector.
constexpr char kLossesNote[] = "last_losses";

// What `does` returns, or an error where memory ran out in it: hours into a run that is no
// reason to lose what was learned.
absl::Status OrOutOfMemory(absl::FunctionRef<absl::Status()> does) {
  try {
    return does();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        "out of memory: other programs have it, or a limit (ulimit -v, a container's) forbids "
        "more; free some, or lower --num_workers");
  }
}

WatchdogOptions WatchdogFor(const TrainerOptions& options, RunLog* log) {
  WatchdogOptions watchdog;
  watchdog.limit_seconds = options.watchdog_seconds;
  watchdog.say = [log](const std::string& line) { log->Line(line); };
  return watchdog;
}

// One run; members are what its steps share.
class Run {
 public:
  Run(const TrainerOptions& options, const Model& model, const Dataset& train,
      const Dataset* held_out, Session* session, RunLog* log)
      : options_(options),
        model_(model),
        train_(train),
        held_out_(held_out),
        session_(session),
        log_(*log),
        progress_(log, {options.print_every, options.launched, options.now}),
        watchdog_(WatchdogFor(options, log)),
        spikes_(options.spike_z),
        capsules_(KeeperOptions()) {}

  // All that can be refused before a file is touched.
  absl::Status Prepare() {
    ASSIGN_OR_RETURN(steps_per_epoch_,
                     StepsPerEpoch(train_.size(), options_.batch_size, options_.accum_iter,
                                   options_.step_every_micro_batch));
    micro_batches_per_epoch_ =
        std::min(steps_per_epoch_ * options_.accum_iter, train_.size() / options_.batch_size);
    const int64_t planned = steps_per_epoch_ * static_cast<int64_t>(options_.schedule.epochs);
    last_step_ = options_.steps < 0 ? planned : std::min(planned, options_.steps);
    state_.train = Identify(train_);
    if (held_out_ != nullptr) state_.held_out = Identify(*held_out_);
    state_.notes = options_.notes;
    if (options_.resume != nullptr) RETURN_IF_ERROR(TakeUp(*options_.resume));
    ASSIGN_OR_RETURN(loader_, MakeTrainLoader(state_.loader, /*beside=*/false));
    if (held_out_ != nullptr) {
      LoaderOptions o = MakeLoaderOptions(LoaderMode::kEvaluate);
      o.observer = Watched(held_out_, nullptr);
      o.stop = options_.stop;
      ASSIGN_OR_RETURN(eval_loader_, Loader::Create(held_out_, std::move(o)));
    }
    // A capsule may outlive the metrics it was written beside, when the run was begun again or
    // gone on with from an earlier step.
    return MetricsWriter::CheckResume(options_.metrics_path, state_.metrics_bytes, step_);
  }

  absl::Status Go() {
    RETURN_IF_ERROR(Prepare());
    if (options_.resume != nullptr && options_.checkpoints != nullptr) {
      ASSIGN_OR_RETURN(const bool is_saved, options_.checkpoints->TakeUp(step_));
      // Gone on with in another folder: who stops it there goes on there.
      if (!is_saved) tried_to_save_at_ = -1;
    }
    ASSIGN_OR_RETURN(
        MetricsWriter metrics,
        options_.resume == nullptr
            ? MetricsWriter::Create(options_.metrics_path, options_.files)
            : MetricsWriter::Resume(options_.metrics_path, state_.metrics_bytes, options_.files));
    metrics_ = std::make_unique<MetricsWriter>(std::move(metrics));
    // A file that was gone is a new one; a capsule of the next step knows these, not the old.
    state_.metrics_bytes = metrics_->bytes();
    state_.log_bytes = log_.bytes();

    absl::Status status = OrOutOfMemory([this] { return Loop(); });
    watchdog_.Rest();
    log_.EndProgress();
    if (!status.ok()) {
      status = graph::Annotate(status, absl::StrCat("after step ", step_));
      const bool is_begun = step_ > (options_.resume != nullptr ? options_.resume->step : 0);
      if (!is_begun || state_.step != step_) return status;  // nothing new, or no way to go on
    }
    // The parameters are those of the last good step, whatever went wrong after.
    const absl::Status saved = Save();
    if (status.ok()) return saved;
    if (saved.ok()) return status;
    return graph::Annotate(status, absl::StrCat(saved.message(), "; before that"));
  }

 private:
  using Time = std::chrono::steady_clock::time_point;
  // state_.step while the session may have done a part of an update, or all of it but not what
  // belongs to it.
  static constexpr int64_t kBetweenSteps = -1;

  LoaderOptions MakeLoaderOptions(LoaderMode mode) {
    LoaderOptions o;
    o.mode = mode;
    o.batch_size = options_.batch_size;
    o.input_height = model_.input_h();
    o.input_width = model_.input_w();
    o.seed = options_.seed;
    o.random_crop = options_.random_crop;
    o.exact_decode = options_.exact_decode;
    o.num_workers = options_.num_workers;
    o.max_bad_share = options_.max_bad_share;
    o.stop_at_bad_image = options_.stop_at_bad_image;
    o.on_bad_image = [this, mode](const std::string& message) {
      // Held-out images come several times an epoch.
      if (mode == LoaderMode::kEvaluate && !held_out_named_.insert(message).second) return;
      log_.Line(absl::StrCat("skipped an image: ", message));
    };
    return o;
  }

  // `beside`: not the run's own, but one that reads some of its batches again.
  absl::StatusOr<std::unique_ptr<Loader>> MakeTrainLoader(const LoaderPosition& start,
                                                          bool beside) {
    LoaderOptions o = MakeLoaderOptions(LoaderMode::kTrain);
    o.start = start;
    o.batches_per_epoch = micro_batches_per_epoch_;
    if (beside) {
      o.num_workers = 0;
      o.on_bad_image = nullptr;
    } else {
      o.observer = Watched(&train_, options_.loader_observer);
    }
    if (!options_.overfit_batch) return Loader::Create(&train_, std::move(o));
    return CreateOverfitLoader(&train_, std::move(o), options_.accum_iter);
  }

  LoaderObserver* Watched(const Dataset* images, LoaderObserver* next) {
    return options_.watchdog_seconds > 0 ? watchdog_.Observe(images, next) : next;
  }

  CapsuleKeeper::Options KeeperOptions() {
    CapsuleKeeper::Options o;
    o.run_folder = options_.run_folder;
    o.every_micro_batch = options_.step_every_micro_batch;
    o.images = &train_;
    o.session = session_;
    o.flush_logs = [this] {
      // A capsule is written by the run folder's path.
      if (options_.checkpoints != nullptr) RETURN_IF_ERROR(options_.checkpoints->CheckFolder());
      RETURN_IF_ERROR(metrics_->Sync());
      return log_.Sync();
    };
    o.load = [this](const LoaderPosition& start) { return MakeTrainLoader(start, true); };
    return o;
  }

  // Goes on behind the step that `state` was saved after.
  absl::Status TakeUp(const RunState& state) {
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
    const int64_t epoch = state.step / steps_per_epoch_;
    const int64_t batch = state.step % steps_per_epoch_ * options_.accum_iter;
    if (state.loader.epoch != epoch || state.loader.batch != batch) {
      return absl::DataLossError(absl::StrCat(
          "the checkpoint contradicts itself: step ", state.step, " is batch ", batch, " of epoch ",
          epoch, ", not ", state.loader.batch, " of ", state.loader.epoch));
    }
    if (state.step > last_step_) {
      return absl::FailedPreconditionError(absl::StrCat(
          "--steps=", last_step_, " is behind the checkpoint, which has ", state.step, " steps"));
    }
    state_.step = step_ = tried_to_save_at_ = state.step;
    state_.loader = loader_next_ = state.loader;
    state_.bad_images = bad_before_ = state.bad_images;
    state_.metrics_bytes = state.metrics_bytes;
    state_.log_bytes = state.log_bytes;
    const auto losses = state.notes.find(kLossesNote);
    return losses == state.notes.end() ? absl::OkStatus() : spikes_.Restore(losses->second);
  }

  absl::Status Loop() {
    progress_.Begin(step_, last_step_, steps_per_epoch_);
    saved_at_ = options_.now();
    // What the run that is gone on with was doing, or had still to do, when it ended.
    if (step_ > 0) RETURN_IF_ERROR(WatchUnlessStopped());
    if (step_ > 0 && Stopped()) return SaveStopped();
    while (step_ < last_step_) {
      const int64_t epoch = step_ / steps_per_epoch_;
      const int64_t in_epoch = step_ % steps_per_epoch_ * options_.accum_iter;  // micro-batches
      // Micro-batches into the epoch over those it holds, the remainder that fills no
      // window counted in, as lr_sched.py is called.
      const double position =
          static_cast<double>(epoch) +
          static_cast<double>(in_epoch) / static_cast<double>(train_.size() / options_.batch_size);
      const double lr = LearningRate(options_.schedule, position);
      const auto scheduled = model_.ScheduledInputs(static_cast<int>(epoch),
                                                    static_cast<int>(options_.schedule.epochs));
      const Time before = options_.now();
      const int micro_batches = static_cast<int>(
          std::min<int64_t>(options_.accum_iter, micro_batches_per_epoch_ - in_epoch));
      RETURN_IF_ERROR(Step(lr, scheduled, micro_batches, before));
      if (options_.step_done) RETURN_IF_ERROR(options_.step_done());
      const bool last = step_ == last_step_;
      if (Stopped()) return SaveStopped();
      const bool due =
          (options_.save_every > 0 && step_ % options_.save_every == 0) ||
          (options_.save_minutes > 0 && SecondsSince(saved_at_) >= 60 * options_.save_minutes);
      // Before the evaluation, which may be broken off and must be what a resumed run repeats.
      if (last) {
        RETURN_IF_ERROR(Save());
      } else if (due || step_ % steps_per_epoch_ == 0) {
        if (const absl::Status saved = Save(); !saved.ok()) {
          log_.Line(absl::StrCat("warning: not saved: ", saved.message(),
                                 "; training goes on, and saves again when it is due"));
          tried_to_save_at_ = -1;  // who stops the run now may have made room
        }
      }
      RETURN_IF_ERROR(WatchUnlessStopped());
      if (Stopped()) return SaveStopped();
      RETURN_IF_ERROR(log_.status());
    }
    return absl::OkStatus();
  }

  bool Stopped() const { return options_.stop != nullptr && options_.stop->load(); }

  // A watch that is broken off is not an error: the resumed run does it again.
  absl::Status WatchUnlessStopped() {
    if (Stopped()) return absl::OkStatus();
    absl::Status status = Watch();
    return absl::IsCancelled(status) && Stopped() ? absl::OkStatus() : status;
  }

  absl::Status SaveStopped() {
    RETURN_IF_ERROR(Save());
    log_.Line(absl::StrCat("stopped by a signal after step ", step_,
                           options_.how_to_go_on ? "; to go on: " + options_.how_to_go_on() : ""));
    return absl::OkStatus();
  }

  // One window, and what is said of it.
  absl::Status Step(double lr, absl::Span<const std::pair<std::string, float>> scheduled,
                    int micro_batches, Time before) {
    RunState before_step = state_;  // what a capsule says
    before_step.notes[kLossesNote] = spikes_.State();
    if (options_.step_every_micro_batch) state_.step = kBetweenSteps;
    capsules_.Begin(step_ + 1, Epochs(), lr, {scheduled.begin(), scheduled.end()}, micro_batches,
                    state_.loader);
    const absl::StatusOr<StepResult> stepped = session_->Step(
        [this] { return NextBatch(); }, lr, scheduled, micro_batches, spikes_.Limit());
    if (absl::IsOutOfRange(stepped.status()) && batch_came_) {
      KeepStep(/*spike=*/false, std::string(stepped.status().message()), std::move(before_step));
    }
    if (!stepped.ok()) {
      if (!options_.step_every_micro_batch) state_.step = step_;  // nothing was updated
      return stepped.status();
    }
    const StepResult& result = *stepped;
    if (const std::string spike = spikes_.See(result.loss); !spike.empty()) {
      log_.Line(absl::StrCat("warning: step ", step_ + 1, ": ", spike));
      if (result.held) KeepStep(/*spike=*/true, spike, std::move(before_step));
    }
    if (result.held) RETURN_IF_ERROR(session_->Release());
    ++step_;
    // Without the step's line nothing may be saved: who goes on from there would never write it.
    RETURN_IF_ERROR(Log(result, lr, micro_batches, SecondsSince(before)));
    state_.step = step_;
    state_.loader = loader_next_;
    state_.bad_images = bad_before_ + bad_next_;
    // As they are before Watch(), which a resumed run repeats, whenever that is saved.
    state_.metrics_bytes = metrics_->bytes();
    state_.log_bytes = log_.bytes();
    return absl::OkStatus();
  }

  // Before the session's parameters change.
  void KeepStep(bool spike, const std::string& seen, RunState before) {
    if (options_.run_folder.empty()) return;
    watchdog_.Do("writing a capsule");
    const std::string line = capsules_.Keep(spike, seen, std::move(before), Metadata());
    if (!line.empty()) log_.Line(line);
  }

  // Evaluates and draws what is due after step_.
  absl::Status Watch() {
    const bool asked = options_.eval_every > 0 && step_ % options_.eval_every == 0;
    const bool last = step_ == last_step_;
    if (asked || last || step_ % steps_per_epoch_ == 0) {
      watchdog_.Do("evaluating held-out images");
      const absl::Status status = Evaluate(options_.eval_every > 0 && (asked || last));
      if (!status.ok()) return graph::Annotate(status, "held-out images");
    }
    if (options_.vis_every > 0 && (last || step_ % options_.vis_every == 0)) {
      watchdog_.Do("drawing pictures");
      const Time before = options_.now();
      // A run of days does not end because a picture cannot be drawn.
      if (const absl::Status drawn = OrOutOfMemory([this] { return options_.visualize(step_); });
          !drawn.ok()) {
        log_.Line(absl::StrCat("warning: no picture of step ", step_, ": ", drawn.message(),
                               "; training goes on"));
      }
      progress_.LeaveOut(SecondsSince(before));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<const Batch*> NextBatch() {
    // A window updates once, after its last batch.
    if (!options_.step_every_micro_batch) state_.step = step_;
    if (options_.batch_asked) options_.batch_asked();
    watchdog_.WaitForImages();
    absl::StatusOr<const Batch*> batch = loader_->Next();
    watchdog_.ComputeStep(step_ + 1);
    if (options_.batch_came) options_.batch_came();
    batch_came_ = batch.ok();
    if (batch.ok()) {
      capsules_.Take(**batch);
      loader_next_ = (*batch)->next;
      bad_next_ = loader_->bad_images();
      seen_in_epoch_ = (*batch)->seen;
      bad_in_epoch_ = (*batch)->bad;
      state_.step = kBetweenSteps;
    }
    return batch;
  }

  double SecondsSince(Time before) const {
    return std::chrono::duration<double>(options_.now() - before).count();
  }

  double Epochs() const {
    return static_cast<double>(step_) / static_cast<double>(steps_per_epoch_);
  }

  absl::Status Log(const StepResult& result, double lr, int micro_batches, double seconds) {
    TrainMetrics m;
    m.step = step_;
    m.epoch = Epochs();
    m.loss = result.loss;
    m.model = result.metrics;
    m.lr = lr;
    m.grad_norm = result.grad_norm;
    const double images = static_cast<double>(options_.batch_size) * micro_batches;
    m.bad_images = bad_in_epoch_;
    m.timing = {{"seconds", seconds}, {"images_per_s", images / seconds}};
    RETURN_IF_ERROR(metrics_->Write(m));
    if (options_.metrics_observer != nullptr) options_.metrics_observer->OnStep(m);

    Progress::Step done;
    done.step = step_;
    done.result = &result;
    done.lr = lr;
    done.images = images;
    done.seconds = seconds;
    done.data_wait_seconds = loader_->data_wait_seconds();
    done.seen_in_epoch = seen_in_epoch_;
    done.bad_in_epoch = bad_in_epoch_;
    progress_.StepDone(done);
    if (step_ % steps_per_epoch_ == 0) held_out_named_.clear();
    return absl::OkStatus();
  }

  // `all`: also_evaluate too.
  absl::Status Evaluate(bool all) {
    if (eval_loader_ == nullptr || evaluated_at_ == step_) return absl::OkStatus();
    evaluated_at_ = step_;
    const Time before = options_.now();
    const int64_t bad_before = eval_loader_->bad_images();
    ASSIGN_OR_RETURN(const std::vector<Session::Measured> measured,
                     session_->Evaluate(eval_loader_.get()));
    const std::vector<Evaluation> evaluations = model_.Evaluations();
    EvalMetrics m;
    m.epoch = Epochs();
    m.step = step_;
    m.chance = evaluations[0].chance;
    std::vector<double> chances;
    for (size_t i = 0; i < evaluations.size(); ++i) {
      m.values.push_back({evaluations[i].metric, measured[i].value(), evaluations[i].unit});
      chances.push_back(evaluations[i].chance);
    }
    if (all && options_.also_evaluate) {
      ASSIGN_OR_RETURN(const MetricList more, options_.also_evaluate());
      m.values.insert(m.values.end(), more.begin(), more.end());
    }
    const int64_t bad = eval_loader_->bad_images() - bad_before;
    const double seconds = SecondsSince(before);
    progress_.Evaluated(m, chances, held_out_->size(), bad, seconds);
    if (bad > 0) m.values.push_back({"heldout_bad_images", static_cast<double>(bad)});
    m.timing = {{"seconds", seconds}};
    RETURN_IF_ERROR(metrics_->Write(m));
    if (options_.metrics_observer != nullptr) options_.metrics_observer->OnEvaluation(m);
    return absl::OkStatus();
  }

  // For model.safetensors.
  std::map<std::string, std::string> Metadata() const {
    std::map<std::string, std::string> metadata = options_.metadata;
    metadata["step"] = absl::StrCat(step_);
    metadata["epoch"] = absl::StrCat(Epochs());
    metadata["seed"] = absl::StrCat(options_.seed);
    metadata["format"] = "pt";  // what readers of PyTorch weights look for
    for (auto& [key, value] : metadata) {
      // Paths need not be UTF-8, metadata must.
      if (!IsAscii(value)) value = absl::CHexEscape(value);
    }
    return metadata;
  }

  absl::Status Save() {
    absl::Status status = OrOutOfMemory([this] { return SaveOnce(); });
    saved_at_ = options_.now();
    return status;
  }

  absl::Status SaveOnce() {
    if (tried_to_save_at_ == step_ || options_.checkpoints == nullptr) return absl::OkStatus();
    tried_to_save_at_ = step_;
    watchdog_.Do("saving a checkpoint");
    const Time before = options_.now();
    // The checkpoint knows how long these are, and they must be that long after a power cut.
    RETURN_IF_ERROR(metrics_->Sync());
    RETURN_IF_ERROR(log_.Sync());
    if (options_.metrics_observer != nullptr) options_.metrics_observer->OnSave();
    RunState state = state_;
    state.notes[kLossesNote] = spikes_.State();
    ASSIGN_OR_RETURN(const std::string path,
                     options_.checkpoints->Save(std::move(state), *session_, Metadata()));
    log_.Line(absl::StrCat("saved ", path));
    progress_.LeaveOut(SecondsSince(before));
    return absl::OkStatus();
  }

  const TrainerOptions& options_;
  const Model& model_;
  const Dataset& train_;
  const Dataset* held_out_;
  Session* session_;
  RunLog& log_;
  Progress progress_;
  Watchdog watchdog_;  // before the loaders, which it observes
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Loader> eval_loader_;
  std::unique_ptr<MetricsWriter> metrics_;
  int64_t steps_per_epoch_ = 0;
  int64_t micro_batches_per_epoch_ = 0;
  int64_t last_step_ = 0;
  int64_t step_ = 0;  // optimizer steps done
  // What a checkpoint would say; its step is another than step_ while none may be written.
  RunState state_;
  LoaderPosition loader_next_;                    // behind the last batch taken
  int64_t bad_next_ = 0;                          // undecodable images up to there, in this process
  int64_t bad_before_ = 0;                        // and before it
  bool batch_came_ = false;                       // when it was asked for last
  int64_t seen_in_epoch_ = 0, bad_in_epoch_ = 0;  // as the last batch says
  std::set<std::string> held_out_named_;          // messages of this epoch
  SpikeDetector spikes_;
  CapsuleKeeper capsules_;
  int64_t evaluated_at_ = -1;
  int64_t tried_to_save_at_ = -1;
  Time saved_at_;  // or tried to, or began
};

}  // namespace

absl::StatusOr<int64_t> StepsPerEpoch(int64_t images, int batch_size, int accum_iter,
                                      bool short_window) {
  const int64_t window = static_cast<int64_t>(batch_size) * accum_iter;
  if (short_window && images >= batch_size) {
    const int64_t micro_batches = images / batch_size;
    return (micro_batches + accum_iter - 1) / accum_iter;
  }
  if (images < window) {
    return graph::InvalidArgument("--batch_size=", batch_size, " times --accum_iter=", accum_iter,
                                  " is ", window, ", more than the ", images,
                                  " training images; lower one of them");
  }
  return images / window;
}

absl::Status Train(const TrainerOptions& options, const Model& model, const Dataset& train,
                   const Dataset* held_out, Session* session, RunLog* log) {
  return Run(options, model, train, held_out, session, log).Go();
}

absl::Status CheckTrain(const TrainerOptions& options, const Model& model, const Dataset& train,
                        const Dataset* held_out) {
  TrainerOptions quiet = options;
  quiet.watchdog_seconds = 0;
  RunLog nowhere({nullptr, false, {}});
  return Run(quiet, model, train, held_out, nullptr, &nowhere).Prepare();
}

}  // namespace models
