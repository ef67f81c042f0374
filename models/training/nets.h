// The nets of a training run, made from a model's forward pass: initialisation,
// training (whole, or split over an accumulation window), evaluation.
#ifndef MODELS_TRAINING_NETS_H_
#define MODELS_TRAINING_NETS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/ir/net.h"
#include "graph/schema/schema.h"
#include "models/layers/model.h"
#include "models/layers/model_builder.h"
#include "models/training/optimizer.h"
#include "models/training/step_shape.h"

namespace models {

// States of an accumulation window, which is over when a step is. The accumulated gradient of
// each trained parameter:
std::string AccumulatorName(const std::string& parameter);  // "accum/<parameter>"
// Before a buffer's name: its value as the window has moved it so far.
inline constexpr char kWindowScope[] = "window_buffer/";
// The losses of an accumulation window of n > 1 micro-batches so far, f32 {n}, the last n of them.
inline constexpr char kWindowLosses[] = "window/losses";

// Where in an accumulation window of n micro-batches a net stands. The window's
// gradient is that of the mean of its losses, and it is clipped and applied once,
// unless UpdateWhen says otherwise.
enum class MicroStep {
  kWhole,   // n = 1: forward, backward, update
  kFirst,   // accum = gradient / n
  kMiddle,  // accum = accum + gradient / n
  kLast,    // update with accum + gradient / n
};

// A MetricSpec in a net: `blob` is an output's name.
struct NetMetric {
  std::string name, blob;
  Unit unit = Unit::kNumber;
};

// A net and what belongs to it.
struct TrainingNet {
  graph::Net net;
  std::vector<Parameter> parameters;
  std::vector<std::string> optimizer_state;  // UpdateBlobs::states; empty where it does not update
  // Outputs: the loss, the model's metrics, and, where the net updates,
  // "grad_norm" (global, before clipping), "clipped" (parameters clipped) and "applied"
  // (whether the update happened; ops/clip_factors.h).
  std::string loss;
  std::vector<NetMetric> metrics;
};

// Inputs: the model's, and `lr` {1} and kLossLimit where the net updates.
//
// A buffer moves with each micro-batch, as PyTorch's do. A window moves a copy, which becomes the
// state when the update is applied: a step that is held back or not finite can be run again.
absl::StatusOr<TrainingNet> BuildTrainingNet(const graph::SchemaRegistry& registry,
                                             const Model& model, const OptimizerSpec& optimizer,
                                             int batch, MicroStep micro_step, int accum_iter,
                                             const std::string& net_name = "train",
                                             UpdateWhen update_when = UpdateWhen::kWindow);

struct EvaluationNet {
  graph::Net net;
  std::string correct;
  std::string scored;  // empty: one question an image
  std::string value;   // not empty: a number an image, instead of the two
};
absl::StatusOr<EvaluationNet> BuildEvaluationNet(const graph::SchemaRegistry& registry,
                                                 const Model& model, int batch, int evaluation);

// Sets every parameter: one XavierFill or ConstantFill each, whose random
// numbers are keyed by (seed, parameter name), so they do not depend on order.
absl::StatusOr<graph::Net> BuildInitNet(const graph::SchemaRegistry& registry,
                                        const std::vector<Parameter>& parameters, uint64_t seed);

}  // namespace models

#endif  // MODELS_TRAINING_NETS_H_
