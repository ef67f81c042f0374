#include "models/training/session.h"

#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "absl/types/span.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/training/forward_net.h"
#include "models/training/nonfinite.h"

namespace models {

using graph::ConstTensor;
using graph::Executable;

namespace {

// Adds what an evaluation net found for the first `images` of its batch.
absl::Status Count(const EvaluationNet& net, const Executable& executable, int64_t images,
                   Session::Measured* measured) {
  if (!net.value.empty()) {
    ASSIGN_OR_RETURN(const std::vector<float> value, executable.Read<float>(net.value));
    for (int64_t i = 0; i < images; ++i) measured->sum += double{value[i]};
    measured->count += images;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::vector<int32_t> correct, executable.Read<int32_t>(net.correct));
  for (int64_t i = 0; i < images; ++i) measured->sum += correct[i];
  if (net.scored.empty()) {
    measured->count += images;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::vector<int32_t> scored, executable.Read<int32_t>(net.scored));
  for (int64_t i = 0; i < images; ++i) measured->count += scored[i];
  return absl::OkStatus();
}

std::set<std::string> NamesOf(const Scheduled& scheduled) {
  std::set<std::string> names;
  for (const auto& [name, value] : scheduled) names.insert(name);
  return names;
}

// That `scheduled` gives each of the model's scheduled inputs, and sets nothing else: it may
// come from a file.
absl::Status CheckScheduled(const Model& model, const Scheduled& scheduled) {
  const std::set<std::string> given = NamesOf(scheduled);
  const std::set<std::string> wanted = NamesOf(model.ScheduledInputs(0, 1));
  for (const std::string& name : given) {
    if (wanted.count(name) == 0) {
      return graph::InvalidArgument("the model has no scheduled input ", graph::Quoted(name));
    }
  }
  for (const std::string& name : wanted) {
    if (given.count(name) == 0) {
      return graph::InvalidArgument("the model's scheduled input ", graph::Quoted(name),
                                    " is not given");
    }
  }
  return absl::OkStatus();
}

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// That each of the model's scheduled inputs is one of some net, so that none is misspelt.
absl::Status CheckInputsExist(const Model& model,
                              const std::vector<std::unique_ptr<Executable>>& nets) {
  for (const std::string& name : NamesOf(model.ScheduledInputs(0, 1))) {
    const auto has = [&name](const auto& net) { return net->Has(name); };
    if (std::none_of(nets.begin(), nets.end(), has)) {
      return graph::InvalidArgument("no training net of the model has its scheduled input ",
                                    graph::Quoted(name));
    }
  }
  return absl::OkStatus();
}

// Losses are floats: one is above `limit` when it is above the largest float that is not.
absl::Status LimitLoss(Executable* executable, double limit) {
  float rounded = static_cast<float>(limit);
  if (double{rounded} > limit) rounded = std::nextafter(rounded, -HUGE_VALF);
  return executable->WriteScalar(kLossLimit, rounded);
}

// A net has the inputs that its operators read.
absl::Status FeedScalarIfPresent(Executable* executable, const std::string& name, double value) {
  if (!executable->Has(name)) return absl::OkStatus();
  return executable->WriteScalar(name, static_cast<float>(value));
}

absl::Status FeedScalars(Executable* executable, double lr, const Scheduled& scheduled) {
  RETURN_IF_ERROR(FeedScalarIfPresent(executable, "lr", lr));
  for (const auto& [name, value] : scheduled) {
    RETURN_IF_ERROR(FeedScalarIfPresent(executable, name, value));
  }
  return absl::OkStatus();
}

// The mean of counts, or a scalar.
absl::StatusOr<double> ReadNumber(const Executable& executable, const std::string& blob) {
  ASSIGN_OR_RETURN(const ConstTensor tensor, executable.Find(blob));
  if (tensor.type.dtype != graph::DType::kI32) {
    ASSIGN_OR_RETURN(const std::vector<float> value, executable.Read<float>(blob));
    CHECK(value.size() == 1);
    return value[0];
  }
  ASSIGN_OR_RETURN(const std::vector<int32_t> values, executable.Read<int32_t>(blob));
  double sum = 0;
  for (int32_t v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Create(const Model* model,
                                                         const SessionOptions& options) {
  ASSIGN_OR_RETURN(SessionPlan plan, PlanSession(*model, options));
  const absl::optional<size_t> available =
      options.check_memory ? options.compile.backend->device->AvailableBytes() : absl::nullopt;
  if (available && plan.memory.total() > *available) {
    return ExplainShortage(*model, options, plan.memory, *available);
  }
  std::unique_ptr<Session> session(new Session(model, options));
  absl::Status created = session->CreateNets(std::move(plan));
  if (available && absl::IsResourceExhausted(created)) {
    return graph::Annotate(created,
                           "the system gives less memory than is free (ulimit -v, overcommit)");
  }
  RETURN_IF_ERROR(created);
  // What preparing freed lies between what stays: the system gets it before the pages of the run.
  malloc_trim(0);
  RETURN_IF_ERROR(session->Initialize());
  return session;
}

// Memory is reserved here but not touched.
absl::Status Session::CreateNets(SessionPlan plan) {
  memory_ = plan.memory;
  parameters_ = std::move(plan.parameters);
  optimizer_state_ = std::move(plan.optimizer_state);
  loss_ = std::move(plan.loss);
  metrics_ = std::move(plan.metrics);
  evaluation_nets_ = std::move(plan.evaluation_blobs);
  flops_per_image_ = plan.flops_per_image;
  RETURN_IF_ERROR(workspace_.ReserveArena(plan.memory.arena));
  const auto create = [this](std::vector<graph::Prepared> nets,
                             std::vector<std::unique_ptr<Executable>>* to) -> absl::Status {
    for (graph::Prepared& net : nets) {
      ASSIGN_OR_RETURN(std::unique_ptr<Executable> executable,
                       graph::Create(std::move(net), &workspace_, inputs_));
      to->push_back(std::move(executable));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(create(std::move(plan.steps), &micro_steps_));
  RETURN_IF_ERROR(CheckInputsExist(*model_, micro_steps_));
  if (!workspace_.device().host_accessible()) {
    for (const char* name : kBatchInputs) {
      const absl::StatusOr<graph::Tensor> input = inputs_->Find(name);
      if (input.ok()) RETURN_IF_ERROR(ahead_.Create(name, input->type).status());
    }
  }
  return create(std::move(plan.evaluations), &evaluations_);
}

absl::Status Session::Initialize() {
  graph::CompileOptions compile = options_.compile;
  compile.passes.dump = options_.dump;
  ASSIGN_OR_RETURN(graph::Net init,
                   BuildInitNet(*options_.compile.registry, parameters_, options_.step.seed));
  ASSIGN_OR_RETURN(std::unique_ptr<Executable> initialize,
                   graph::Compile(std::move(init), compile, &workspace_));
  return initialize->Run();
}

absl::Status Session::TakeBatch(Executable* executable, const BatchSource& next_batch) {
  const Batch* const ahead = std::exchange(batch_ahead_, nullptr);
  ASSIGN_OR_RETURN(const Batch* batch, next_batch());
  if (batch != ahead) return FeedBatch(executable, *batch);
  for (const std::string& name : ahead_.Names()) RETURN_IF_ERROR(inputs_->CopyFrom(ahead_, name));
  return absl::OkStatus();
}

absl::Status Session::CopyAhead(const BatchPeek& peek) {
  if (peek == nullptr || workspace_.device().host_accessible()) return absl::OkStatus();
  const Batch* const batch = peek();
  if (batch == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(FeedBatch(&ahead_, *batch));
  batch_ahead_ = batch;
  return absl::OkStatus();
}

absl::StatusOr<StepResult> Session::Step(const BatchSource& next_batch, double lr,
                                         const Scheduled& scheduled, int micro_batches,
                                         double hold_above, const BatchPeek& peek) {
  StepResult result;
  window_losses_.clear();
  first_after_update_ = 0;
  held_ = nullptr;
  RETURN_IF_ERROR(CheckScheduled(*model_, scheduled));
  for (const NetMetric& m : metrics_) result.metrics.push_back({m.name, 0.0, m.unit});
  const int window = options_.step.micro_batches;
  const int n = micro_batches == 0 ? window : micro_batches;
  if (n < 1 || n > window) {
    return graph::InvalidArgument("a window has ", window, " micro-batches, not ", n);
  }
  for (int i = 0; i < n; ++i) {
    const bool middle = i > 0 && i < window - 1;
    Executable& executable = *(i == 0   ? micro_steps_.front()
                               : middle ? micro_steps_[1]
                                        : micro_steps_.back());
    RETURN_IF_ERROR(TakeBatch(&executable, next_batch));
    RETURN_IF_ERROR(FeedScalars(&executable, lr, scheduled));
    const bool updates = executable.Has(kLossLimit);
    const bool can_hold = i == n - 1 && !middle;
    if (updates) RETURN_IF_ERROR(LimitLoss(&executable, can_hold ? hold_above : kNoLimit));
    RETURN_IF_ERROR(executable.Submit());
    absl::Status ran = CopyAhead(peek);
    ran.Update(executable.Wait());
    RETURN_IF_ERROR(ran);
    ASSIGN_OR_RETURN(const double loss, ReadNumber(executable, loss_));
    window_losses_.push_back(loss);
    bool finite = std::isfinite(loss);
    if (updates) {
      ASSIGN_OR_RETURN(result.grad_norm, ReadNumber(executable, "grad_norm"));
      ASSIGN_OR_RETURN(const double clipped, ReadNumber(executable, "clipped"));
      ASSIGN_OR_RETURN(const double applied, ReadNumber(executable, "applied"));
      result.clipped = static_cast<int>(clipped);
      finite &= std::isfinite(result.grad_norm);
      if (applied == 0) {
        held_ = &executable;
      } else {
        ++result.updates;
        first_after_update_ = i + 1;
      }
    }
    if (!finite) {
      // Nothing was updated, so running the net again repeats what went wrong, now with
      // someone watching.
      held_ = nullptr;
      if (updates) RETURN_IF_ERROR(LimitLoss(&executable, -kNoLimit));
      return DescribeNonFinite(&executable);
    }
    result.held = held_ != nullptr;
    result.loss += loss / n;
    for (size_t k = 0; k < metrics_.size(); ++k) {
      ASSIGN_OR_RETURN(const double value, ReadNumber(executable, metrics_[k].blob));
      result.metrics[k].value += value / n;
    }
  }
  return result;
}

absl::Status Session::Release() {
  CHECK(held_ != nullptr);
  Executable& executable = *std::exchange(held_, nullptr);
  RETURN_IF_ERROR(LimitLoss(&executable, kNoLimit));
  return executable.Run();
}

absl::StatusOr<int64_t> Session::CountUpdates() const {
  // Allocates nothing: it is asked after memory has run out, too.
  ASSIGN_OR_RETURN(const ConstTensor counter, workspace_.Find(kStepState));
  int32_t updates = 0;
  RETURN_IF_ERROR(counter.Read(absl::MakeSpan(&updates, 1)));
  return updates;
}

absl::StatusOr<std::vector<Session::Measured>> Session::Evaluate(Loader* loader) {
  std::vector<Measured> result(evaluations_.size());
  // The widths and rates of training do not matter to what is counted here.
  const auto scheduled = model_->ScheduledInputs(0, 1);
  while (true) {
    ASSIGN_OR_RETURN(const Batch* batch, loader->Next());
    if (batch == nullptr) return result;
    for (size_t e = 0; e < evaluations_.size(); ++e) {
      RETURN_IF_ERROR(FeedBatch(evaluations_[e].get(), *batch));
      RETURN_IF_ERROR(FeedScalars(evaluations_[e].get(), 0, scheduled));
      RETURN_IF_ERROR(evaluations_[e]->Run());
      RETURN_IF_ERROR(Count(evaluation_nets_[e], *evaluations_[e], batch->valid, &result[e]));
    }
  }
}

std::vector<Executable*> Session::micro_steps() const {
  std::vector<Executable*> nets;
  for (const std::unique_ptr<Executable>& net : micro_steps_) nets.push_back(net.get());
  return nets;
}

int64_t Session::trainable_elements() const {
  int64_t elements = 0;
  for (const Parameter& p : parameters_) elements += p.trained() ? p.type.elements() : 0;
  return elements;
}

}  // namespace models
