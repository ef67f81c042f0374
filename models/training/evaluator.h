// Evaluates a run's model on held-out images, and has its observers draw, between steps.
#ifndef MODELS_TRAINING_EVALUATOR_H_
#define MODELS_TRAINING_EVALUATOR_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "models/data/dataset.h"
#include "models/data/loader.h"
#include "models/training/run_context.h"

namespace models {

class Evaluator {
 public:
  // `run` must outlive it, and so must `held_out`; null: nothing is evaluated.
  Evaluator(RunContext* run, const Dataset* held_out) : run_(*run), held_out_(held_out) {}
  // Makes the loader. Once, before the next.
  absl::Status Prepare();

  // Evaluates and draws what is due after `step`. Changes nothing that a step depends on, so a
  // resumed run does it again. CANCELLED where the run's `stop` broke it off.
  absl::Status EvaluateAndDraw(int64_t step);
  // What that measured first, if it is an accuracy.
  const absl::optional<double>& accuracy() const { return accuracy_; }

 private:
  // `all`: with what the observers measure.
  absl::Status Evaluate(int64_t step, bool all);
  absl::Status Draw(int64_t step);

  RunContext& run_;
  const Dataset* const held_out_;
  std::unique_ptr<Loader> loader_;
  absl::optional<double> accuracy_;
  // Messages about held-out images, each said once.
  std::set<std::string> named_;
};

}  // namespace models

#endif  // MODELS_TRAINING_EVALUATOR_H_
