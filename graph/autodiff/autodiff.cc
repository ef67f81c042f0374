#include "graph/autodiff/autodiff.h"

#include "graph/schema/gradient.h"

namespace graph {
namespace {

// Why the gradient of `blob` cannot be had, following it forward as far as it
// matters for the reader of the message.
absl::Status NoPath(const NetBuilder& builder, BlobId blob, BlobId loss) {
  const Net& net = builder.net();
  const std::string& name = net.blob(blob).name;
  const Uses uses(net);
  if (uses.readers[blob].empty()) {
    return InvalidArgument("'", name, "' has no gradient: no operator reads it");
  }
  for (const Uses::Reader& reader : uses.readers[blob]) {
    const Op& op = net.ops[reader.op];
    const Schema* schema = builder.registry().Find(op.type);
    if (schema->no_gradient()) {
      return InvalidArgument("'", name, "' has no gradient: ", op.Describe(), " stops it (",
                             schema->gradient_reason(), ")");
    }
  }
  return InvalidArgument("'", name, "' has no gradient: no differentiable path leads from it to '",
                         net.blob(loss).name, "'");
}

}  // namespace

absl::StatusOr<std::vector<BlobId>> Differentiate(NetBuilder* builder, BlobId loss,
                                                  absl::Span<const BlobId> wrt, float scale) {
  RETURN_IF_ERROR(builder->status());
  const SchemaRegistry& registry = builder->registry();
  if (builder->type(loss).elements() != 1 || !IsFloat(builder->type(loss).dtype)) {
    return InvalidArgument("the loss '", builder->net().blob(loss).name,
                           "' must have one float element, not ",
                           builder->type(loss).ToString());
  }
  const size_t forward_ops = builder->net().ops.size();
  const size_t forward_blobs = builder->net().blobs.size();

  // Forward sweep: what depends on `wrt` through operators that pass gradients.
  std::vector<bool> depends(forward_blobs, false);
  for (BlobId b : wrt) depends[b] = true;
  for (size_t i = 0; i < forward_ops; ++i) {
    const Op& op = builder->net().ops[i];
    const Schema* schema = registry.Find(op.type);
    if (schema->no_gradient()) continue;
    bool any = false;
    for (BlobId b : op.inputs) any |= depends[b];
    if (!any) continue;
    for (BlobId b : op.outputs) depends[b] = IsFloat(builder->type(b).dtype);
  }

  // Backward sweep. grads[b] sums the gradients from b's readers so far.
  std::vector<BlobId> grads(forward_blobs, kNone);
  const std::string seed_name = absl::StrCat("grad/", builder->net().blob(loss).name);
  grads[loss] = builder->Op(
      "Fill", seed_name, {},
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
    bool needed = false;
    for (BlobId b : op.inputs) {
      needs.push_back(depends[b]);
      needed |= depends[b];
    }
    const Schema* schema = registry.Find(op.type);
    if (!reached || !needed || schema->no_gradient()) continue;
    if (schema->not_differentiable()) {
      return InvalidArgument("no gradient can pass through ", op.Describe(), ": ",
                             schema->gradient_reason());
    }
    GradientBuilder g(builder, op, std::move(grad_outputs), needs);
    absl::Status status = schema->gradient()(&g);
    if (!status.ok()) return Annotate(status, absl::StrCat("gradient of ", op.Describe()));
    RETURN_IF_ERROR(builder->status());
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      const BlobId b = op.inputs[k];
      const BlobId grad = g.grad_input(static_cast<int>(k));
      if (grad == kNone || !depends[b]) continue;
      if (builder->type(grad) != builder->type(b)) {
        return absl::InternalError(absl::StrCat(
            "gradient of ", op.Describe(), ": input ", k, " is ", builder->type(b).ToString(),
            " but its gradient is ", builder->type(grad).ToString()));
      }
      grads[b] = grads[b] == kNone
                     ? grad
                     : builder->Op("Add", absl::StrCat("grad/", builder->net().blob(b).name),
                                   {grads[b], grad});
    }
  }

  std::vector<BlobId> result;
  for (BlobId b : wrt) {
    if (grads[b] == kNone) return NoPath(*builder, b, loss);
    result.push_back(grads[b]);
  }
  // Named last: while summing, a blob's gradient is still changing. Two blobs
  // may share one gradient (both inputs of an Add); the first gets the name.
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
