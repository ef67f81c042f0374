#include "tools/onnx/graph_writer.h"

#include "graph/base/status.h"

namespace tools {
namespace {

void SetType(const std::string& name, const graph::Shape& shape, onnx::ValueInfoProto* info) {
  info->set_name(name);
  onnx::TypeProto::Tensor* type = info->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  type->mutable_shape();  // there even at rank 0
  for (int64_t d : shape) {
    onnx::TensorShapeProto::Dimension* dim = type->mutable_shape()->add_dim();
    if (d < 0) {
      dim->set_dim_param("batch");
    } else {
      dim->set_dim_value(d);
    }
  }
}

struct AttributeWriter {
  onnx::AttributeProto* attribute;
  void operator()(int64_t v) const {
    attribute->set_type(onnx::AttributeProto::INT);
    attribute->set_i(v);
  }
  void operator()(float v) const {
    attribute->set_type(onnx::AttributeProto::FLOAT);
    attribute->set_f(v);
  }
  void operator()(const std::string& v) const {
    attribute->set_type(onnx::AttributeProto::STRING);
    attribute->set_s(v);
  }
  void operator()(const std::vector<int64_t>& v) const {
    attribute->set_type(onnx::AttributeProto::INTS);
    for (int64_t i : v) attribute->add_ints(i);
  }
  void operator()(const std::vector<float>& v) const {
    attribute->set_type(onnx::AttributeProto::FLOATS);
    for (float f : v) attribute->add_floats(f);
  }
};

}  // namespace

void GraphWriter::Input(const std::string& name, const graph::Shape& shape) {
  SetType(name, shape, graph_->add_input());
}

void GraphWriter::Output(const std::string& name, const graph::Shape& shape) {
  SetType(name, shape, graph_->add_output());
}

absl::Status GraphWriter::Initializer(const std::string& name, const graph::ConstTensor& tensor) {
  CHECK(tensor.type.dtype == graph::DType::kF32);
  onnx::TensorProto* initializer = graph_->add_initializer();
  initializer->set_name(name);
  initializer->set_data_type(onnx::TensorProto::FLOAT);
  for (int64_t d : tensor.type.shape) initializer->add_dims(d);
  // raw_data is little-endian, like every machine that we build for.
  std::string* raw = initializer->mutable_raw_data();
  raw->resize(tensor.type.bytes());
  return tensor.ReadBytes(0, {reinterpret_cast<uint8_t*>(raw->data()), raw->size()});
}

std::string GraphWriter::UniqueName(const std::string& name) {
  std::string unique = name;
  for (int n = 2; !taken_.insert(unique).second; ++n) unique = absl::StrCat(name, "~", n);
  return unique;
}

void GraphWriter::NodeN(const std::string& type, const std::string& name,
                        const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs, const graph::Attrs& attrs) {
  onnx::NodeProto* node = graph_->add_node();
  node->set_op_type(type);
  node->set_name(name);
  for (const std::string& input : inputs) node->add_input(input);
  for (const std::string& output : outputs) node->add_output(output);
  for (const auto& [attr, value] : attrs) {
    onnx::AttributeProto* attribute = node->add_attribute();
    attribute->set_name(attr);
    absl::visit(AttributeWriter{attribute}, value);
  }
}

std::string GraphWriter::Node(const std::string& type, const std::string& name,
                              const std::vector<std::string>& inputs, const graph::Attrs& attrs) {
  const std::string output = UniqueName(name);
  NodeN(type, output, inputs, {output}, attrs);
  return output;
}

}  // namespace tools
