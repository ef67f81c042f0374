#include "graph/passes/quantize.h"

#include <map>

#include "graph/base/status.h"
#include "graph/ir/part.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

// The state behind a weight: the blob itself or what a Cast made it from; kNone
// where it is neither.
BlobId StateOf(const Net& net, const Uses& uses, const std::vector<bool>& is_state, BlobId weight) {
  const OpId producer = uses.producer[weight];
  if (producer != kNone && net.ops[producer].type == "Cast") {
    weight = net.ops[producer].inputs[0];
  }
  return is_state[weight] ? weight : kNone;
}

}  // namespace

bool QuantizePass::Wanted(const Op& op) const {
  if (op.type != "Linear" || op.Int("packed") != 0) return false;
  for (const std::string& part : parts_) {
    if (op.phase == Phase::kForward && IsWithin(op.part, part)) return true;
  }
  return false;
}

absl::StatusOr<bool> QuantizePass::Run(Net* net, const SchemaRegistry& registry) const {
  const Uses uses(*net);
  const std::vector<OpId> overwritten = OverwrittenAt(*net);
  std::vector<bool> is_state(net->blobs.size(), false);
  for (const State& state : net->states) is_state[state.entry] = true;

  struct Quantized {
    BlobId packed, scales;
  };
  std::map<BlobId, Quantized> of_state;
  std::map<BlobId, size_t> readers_left;  // of Casts
  std::vector<Op> ops;
  for (size_t i = 0; i < net->ops.size(); ++i) {
    Op op = net->ops[i];
    op.in_place.clear();
    const BlobId state =
        Wanted(op) ? StateOf(*net, uses, is_state, op.inputs[1]) : static_cast<BlobId>(kNone);
    const bool applies = state != kNone && net->type(op.inputs[0]).rank() == 3 &&
                         net->type(state).dtype == DType::kF32 &&
                         overwritten[state] > static_cast<OpId>(i);
    if (!applies) {
      ops.push_back(std::move(op));
      continue;
    }
    auto found = of_state.find(state);
    if (found == of_state.end()) {
      const std::string& parameter = net->blob(state).name;
      Op quantize = NewOp("QuantizeWeights", absl::StrCat("quantize/", parameter), op);
      quantize.part = parameter;
      quantize.inputs = {state};
      ASSIGN_OR_RETURN(const std::vector<TensorType> types,
                       registry.Infer(quantize, {net->type(state)}));
      const Quantized blobs = {net->AddBlob(absl::StrCat(quantize.name, ".packed"), types[0]),
                               net->AddBlob(absl::StrCat(quantize.name, ".scales"), types[1])};
      quantize.outputs = {blobs.packed, blobs.scales};
      ops.push_back(std::move(quantize));
      found = of_state.emplace(state, blobs).first;
    }
    if (op.inputs[1] != state) {
      auto left = readers_left.emplace(op.inputs[1], uses.readers[op.inputs[1]].size()).first;
      --left->second;
    }
    Op product = NewOp("QuantizedLinear", op.name, op);
    product.inputs = {op.inputs[0], found->second.packed, found->second.scales, op.inputs[2]};
    product.outputs = op.outputs;
    product.attrs["activation"] = op.Str("activation");
    product.attrs["dtype"] = op.Str("dtype");
    RETURN_IF_ERROR(registry.CompleteAttrs(&product));
    ops.push_back(std::move(product));
  }
  if (of_state.empty()) return false;
  std::vector<bool> drop(ops.size(), false);
  for (size_t i = 0; i < ops.size(); ++i) {
    const auto left =
        ops[i].type == "Cast" ? readers_left.find(ops[i].outputs[0]) : readers_left.end();
    drop[i] = left != readers_left.end() && left->second == 0 && !uses.is_root[ops[i].outputs[0]];
  }
  net->ops = std::move(ops);
  FinishRewrite(drop, net);
  return true;
}

}  // namespace graph
