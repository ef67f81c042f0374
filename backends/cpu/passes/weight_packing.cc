// Stores the weights of products in the order in which the kernels read them, once
// a run for all their readers.
//
//   before                                      after
//   state w f32[100,27]                         state w f32[100,27]
//   w.bf16 bf16[100,27] = Cast(w) dtype="bf16"  w.packed_nk_bf16 bf16[64,128] =
//                                                   PackWeights(w) dtype="bf16" trans_w=1
//   y bf16[8,100] = Linear(x, w.bf16, b)        y bf16[8,100] =
//                                                   PackedLinear(x, w.packed_nk_bf16, b) cols=100
//
// One PackWeights for each state, trans_w and element type, right before its first
// reader; a training net has two of a matrix, x·wᵀ of the forward pass and dy·w of
// the backward pass. A Cast that nothing reads any more goes away: PackWeights
// rounds by the same rule. Values do not change.
//
// Packed at the start of each run (1 to 2% of a training step) and not kept as a state:
// whatever writes weights would have to know of the copy, and its layout belongs to this
// machine, so it could not be saved.
//
// Applies to MatMul and Linear, which become PackedMatMul and PackedLinear, whose w is the entry
// value of a state, or a Cast of one. Does not apply to f64, which only tests compute in, nor where
// a reader comes after the operator that overwrites the state.
//
// Comes after mixed_precision, which decides the element types, and after quantize.
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/cpu/passes/passes.h"
#include "backends/cpu/passes/weight_copies.h"
#include "graph/base/status.h"
#include "graph/passes/rewrite.h"

namespace backends::cpu {
namespace {

absl::StatusOr<bool> Run(graph::Net* net, const graph::SchemaRegistry& registry) {
  // Before blobs are added: these are looked up by blobs that were there.
  const graph::Uses uses(*net);
  const std::vector<graph::BlobId> states = StatesBehind(*net);
  std::map<std::tuple<graph::BlobId, bool, graph::DType>, graph::BlobId> packed;
  std::vector<std::vector<graph::Op>> copies(net->ops.size());

  for (graph::OpId i = 0; i < static_cast<graph::OpId>(net->ops.size()); ++i) {
    graph::Op& product = net->ops[i];
    const bool linear = product.type == "Linear";
    if (!linear && product.type != "MatMul") continue;
    const graph::BlobId state = states[product.inputs[1]];
    const graph::DType dtype = net->type(product.inputs[1]).dtype;
    if (state == graph::kNone || dtype == graph::DType::kF64 || uses.overwritten_at[state] <= i)
      continue;

    const bool trans_w = linear || product.Int("trans_w") != 0;
    const auto [it, is_new] = packed.emplace(std::make_tuple(state, trans_w, dtype), graph::kNone);
    if (is_new) {
      graph::Op pack = CopyOp(*net, "PackWeights", "pack", state, product);
      pack.attrs["trans_w"] = int64_t{trans_w};
      pack.attrs["dtype"] = std::string(graph::DTypeName(dtype));
      ASSIGN_OR_RETURN(const std::vector<graph::TensorType> types,
                       registry.Infer(pack, {net->type(state)}));
      const std::string name = absl::StrCat(
          net->blob(state).name, trans_w ? ".packed_nk_" : ".packed_kn_", graph::DTypeName(dtype));
      it->second = graph::AddNewBlob(name, types[0], net);
      pack.outputs = {it->second};
      copies[i].push_back(std::move(pack));
    }
    product.type = linear ? "PackedLinear" : "PackedMatMul";
    product.inputs[1] = it->second;
    product.attrs.erase("trans_w");
    product.attrs["cols"] = net->type(product.outputs[0]).cols();
  }
  if (packed.empty()) return false;
  InsertCopies(std::move(copies), net);
  return true;
}

}  // namespace

graph::Pass WeightPackingPass() { return {"weight_packing", Run}; }

}  // namespace backends::cpu
