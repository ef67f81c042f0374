// The interface for gradient makers.
#ifndef GRAPH_SCHEMA_GRADIENT_H_
#define GRAPH_SCHEMA_GRADIENT_H_

#include <string>
#include <utility>
#include <vector>

#include "graph/ir/net.h"
#include "graph/schema/builder.h"

namespace graph {

// Passed to the gradient maker of one forward operator. The maker appends
// gradient operators with Op() or OpN() and calls SetGrad() for each input for
// which NeedsGrad() is true. It ignores inputs without a gradient (ids, masks).
//
//   absl::Status GeluGradient(GradientBuilder* g) {
//     g->SetGrad(0, g->Op("GeluGrad", {g->In(0), g->GradOut(0)}));
//     return absl::OkStatus();
//   }
class GradientBuilder {
 public:
  GradientBuilder(NetBuilder* net, const graph::Op& forward, std::vector<BlobId> grad_outputs,
                  std::vector<bool> needs_grad)
      : net_(net),
        forward_(forward),
        grad_outputs_(std::move(grad_outputs)),
        needs_grad_(std::move(needs_grad)),
        grad_inputs_(forward.inputs.size(), kNone) {}

  const graph::Op& forward() const { return forward_; }
  int num_inputs() const { return static_cast<int>(forward_.inputs.size()); }
  BlobId In(int i) const { return forward_.inputs[i]; }
  BlobId Out(int i) const { return forward_.outputs[i]; }
  // By value, because adding operators moves the blobs.
  TensorType InType(int i) const { return net_->type(In(i)); }
  TensorType OutType(int i) const { return net_->type(Out(i)); }
  // Gradient of the loss with respect to output `i`; kNone if the output does not
  // reach the loss.
  BlobId GradOut(int i) const { return grad_outputs_[i]; }
  bool NeedsGrad(int i) const { return needs_grad_[i]; }

  // Appends an operator named "grad/<forward name>[.suffix]" in the backward phase and the
  // forward operator's part.
  BlobId Op(const std::string& type, std::vector<BlobId> inputs, Attrs attrs = {},
            const std::string& suffix = "") {
    return OpN(type, std::move(inputs), std::move(attrs), suffix)[0];
  }
  std::vector<BlobId> OpN(const std::string& type, std::vector<BlobId> inputs, Attrs attrs = {},
                          const std::string& suffix = "") {
    const std::string name =
        absl::StrCat("grad/", forward_.name, suffix.empty() ? "" : ".", suffix);
    const NetBuilder::Scope scope(net_, Phase::kBackward, forward_.part);
    return net_->OpN(type, name, std::move(inputs), std::move(attrs));
  }

  void SetGrad(int input, BlobId grad) { grad_inputs_[input] = grad; }
  BlobId grad_input(int i) const { return grad_inputs_[i]; }

 private:
  NetBuilder* net_;
  graph::Op forward_;  // a copy: appending operators moves the net's vector
  std::vector<BlobId> grad_outputs_;
  std::vector<bool> needs_grad_;
  std::vector<BlobId> grad_inputs_;
};

}  // namespace graph

#endif  // GRAPH_SCHEMA_GRADIENT_H_
