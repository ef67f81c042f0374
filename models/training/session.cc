#include "models/training/session.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/training/forward_net.h"
#include "models/training/nonfinite.h"

namespace models {

using graph::Executable;
using graph::Tensor;

namespace {

graph::CompileOptions CompileOptionsFor(const SessionOptions& options) {
  graph::CompileOptions compile = options.compile;
  compile.passes.dump = options.dump;
  return compile;
}

// Adds what an evaluation net found for the first `images` of its batch.
absl::Status Count(const EvaluationNet& net, const Executable& executable, int64_t images,
                   Session::Measured* measured) {
  if (!net.value.empty()) {
    ASSIGN_OR_RETURN(const Tensor value, executable.Find(net.value));
    for (int64_t i = 0; i < images; ++i) measured->sum += double{value.as<float>()[i]};
    measured->count += images;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Tensor correct, executable.Find(net.correct));
  for (int64_t i = 0; i < images; ++i) measured->sum += correct.as<int32_t>()[i];
  if (net.scored.empty()) {
    measured->count += images;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Tensor scored, executable.Find(net.scored));
  for (int64_t i = 0; i < images; ++i) measured->count += scored.as<int32_t>()[i];
  return absl::OkStatus();
}

using Scheduled = absl::Span<const std::pair<std::string, float>>;

std::set<std::string> NamesOf(Scheduled scheduled) {
  std::set<std::string> names;
  for (const auto& [name, value] : scheduled) names.insert(name);
  return names;
}

// That `scheduled` gives each of the model's scheduled inputs, and sets nothing else: it may
// come from a file.
absl::Status CheckScheduled(const Model& model, Scheduled scheduled) {
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

// Losses are floats: one is above `limit` when it is above the largest float that is not.
absl::Status LimitLoss(const Executable& executable, double limit) {
  ASSIGN_OR_RETURN(const Tensor tensor, executable.Find(kLossLimit));
  float rounded = static_cast<float>(limit);
  if (double{rounded} > limit) rounded = std::nextafter(rounded, -HUGE_VALF);
  tensor.as<float>()[0] = rounded;
  return absl::OkStatus();
}

// A net has the inputs that its operators read.
void FeedScalarIfPresent(const Executable& executable, const std::string& name, double value) {
  absl::StatusOr<Tensor> tensor = executable.Find(name);
  if (tensor.ok()) tensor->as<float>()[0] = static_cast<float>(value);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Create(const Model* model,
                                                         const SessionOptions& options) {
  absl::StatusOr<std::unique_ptr<Session>> session = Compiled(model, options);
  constexpr size_t kUnknown = std::numeric_limits<size_t>::max();
  const size_t available =
      options.check_memory ? AvailableMemory(options.memory_root).value_or(kUnknown) : kUnknown;
  const bool none = session.status().code() == absl::StatusCode::kResourceExhausted;
  const bool too_much = session.ok() && (*session)->memory().total() > available;
  if (available != kUnknown && (none || too_much)) {
    // Planning takes less than the session that did not fit.
    const absl::Status refused = session.status();
    session = absl::UnknownError("");
    RETURN_IF_ERROR(ExplainShortage(*model, options, available));
    return graph::Annotate(refused,
                           "the system gives less memory than is free (ulimit -v, overcommit)");
  }
  RETURN_IF_ERROR(session.status());
  RETURN_IF_ERROR((*session)->Initialize());
  return session;
}

// Memory is reserved here but not touched.
absl::StatusOr<std::unique_ptr<Session>> Session::Compiled(const Model* model,
                                                           const SessionOptions& options) {
  std::unique_ptr<Session> s(new Session());
  s->model_ = model;
  s->options_ = options;
  const graph::SchemaRegistry& registry = *options.compile.registry;
  const graph::CompileOptions compile = CompileOptionsFor(options);

  std::vector<double> flops;
  for (const auto& [micro_step, name] : MicroSteps(options)) {
    ASSIGN_OR_RETURN(TrainingNet net, BuildStep(*model, options, micro_step, name));
    s->parameters_ = net.parameters;
    s->loss_ = net.loss;
    s->metrics_ = net.metrics;
    ASSIGN_OR_RETURN(std::unique_ptr<Executable> executable,
                     graph::Compile(std::move(net.net), compile, &s->workspace_, &s->report_));
    flops.push_back(static_cast<double>(registry.NetCost(executable->net()).flops));
    s->micro_steps_.push_back(std::move(executable));
  }
  // The window's last net does everything a micro-step does, and the update.
  s->flops_per_image_ = flops.back() / options.recipe.batch_size;

  if (options.evaluations) {
    for (size_t i = 0; i < model->Evaluations().size(); ++i) {
      ASSIGN_OR_RETURN(
          EvaluationNet net,
          BuildEvaluationNet(registry, *model, options.recipe.batch_size, static_cast<int>(i)));
      ASSIGN_OR_RETURN(std::unique_ptr<Executable> executable,
                       graph::Compile(std::move(net.net), compile, &s->workspace_));
      s->evaluations_.push_back(std::move(executable));
      s->evaluation_nets_.push_back(std::move(net));
    }
  }
  std::map<std::string, size_t> bytes;
  for (const std::string& name : s->workspace_.Names()) {
    ASSIGN_OR_RETURN(const Tensor blob, s->workspace_.Find(name));
    bytes[name] = blob.type.bytes();
  }
  ASSIGN_OR_RETURN(const std::vector<graph::NetPlan> others, PlanOthers(options));
  for (const graph::NetPlan& other : others) {
    AddLasting(other.net, &bytes);
    RETURN_IF_ERROR(s->workspace_.ReserveArena(other.plan.arena_bytes));
  }
  s->memory_ = Needs(*model, options, s->parameters_, bytes, s->workspace_.arena_bytes());
  return s;
}

absl::Status Session::Initialize() {
  ASSIGN_OR_RETURN(graph::Net init,
                   BuildInitNet(*options_.compile.registry, parameters_, options_.seed));
  ASSIGN_OR_RETURN(std::unique_ptr<Executable> initialize,
                   graph::Compile(std::move(init), CompileOptionsFor(options_), &workspace_));
  return initialize->Run();
}

absl::Status Session::Feed(const Executable& executable, const Batch& batch, double lr,
                           absl::Span<const std::pair<std::string, float>> scheduled) {
  RETURN_IF_ERROR(FeedBatch(executable, batch));
  FeedScalarIfPresent(executable, "lr", lr);
  for (const auto& [name, value] : scheduled) FeedScalarIfPresent(executable, name, value);
  return absl::OkStatus();
}

absl::StatusOr<double> Session::Read(const Executable& executable, const std::string& blob) const {
  ASSIGN_OR_RETURN(const Tensor tensor, executable.Find(blob));
  if (tensor.type.dtype != graph::DType::kI32) return tensor.as<float>()[0];
  double sum = 0;
  for (int32_t v : tensor.as<int32_t>()) sum += v;
  return sum / static_cast<double>(tensor.type.elements());
}

absl::StatusOr<StepResult> Session::Step(
    const std::function<absl::StatusOr<const Batch*>()>& next_batch, double lr,
    absl::Span<const std::pair<std::string, float>> scheduled, int micro_batches,
    double hold_above) {
  StepResult result;
  window_losses_.clear();
  held_ = nullptr;
  RETURN_IF_ERROR(CheckScheduled(*model_, scheduled));
  for (const auto& [metric, blob] : metrics_) result.metrics.emplace_back(metric, 0.0);
  const int window = options_.accum_iter;
  const int n = micro_batches == 0 ? window : micro_batches;
  CHECK(n == window || (options_.step_every_micro_batch && n < window));
  for (int i = 0; i < n; ++i) {
    const size_t which = i == 0 ? 0 : i == window - 1 ? micro_steps_.size() - 1 : 1;
    Executable& executable = *micro_steps_[which];
    ASSIGN_OR_RETURN(const Batch* batch, next_batch());
    RETURN_IF_ERROR(Feed(executable, *batch, lr, scheduled));
    const bool last = i == n - 1;
    const bool updates = last || options_.step_every_micro_batch;
    // A net in the middle of a window adds to the accumulators what it multiplied with the
    // factors: it cannot be run again. Only the last one of a short window comes here.
    const bool can_hold = last && (i == 0 || i == window - 1);
    if (updates) RETURN_IF_ERROR(LimitLoss(executable, can_hold ? hold_above : kNoLimit));
    RETURN_IF_ERROR(executable.Run());
    ASSIGN_OR_RETURN(const double loss, Read(executable, loss_));
    window_losses_.push_back(loss);
    bool finite = std::isfinite(loss);
    if (updates) {
      ASSIGN_OR_RETURN(result.grad_norm, Read(executable, "grad_norm"));
      ASSIGN_OR_RETURN(const double clipped, Read(executable, "clipped"));
      ASSIGN_OR_RETURN(const double applied, Read(executable, "applied"));
      result.clipped = static_cast<int>(clipped);
      finite &= std::isfinite(result.grad_norm);
      if (applied == 0) held_ = &executable;
    }
    if (!finite) {
      // Nothing was updated, so running the net again repeats what went wrong, now with
      // someone watching.
      held_ = nullptr;
      if (updates) RETURN_IF_ERROR(LimitLoss(executable, -kNoLimit));
      return DescribeNonFinite(&executable);
    }
    result.held = held_ != nullptr;
    result.loss += loss / n;
    for (size_t k = 0; k < metrics_.size(); ++k) {
      ASSIGN_OR_RETURN(const double value, Read(executable, metrics_[k].second));
      result.metrics[k].second += value / n;
    }
  }
  return result;
}

absl::Status Session::Release() {
  CHECK(held_ != nullptr);
  Executable& executable = *std::exchange(held_, nullptr);
  RETURN_IF_ERROR(LimitLoss(executable, kNoLimit));
  return executable.Run();
}

absl::StatusOr<std::vector<Session::Measured>> Session::Evaluate(Loader* loader) {
  std::vector<Measured> result(evaluations_.size());
  // The widths and rates of training do not matter to what is counted here.
  const auto scheduled = model_->ScheduledInputs(0, 1);
  while (true) {
    ASSIGN_OR_RETURN(const Batch* batch, loader->Next());
    if (batch == nullptr) return result;
    for (size_t e = 0; e < evaluations_.size(); ++e) {
      RETURN_IF_ERROR(Feed(*evaluations_[e], *batch, 0, scheduled));
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

std::vector<std::string> Session::optimizer_state() const {
  std::vector<std::string> names = {kStepState};
  for (const Parameter& p : parameters_) {
    if (!p.trainable) continue;
    names.push_back(FirstMomentName(p.name));
    names.push_back(SecondMomentName(p.name));
  }
  return names;
}

int64_t Session::trainable_elements() const {
  int64_t elements = 0;
  for (const Parameter& p : parameters_) elements += p.trainable ? p.type.elements() : 0;
  return elements;
}

}  // namespace models
