// Computes products in 8-bit integers where PipelineOptions::precision_overrides
// says kInt8Products.
//
//   before                                      after
//   y bf16[4,50,64] =                           q i8[80,64], s f32[64] = QuantizeWeights(w)
//       Linear(x, c, b) @guide/fc               y bf16[4,50,64] =
//   (c bf16 = Cast(w), w a state)                   QuantizedLinear(x, q, s, b) @guide/fc
//
// A weight is quantized once a run, in front of its first reader; a Cast that
// nothing reads any more is dropped. Everything else of such operators (norms,
// attention, softmax) keeps the precision that mixed_precision gave it.
//
// Preconditions: x is (B, T, K); w is a state, or a Cast of one, that is not
// overwritten before the product; nothing is differentiated through the product,
// which the caller of kInt8Products guarantees.
//
// Applies to Linear only, so it comes after linear_fusion and before weight_packing.
#include <map>

#include "absl/strings/str_cat.h"
#include "backends/cpu/passes/passes.h"
#include "backends/cpu/passes/weight_copies.h"
#include "graph/base/status.h"
#include "graph/passes/rewrite.h"

namespace backends::cpu {
namespace {

bool Wanted(const graph::PipelineOptions& options, const graph::Op& op) {
  return op.type == "Linear" && op.phase == graph::Phase::kForward &&
         graph::PrecisionOf(options, op.part) == graph::ComputePrecision::kInt8Products;
}

absl::StatusOr<bool> Run(const graph::PipelineOptions& options, graph::Net* net,
                         const graph::SchemaRegistry& registry) {
  const graph::Uses uses(*net);
  const std::vector<graph::BlobId> states = StatesBehind(*net);
  struct Quantized {
    graph::BlobId packed, scales;
  };
  std::map<graph::BlobId, Quantized> of_state;
  std::vector<std::vector<graph::Op>> copies(net->ops.size());
  for (size_t i = 0; i < net->ops.size(); ++i) {
    graph::Op& op = net->ops[i];
    if (!Wanted(options, op)) continue;
    const graph::BlobId state = states[op.inputs[1]];
    if (state == graph::kNone || net->type(op.inputs[0]).rank() != 3 ||
        net->type(state).dtype != graph::DType::kF32 ||
        uses.overwritten_at[state] <= static_cast<graph::OpId>(i)) {
      continue;
    }
    auto found = of_state.find(state);
    if (found == of_state.end()) {
      graph::Op quantize = CopyOp(*net, "QuantizeWeights", "quantize", state, op);
      ASSIGN_OR_RETURN(const std::vector<graph::TensorType> types,
                       registry.Infer(quantize, {net->type(state)}));
      const Quantized blobs = {net->AddBlob(absl::StrCat(quantize.name, ".packed"), types[0]),
                               net->AddBlob(absl::StrCat(quantize.name, ".scales"), types[1])};
      quantize.outputs = {blobs.packed, blobs.scales};
      copies[i].push_back(std::move(quantize));
      found = of_state.emplace(state, blobs).first;
    }
    op.type = "QuantizedLinear";
    op.inputs = {op.inputs[0], found->second.packed, found->second.scales, op.inputs[2]};
  }
  if (of_state.empty()) return false;
  InsertCopies(std::move(copies), net);
  return true;
}

}  // namespace

graph::Pass QuantizePass(const graph::PipelineOptions& options) {
  return {"quantize", [options](graph::Net* net, const graph::SchemaRegistry& registry) {
            return Run(options, net, registry);
          }};
}

}  // namespace backends::cpu
