#include "models/training/session.h"

#include <cmath>

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

void FeedScalarIfPresent(const Executable& executable, const std::string& name, double value) {
  absl::StatusOr<Tensor> tensor = executable.Find(name);
  if (tensor.ok()) tensor->as<float>()[0] = static_cast<float>(value);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Create(const Model* model,
                                                         const SessionOptions& options) {
  std::unique_ptr<Session> s(new Session());
  s->model_ = model;
  s->options_ = options;
  const graph::SchemaRegistry& registry = *options.compile.registry;
  const graph::CompileOptions compile = CompileOptionsFor(options);

  std::vector<std::pair<MicroStep, const char*>> steps = {{MicroStep::kWhole, "train"}};
  if (options.accum_iter > 1) {
    steps = {{MicroStep::kFirst, "train_first"}};
    if (options.accum_iter > 2) steps.push_back({MicroStep::kMiddle, "train_middle"});
    steps.push_back({MicroStep::kLast, "train_last"});
  }
  const UpdateWhen update_when =
      options.step_every_micro_batch ? UpdateWhen::kMicroStep : UpdateWhen::kWindow;
  std::vector<double> flops;
  for (const auto& [micro_step, name] : steps) {
    ASSIGN_OR_RETURN(TrainingNet net,
                     BuildTrainingNet(registry, *model, options.recipe, options.recipe.batch_size,
                                      micro_step, options.accum_iter, name, update_when));
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
  ASSIGN_OR_RETURN(graph::Net init, BuildInitNet(registry, s->parameters_, options.seed));
  ASSIGN_OR_RETURN(std::unique_ptr<Executable> initialize,
                   graph::Compile(std::move(init), compile, &s->workspace_));
  RETURN_IF_ERROR(initialize->Run());
  return s;
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
    absl::Span<const std::pair<std::string, float>> scheduled, int micro_batches) {
  StepResult result;
  for (const auto& [metric, blob] : metrics_) result.metrics.emplace_back(metric, 0.0);
  const int window = options_.accum_iter;
  const int n = micro_batches == 0 ? window : micro_batches;
  CHECK(n == window || (options_.step_every_micro_batch && n < window));
  for (int i = 0; i < n; ++i) {
    const size_t which = i == 0 ? 0 : i == window - 1 ? micro_steps_.size() - 1 : 1;
    Executable& executable = *micro_steps_[which];
    ASSIGN_OR_RETURN(const Batch* batch, next_batch());
    RETURN_IF_ERROR(Feed(executable, *batch, lr, scheduled));
    RETURN_IF_ERROR(executable.Run());
    ASSIGN_OR_RETURN(const double loss, Read(executable, loss_));
    bool finite = std::isfinite(loss);
    if (i == n - 1 || options_.step_every_micro_batch) {
      ASSIGN_OR_RETURN(result.grad_norm, Read(executable, "grad_norm"));
      ASSIGN_OR_RETURN(const Tensor clipped, executable.Find("clipped"));
      result.clipped = clipped.as<int32_t>()[0];
      finite &= std::isfinite(result.grad_norm);
    }
    // AdamW leaves parameters alone when a gradient is not finite, so running
    // the net again repeats what went wrong, now with someone watching.
    if (!finite) return DescribeNonFinite(&executable);
    result.loss += loss / n;
    for (size_t k = 0; k < metrics_.size(); ++k) {
      ASSIGN_OR_RETURN(const double value, Read(executable, metrics_[k].second));
      result.metrics[k].second += value / n;
    }
  }
  return result;
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

int64_t Session::trainable_elements() const {
  int64_t elements = 0;
  for (const Parameter& p : parameters_) elements += p.trainable ? p.type.elements() : 0;
  return elements;
}

}  // namespace models
