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
#include "models/training/step_shape.h"
#include "models/zoo/config.h"

namespace models {

// Names of the optimizer's state. m, v and the accumulated gradient belong to
// one parameter each; they are zero at start, which is how a workspace makes them.
std::string FirstMomentName(const std::string& parameter);   // "adam_m/<parameter>"
std::string SecondMomentName(const std::string& parameter);  // "adam_v/<parameter>"
std::string AccumulatorName(const std::string& parameter);   // "accum/<parameter>"
inline constexpr char kStepState[] = "optimizer/step";       // i32 {1}, updates done
// The losses of an accumulation window of n > 1 micro-batches so far, f32 {n}, the last n of them.
inline constexpr char kWindowLosses[] = "window/losses";
// Input f32 {1} of a net that updates: it does so when the mean loss of the window is not above
// this. Infinity: always; -infinity: never. It must be fed: zero allows hardly any update. A net
// without it does not update.
inline constexpr char kLossLimit[] = "loss_limit";

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
  // Outputs: the loss, the model's metrics, and, where the net updates,
  // "grad_norm" (global, before clipping), "clipped" (parameters clipped) and "applied"
  // (whether the update happened; ops/clip_factors.h).
  std::string loss;
  std::vector<NetMetric> metrics;
};

// Inputs: the model's, and `lr` {1} and kLossLimit where the net updates.
absl::StatusOr<TrainingNet> BuildTrainingNet(const graph::SchemaRegistry& registry,
                                             const Model& model, const RecipeConfig& recipe,
                                             int batch, MicroStep micro_step, int accum_iter,
                                             const std::string& net_name = "train",
                                             UpdateWhen update_when = UpdateWhen::kWindow);

// The update of every trainable parameter from its gradient blob, in the order
// of `parameters`: norms, clip factors, AdamW (Loshchilov & Hutter 2019, as
// torch.optim.AdamW), step counter. Whether it happens hangs on `losses` (k), the gradients' own,
// and the input kLossLimit. Its operators are of the update phase; those that concern one
// parameter are of the part that has its name. Used by BuildTrainingNet and check_parity.
struct UpdateBlobs {
  graph::BlobId grad_norm, clipped, applied;
  graph::BlobId factors;             // one for each parameter
  std::vector<graph::BlobId> norms;  // {1} each
};
UpdateBlobs AppendUpdate(graph::NetBuilder* builder, const std::vector<Parameter>& parameters,
                         const std::vector<graph::BlobId>& gradients, graph::BlobId losses,
                         const RecipeConfig& recipe, graph::BlobId lr);

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
