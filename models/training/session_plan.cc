#include "models/training/session_plan.h"

#include <algorithm>
#include <cmath>

#include "graph/base/status.h"
#include "models/training/recompute.h"

namespace models {

std::vector<std::pair<MicroStep, const char*>> MicroSteps(const SessionOptions& options) {
  if (options.accum_iter == 1) return {{MicroStep::kWhole, "train"}};
  std::vector<std::pair<MicroStep, const char*>> steps = {{MicroStep::kFirst, "train_first"}};
  if (options.accum_iter > 2) steps.push_back({MicroStep::kMiddle, "train_middle"});
  steps.push_back({MicroStep::kLast, "train_last"});
  return steps;
}

absl::StatusOr<TrainingNet> BuildStep(const Model& model, const SessionOptions& options,
                                      MicroStep micro_step, const char* name) {
  return BuildTrainingNet(
      *options.compile.registry, model, options.recipe, options.recipe.batch_size, micro_step,
      options.accum_iter, name,
      options.step_every_micro_batch ? UpdateWhen::kMicroStep : UpdateWhen::kWindow);
}

MemoryNeeds Needs(const Model& model, const SessionOptions& options,
                  const std::vector<Parameter>& parameters,
                  const std::map<std::string, size_t>& bytes, size_t arena) {
  MemoryNeeds needs;
  const auto of = [&bytes](const std::string& name) {
    const auto it = bytes.find(name);
    return it == bytes.end() ? 0 : it->second;
  };
  size_t all = 0;
  for (const auto& [name, size] : bytes) all += size;
  for (const Parameter& p : parameters) {
    needs.parameters += of(p.name);
    needs.moments += of(FirstMomentName(p.name)) + of(SecondMomentName(p.name));
    needs.accumulators += of(AccumulatorName(p.name));
  }
  needs.other = all - needs.parameters - needs.moments - needs.accumulators;
  needs.arena = arena;
  needs.loader = static_cast<size_t>(options.loader_batches) *
                 static_cast<size_t>(options.recipe.batch_size) * 3 * sizeof(float) *
                 static_cast<size_t>(model.input_h()) * static_cast<size_t>(model.input_w());
  return needs;
}

absl::StatusOr<std::vector<graph::NetPlan>> PlanOthers(const SessionOptions& options) {
  std::vector<graph::NetPlan> plans;
  if (!options.other_nets) return plans;
  graph::CompileOptions compile = options.compile;
  compile.passes.dump = nullptr;
  ASSIGN_OR_RETURN(std::vector<graph::Net> nets, options.other_nets(options.recipe.batch_size));
  for (graph::Net& net : nets) {
    ASSIGN_OR_RETURN(graph::NetPlan plan, graph::PlanNet(std::move(net), compile));
    plans.push_back(std::move(plan));
  }
  return plans;
}

void AddLasting(const graph::Net& net, std::map<std::string, size_t>* bytes) {
  for (graph::BlobId b : net.inputs) (*bytes)[net.blob(b).name] = net.type(b).bytes();
  for (const graph::State& s : net.states) {
    (*bytes)[net.blob(s.entry).name] = net.type(s.entry).bytes();
  }
}

absl::StatusOr<SessionPlan> PlanSession(const Model& model, const SessionOptions& options) {
  graph::CompileOptions compile = options.compile;
  compile.passes.dump = nullptr;
  SessionPlan plan;
  std::map<std::string, size_t> bytes;
  size_t arena = 0;
  const auto add = [&](graph::Net net, std::vector<graph::NetPlan>* plans) -> absl::Status {
    ASSIGN_OR_RETURN(graph::NetPlan planned, graph::PlanNet(std::move(net), compile));
    AddLasting(planned.net, &bytes);
    arena = std::max(arena, planned.plan.arena_bytes);
    plans->push_back(std::move(planned));
    return absl::OkStatus();
  };
  for (const auto& [micro_step, name] : MicroSteps(options)) {
    ASSIGN_OR_RETURN(TrainingNet net, BuildStep(model, options, micro_step, name));
    plan.parameters = net.parameters;
    RETURN_IF_ERROR(add(std::move(net.net), &plan.steps));
  }
  const int evaluations = options.evaluations ? static_cast<int>(model.Evaluations().size()) : 0;
  for (int i = 0; i < evaluations; ++i) {
    ASSIGN_OR_RETURN(EvaluationNet net,
                     BuildEvaluationNet(*compile.registry, model, options.recipe.batch_size, i));
    RETURN_IF_ERROR(add(std::move(net.net), &plan.evaluations));
  }
  ASSIGN_OR_RETURN(plan.others, PlanOthers(options));
  for (const graph::NetPlan& other : plan.others) {
    AddLasting(other.net, &bytes);
    arena = std::max(arena, other.plan.arena_bytes);
  }
  plan.memory = Needs(model, options, plan.parameters, bytes, arena);
  return plan;
}

absl::StatusOr<int> LargestBatch(const Model& model, const SessionOptions& options,
                                 size_t available) {
  const auto needed = [&](int batch) -> absl::StatusOr<double> {
    SessionOptions at = options;
    at.recipe.batch_size = batch;
    ASSIGN_OR_RETURN(const SessionPlan plan, PlanSession(model, at));
    return static_cast<double>(plan.memory.total());
  };
  constexpr int kMost = 1 << 16;
  const double limit = static_cast<double>(available);
  int fits = 0, too_large = kMost + 1;  // known, or beyond what is asked
  int low = 1, high = 16;               // two points of the line
  ASSIGN_OR_RETURN(double at_low, needed(low));
  if (at_low > limit) return 0;
  fits = 1;
  ASSIGN_OR_RETURN(double at_high, needed(high));
  for (int tries = 0; tries < 5; ++tries) {
    if (at_high <= limit) fits = std::max(fits, high);
    if (at_high > limit) too_large = std::min(too_large, high);
    const double slope = (at_high - at_low) / (high - low);
    const double guess = slope <= 0 ? kMost : std::floor(low + (limit - at_low) / slope);
    const int next = static_cast<int>(
        std::min<double>(std::max<double>(guess, fits + 1), std::min(too_large - 1, kMost)));
    if (too_large <= fits + 1 || next <= fits) break;
    if (fits == high) {
      low = high;
      at_low = at_high;
    }
    high = next;
    ASSIGN_OR_RETURN(at_high, needed(high));
  }
  if (at_high <= limit) fits = std::max(fits, high);
  return fits;
}

absl::Status ExplainShortage(const Model& model, const SessionOptions& options, size_t available) {
  ASSIGN_OR_RETURN(const SessionPlan plan, PlanSession(model, options));
  if (plan.memory.total() <= available) return absl::OkStatus();  // that is not why
  MemoryAdvice advice;
  ASSIGN_OR_RETURN(advice.batch_size, LargestBatch(model, options, available));
  const graph::PipelineOptions& passes = options.compile.passes;
  const bool can_recompute = passes.enabled && passes.disabled.count("recompute") == 0;
  advice.recompute_left = can_recompute && passes.recompute_segment == nullptr;
  if (can_recompute) {
    SessionOptions recompute = options;
    ASSIGN_OR_RETURN(recompute.compile.passes.recompute_segment, RecomputeSegments("block"));
    ASSIGN_OR_RETURN(const SessionPlan smaller, PlanSession(model, recompute));
    advice.recompute_fits = smaller.memory.total() <= available;
  }
  return DoesNotFit(plan.memory, available, options.recipe.batch_size, advice);
}

}  // namespace models
