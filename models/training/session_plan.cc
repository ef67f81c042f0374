#include "models/training/session_plan.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/training/forward_net.h"
#include "models/training/recompute.h"

namespace models {
namespace {

// The nets of a window, in order of use, and their names.
std::vector<std::pair<MicroStep, const char*>> MicroSteps(const SessionOptions& options) {
  if (options.step.micro_batches == 1) return {{MicroStep::kWhole, "train"}};
  std::vector<std::pair<MicroStep, const char*>> steps = {{MicroStep::kFirst, "train_first"}};
  if (options.step.micro_batches > 2) steps.push_back({MicroStep::kMiddle, "train_middle"});
  steps.push_back({MicroStep::kLast, "train_last"});
  return steps;
}

absl::StatusOr<TrainingNet> BuildStep(const Model& model, const SessionOptions& options,
                                      MicroStep micro_step, const char* name) {
  return BuildTrainingNet(*options.compile.registry, model, options.optimizer(options.recipe),
                          options.step.micro_batch, micro_step, options.step.micro_batches, name,
                          options.step.update_when);
}

// What lives from run to run.
class Lasting {
 public:
  void Add(const graph::Net& net) {
    for (const graph::State& s : net.states) {
      states_[net.blob(s.entry).name] = net.type(s.entry).bytes();
    }
    // As InputSlot::Fits() decides whether the net has inputs of its own.
    std::map<std::string, graph::TensorType> inputs = inputs_;
    size_t bytes = 0;
    bool fits = true;
    for (graph::BlobId b : net.inputs) {
      bytes += net.type(b).bytes();
      fits &= inputs.emplace(net.blob(b).name, net.type(b)).first->second == net.type(b);
    }
    if (fits) {
      inputs_ = std::move(inputs);
    } else {
      own_inputs_ += bytes;
    }
  }

  // `batches`: that the session's inputs are kept for.
  MemoryNeeds Needs(const std::vector<Parameter>& parameters,
                    const std::vector<std::string>& optimizer_state, int batches) const {
    MemoryNeeds needs;
    size_t all = own_inputs_;
    for (const char* name : kBatchInputs) {
      const auto input = inputs_.find(name);
      if (input != inputs_.end()) all += static_cast<size_t>(batches - 1) * input->second.bytes();
    }
    for (const auto& [name, type] : inputs_) all += type.bytes();
    for (const auto& [name, bytes] : states_) all += bytes;
    for (const Parameter& p : parameters) {
      needs.parameters += Of(p.name);
      needs.accumulators += Of(AccumulatorName(p.name));
    }
    for (const std::string& name : optimizer_state) needs.optimizer += Of(name);
    needs.other = all - needs.parameters - needs.optimizer - needs.accumulators;
    return needs;
  }

 private:
  size_t Of(const std::string& name) const {
    const auto it = states_.find(name);
    return it == states_.end() ? 0 : it->second;
  }

  std::map<std::string, size_t> states_;
  std::map<std::string, graph::TensorType> inputs_;  // of the session's slot
  size_t own_inputs_ = 0;                            // bytes of the other slots
};

// For plans of which only the memory is asked.
SessionOptions ToEstimate(const SessionOptions& options) {
  SessionOptions estimate = options;
  estimate.dump = nullptr;
  const graph::Backend& backend = *options.compile.backend;
  if (backend.estimator != nullptr) estimate.compile.backend = backend.estimator.get();
  return estimate;
}

double MiB(size_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

}  // namespace

absl::StatusOr<SessionPlan> PlanSession(const Model& model, const SessionOptions& options) {
  graph::CompileOptions compile = options.compile;
  compile.passes.dump = options.dump;
  SessionPlan plan;
  Lasting lasting;
  size_t arena = 0;
  const auto add = [&](graph::Net net, std::vector<graph::Prepared>* nets) -> absl::Status {
    ASSIGN_OR_RETURN(graph::Prepared prepared, graph::Prepare(std::move(net), compile));
    lasting.Add(prepared.net);
    arena = std::max(arena, prepared.plan.arena_bytes);
    nets->push_back(std::move(prepared));
    return absl::OkStatus();
  };
  for (const auto& [micro_step, name] : MicroSteps(options)) {
    ASSIGN_OR_RETURN(TrainingNet net, BuildStep(model, options, micro_step, name));
    RETURN_IF_ERROR(add(std::move(net.net), &plan.steps));
    plan.parameters = std::move(net.parameters);
    plan.optimizer_state = std::move(net.optimizer_state);
    plan.loss = std::move(net.loss);
    plan.metrics = std::move(net.metrics);
  }
  const int evaluations = options.evaluations ? static_cast<int>(model.Evaluations().size()) : 0;
  for (int i = 0; i < evaluations; ++i) {
    ASSIGN_OR_RETURN(EvaluationNet net,
                     BuildEvaluationNet(*compile.registry, model, options.step.micro_batch, i));
    RETURN_IF_ERROR(add(std::move(net.net), &plan.evaluations));
    plan.evaluation_blobs.push_back(std::move(net));
  }
  if (options.other_nets) {
    compile.passes.dump = nullptr;
    ASSIGN_OR_RETURN(std::vector<graph::Net> nets, options.other_nets(options.step.micro_batch));
    for (graph::Net& net : nets) RETURN_IF_ERROR(add(std::move(net), &plan.others));
  }
  // The window's last net does everything a micro-step does, and the update.
  plan.flops_per_image =
      static_cast<double>(compile.registry->NetCost(plan.steps.back().net).flops) /
      options.step.micro_batch;
  const bool on_host = compile.backend->device->host_accessible();
  // Elsewhere the next batch is copied beside the one in use (Session::Step).
  plan.memory = lasting.Needs(plan.parameters, plan.optimizer_state, on_host ? 1 : 2);
  plan.memory.arena = arena;
  size_t& batches = on_host ? plan.memory.loader : plan.memory.host;
  batches = static_cast<size_t>(options.loader_batches) *
            static_cast<size_t>(options.step.micro_batch) * sizeof(float) *
            static_cast<size_t>(model.channels()) * static_cast<size_t>(model.input_h()) *
            static_cast<size_t>(model.input_w());
  return plan;
}

absl::StatusOr<int> LargestBatch(const Model& model, const SessionOptions& options,
                                 size_t available) {
  const auto needed = [&](int batch) -> absl::StatusOr<double> {
    SessionOptions at = ToEstimate(options);
    at.step.micro_batch = batch;
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
  const int multiple = options.batch_multiple;
  return fits < multiple ? fits : fits - fits % multiple;
}

absl::Status DoesNotFit(const MemoryNeeds& needs, size_t available, int batch_size,
                        const MemoryAdvice& advice) {
  std::string text = absl::StrFormat(
      "--batch_size=%d needs %.0f MiB of memory (arena %.0f, parameters and optimizer %.0f, "
      "loader %.0f) and %.0f MiB are available; ",
      batch_size, MiB(needs.total()), MiB(needs.arena), MiB(needs.persistent()), MiB(needs.loader),
      MiB(available));
  if (advice.batch_size > 0) {
    absl::StrAppend(&text, "--batch_size=", advice.batch_size, " fits");
  } else {
    absl::StrAppend(&text, "no smaller --batch_size fits");
  }
  if (advice.recompute_fits) {
    absl::StrAppend(&text, ", and so does this batch with --recompute=block");
  } else if (advice.recompute_left) {
    absl::StrAppend(&text, "; --recompute=block needs less, but not so little at this batch");
  }
  return absl::ResourceExhaustedError(text);
}

absl::Status ExplainShortage(const Model& model, const SessionOptions& options,
                             const MemoryNeeds& needs, size_t available) {
  MemoryAdvice advice;
  ASSIGN_OR_RETURN(advice.batch_size, LargestBatch(model, options, available));
  const graph::PipelineOptions& passes = options.compile.passes;
  const bool can_recompute = passes.enabled && passes.disabled.count("recompute") == 0;
  advice.recompute_left = can_recompute && passes.recompute_segment == nullptr;
  if (can_recompute) {
    SessionOptions recompute = ToEstimate(options);
    ASSIGN_OR_RETURN(recompute.compile.passes.recompute_segment, RecomputeSegments("block"));
    ASSIGN_OR_RETURN(const SessionPlan smaller, PlanSession(model, recompute));
    advice.recompute_fits = smaller.memory.total() <= available;
  }
  return DoesNotFit(needs, available, options.step.micro_batch, advice);
}

}  // namespace models
