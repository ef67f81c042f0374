#include "graph/autodiff/autodiff.h"

#include <algorithm>

#include "graph/schema/gradient.h"

namespace graph {
namespace {

// Says why `blob` has no gradient: follows it forward to the first operator that leads to the
// loss but passes no gradient back (`grads`: gradients found, by blob), or else to the last
// operator, which does not lead to the loss.
absl::Status NoPath(const NetBuilder& builder, BlobId blob, BlobId loss, size_t forward_ops,
                    const std::vector<BlobId>& grads) {
  const Net& net = builder.net();
  const std::string what = absl::StrCat("'", net.blob(blob).name, "' has no gradient: ");
  std::vector<bool> to_loss(net.blobs.size(), false);
  to_loss[loss] = true;
  const auto leads_to_loss = [&to_loss](const Op& op) {
    return std::any_of(op.outputs.begin(), op.outputs.end(), [&](BlobId b) { return to_loss[b]; });
  };
  for (size_t i = forward_ops; i-- > 0;) {
    if (!leads_to_loss(net.ops[i])) continue;
    for (BlobId b : net.ops[i].inputs) to_loss[b] = true;
  }
  std::vector<bool> from_blob(net.blobs.size(), false);
  from_blob[blob] = true;
  const Op* last = nullptr;
  for (size_t i = 0; i < forward_ops; ++i) {
    const Op& op = net.ops[i];
    const auto input =
        std::find_if(op.inputs.begin(), op.inputs.end(), [&](BlobId b) { return from_blob[b]; });
    if (input == op.inputs.end()) continue;
    last = &op;
    for (BlobId b : op.outputs) from_blob[b] = true;
    if (!leads_to_loss(op)) continue;
    const Schema* schema = builder.registry().Find(op.type);
    if (schema->no_gradient) {
      return InvalidArgument(what, op.Describe(), " stops it (", *schema->no_gradient, ")");
    }
    bool reached = false;
    for (BlobId b : op.outputs) reached |= grads[b] != kNone;
    if (reached) {
      return InvalidArgument(what, op.Describe(), " passes none to its input ",
                             input - op.inputs.begin());
    }
  }
  if (last == nullptr) return InvalidArgument(what, "no operator reads it");
  return InvalidArgument(what, "it does not lead to '", net.blob(loss).name,
                         "'; the last operator on its way is ", last->Describe());
}

// By blob: the part of the operator that makes it, or the blob's name if none does (parameters,
// inputs).
std::vector<std::string> PartsOfBlobs(const Net& net) {
  std::vector<std::string> parts;
  for (const Blob& blob : net.blobs) parts.push_back(blob.name);
  for (const Op& op : net.ops) {
    for (BlobId b : op.outputs) parts[b] = op.part;
  }
  return parts;
}

}  // namespace

absl::StatusOr<std::vector<BlobId>> Differentiate(NetBuilder* builder, BlobId loss,
                                                  absl::Span<const BlobId> wrt, float scale) {
  RETURN_IF_ERROR(builder->status());
  const SchemaRegistry& registry = builder->registry();
  if (builder->type(loss).elements() != 1 || !IsFloat(builder->type(loss).dtype)) {
    return InvalidArgument("the loss '", builder->net().blob(loss).name,
                           "' must have one float element, not ", builder->type(loss).ToString());
  }
  const size_t forward_ops = builder->net().ops.size();
  const size_t forward_blobs = builder->net().blobs.size();

  // Forward sweep. By blob: one of `wrt` on which it depends through operators that pass
  // gradients, or kNone.
  std::vector<BlobId> depends(forward_blobs, kNone);
  for (BlobId b : wrt) depends[b] = b;
  const auto needed_for = [&depends](const Op& op) {
    for (BlobId b : op.inputs) {
      if (depends[b] != kNone) return depends[b];
    }
    return kNone;
  };
  for (size_t i = 0; i < forward_ops; ++i) {
    const Op& op = builder->net().ops[i];
    const BlobId on = needed_for(op);
    if (on == kNone || registry.Find(op.type)->no_gradient) continue;
    for (BlobId b : op.outputs) {
      if (depends[b] == kNone && IsFloat(builder->type(b).dtype)) depends[b] = on;
    }
  }

  // Backward sweep. grads[b] sums the gradients from b's readers so far.
  std::vector<BlobId> grads(forward_blobs, kNone);
  const std::vector<std::string> part_of = PartsOfBlobs(builder->net());
  const auto add = [&](const std::string& type, BlobId blob, std::vector<BlobId> inputs,
                       Attrs attrs = {}) {
    const NetBuilder::Scope scope(builder, Phase::kBackward, part_of[blob]);
    return builder->Op(type, absl::StrCat("grad/", builder->net().blob(blob).name),
                       std::move(inputs), std::move(attrs));
  };
  grads[loss] = add("Fill", loss, {},
                    {{"value", scale},
                     {"shape", std::vector<int64_t>(builder->type(loss).shape.begin(),
                                                    builder->type(loss).shape.end())},
                     {"dtype", std::string(DTypeName(builder->type(loss).dtype))}});
  for (size_t i = forward_ops; i-- > 0;) {
    RETURN_IF_ERROR(builder->status());
    const Op op = builder->net().ops[i];
    std::vector<BlobId> grad_outputs;
    bool reached = false;
    for (BlobId b : op.outputs) {
      grad_outputs.push_back(grads[b]);
      reached |= grads[b] != kNone;
    }
    std::vector<bool> needs;
    for (BlobId b : op.inputs) needs.push_back(depends[b] != kNone);
    const BlobId needed = needed_for(op);
    const Schema* schema = registry.Find(op.type);
    if (!reached || needed == kNone || schema->no_gradient) continue;
    if (schema->not_differentiable) {
      return InvalidArgument("the gradient of '", builder->net().blob(needed).name,
                             "' cannot pass through ", op.Describe(), ": ",
                             *schema->not_differentiable);
    }
    GradientBuilder g(builder, op, std::move(grad_outputs), needs);
    RETURN_IF_ERROR(Annotate(schema->gradient(&g), absl::StrCat("gradient of ", op.Describe())));
    RETURN_IF_ERROR(builder->status());
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      const BlobId b = op.inputs[k];
      const BlobId grad = g.grad_input(static_cast<int>(k));
      if (grad == kNone || depends[b] == kNone) continue;
      if (builder->type(grad) != builder->type(b)) {
        return absl::InternalError(absl::StrCat(
            "gradient of ", op.Describe(), ": input ", k, " is ", builder->type(b).ToString(),
            " but its gradient is ", builder->type(grad).ToString()));
      }
      grads[b] = grads[b] == kNone ? grad : add("Add", b, {grads[b], grad});
    }
  }

  std::vector<BlobId> result;
  for (BlobId b : wrt) {
    if (grads[b] == kNone) return NoPath(*builder, b, loss, forward_ops, grads);
    result.push_back(grads[b]);
  }
  // Named last, because sums change a blob's gradient until then. Two blobs may
  // share one gradient (both inputs of an Add); the first names it.
  std::vector<bool> named(builder->net().blobs.size(), false);
  for (size_t i = 0; i < wrt.size(); ++i) {
    if (named[result[i]]) continue;
    named[result[i]] = true;
    builder->Rename(result[i], absl::StrCat("grad/", builder->net().blob(wrt[i]).name));
  }
  RETURN_IF_ERROR(builder->status());
  return result;
}

}  // namespace graph
