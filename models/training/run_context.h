// What the parts of one run (trainer.cc, saver.h, evaluator.h) share.
#ifndef MODELS_TRAINING_RUN_CONTEXT_H_
#define MODELS_TRAINING_RUN_CONTEXT_H_

#include <chrono>
#include <memory>
#include <new>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "models/data/loader.h"
#include "models/layers/model.h"
#include "models/training/metrics.h"
#include "models/training/progress.h"
#include "models/training/run_log.h"
#include "models/training/run_observer.h"
#include "models/training/session.h"
#include "models/training/step_shape.h"
#include "models/training/trainer.h"
#include "models/training/watchdog.h"

namespace models {

struct RunContext {
  using Time = std::chrono::steady_clock::time_point;

  RunContext(const TrainerOptions& o, const Model& m, Session* s, RunLog* l)
      : options(o),
        model(m),
        session(s),
        log(*l),
        progress(l, {o.print_every, o.launched, o.now}),
        watchdog({o.watchdog_seconds, [l](const std::string& line) { l->Line(line); }, {}}) {}

  const StepShape& step() const { return session->options().step; }
  double SecondsSince(Time before) const {
    return std::chrono::duration<double>(options.now() - before).count();
  }
  LoaderOptions MakeLoaderOptions(LoaderMode mode) const {
    LoaderOptions o = options.loader;
    o.mode = mode;
    o.batch_size = step().micro_batch;
    o.input_height = model.input_h();
    o.input_width = model.input_w();
    o.seed = step().seed;
    return o;
  }
  // `next` hears the loader of `images`, too; may be null.
  LoaderObserver* Watched(const Dataset* images, LoaderObserver* next) {
    return options.watchdog_seconds > 0 ? watchdog.Observe(images, next) : next;
  }

  const TrainerOptions& options;
  const Model& model;
  Session* const session;
  RunLog& log;
  Progress progress;
  Watchdog watchdog;
  EpochPlan epochs;
  int64_t last_step = 0;
  std::unique_ptr<MetricsWriter> metrics;
};

// What `does` returns, or an error where memory ran out in it: hours into a run that is no
// reason to lose what was learned.
inline absl::Status OrOutOfMemory(absl::FunctionRef<absl::Status()> does) {
  try {
    return does();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        "out of memory: other programs have it, or a limit (ulimit -v, a container's) forbids "
        "more; free some, or lower --num_workers");
  }
}

}  // namespace models

#endif  // MODELS_TRAINING_RUN_CONTEXT_H_
