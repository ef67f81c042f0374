// The optimizer of a run: what its gradients do to the parameters, and what is kept for that from
// step to step. Another one is another function that returns an OptimizerSpec.
#ifndef MODELS_TRAINING_OPTIMIZER_H_
#define MODELS_TRAINING_OPTIMIZER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "graph/schema/builder.h"
#include "models/layers/model_builder.h"
#include "models/zoo/config.h"

namespace models {

// Names of its states, which are zero at start, as a workspace makes them.
inline constexpr char kStepState[] = "optimizer/step";       // i32 {1}, updates done
std::string FirstMomentName(const std::string& parameter);   // "adam_m/<parameter>"
std::string SecondMomentName(const std::string& parameter);  // "adam_v/<parameter>"
std::string MomentumName(const std::string& parameter);      // "momentum/<parameter>"
// Input f32 {1} of a net that updates: it does so when the mean loss of the window is not above
// this. Infinity: always; -infinity: never. It must be fed: zero allows hardly any update.
inline constexpr char kLossLimit[] = "loss_limit";

// What the update of one parameter may read. Where `applied` is 0, it must leave the parameter and
// its states bit for bit as they were: AdamW and Lars do by the factors, which are NaN then, others
// by Commit (ops/commit.h).
struct UpdateInputs {
  graph::BlobId lr;       // f32 {1}, before the parameter's own scale
  graph::BlobId factors;  // f32 (n): what ClipFactors says the gradients are multiplied with
  int64_t index;          // of this parameter in `factors`
  graph::BlobId applied;  // i32 {1}: whether the step is to change anything
  graph::BlobId step;     // i32 {1}: updates done, with this one if it is applied
  graph::BlobId w, g;     // the parameter at entry, and its gradient
};

struct OptimizerSpec {
  double clip_grad = 0;      // largest norm of a gradient; 0: no clipping
  bool clip_global = false;  // of all gradients together, instead of each parameter's by itself
  // Appends the update of one parameter and sets its exit and those of its states, whose names it
  // returns. They are zero at start, and saved and restored with the run.
  std::function<std::vector<std::string>(graph::NetBuilder*, const Parameter&, const UpdateInputs&)>
      append;
};

// As torch.optim.AdamW (Loshchilov and Hutter, 2019), with the recipe's numbers.
OptimizerSpec AdamW(const RecipeConfig& recipe);

// LARS as MAE trains linear probes with (ops/lars.h), with the recipe's decay and clipping,
// momentum 0.9 and trust 0.001.
OptimizerSpec Lars(const RecipeConfig& recipe);

// The update of every parameter in `parameters`, all of them trained, from its gradient blob:
// norms, clip factors, step counter, and what the optimizer appends. Whether it happens hangs on
// `losses` (k) and the input kLossLimit. Operators of one parameter are of the part of its name.
struct UpdateBlobs {
  graph::BlobId grad_norm, clipped, applied;
  graph::BlobId factors;            // one for each parameter
  std::vector<std::string> states;  // by name: the counter of updates, and the optimizer's
};
UpdateBlobs AppendUpdate(graph::NetBuilder* builder, const std::vector<Parameter>& parameters,
                         const std::vector<graph::BlobId>& gradients, graph::BlobId losses,
                         const OptimizerSpec& optimizer, graph::BlobId lr);

}  // namespace models

#endif  // MODELS_TRAINING_OPTIMIZER_H_
