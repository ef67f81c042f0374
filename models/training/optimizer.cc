#include "models/training/optimizer.h"

#include "ops/adamw.h"
#include "ops/clip_factors.h"
#include "ops/lars.h"

namespace models {

using graph::BlobId;
using graph::DType;
using graph::NetBuilder;
using graph::Phase;

namespace {

float WeightDecay(const RecipeConfig& recipe, const Parameter& p) {
  return static_cast<float>(p.decays() ? recipe.weight_decay : 0);
}

}  // namespace

std::string FirstMomentName(const std::string& parameter) { return "adam_m/" + parameter; }
std::string SecondMomentName(const std::string& parameter) { return "adam_v/" + parameter; }
std::string MomentumName(const std::string& parameter) { return "momentum/" + parameter; }

OptimizerSpec AdamW(const RecipeConfig& recipe) {
  const auto append = [recipe](NetBuilder* builder, const Parameter& p, const UpdateInputs& in) {
    using Args = ops::AdamWArgs;
    const std::vector<std::string> states = {FirstMomentName(p.name), SecondMomentName(p.name)};
    const BlobId m = builder->State(states[0], p.type), v = builder->State(states[1], p.type);
    const std::vector<BlobId> updated =
        builder->OpN("AdamW", "adamw/" + p.name, {in.lr, in.factors, in.step, in.w, in.g, m, v},
                     {{"beta1", static_cast<float>(recipe.beta1)},
                      {"beta2", static_cast<float>(recipe.beta2)},
                      {"eps", static_cast<float>(recipe.adam_eps)},
                      {"indices", std::vector<int64_t>{in.index}},
                      {"lr_scales", std::vector<float>{p.spec.lr_scale}},
                      {"weight_decays", std::vector<float>{WeightDecay(recipe, p)}}});
    builder->SetExit(in.w, updated[Args::kNewW]);
    builder->SetExit(m, updated[Args::kNewM]);
    builder->SetExit(v, updated[Args::kNewV]);
    return states;
  };
  return {recipe.clip_grad, recipe.clip_global, append};
}

OptimizerSpec Lars(const RecipeConfig& recipe) {
  const auto append = [recipe](NetBuilder* builder, const Parameter& p, const UpdateInputs& in) {
    using Args = ops::LarsArgs;
    const std::string state = MomentumName(p.name);
    const BlobId m = builder->State(state, p.type);
    const std::vector<BlobId> updated =
        builder->OpN("Lars", "lars/" + p.name, {in.lr, in.factors, in.w, in.g, m},
                     {{"momentum", 0.9f},
                      {"trust", 0.001f},
                      {"indices", std::vector<int64_t>{in.index}},
                      {"lr_scales", std::vector<float>{p.spec.lr_scale}},
                      {"weight_decays", std::vector<float>{WeightDecay(recipe, p)}}});
    builder->SetExit(in.w, updated[Args::kNewW]);
    builder->SetExit(m, updated[Args::kNewM]);
    return std::vector<std::string>{state};
  };
  return {recipe.clip_grad, recipe.clip_global, append};
}

UpdateBlobs AppendUpdate(NetBuilder* builder, const std::vector<Parameter>& parameters,
                         const std::vector<BlobId>& gradients, BlobId losses,
                         const OptimizerSpec& optimizer, BlobId lr) {
  using Args = ops::ClipFactorsArgs;
  UpdateBlobs blobs;
  const NetBuilder::Scope update(builder, Phase::kUpdate);
  std::vector<BlobId> judged = {losses, builder->Input(kLossLimit, {DType::kF32, {1}})};
  for (size_t i = 0; i < parameters.size(); ++i) {
    const NetBuilder::Scope scope(builder, Phase::kUpdate, parameters[i].name);
    judged.push_back(builder->Op("GradNorm", "grad_norm/" + parameters[i].name, {gradients[i]}));
  }
  const std::vector<BlobId> clip =
      builder->OpN("ClipFactors", "clip", judged,
                   {{"max_norm", static_cast<float>(optimizer.clip_grad)},
                    {"mode", std::string(optimizer.clip_global ? "global" : "parameter")}});
  blobs.factors = clip[Args::kFactors];
  blobs.grad_norm = clip[Args::kGlobalNorm];
  blobs.clipped = clip[Args::kClipped];
  blobs.applied = clip[Args::kApplied];
  const BlobId step_before = builder->State(kStepState, {DType::kI32, {1}});
  const BlobId step = builder->Op("Increment", kStepState, {step_before, blobs.applied});
  builder->SetExit(step_before, step);
  blobs.states = {kStepState};
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    const NetBuilder::Scope scope(builder, Phase::kUpdate, p.name);
    const std::vector<std::string> states =
        optimizer.append(builder, p,
                         {lr, blobs.factors, static_cast<int64_t>(i), blobs.applied, step,
                          builder->State(p.name, p.type), gradients[i]});
    blobs.states.insert(blobs.states.end(), states.begin(), states.end());
  }
  return blobs;
}

}  // namespace models
