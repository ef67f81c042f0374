// Joins a residual addition and the normalisation beside it, forward and backward, so
// that the sum is normalised, or the gradient added, while it is still in cache.
//
//   before                                      after
//   s f32[8,32] = Add(a, b) @add                s f32[8,32], y f32[8,32], m f32[8], v f32[8] =
//   y f32[8,32], m f32[8], v f32[8] =               AddLayerNorm(a, b, g, h) eps=1e-06 @norm
//       LayerNorm(s, g, h) eps=1e-06 @norm
//
// The new operator stands where the addition stood, so that every other reader
// of the sum (the next residual, the gradient) still finds it, and has the name
// of the normalisation. Where several normalisations read one sum the first is
// joined.
//
// Where an operand of the addition is an image's branch times a scale, as drop path has it,
// that is taken in as well, or each block would lose the fusion:
//
//   before                                      after
//   t f32[2,4,32] = ScaleImages(b, k) index=3   s f32[2,4,32], y f32[2,4,32], ... =
//   s f32[2,4,32] = Add(a, t) @add                  AddLayerNorm(a, b, g, h, k) index=3 @norm
//   y f32[2,4,32], ... = LayerNorm(s, g, h)
//
// Its preconditions: the addition is the only reader of the product, which is not a root;
// all are of one phase, and all or none recomputed; neither b nor k is a state that is
// overwritten by then. Its gradient is ScaleImages of the sum's, which mixed_precision has
// write the bf16 that products read: as many bytes as the cast that stands there without it.
//
// A last block whose sum no normalisation reads, as with the mean of its patches, keeps Add and
// ScaleImages; in bf16 its branch is rounded once more than the others, behind the scale.
//
// Preconditions: a, b and the sum have one type, f32 or f64 (nothing is broadcast);
// gamma and beta are available where the addition stands, as parameters are.
//
// Does not apply where the sum or a result of the normalisation is a state's
// value at exit: moving its writer would move the end of the old value.
//
// When it hurts: y, mean and variance live from the addition on; where the
// normalisation came much later the plan may grow.
//
//   before                                      after
//   dx f32[8,32], dg f32[32], dh f32[32] =      s f32[8,32], dg f32[32], dh f32[32] =
//       LayerNormGrad(x, g, m, v, dy) @n            LayerNormGrad(x, g, m, v, dy, skip) @n
//   s f32[8,32] = Add(dx, skip)
//
// The gradient stands where LayerNormGrad stood. Preconditions: the addition, in
// either order, is the only reader of dx; all three have one type; skip is made
// before LayerNormGrad. Does not apply where s is a state's value at exit.
#include <algorithm>
#include <utility>
#include <vector>

#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

bool Matches(const Net& net, const Op& add, const Op& norm, const Uses& uses) {
  if (add.type != "Add" || add.phase != norm.phase) return false;
  if (uses.is_changed_exit[add.outputs[0]]) return false;
  const TensorType& sum = net.type(add.outputs[0]);
  if (sum.dtype == DType::kBF16) return false;
  if (net.type(add.inputs[0]) != sum || net.type(add.inputs[1]) != sum) return false;
  for (BlobId output : norm.outputs) {
    if (uses.is_changed_exit[output]) return false;
  }
  return true;
}

// The operand of `add`, operator `at`, that is a ScaleImages to be taken in; -1: there is none.
int ScaledOperand(const Net& net, OpId at, const Uses& uses) {
  const Op& add = net.ops[at];
  for (const int k : {1, 0}) {
    const OpId producer = uses.producer[add.inputs[k]];
    if (producer == kNone || !uses.SingleUse(add.inputs[k])) continue;
    const Op& scale = net.ops[producer];
    if (scale.type != "ScaleImages" || scale.phase != add.phase) continue;
    if (scale.recomputed != add.recomputed || net.type(add.inputs[k]).rank() < 2) continue;
    if (net.type(scale.inputs[0]) != net.type(add.inputs[k])) continue;
    if (std::all_of(scale.inputs.begin(), scale.inputs.end(),
                    [&](BlobId input) { return uses.overwritten_at[input] > at; })) {
      return k;
    }
  }
  return -1;
}

// Joins Add + LayerNorm, and a ScaleImages before them, marking what is replaced in `drop`.
absl::Status JoinForward(const SchemaRegistry& registry, std::vector<bool>* drop, Net* net) {
  const Uses uses(*net);
  for (size_t i = 0; i < net->ops.size(); ++i) {
    const Op& norm = net->ops[i];
    if (norm.type != "LayerNorm") continue;
    const BlobId gamma = norm.inputs[1];
    const BlobId beta = norm.inputs[2];
    const OpId at = uses.producer[norm.inputs[0]];
    if (at == kNone || !Matches(*net, net->ops[at], norm, uses)) continue;
    if (uses.producer[gamma] >= at || uses.producer[beta] >= at) continue;

    const Op& add = net->ops[at];
    Op fused = NewOp("AddLayerNorm", norm.name, norm);
    fused.inputs = {add.inputs[0], add.inputs[1], gamma, beta};
    fused.outputs = {add.outputs[0]};
    fused.outputs.insert(fused.outputs.end(), norm.outputs.begin(), norm.outputs.end());
    fused.attrs = norm.attrs;
    if (const int k = ScaledOperand(*net, at, uses); k >= 0) {
      const OpId scaled = uses.producer[add.inputs[k]];
      const Op& scale = net->ops[scaled];
      fused.inputs = {add.inputs[1 - k], scale.inputs[0], gamma, beta, scale.inputs[1]};
      fused.attrs["index"] = scale.Int("index");
      (*drop)[scaled] = true;
    }
    RETURN_IF_ERROR(registry.CompleteAttrs(&fused));
    net->ops[at] = std::move(fused);
    (*drop)[i] = true;
  }
  return absl::OkStatus();
}

// Joins LayerNormGrad + Add, marking what is replaced in `drop`.
void JoinBackward(std::vector<bool>* drop, Net* net) {
  const Uses uses(*net);
  for (size_t i = 0; i < net->ops.size(); ++i) {
    const Op& add = net->ops[i];
    if (add.type != "Add" || (*drop)[i] || uses.is_changed_exit[add.outputs[0]]) continue;
    for (const int k : {0, 1}) {
      const BlobId dx = add.inputs[k], skip = add.inputs[1 - k];
      const OpId at = uses.producer[dx];
      if (at == kNone || !uses.SingleUse(dx) || uses.producer[skip] >= at) continue;
      Op& grad = net->ops[at];
      if (grad.type != "LayerNormGrad" || grad.inputs.size() != 5 || grad.outputs[0] != dx) {
        continue;
      }
      if (net->type(skip) != net->type(dx) || net->type(add.outputs[0]) != net->type(dx)) continue;
      grad.inputs.push_back(skip);
      grad.outputs[0] = add.outputs[0];
      (*drop)[i] = true;
      break;
    }
  }
}

absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) {
  std::vector<bool> drop(net->ops.size(), false);
  RETURN_IF_ERROR(JoinForward(registry, &drop, net));
  JoinBackward(&drop, net);
  return DropOps(drop, net);
}

}  // namespace

Pass ResidualNormFusionPass() { return {"residual_norm_fusion", Run}; }

}  // namespace graph
