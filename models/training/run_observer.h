// What others see of a run, and what they add to it.
#ifndef MODELS_TRAINING_RUN_OBSERVER_H_
#define MODELS_TRAINING_RUN_OBSERVER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "models/data/loader.h"
#include "models/training/metrics.h"

namespace models {

// A PNG file of what a run has learned so far.
struct Picture {
  std::string path;  // empty: there is none
  std::string tag;   // TensorBoard's name for all pictures of its kind: "heldout/positions"
  std::string shows;
};

// Everything is called by the thread that trains, in the order of the run's observers.
class RunObserver {
 public:
  virtual ~RunObserver() = default;

  // Around the taking of each batch of training images.
  virtual void OnBatchAsked() {}
  virtual void OnBatch() {}
  // A step is complete, its line is in metrics.jsonl, and a checkpoint would have it. A resume
  // from this step drops what is logged here.
  virtual void OnStep(const TrainMetrics& /*metrics*/) {}

  // Further numbers of an evaluation, for its line of metrics.jsonl: asked after each eval_every
  // steps and, where these are given, at the end of the run. CANCELLED where the run's `stop`
  // broke it off; any other error ends the run.
  virtual absl::StatusOr<MetricList> Evaluate() { return MetricList(); }
  // The line is there.
  virtual void OnEvaluation(const EvalMetrics& /*metrics*/) {}

  // Draws what is to be seen after `step`, if anything. An error is a line in the log, and the run
  // goes on.
  virtual absl::StatusOr<Picture> Draw(int64_t /*step*/) { return Picture(); }
  // Some observer has drawn it.
  virtual void OnPicture(int64_t /*step*/, const Picture& /*picture*/) {}

  // Called before a checkpoint is saved: everything received so far must reach the disk first.
  virtual void OnSave() {}

  // Observes the loader of the training images: that of the first observer that has one.
  virtual LoaderObserver* loader_observer() { return nullptr; }
};

}  // namespace models

#endif  // MODELS_TRAINING_RUN_OBSERVER_H_
