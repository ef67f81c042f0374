// Keeps a net's update from happening, by the loss of the same run.
#ifndef MODELS_TRAINING_UPDATE_HOLD_H_
#define MODELS_TRAINING_UPDATE_HOLD_H_

#include <functional>
#include <string>
#include <utility>

#include "graph/runtime/executable.h"

namespace models {

// A hook that sees the loss as soon as it is computed, and may then make the factors of
// ClipFactors NaN: AdamW changes nothing (ops/adamw.h), and only the count of updates has moved
// (the owner puts that back), so that the same net can be run again on the same inputs.
class UpdateHold : public graph::TraceHook {
 public:
  // `hold` is asked once a run, with the value of the blob `loss`. `next` sees all that this
  // hook sees, and before it; may be null.
  UpdateHold(std::string loss, std::function<bool(double)> hold, graph::TraceHook* next)
      : loss_(std::move(loss)), hold_(std::move(hold)), next_(next) {}

  void BeforeOp(const graph::Net& net, graph::OpId op) override;
  void AfterOp(const graph::Net& net, graph::OpId op,
               absl::Span<const graph::Tensor> outputs) override;

  // Whether an update was kept from happening.
  bool held() const { return held_; }

 private:
  const std::string loss_;
  const std::function<bool(double)> hold_;
  graph::TraceHook* const next_;
  bool wanted_ = false;
  bool held_ = false;
};

// For a hook's AfterOp: when `op` makes the factors that every update is multiplied with,
// makes them NaN. Returns whether it does.
bool SpoilUpdate(const graph::Net& net, graph::OpId op, absl::Span<const graph::Tensor> outputs);

}  // namespace models

#endif  // MODELS_TRAINING_UPDATE_HOLD_H_
