#include "models/training/nets.h"

#include "graph/autodiff/autodiff.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "graph/schema/builder.h"

namespace models {

using graph::BlobId;
using graph::DType;
using graph::NetBuilder;
using graph::Phase;

namespace {

std::string Name(const NetBuilder& builder, BlobId blob) {
  return builder.status().ok() ? builder.net().blob(blob).name : "";
}

// Gradient plus what the window has accumulated so far.
std::vector<BlobId> AddAccumulated(NetBuilder* builder, const std::vector<Parameter>& parameters,
                                   const std::vector<BlobId>& gradients) {
  std::vector<BlobId> sums;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string name = AccumulatorName(parameters[i].name);
    const BlobId so_far = builder->State(name, parameters[i].type);
    const NetBuilder::Scope scope(builder, Phase::kUpdate, parameters[i].name);
    sums.push_back(builder->Op("Add", name, {so_far, gradients[i]}));
  }
  return sums;
}

std::vector<BlobId> Clip(NetBuilder* builder, const std::vector<Parameter>& parameters,
                         const std::vector<BlobId>& gradients, BlobId factors) {
  std::vector<BlobId> clipped;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const NetBuilder::Scope scope(builder, Phase::kUpdate, parameters[i].name);
    clipped.push_back(builder->Op("Scale", "clip/" + parameters[i].name, {gradients[i], factors},
                                  {{"index", static_cast<int64_t>(i)}}));
  }
  return clipped;
}

// What becomes of the buffers; `applied` is kNone in a net that does not update.
absl::Status SetBuffers(NetBuilder* builder, const ModelBuilder& model, BlobId applied) {
  for (const Parameter& p : model.parameters()) {
    if (p.spec.kind != ParameterKind::kBuffer) continue;
    const auto value = model.buffer_values().find(p.name);
    if (value == model.buffer_values().end()) {
      return graph::InvalidArgument("the model updates its buffer '", p.name,
                                    "' nowhere in training (ModelBuilder::UpdateBuffer)");
    }
    if (applied == graph::kNone) {
      builder->SetExit(builder->State(kWindowScope + p.name, p.type), value->second);
      continue;
    }
    const BlobId state = builder->State(p.name, p.type);
    const NetBuilder::Scope scope(builder, Phase::kUpdate, p.name);
    builder->SetExit(state,
                     builder->Op("Commit", "commit/" + p.name, {applied, state, value->second}));
  }
  return absl::OkStatus();
}

}  // namespace

std::string AccumulatorName(const std::string& parameter) { return "accum/" + parameter; }

absl::StatusOr<TrainingNet> BuildTrainingNet(const graph::SchemaRegistry& registry,
                                             const Model& model, const OptimizerSpec& optimizer,
                                             int batch, MicroStep micro_step, int accum_iter,
                                             const std::string& net_name, UpdateWhen update_when) {
  TrainingNet result;
  NetBuilder builder(&registry, net_name);
  const bool window_goes_on = micro_step == MicroStep::kFirst || micro_step == MicroStep::kMiddle;
  const bool updates = !window_goes_on || update_when == UpdateWhen::kMicroStep;
  const bool window_began = micro_step == MicroStep::kMiddle || micro_step == MicroStep::kLast;
  // Until the window's update, its micro-batches move copies of the buffers.
  const bool copies = window_began && update_when == UpdateWhen::kWindow;
  ModelBuilder model_builder(&builder, DType::kF32, copies ? kWindowScope : "");
  const ForwardOutputs forward = model.BuildTraining(&model_builder, batch);
  RETURN_IF_ERROR(builder.status());
  result.parameters = model_builder.parameters();
  result.loss = Name(builder, forward.loss);
  builder.Output(forward.loss);
  for (const MetricSpec& metric : forward.metrics) {
    result.metrics.push_back({metric.name, Name(builder, metric.blob), metric.unit});
    builder.Output(metric.blob);
  }

  std::vector<Parameter> trainable;
  std::vector<BlobId> weights;
  for (const Parameter& p : result.parameters) {
    if (!p.trained()) continue;
    trainable.push_back(p);
    weights.push_back(builder.State(p.name, p.type));
  }
  ASSIGN_OR_RETURN(
      std::vector<BlobId> gradients,
      graph::Differentiate(&builder, forward.loss, weights, 1.0f / static_cast<float>(accum_iter)));
  if (window_began) {
    gradients = AddAccumulated(&builder, trainable, gradients);
  }
  BlobId losses = forward.loss;
  if (micro_step != MicroStep::kWhole) {
    const BlobId so_far = builder.State(kWindowLosses, {DType::kF32, {accum_iter}});
    const NetBuilder::Scope scope(&builder, Phase::kUpdate);
    const BlobId window = builder.Op("AppendToWindow", kWindowLosses, {so_far, forward.loss});
    // The last net leaves the state as it was, so that it can be run again.
    if (window_goes_on) builder.SetExit(so_far, window);
    if (!window_goes_on) losses = window;
  }
  std::vector<BlobId> kept = gradients;
  BlobId applied = graph::kNone;
  if (updates) {
    const BlobId lr = builder.Input("lr", {DType::kF32, {1}});
    UpdateBlobs update = AppendUpdate(&builder, trainable, gradients, losses, optimizer, lr);
    RETURN_IF_ERROR(builder.status());
    applied = update.applied;
    result.optimizer_state = std::move(update.states);
    builder.Rename(update.grad_norm, "grad_norm");
    builder.Rename(update.clipped, "clipped");
    builder.Rename(update.applied, "applied");
    builder.Output(update.grad_norm);
    builder.Output(update.clipped);
    builder.Output(update.applied);
    if (window_goes_on && optimizer.clip_grad > 0) {
      kept = Clip(&builder, trainable, gradients, update.factors);
    }
  }
  if (window_goes_on) {
    for (size_t i = 0; i < trainable.size(); ++i) {
      builder.SetExit(builder.State(AccumulatorName(trainable[i].name), trainable[i].type),
                      kept[i]);
    }
  }
  RETURN_IF_ERROR(SetBuffers(&builder, model_builder, applied));
  ASSIGN_OR_RETURN(result.net, builder.Finish());
  return result;
}

absl::StatusOr<EvaluationNet> BuildEvaluationNet(const graph::SchemaRegistry& registry,
                                                 const Model& model, int batch, int evaluation) {
  EvaluationNet result;
  NetBuilder builder(&registry, model.Evaluations()[evaluation].net_name);
  ModelBuilder model_builder(&builder);
  const EvaluationOutputs outputs = model.BuildEvaluation(&model_builder, batch, evaluation);
  RETURN_IF_ERROR(builder.status());
  for (const auto& [blob, name] : {std::make_pair(outputs.correct, &result.correct),
                                   std::make_pair(outputs.scored, &result.scored),
                                   std::make_pair(outputs.value, &result.value)}) {
    if (blob == graph::kNone) continue;
    *name = Name(builder, blob);
    builder.Output(blob);
  }
  ASSIGN_OR_RETURN(result.net, builder.Finish());
  return result;
}

absl::StatusOr<graph::Net> BuildInitNet(const graph::SchemaRegistry& registry,
                                        const std::vector<Parameter>& parameters, uint64_t seed) {
  NetBuilder builder(&registry, "init");
  for (const Parameter& p : parameters) {
    const bool constant = p.init.kind == "constant";
    const std::string type = constant ? "ConstantFill" : "XavierFill";
    graph::Attrs attrs;
    attrs["shape"] = std::vector<int64_t>(p.type.shape.begin(), p.type.shape.end());
    attrs["dtype"] = std::string(graph::DTypeName(p.type.dtype));
    attrs["value"] = p.init.value;
    if (!constant) {
      attrs["initializer"] = p.init.kind;
      attrs["seed"] = static_cast<int64_t>(graph::MixKeys(seed, graph::HashName(p.name)));
      attrs["fan_in"] = p.init.fan_in;
      attrs["fan_out"] = p.init.fan_out;
      attrs["grid"] = p.init.grid;
    }
    const NetBuilder::Scope scope(&builder, Phase::kForward, p.name);
    const BlobId value = builder.Op(type, "init/" + p.name, {}, std::move(attrs));
    builder.SetExit(builder.State(p.name, p.type), value);
  }
  return builder.Finish();
}

}  // namespace models
