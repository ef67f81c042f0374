#include "graph/passes/weight_packing.h"

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "graph/passes/rewrite.h"

namespace graph {
namespace {

bool IsProduct(const Op& op) { return op.type == "MatMul" || op.type == "Linear"; }

bool TransW(const Op& product) { return product.type == "Linear" || product.Int("trans_w") != 0; }

// The state whose entry value `blob` is, by blob: kNone where it is none.
std::vector<BlobId> StateEntries(const Net& net) {
  std::vector<BlobId> entries(net.blobs.size(), kNone);
  for (const State& state : net.states) entries[state.entry] = state.entry;
  return entries;
}

// What packs a parameter for `product`, and for those after it.
Op PackOp(const Net& net, const Op& product, BlobId state, bool trans_w, DType dtype) {
  const std::string& parameter = net.blob(state).name;
  Op pack = NewOp("PackWeights", absl::StrCat("pack/", parameter), product);
  pack.part = parameter;
  pack.inputs = {state};
  pack.attrs["trans_w"] = int64_t{trans_w};
  pack.attrs["dtype"] = std::string(DTypeName(dtype));
  return pack;
}

}  // namespace

absl::StatusOr<bool> WeightPackingPass::Run(Net* net, const SchemaRegistry& registry) const {
  // Before blobs are added: all of these are looked up by blobs that were there.
  const Uses uses(*net);
  const std::vector<OpId> overwritten = OverwrittenAt(*net);
  const std::vector<BlobId> entries = StateEntries(*net);
  std::map<std::tuple<BlobId, bool, DType>, BlobId> packed;
  std::vector<std::vector<Op>> before(net->ops.size());
  std::vector<bool> was_cast(net->blobs.size(), false);  // of these, a reader went away

  for (OpId i = 0; i < static_cast<OpId>(net->ops.size()); ++i) {
    if (!IsProduct(net->ops[i]) || net->ops[i].Int("packed") != 0) continue;
    const BlobId w = net->ops[i].inputs[1];
    const DType dtype = net->type(w).dtype;
    BlobId state = entries[w];
    const OpId producer = uses.producer[w];
    const bool cast = producer != kNone && net->ops[producer].type == "Cast";
    if (cast) state = entries[net->ops[producer].inputs[0]];
    if (state == kNone || dtype == DType::kF64 || overwritten[state] <= i) continue;

    const bool trans_w = TransW(net->ops[i]);
    const auto [it, is_new] = packed.emplace(std::make_tuple(state, trans_w, dtype), kNone);
    if (is_new) {
      Op pack = PackOp(*net, net->ops[i], state, trans_w, dtype);
      ASSIGN_OR_RETURN(const std::vector<TensorType> types,
                       registry.Infer(pack, {net->type(state)}));
      const std::string name = absl::StrCat(
          net->blob(state).name, trans_w ? ".packed_nk_" : ".packed_kn_", DTypeName(dtype));
      it->second = AddNewBlob(name, types[0], net);
      pack.outputs = {it->second};
      before[i].push_back(std::move(pack));
    }
    Op& product = net->ops[i];
    product.inputs[1] = it->second;
    product.attrs["packed"] = int64_t{1};
    product.attrs["cols"] = net->type(product.outputs[0]).cols();
    if (cast) was_cast[w] = true;
  }
  if (packed.empty()) return false;

  InsertOps(std::move(before), {}, net);
  const Uses left(*net);
  std::vector<bool> drop(net->ops.size(), false);
  for (size_t b = 0; b < was_cast.size(); ++b) {
    if (was_cast[b] && left.readers[b].empty() && !left.is_root[b]) drop[left.producer[b]] = true;
  }
  FinishRewrite(drop, net);
  return true;
}

}  // namespace graph
