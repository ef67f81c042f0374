#include "tools/parity/replay.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "graph/base/status.h"
#include "models/droppos/droppos.h"
#include "models/droppos/mae.h"
#include "models/training/session.h"
#include "ops/adamw.h"
#include "ops/droppos/mask_sampling.h"
#include "ops/droppos/position_targets.h"

namespace tools {
namespace {

using graph::BlobId;
using graph::ConstTensor;
using graph::Executable;
using graph::Tensor;
using models::ModelBuilder;
using models::Parameter;

absl::StatusOr<Values> Read(const ConstTensor& tensor) {
  std::vector<uint8_t> bytes(tensor.type.bytes());
  RETURN_IF_ERROR(tensor.ReadBytes(0, absl::MakeSpan(bytes)));
  return ValuesOf(tensor.type.dtype, bytes);
}

// The case's model with its noise as inputs. Blobs are called as the case calls them, "out/loss".
class CaseModel : public models::DropPos {
 public:
  // The last block of the guide computes all rows, instead of those that the loss needs, only
  // where somebody reads attn_full.
  CaseModel(const GoldenCase& golden, bool read_attn_full)
      : DropPos(golden.model, golden.droppos), golden_(golden), read_attn_full_(read_attn_full) {}

  models::ForwardOutputs BuildTraining(ModelBuilder* b, int batch) const override {
    const models::DropPosConfig& config = golden_.droppos;
    const auto call = [b](BlobId blob, const char* tensor) { b->net()->Rename(blob, tensor); };
    if (config.vanilla_mae()) {
      const models::MaeBlobs blobs =
          models::BuildMae(b, golden_.model, config, batch, models::NoiseSource::kFed);
      call(blobs.loss, "out/loss");
      call(blobs.pred, "out/mae_pred");
      call(blobs.mask, "out/mask");
      call(blobs.encoder, "out/encoder");
      return {blobs.loss, {}};
    }
    const models::DropPosBlobs blobs =
        models::BuildDropPos(b, golden_.model, config, batch, models::NoiseSource::kFed);
    // The official acc1 counts with whatever weighs the loss.
    const bool weighted = config.attn_guide || config.conf_ignore;
    call(weighted ? blobs.accuracy_weighted : blobs.accuracy, "out/acc1");
    call(blobs.loss, "out/loss");
    call(blobs.logits, "out/logits");
    call(blobs.ids_keep, "out/ids_keep");
    call(blobs.mask, "out/mask");
    call(blobs.mask_pos, "out/mask_pos");
    call(blobs.encoder, "out/encoder");
    if (config.attn_guide) {
      call(blobs.attn, "out/attn");
      call(blobs.attn_full, "out/attn_full");
      if (read_attn_full_) b->net()->Output(blobs.attn_full);
    }
    if (config.multi_task()) {
      call(blobs.loss_pos, "out/loss_pos");
      call(blobs.loss_mae, "out/loss_mae");
      call(blobs.mae_pred, "out/mae_pred");
    }
    return {blobs.loss, {}};
  }
  std::vector<std::pair<std::string, float>> ScheduledInputs(int epoch, int epochs) const override {
    if (golden_.droppos.vanilla_mae()) return {};
    return DropPos::ScheduledInputs(epoch, epochs);
  }

 private:
  const GoldenCase& golden_;
  const bool read_attn_full_;
};

// The gradients that a net updates with, and their norms: blob, name in the case.
std::map<std::string, std::string> GradientBlobs(const GoldenCase& golden, const graph::Net& net) {
  using Args = ops::AdamWArgs;
  std::map<BlobId, std::string> parameter_of;
  for (const graph::Op& op : net.ops) {
    if (op.type != "AdamW") continue;
    for (int i = 0; i < Args::NumParameters(op.inputs.size()); ++i) {
      const BlobId* in = &op.inputs[Args::FirstIn(i)];
      parameter_of[in[Args::kG]] = net.blob(in[Args::kW]).name;
    }
  }
  std::map<std::string, std::string> blobs;
  for (const auto& [blob, parameter] : parameter_of) {
    if (golden.has_gradients) blobs[net.blob(blob).name] = "grad/" + parameter;
  }
  for (const graph::Op& op : net.ops) {
    if (op.type != "GradNorm") continue;
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      blobs[net.blob(op.outputs[i]).name] = "gradnorm/" + parameter_of[op.inputs[i]];
    }
  }
  return blobs;
}

// What each run of a net made of the case's tensors.
class Recorder : public graph::TraceHook {
 public:
  void BeforeOp(const graph::Net&, graph::OpId) override {}
  void AfterOp(const graph::Net& net, graph::OpId op,
               absl::Span<const ConstTensor> outputs) override {
    if (op == 0) runs.emplace_back();
    for (size_t i = 0; i < outputs.size(); ++i) {
      const std::string& blob = net.blob(net.ops[op].outputs[i]).name;
      const auto gradient = gradients.find(blob);
      const bool is_gradient = gradient != gradients.end();
      if (!is_gradient && !absl::StartsWith(blob, "out/")) continue;
      const std::string& tensor = is_gradient ? gradient->second : blob;
      absl::StatusOr<Values> values = Read(outputs[i]);
      status.Update(values.status());
      if (values.ok()) runs.back()[tensor] = *std::move(values);
      origins[tensor] = {net.ops[op].Describe(), outputs[i].type, op};
    }
  }

  std::map<std::string, std::string> gradients;  // to be recorded, too; GradientBlobs
  std::vector<std::map<std::string, Values>> runs;
  std::map<std::string, Origin> origins;
  absl::Status status;
};

absl::Status Feed(const GoldenCase& golden, const std::string& tensor, Tensor to) {
  ASSIGN_OR_RETURN(const std::vector<float> values, golden.file.Values<float>(tensor));
  return graph::Annotate(to.Write(values), absl::StrCat(golden.file.name(), ": '", tensor, "'"));
}

// A session on the case's parameters.
absl::StatusOr<std::unique_ptr<models::Session>> MakeSession(const GoldenCase& golden,
                                                             const models::Model& model,
                                                             models::SessionOptions options) {
  options.recipe = golden.recipe;
  options.evaluations = false;
  ASSIGN_OR_RETURN(std::unique_ptr<models::Session> session,
                   models::Session::Create(&model, options));
  for (const Parameter& p : session->parameters()) {
    ASSIGN_OR_RETURN(const Tensor tensor, session->workspace()->Find(p.name));
    RETURN_IF_ERROR(Feed(golden, "param/" + p.name, tensor));
  }
  return session;
}

// The official wrong_pos permutes, with one permutation for the whole batch, the
// dropped positions in the order in which the noise drew them. Here that order is
// the patches' own, so the permutation is carried over, as noise that sorts to it.
absl::Status FeedWrongPositions(const GoldenCase& golden, const std::string& noise_prefix,
                                Tensor to) {
  ASSIGN_OR_RETURN(const std::vector<float> noise,
                   golden.file.Values<float>(noise_prefix + "noise_pos"));
  ASSIGN_OR_RETURN(const std::vector<int32_t> permutation,
                   golden.file.Values<int32_t>("in/wrong_pos_perm"));
  const int64_t batch = to.type.dim(0), dropped = to.type.dim(1);
  const int64_t visible = static_cast<int64_t>(noise.size()) / batch;
  if (static_cast<int64_t>(permutation.size()) != dropped) {
    return graph::InvalidArgument(golden.file.name(), ": 'in/wrong_pos_perm' has ",
                                  permutation.size(), " elements for ", dropped,
                                  " dropped positions");
  }
  std::vector<int32_t> order(visible), rank(visible);
  std::vector<float> wrong(static_cast<size_t>(to.type.elements()));
  for (int64_t b = 0; b < batch; ++b) {
    ops::droppos::NoiseOrder(absl::MakeConstSpan(noise).subspan(b * visible, visible),
                             absl::MakeSpan(order));
    const std::vector<int32_t> drawn(order.end() - dropped, order.end());
    std::vector<int32_t> ascending = drawn;
    std::sort(ascending.begin(), ascending.end());
    for (int64_t i = 0; i < dropped; ++i) rank[ascending[i]] = static_cast<int32_t>(i);
    for (int64_t i = 0; i < dropped; ++i) {
      if (permutation[i] < 0 || permutation[i] >= dropped) {
        return graph::InvalidArgument(golden.file.name(), ": 'in/wrong_pos_perm' names ",
                                      permutation[i], " of ", dropped, " dropped positions");
      }
      // The patch drawn[i] gets the position of drawn[permutation[i]].
      wrong[b * dropped + rank[drawn[permutation[i]]]] = static_cast<float>(rank[drawn[i]]);
    }
  }
  return to.Write(wrong);
}

absl::Status FeedNoise(const GoldenCase& golden, const std::string& noise_prefix,
                       graph::InputSlot* inputs) {
  const auto feed = [&](const std::string& noise) -> absl::Status {
    ASSIGN_OR_RETURN(const Tensor to, inputs->Find(noise));
    return Feed(golden, noise_prefix + noise, to);
  };
  RETURN_IF_ERROR(feed("noise_patch"));
  if (golden.droppos.vanilla_mae()) return absl::OkStatus();

  RETURN_IF_ERROR(feed("noise_pos"));
  if (golden.droppos.shuffle) RETURN_IF_ERROR(feed("noise_shuffle"));
  if (golden.droppos.mask_token_type == "wrong_pos") {
    ASSIGN_OR_RETURN(const Tensor wrong, inputs->Find("noise_wrong"));
    RETURN_IF_ERROR(FeedWrongPositions(golden, noise_prefix, wrong));
  }
  return absl::OkStatus();
}

// A step of `session` on the case's images, each micro-batch with noise of its own.
absl::Status Step(const GoldenCase& golden, const std::function<std::string()>& next_noise,
                  double hold_above, const models::Model& model, models::Session* session) {
  models::Batch batch;
  ASSIGN_OR_RETURN(batch.images, golden.file.Values<float>("in/images"));
  const auto next_batch = [&]() -> absl::StatusOr<const models::Batch*> {
    RETURN_IF_ERROR(FeedNoise(golden, next_noise(), session->inputs().get()));
    return &batch;
  };
  return session->Step(next_batch, golden.lr, model.ScheduledInputs(0, 1), 0, hold_above).status();
}

// How much of the accuracy hangs on rows whose two best logits nearly tie.
double AccuracySlack(const std::map<std::string, Values>& run) {
  if (run.count("out/logits") == 0) return 0.0;
  const Values &mask = run.at("out/mask_pos"), &logits = run.at("out/logits");
  Values weights = mask;
  if (const auto attn = run.find("out/attn"); attn != run.end()) {
    for (size_t i = 0; i < weights.data.size(); ++i) weights.data[i] *= attn->second.data[i];
  }
  const size_t rows = mask.data.size();
  const size_t cells = logits.data.size() / rows;
  double near = 0, total = 0;
  for (size_t r = 0; r < rows; ++r) {
    std::vector<double> row(logits.data.begin() + r * cells, logits.data.begin() + (r + 1) * cells);
    std::partial_sort(row.begin(), row.begin() + std::min<size_t>(2, cells), row.end(),
                      std::greater<double>());
    total += weights.data[r];
    if (cells > 1 && row[0] - row[1] < 1e-4) near += weights.data[r];
  }
  return total == 0 ? 0.0 : near / total;
}

// The forward pass and the gradients of one micro-batch, in a step that updates nothing.
absl::Status ReplayGradients(const GoldenCase& golden, const graph::CompileOptions& compile,
                             ReplayResult* result) {
  models::SessionOptions options;
  options.compile = compile;
  options.step.micro_batch = golden.step.micro_batch;
  const CaseModel model(golden, /*read_attn_full=*/true);
  Recorder recorder;
  ASSIGN_OR_RETURN(const auto session, MakeSession(golden, model, options));
  recorder.gradients = GradientBlobs(golden, session->train().net());
  session->micro_steps()[0]->AddTraceHook(&recorder);
  RETURN_IF_ERROR(Step(
      golden, [] { return "in/"; }, /*hold_above=*/-HUGE_VAL, model, session.get()));
  RETURN_IF_ERROR(recorder.status);
  result->tensors = std::move(recorder.runs.at(0));
  result->origins = std::move(recorder.origins);
  result->accuracy_slack = AccuracySlack(result->tensors);
  return absl::OkStatus();
}

// The nets that train, step by step.
absl::Status ReplayTraining(const GoldenCase& golden, const graph::CompileOptions& compile,
                            ReplayResult* result) {
  models::SessionOptions options;
  options.compile = compile;
  options.step = golden.step;
  const CaseModel model(golden, /*read_attn_full=*/false);
  Recorder recorder;
  ASSIGN_OR_RETURN(const auto session, MakeSession(golden, model, options));
  for (Executable* net : session->micro_steps()) net->AddTraceHook(&recorder);
  int micro_batch = 0;
  const auto next_noise = [&] { return absl::StrCat("train/", micro_batch++, "/"); };
  for (int step = 0; step < golden.steps; ++step) {
    RETURN_IF_ERROR(Step(golden, next_noise, HUGE_VAL, model, session.get()));
  }
  RETURN_IF_ERROR(recorder.status);
  for (const std::map<std::string, Values>& run : recorder.runs) {
    for (const char* name : {"loss", "acc1"}) {
      const auto value = run.find(absl::StrCat("out/", name));
      if (value == run.end()) continue;
      result->tensors[absl::StrCat("train/", name)].data.push_back(value->second.data[0]);
    }
    result->train_accuracy_slack.push_back(AccuracySlack(run));
  }
  if (!golden.has_gradients) return absl::OkStatus();
  for (const Parameter& p : session->parameters()) {
    ASSIGN_OR_RETURN(const ConstTensor tensor, session->workspace()->Find(p.name));
    ASSIGN_OR_RETURN(result->tensors["final/" + p.name], Read(tensor));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReplayResult> Replay(const GoldenCase& golden,
                                    const graph::CompileOptions& compile) {
  ReplayResult result;
  RETURN_IF_ERROR(ReplayGradients(golden, compile, &result));
  RETURN_IF_ERROR(ReplayTraining(golden, compile, &result));
  const models::DropPosConfig& config = golden.droppos;
  if (config.vanilla_mae()) return result;
  const auto [grid_h, grid_w] = config.target_grid(golden.model);
  using ops::droppos::TargetNorm;
  result.tensors["out/smooth"] = {
      false, ops::droppos::PositionTargets(
                 grid_h, grid_w, config.label_smoothing_sigma,
                 config.official_grid() ? TargetNorm::kColumns : TargetNorm::kRows)};
  return result;
}

}  // namespace tools
