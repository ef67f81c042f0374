#include "tools/parity/replay.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/match.h"
#include "graph/autodiff/autodiff.h"
#include "graph/base/bfloat16.h"
#include "graph/base/status.h"
#include "graph/schema/builder.h"
#include "models/droppos/droppos.h"
#include "models/droppos/mae.h"
#include "models/training/nets.h"
#include "ops/droppos/mask_sampling.h"
#include "ops/droppos/position_targets.h"

namespace tools {
namespace {

using graph::BlobId;
using graph::ConstTensor;
using graph::Executable;
using graph::Tensor;
using models::Parameter;

template <typename T>
absl::Status Copy(const ConstTensor& tensor, std::vector<double>* to) {
  ASSIGN_OR_RETURN(const std::vector<T> values, tensor.Read<T>());
  to->assign(values.begin(), values.end());
  return absl::OkStatus();
}

absl::StatusOr<Values> ToValues(const ConstTensor& tensor) {
  Values values;
  values.integer = !graph::IsFloat(tensor.type.dtype);
  switch (tensor.type.dtype) {
    case graph::DType::kI32:
      RETURN_IF_ERROR(Copy<int32_t>(tensor, &values.data));
      break;
    case graph::DType::kU8:
      RETURN_IF_ERROR(Copy<uint8_t>(tensor, &values.data));
      break;
    case graph::DType::kBF16:
      RETURN_IF_ERROR(Copy<graph::BFloat16>(tensor, &values.data));
      break;
    default:
      RETURN_IF_ERROR(Copy<float>(tensor, &values.data));
  }
  return values;
}

absl::StatusOr<Values> Fetch(const Executable& executable, const std::string& blob) {
  ASSIGN_OR_RETURN(const ConstTensor tensor, executable.Find(blob));
  return ToValues(tensor);
}

// Both nets of a case, made by one function: the whole step, with and without the
// update, and the names of the blobs to look at.
struct CaseNet {
  graph::Net net;
  std::vector<Parameter> parameters;
  std::map<std::string, std::string> outputs;  // case tensor -> blob
  std::string mask_pos, logits, attn;          // for the accuracy's slack; may be empty
};

using Fetcher = std::function<std::string(const std::string& tensor, BlobId blob)>;

BlobId BuildDropPosCase(const GoldenCase& golden, models::ModelBuilder* b, const Fetcher& fetch,
                        CaseNet* result) {
  const models::DropPosConfig& config = golden.droppos;
  const models::DropPosBlobs blobs = models::BuildDropPos(
      b, golden.model, config, golden.recipe.batch_size, models::NoiseSource::kFed);
  if (!b->net()->status().ok()) return graph::kNone;
  fetch("out/loss", blobs.loss);
  // The official acc1 counts with whatever weighs the loss.
  const bool weighted = config.attn_guide || config.conf_ignore;
  fetch("out/acc1", weighted ? blobs.accuracy_weighted : blobs.accuracy);
  result->mask_pos = fetch("out/mask_pos", blobs.mask_pos);
  result->logits = fetch("out/logits", blobs.logits);
  if (config.attn_guide) {
    result->attn = fetch("out/attn", blobs.attn);
    fetch("out/attn_full", blobs.attn_full);
  }
  if (config.multi_task()) {
    fetch("out/loss_pos", blobs.loss_pos);
    fetch("out/loss_mae", blobs.loss_mae);
    fetch("out/mae_pred", blobs.mae_pred);
  }
  fetch("out/ids_keep", blobs.ids_keep);
  fetch("out/mask", blobs.mask);
  fetch("out/encoder", blobs.encoder);
  return blobs.loss;
}

BlobId BuildMaeCase(const GoldenCase& golden, models::ModelBuilder* b, const Fetcher& fetch) {
  const models::MaeBlobs blobs = models::BuildMae(
      b, golden.model, golden.droppos, golden.recipe.batch_size, models::NoiseSource::kFed);
  if (!b->net()->status().ok()) return graph::kNone;
  fetch("out/loss", blobs.loss);
  fetch("out/mae_pred", blobs.pred);
  fetch("out/mask", blobs.mask);
  fetch("out/encoder", blobs.encoder);
  return blobs.loss;
}

absl::StatusOr<CaseNet> BuildCaseNet(const GoldenCase& golden,
                                     const graph::SchemaRegistry& registry, bool update) {
  CaseNet result;
  graph::NetBuilder builder(&registry, update ? "train" : "gradients");
  models::ModelBuilder model_builder(&builder);
  const Fetcher fetch = [&](const std::string& tensor, BlobId blob) {
    result.outputs[tensor] = builder.net().blob(blob).name;
    builder.Output(blob);
    return builder.net().blob(blob).name;
  };
  const BlobId loss = golden.droppos.vanilla_mae()
                          ? BuildMaeCase(golden, &model_builder, fetch)
                          : BuildDropPosCase(golden, &model_builder, fetch, &result);
  RETURN_IF_ERROR(builder.status());
  result.parameters = model_builder.parameters();

  std::vector<Parameter> trainable;
  std::vector<BlobId> weights;
  for (const Parameter& p : result.parameters) {
    if (!p.trainable) continue;
    trainable.push_back(p);
    weights.push_back(builder.State(p.name, p.type));
  }
  ASSIGN_OR_RETURN(const std::vector<BlobId> gradients,
                   graph::Differentiate(&builder, loss, weights));
  if (update) {
    const BlobId lr = builder.Input("lr", model_builder.Type({1}));
    models::AppendUpdate(&builder, trainable, gradients, loss, golden.recipe, lr);
  } else {
    for (size_t i = 0; i < trainable.size(); ++i) {
      const graph::NetBuilder::Scope scope(&builder, graph::Phase::kUpdate, trainable[i].name);
      fetch("grad/" + trainable[i].name, gradients[i]);
      fetch("gradnorm/" + trainable[i].name,
            builder.Op("GradNorm", "grad_norm/" + trainable[i].name, {gradients[i]}));
    }
  }
  ASSIGN_OR_RETURN(result.net, builder.Finish());
  return result;
}

absl::Status Feed(const GoldenCase& golden, const std::string& tensor, Tensor to) {
  ASSIGN_OR_RETURN(const std::vector<float> values, golden.file.Values<float>(tensor));
  return graph::Annotate(to.Write(values), absl::StrCat(golden.file.name(), ": '", tensor, "'"));
}

absl::Status FeedParameters(const GoldenCase& golden, const CaseNet& net,
                            graph::Workspace* workspace) {
  for (const Parameter& p : net.parameters) {
    ASSIGN_OR_RETURN(const Tensor tensor, workspace->Find(p.name));
    RETURN_IF_ERROR(Feed(golden, "param/" + p.name, tensor));
  }
  return absl::OkStatus();
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

absl::Status FeedInputs(const GoldenCase& golden, const std::string& noise_prefix,
                        Executable* executable) {
  const auto feed = [&](const std::string& tensor, const char* input) -> absl::Status {
    ASSIGN_OR_RETURN(const Tensor to, executable->Find(input));
    return Feed(golden, tensor, to);
  };
  RETURN_IF_ERROR(feed("in/images", "images"));
  RETURN_IF_ERROR(feed(noise_prefix + "noise_patch", "noise_patch"));
  if (golden.droppos.vanilla_mae()) return absl::OkStatus();

  RETURN_IF_ERROR(feed(noise_prefix + "noise_pos", "noise_pos"));
  if (golden.droppos.shuffle) {
    RETURN_IF_ERROR(feed(noise_prefix + "noise_shuffle", "noise_shuffle"));
  }
  if (golden.droppos.mask_token_type == "wrong_pos") {
    ASSIGN_OR_RETURN(const Tensor wrong, executable->Find("noise_wrong"));
    RETURN_IF_ERROR(FeedWrongPositions(golden, noise_prefix, wrong));
  }
  return executable->WriteScalar("sigma", static_cast<float>(golden.droppos.label_smoothing_sigma));
}

// How much of the accuracy hangs on rows whose two best logits nearly tie.
absl::StatusOr<double> AccuracySlack(const CaseNet& net, const Executable& executable) {
  if (net.logits.empty()) return 0.0;
  ASSIGN_OR_RETURN(const Values mask, Fetch(executable, net.mask_pos));
  ASSIGN_OR_RETURN(const Values logits, Fetch(executable, net.logits));
  Values weights = mask;
  if (!net.attn.empty()) {
    ASSIGN_OR_RETURN(const Values attn, Fetch(executable, net.attn));
    for (size_t i = 0; i < weights.data.size(); ++i) weights.data[i] *= attn.data[i];
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

Origin OriginOf(const graph::Net& net, const std::string& blob) {
  const BlobId id = net.Find(blob);
  Origin origin;
  for (const graph::Op& op : net.ops) {
    if (std::find(op.outputs.begin(), op.outputs.end(), id) != op.outputs.end()) {
      origin.op = op.Describe();
      origin.type = net.type(id);
      return origin;
    }
    ++origin.order;
  }
  return origin;
}

absl::Status ReplayGradients(const GoldenCase& golden, const graph::CompileOptions& compile,
                             ReplayResult* result) {
  ASSIGN_OR_RETURN(CaseNet net, BuildCaseNet(golden, *compile.registry, /*update=*/false));
  graph::Workspace workspace(compile.backend->device);
  ASSIGN_OR_RETURN(const std::unique_ptr<Executable> executable,
                   graph::Compile(std::move(net.net), compile, &workspace));
  RETURN_IF_ERROR(FeedParameters(golden, net, &workspace));
  RETURN_IF_ERROR(FeedInputs(golden, "in/", executable.get()));
  RETURN_IF_ERROR(executable->Run());
  for (const auto& [tensor, blob] : net.outputs) {
    if (!golden.has_gradients && absl::StartsWith(tensor, "grad/")) continue;
    ASSIGN_OR_RETURN(result->tensors[tensor], Fetch(*executable, blob));
    result->origins[tensor] = OriginOf(executable->net(), blob);
  }
  ASSIGN_OR_RETURN(result->accuracy_slack, AccuracySlack(net, *executable));
  return absl::OkStatus();
}

absl::Status ReplayTraining(const GoldenCase& golden, const graph::CompileOptions& compile,
                            ReplayResult* result) {
  ASSIGN_OR_RETURN(CaseNet net, BuildCaseNet(golden, *compile.registry, /*update=*/true));
  graph::Workspace workspace(compile.backend->device);
  ASSIGN_OR_RETURN(const std::unique_ptr<Executable> executable,
                   graph::Compile(std::move(net.net), compile, &workspace));
  RETURN_IF_ERROR(FeedParameters(golden, net, &workspace));
  RETURN_IF_ERROR(executable->WriteScalar("lr", static_cast<float>(golden.lr)));
  RETURN_IF_ERROR(executable->WriteScalar(models::kLossLimit, HUGE_VALF));
  for (int step = 0; step < golden.steps; ++step) {
    RETURN_IF_ERROR(FeedInputs(golden, absl::StrCat("train/", step, "/"), executable.get()));
    RETURN_IF_ERROR(executable->Run());
    for (const char* name : {"loss", "acc1"}) {
      if (net.outputs.count(absl::StrCat("out/", name)) == 0) continue;
      ASSIGN_OR_RETURN(const Values value,
                       Fetch(*executable, net.outputs[absl::StrCat("out/", name)]));
      result->tensors[absl::StrCat("train/", name)].data.push_back(value.data[0]);
    }
    ASSIGN_OR_RETURN(const double slack, AccuracySlack(net, *executable));
    result->train_accuracy_slack.push_back(slack);
  }
  if (!golden.has_gradients) return absl::OkStatus();
  for (const Parameter& p : net.parameters) {
    ASSIGN_OR_RETURN(const ConstTensor tensor, workspace.Find(p.name));
    ASSIGN_OR_RETURN(result->tensors["final/" + p.name], ToValues(tensor));
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
