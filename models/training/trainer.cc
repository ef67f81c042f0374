#include "models/training/trainer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "graph/base/status.h"
#include "models/training/checkpoint.h"
#include "models/training/metrics.h"

namespace models {
namespace {

// "1:02:03", or "4d 01:02:03".
std::string Duration(double seconds) {
  const int64_t s = static_cast<int64_t>(seconds + 0.5);
  const int64_t days = s / 86400;
  const std::string clock =
      absl::StrFormat("%d:%02d:%02d", s % 86400 / 3600, s % 3600 / 60, s % 60);
  return days > 0 ? absl::StrFormat("%dd %s", days, clock) : clock;
}

// "  pos_acc1 12.34%", "  loss_mae 0.8123".
std::string MetricText(const std::string& name, double value) {
  if (absl::StrContains(name, "acc")) return absl::StrFormat("  %s %.2f%%", name, 100 * value);
  return absl::StrFormat("  %s %.4f", name, value);
}

bool IsAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// One run; members are what its steps share.
class Run {
 public:
  Run(const TrainerOptions& options, const Model& model, const Dataset& train,
      const Dataset* held_out, Session* session, std::ostream* out)
      : options_(options),
        model_(model),
        train_(train),
        held_out_(held_out),
        session_(session),
        out_(*out) {}

  absl::Status Go() {
    ASSIGN_OR_RETURN(steps_per_epoch_,
                     StepsPerEpoch(train_.size(), options_.batch_size, options_.accum_iter,
                                   options_.step_every_micro_batch));
    micro_batches_per_epoch_ =
        std::min(steps_per_epoch_ * options_.accum_iter, train_.size() / options_.batch_size);
    const int64_t planned = steps_per_epoch_ * static_cast<int64_t>(options_.schedule.epochs);
    last_step_ = options_.steps < 0 ? planned : std::min(planned, options_.steps);
    ASSIGN_OR_RETURN(loader_, MakeLoader(train_, LoaderMode::kTrain));
    if (held_out_ != nullptr) {
      ASSIGN_OR_RETURN(eval_loader_, MakeLoader(*held_out_, LoaderMode::kEvaluate));
    }
    ASSIGN_OR_RETURN(MetricsWriter metrics, MetricsWriter::Create(options_.metrics_path));
    metrics_ = std::make_unique<MetricsWriter>(std::move(metrics));

    absl::Status status = Loop();
    if (!status.ok()) {
      status = graph::Annotate(status, absl::StrCat("after step ", step_));
      if (step_ == 0) return status;  // nothing learned, nothing to save
    }
    // The parameters are those of the last good step, whatever went wrong after.
    const absl::Status saved = Save();
    if (status.ok()) return saved;
    if (saved.ok()) return status;
    return graph::Annotate(status, absl::StrCat(saved.message(), "; before that"));
  }

 private:
  absl::StatusOr<std::unique_ptr<Loader>> MakeLoader(const Dataset& data, LoaderMode mode) {
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
    if (mode == LoaderMode::kTrain) {
      o.batches_per_epoch = micro_batches_per_epoch_;
      o.observer = options_.loader_observer;
    }
    o.on_bad_image = [this](const std::string& message) {
      out_ << "skipped an image: " << message << "\n";
    };
    return Loader::Create(&data, std::move(o));
  }

  absl::Status Loop() {
    start_ = interval_start_ = absl::Now();
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
      const absl::Time before = absl::Now();
      const int micro_batches = static_cast<int>(
          std::min<int64_t>(options_.accum_iter, micro_batches_per_epoch_ - in_epoch));
      ASSIGN_OR_RETURN(const StepResult result, session_->Step([this] { return NextBatch(); }, lr,
                                                               scheduled, micro_batches));
      ++step_;
      RETURN_IF_ERROR(Log(result, lr, micro_batches, absl::ToDoubleSeconds(absl::Now() - before)));
      if (options_.step_done) RETURN_IF_ERROR(options_.step_done());
      const bool epoch_ends = step_ % steps_per_epoch_ == 0;
      const bool asked = options_.eval_every > 0 && step_ % options_.eval_every == 0;
      const bool last = step_ == last_step_;
      const bool stopped = options_.stop != nullptr && options_.stop->load();
      // Evaluations can take longer than who stops a run is ready to wait.
      if (epoch_ends || stopped || last) RETURN_IF_ERROR(Save());
      if (epoch_ends || asked || stopped || last) {
        const bool all = options_.eval_every > 0 && (asked || last) && !stopped;
        const absl::Status status = Evaluate(all);
        if (!status.ok()) return graph::Annotate(status, "held-out images");
      }
      if (options_.vis_every > 0 && !stopped && (step_ % options_.vis_every == 0 || last)) {
        const absl::Time before = absl::Now();
        RETURN_IF_ERROR(options_.visualize(step_));
        interval_start_ += absl::Now() - before;
      }
      if (stopped) {
        out_ << "stopped by a signal\n";
        return absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<const Batch*> NextBatch() {
    if (options_.batch_asked) options_.batch_asked();
    absl::StatusOr<const Batch*> batch = loader_->Next();
    if (options_.batch_came) options_.batch_came();
    return batch;
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
    m.timing = {{"seconds", seconds}, {"images_per_s", images / seconds}};
    RETURN_IF_ERROR(metrics_->Write(m));

    interval_images_ += images;
    if (step_ % options_.print_every != 0 && step_ != 1 && step_ != last_step_) {
      return absl::OkStatus();
    }
    const absl::Time now = absl::Now();
    const double interval = absl::ToDoubleSeconds(now - interval_start_);
    const double waited = loader_->data_wait_seconds() - interval_wait_;
    const double elapsed = absl::ToDoubleSeconds(now - start_);
    const double eta =
        elapsed / static_cast<double>(step_) * static_cast<double>(last_step_ - step_);
    const int64_t in_epoch = (step_ - 1) % steps_per_epoch_ + 1;
    out_ << absl::StrFormat("epoch %d [%d/%d]  eta %s  loss %.4f", (step_ - 1) / steps_per_epoch_,
                            in_epoch, steps_per_epoch_, Duration(eta), result.loss);
    for (const auto& [name, value] : result.metrics) out_ << MetricText(name, value);
    out_ << absl::StrFormat("  lr %.3e  grad_norm %.3f (clipped %d)  %.0f images/s  data %.0f%%\n",
                            lr, result.grad_norm, result.clipped,
                            interval_images_ / std::max(interval, 1e-9),
                            100 * waited / std::max(interval, 1e-9));
    if (step_ == 1 && options_.launched != absl::InfinitePast()) {
      out_ << absl::StrFormat("first step %.1f s after launch\n",
                              absl::ToDoubleSeconds(now - options_.launched));
    }
    out_.flush();
    interval_start_ = now;
    interval_images_ = 0;
    interval_wait_ = loader_->data_wait_seconds();
    return absl::OkStatus();
  }

  // `all`: also_evaluate too.
  absl::Status Evaluate(bool all) {
    if (eval_loader_ == nullptr || evaluated_at_ == step_) return absl::OkStatus();
    evaluated_at_ = step_;
    const absl::Time before = absl::Now();
    const int64_t bad_before = eval_loader_->bad_images();
    ASSIGN_OR_RETURN(const std::vector<Session::Measured> measured,
                     session_->Evaluate(eval_loader_.get()));
    const std::vector<Evaluation> evaluations = model_.Evaluations();
    EvalMetrics m;
    m.epoch = Epochs();
    m.step = step_;
    m.chance = evaluations[0].chance;
    std::string line = absl::StrFormat("epoch %.2f  step %d  held out:", m.epoch, step_);
    for (size_t i = 0; i < evaluations.size(); ++i) {
      const double value = measured[i].value(), chance = evaluations[i].chance;
      m.values.emplace_back(evaluations[i].metric, value);
      line += MetricText(evaluations[i].metric, value);
      if (chance > 0) absl::StrAppendFormat(&line, " (%.1fx chance)", value / chance);
    }
    if (all && options_.also_evaluate) {
      ASSIGN_OR_RETURN(const MetricList more, options_.also_evaluate());
      for (const auto& [name, value] : more) {
        m.values.emplace_back(name, value);
        line += MetricText(name, value);
      }
    }
    const absl::Duration took = absl::Now() - before;
    m.timing = {{"seconds", absl::ToDoubleSeconds(took)}};
    out_ << line
         << absl::StrFormat("  %d images in %.1f s\n",
                            held_out_->size() - (eval_loader_->bad_images() - bad_before),
                            absl::ToDoubleSeconds(took));
    out_.flush();
    // An evaluation is not part of the training rate.
    interval_start_ += took;
    return metrics_->Write(m);
  }

  absl::Status Save() {
    if (saved_at_ == step_) return absl::OkStatus();
    std::map<std::string, std::string> metadata = options_.metadata;
    metadata["step"] = absl::StrCat(step_);
    metadata["epoch"] = absl::StrCat(Epochs());
    metadata["seed"] = absl::StrCat(options_.seed);
    metadata["format"] = "pt";  // what readers of PyTorch weights look for
    for (auto& [key, value] : metadata) {
      // Paths need not be UTF-8, metadata must.
      if (!IsAscii(value)) value = absl::CHexEscape(value);
    }
    RETURN_IF_ERROR(SaveParameters(options_.checkpoint_path, session_->parameters(),
                                   *session_->workspace(), metadata));
    saved_at_ = step_;
    out_ << "saved " << options_.checkpoint_path << " after step " << step_ << "\n";
    return absl::OkStatus();
  }

  const TrainerOptions& options_;
  const Model& model_;
  const Dataset& train_;
  const Dataset* held_out_;
  Session* session_;
  std::ostream& out_;

  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Loader> eval_loader_;
  std::unique_ptr<MetricsWriter> metrics_;
  int64_t steps_per_epoch_ = 0;
  int64_t micro_batches_per_epoch_ = 0;
  int64_t last_step_ = 0;
  int64_t step_ = 0;  // optimizer steps done
  int64_t evaluated_at_ = -1;
  int64_t saved_at_ = -1;
  absl::Time start_;
  absl::Time interval_start_;  // of the steps since the last progress line
  double interval_images_ = 0;
  double interval_wait_ = 0;
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
                   const Dataset* held_out, Session* session, std::ostream* out) {
  return Run(options, model, train, held_out, session, out).Go();
}

}  // namespace models
