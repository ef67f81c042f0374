#include "tests/tools/onnx/read_back.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "ops/op_table.h"
#include "tools/onnx/onnx_model.h"

namespace tools {
namespace {

std::string Text(const onnx::ValueInfoProto& info) {
  EXPECT_EQ(info.type().tensor_type().elem_type(), onnx::TensorProto::FLOAT);
  std::vector<std::string> dims;
  for (const auto& dim : info.type().tensor_type().shape().dim()) {
    dims.push_back(dim.has_dim_param() ? dim.dim_param() : absl::StrCat(dim.dim_value()));
  }
  return absl::StrCat(info.name(), "[", absl::StrJoin(dims, ","), "]");
}

std::string Text(const onnx::AttributeProto& a) {
  switch (a.type()) {
    case onnx::AttributeProto::INT:
      return absl::StrCat(a.name(), "=", a.i());
    case onnx::AttributeProto::FLOAT:
      return absl::StrCat(a.name(), "=", a.f());
    case onnx::AttributeProto::INTS:
      return absl::StrCat(a.name(), "=[", absl::StrJoin(a.ints(), ","), "]");
    default:
      return absl::StrCat(a.name(), "=?");
  }
}

std::string Text(const onnx::NodeProto& node) {
  std::string text = absl::StrCat(absl::StrJoin(node.output(), ", "), " = ", node.op_type(), "(",
                                  absl::StrJoin(node.input(), ", "), ")");
  for (const onnx::AttributeProto& a : node.attribute()) absl::StrAppend(&text, " ", Text(a));
  return text;
}

}  // namespace

const graph::SchemaRegistry& Registry() {
  static const auto* const registry = [] {
    auto* r = new graph::SchemaRegistry;
    ops::RegisterOps(r);
    return r;
  }();
  return *registry;
}

onnx::ModelProto Parse(const absl::StatusOr<std::string>& bytes) {
  onnx::ModelProto model;
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_TRUE(bytes.ok() && model.ParseFromString(*bytes));
  return model;
}

std::vector<std::string> Texts(
    const google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& infos) {
  std::vector<std::string> texts;
  for (const onnx::ValueInfoProto& info : infos) texts.push_back(Text(info));
  return texts;
}

std::vector<std::string> NodeTexts(const onnx::GraphProto& graph) {
  std::vector<std::string> texts;
  for (const onnx::NodeProto& node : graph.node()) texts.push_back(Text(node));
  return texts;
}

void ExpectWellFormed(const onnx::GraphProto& graph) {
  std::set<std::string> known, names;
  for (const auto& input : graph.input()) EXPECT_TRUE(known.insert(input.name()).second);
  for (const auto& t : graph.initializer()) EXPECT_TRUE(known.insert(t.name()).second) << t.name();
  for (const onnx::NodeProto& node : graph.node()) {
    for (const std::string& input : node.input()) {
      EXPECT_EQ(known.count(input), 1u) << input << " in " << Text(node);
    }
    for (const std::string& output : node.output()) {
      EXPECT_TRUE(known.insert(output).second) << output << " is written twice";
    }
    EXPECT_TRUE(names.insert(node.name()).second) << node.name();
  }
  for (const auto& output : graph.output()) EXPECT_EQ(known.count(output.name()), 1u);
}

graph::BlobId SmallNet::Input(const std::string& name, graph::Shape shape, graph::DType dtype) {
  return builder.Input(name, {dtype, std::move(shape)});
}

absl::StatusOr<std::string> SmallNet::Model(graph::BlobId output) {
  builder.Output(output);
  auto net = builder.Finish();
  if (!net.ok()) return net.status();
  return OnnxModel(*net, graph::Workspace());
}

}  // namespace tools
