// Writes nodes into an ONNX graph and hands out unique names; knows no operator.
#ifndef TOOLS_ONNX_GRAPH_WRITER_H_
#define TOOLS_ONNX_GRAPH_WRITER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "graph/ir/net.h"
#include "graph/runtime/workspace.h"
#include "tools/onnx/onnx.pb.h"

namespace tools {

// Values of the graph are identified by name. Not thread-safe.
class GraphWriter {
 public:
  // `graph` must outlive the writer.
  explicit GraphWriter(onnx::GraphProto* graph) : graph_(graph) {}

  // f32; a dimension of -1 is "batch".
  void Input(const std::string& name, const graph::Shape& shape);
  void Output(const std::string& name, const graph::Shape& shape);
  // Copies the elements, which must be f32.
  absl::Status Initializer(const std::string& name, const graph::ConstTensor& tensor);

  // `name`, or "name~N" if that is taken; reserves the result.
  std::string UniqueName(const std::string& name);

  // Appends a node that writes `outputs`, names already reserved. Our operators' attributes have
  // the same kinds as those of ONNX's nodes.
  void NodeN(const std::string& type, const std::string& name,
             const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
             const graph::Attrs& attrs = {});
  // The same with one output, named like the node; returns its name.
  std::string Node(const std::string& type, const std::string& name,
                   const std::vector<std::string>& inputs, const graph::Attrs& attrs = {});
  // Constants as nodes without inputs; initialisers are for the parameters only.
  std::string Ints(const std::string& name, std::vector<int64_t> values) {  // i64 (n)
    return Node("Constant", name, {}, {{"value_ints", std::move(values)}});
  }
  std::string Float(const std::string& name, float value) {  // f32 scalar
    return Node("Constant", name, {}, {{"value_float", value}});
  }

 private:
  onnx::GraphProto* graph_;
  absl::flat_hash_set<std::string> taken_;
};

}  // namespace tools

#endif  // TOOLS_ONNX_GRAPH_WRITER_H_
