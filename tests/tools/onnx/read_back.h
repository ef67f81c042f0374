// ONNX models read back: as text, and by the rules of a well-formed graph.
#ifndef TESTS_TOOLS_ONNX_READ_BACK_H_
#define TESTS_TOOLS_ONNX_READ_BACK_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/schema/builder.h"
#include "tools/onnx/onnx.pb.h"

namespace tools {

// The operators of ops/op_table.h.
const graph::SchemaRegistry& Registry();

// Empty, and a failure of the test, when there are no bytes or they are no model.
onnx::ModelProto Parse(const absl::StatusOr<std::string>& bytes);

// "images[batch,3,8,12]"; each must be f32.
std::vector<std::string> Texts(
    const google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& infos);
// "y = Add(x, b)", attributes behind.
std::vector<std::string> NodeTexts(const onnx::GraphProto& graph);

// Every value written once, before it is read; outputs written; nodes told apart.
void ExpectWellFormed(const onnx::GraphProto& graph);

// A net of a few operators and no state.
struct SmallNet {
  graph::NetBuilder builder{&Registry(), "small"};

  graph::BlobId Input(const std::string& name, graph::Shape shape,
                      graph::DType dtype = graph::DType::kF32);
  absl::StatusOr<std::string> Model(graph::BlobId output);
};

}  // namespace tools

#endif  // TESTS_TOOLS_ONNX_READ_BACK_H_
