#include "graph/schema/gradient.h"

namespace graph {

GradientBuilder::GradientBuilder(NetBuilder* net, const graph::Op& forward,
                                 std::vector<BlobId> grad_outputs, std::vector<bool> needs_grad)
    : net_(net),
      forward_(forward),
      grad_outputs_(std::move(grad_outputs)),
      needs_grad_(std::move(needs_grad)),
      grad_inputs_(forward.inputs.size(), kNone) {}

std::vector<BlobId> GradientBuilder::OpN(const std::string& type, std::vector<BlobId> inputs,
                                         Attrs attrs, const std::string& suffix) {
  const std::string name = absl::StrCat("grad/", forward_.name, suffix.empty() ? "" : ".", suffix);
  const NetBuilder::Scope scope(net_, Phase::kBackward, forward_.part);
  return net_->OpN(type, name, std::move(inputs), std::move(attrs));
}

BlobId GradientBuilder::Op(const std::string& type, std::vector<BlobId> inputs, Attrs attrs,
                           const std::string& suffix) {
  return OpN(type, std::move(inputs), std::move(attrs), suffix)[0];
}

}  // namespace graph
