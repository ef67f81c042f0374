// Gives a product in bf16 a bias in bf16, which cuBLASLt adds.
//
//   before                                      after
//   y bf16[8,64] = Linear(x, w, b)              b.bf16 bf16[64] = Cast(b) dtype="bf16"
//   (x, w bf16; b f32)                          y bf16[8,64] = Linear(x, w, b.bf16)
//
// "Bias vector elements are the same type as the elements of output matrix" (cublasLt.h):
// with an f32 bias the product would be written in f32 to be read by an epilogue of ours.
// The bias is rounded as official autocast rounds it. One Cast for each bias, in front of
// its first reader; a training net shares it with the guide.
//
// Preconditions: no activation, because that is cuDNN's epilogue or ours and reads the f32 bias;
// rows of y are whole vectors of 16 bytes, because others are stored by our epilogue in any case.
//
// Comes after mixed_precision, which decides what is bf16.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/cuda/passes/passes.h"
#include "graph/base/status.h"
#include "graph/passes/rewrite.h"

namespace backends::cuda {
namespace {

using graph::DType;

bool WantsCast(const graph::Net& net, const graph::Op& op) {
  if (op.type != "Linear" || op.Str("activation") != "none") return false;
  const graph::TensorType& y = net.type(op.outputs[0]);
  return y.dtype == DType::kBF16 && y.cols() % 8 == 0 &&
         net.type(op.inputs[0]).dtype == DType::kBF16 &&
         net.type(op.inputs[2]).dtype == DType::kF32;
}

absl::StatusOr<bool> Run(graph::Net* net, const graph::SchemaRegistry& registry) {
  std::vector<bool> is_state(net->blobs.size());
  for (const graph::State& state : net->states) is_state[state.entry] = true;
  std::map<graph::BlobId, graph::BlobId> cast_of;
  std::vector<std::vector<graph::Op>> before(net->ops.size());
  for (size_t i = 0; i < net->ops.size(); ++i) {
    graph::Op& op = net->ops[i];
    if (!WantsCast(*net, op)) continue;
    const graph::BlobId bias = op.inputs[2];
    const auto [it, is_new] = cast_of.emplace(bias, graph::kNone);
    if (is_new) {
      const std::string name = net->blob(bias).name;
      const graph::TensorType type = {DType::kBF16, net->type(bias).shape};
      it->second = graph::AddNewBlob(absl::StrCat(name, ".bf16"), type, net);
      graph::Op cast = graph::NewOp("Cast", absl::StrCat("cast/", name, ".bf16"), op);
      if (is_state[bias]) cast.part = name;
      cast.inputs = {bias};
      cast.outputs = {it->second};
      cast.attrs["dtype"] = std::string(graph::DTypeName(DType::kBF16));
      RETURN_IF_ERROR(registry.CompleteAttrs(&cast));
      before[i].push_back(std::move(cast));
    }
    op.inputs[2] = it->second;
  }
  if (cast_of.empty()) return false;
  graph::InsertOps(std::move(before), {}, net);
  graph::FinishRewrite(net);
  return true;
}

}  // namespace

graph::Pass BiasCastPass() { return {"bias_cast", Run}; }

}  // namespace backends::cuda
