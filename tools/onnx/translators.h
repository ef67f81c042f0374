// The table of translators from our operators to ONNX.
//
// A new operator is one function and one row in translators.cc. A translator follows the contract
// in ops/<stem>.h and writes equivalent nodes of ONNX's default domain, opset 17, for any batch:
// dimension 0 of what follows from an input is not the number that the net was built with, so no
// node may contain it.
#ifndef TOOLS_ONNX_TRANSLATORS_H_
#define TOOLS_ONNX_TRANSLATORS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/ir/net.h"
#include "tools/onnx/graph_writer.h"

namespace tools {

// One operator being translated.
class Translation {
 public:
  // `values`: the ONNX name of each blob. All three must outlive the translation.
  Translation(const graph::Net& net, const graph::Op& op, const std::vector<std::string>& values,
              GraphWriter* writer)
      : net_(net), op_(op), values_(values), writer_(writer) {}

  const graph::Op& op() const { return op_; }
  const std::string& in(int i) const { return values_[op_.inputs[i]]; }
  const graph::TensorType& in_type(int i) const { return net_.type(op_.inputs[i]); }

  // An intermediate node, named "<operator>/<what>"; returns the name of its output.
  std::string Node(const std::string& type, const std::string& what,
                   const std::vector<std::string>& inputs, const graph::Attrs& attrs = {}) {
    return writer_->Node(type, Name(what), inputs, attrs);
  }
  // q, k and v: a node with several outputs.
  std::vector<std::string> NodeN(const std::string& type, const std::vector<std::string>& whats,
                                 const std::vector<std::string>& inputs,
                                 const graph::Attrs& attrs = {});
  std::string Ints(const std::string& what, std::vector<int64_t> values) {
    return writer_->Ints(Name(what), std::move(values));
  }
  std::string Float(const std::string& what, float value) {
    return writer_->Float(Name(what), value);
  }

  // The node that writes output 0 of the operator. Outputs that only gradients read (LayerNorm's
  // mean, Attention's lse) are not translated.
  void Result(const std::string& type, const std::vector<std::string>& inputs,
              const graph::Attrs& attrs = {});

 private:
  std::string Name(const std::string& what) const { return absl::StrCat(op_.name, "/", what); }

  const graph::Net& net_;
  const graph::Op& op_;
  const std::vector<std::string>& values_;
  GraphWriter* writer_;
};

using Translator = void (*)(Translation*);

// By the type of the operator.
const std::map<std::string, Translator>& Translators();

}  // namespace tools

#endif  // TOOLS_ONNX_TRANSLATORS_H_
