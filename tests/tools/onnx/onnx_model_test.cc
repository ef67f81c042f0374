#include "tools/onnx/onnx_model.h"

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "graph/schema/builder.h"
#include "gtest/gtest.h"
#include "models/layers/model_builder.h"
#include "models/vit/classifier.h"
#include "models/vit/encoder.h"
#include "ops/op_table.h"
#include "tools/onnx/onnx.pb.h"

namespace tools {
namespace {

using graph::BlobId;
using graph::DType;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const graph::SchemaRegistry& Registry() {
  static const auto* const registry = [] {
    auto* r = new graph::SchemaRegistry;
    ops::RegisterOps(r);
    return r;
  }();
  return *registry;
}

// No two sizes are equal: a 2x3 grid of 4-pixel patches, 2 heads of 6.
models::ModelConfig Tiny() {
  models::ModelConfig config;
  config.input_h = 8;
  config.input_w = 12;
  config.patch_size = 4;
  config.embed_dim = 12;
  config.depth = 1;
  config.num_heads = 2;
  config.mlp_ratio = 2.5;
  return config;
}

struct Built {
  graph::Net net;
  std::vector<models::Parameter> parameters;
};

Built EncoderNet(const models::ModelConfig& config, int batch) {
  graph::NetBuilder builder(&Registry(), "encoder");
  models::ModelBuilder model(&builder);
  const BlobId images =
      builder.Input("images", model.Type({batch, 3, config.input_h, config.input_w}));
  builder.Output(models::EncodeImages(&model, config, images));
  auto net = builder.Finish();
  EXPECT_TRUE(net.ok()) << net.status();
  return {*std::move(net), model.parameters()};
}

// Every state of the net, each element another number.
void FillStates(const graph::Net& net, graph::Workspace* workspace) {
  float value = 0.0f;
  for (const graph::State& state : net.states) {
    const graph::Blob& blob = net.blob(state.entry);
    auto tensor = workspace->Create(blob.name, blob.type);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    if (blob.type.dtype != DType::kF32) continue;
    for (float& v : tensor->as<float>()) v = value += 0.25f;
  }
}

onnx::ModelProto Parse(const absl::StatusOr<std::string>& bytes) {
  onnx::ModelProto model;
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_TRUE(bytes.ok() && model.ParseFromString(*bytes));
  return model;
}

onnx::ModelProto TinyEncoder(const OnnxOptions& options = {}) {
  graph::Workspace workspace;
  FillStates(EncoderNet(Tiny(), 1).net, &workspace);
  return Parse(OnnxEncoder(Tiny(), Registry(), workspace, options));
}

// "images[batch,3,8,12]".
std::string Text(const onnx::ValueInfoProto& info) {
  EXPECT_EQ(info.type().tensor_type().elem_type(), onnx::TensorProto::FLOAT);
  std::vector<std::string> dims;
  for (const auto& dim : info.type().tensor_type().shape().dim()) {
    dims.push_back(dim.has_dim_param() ? dim.dim_param() : absl::StrCat(dim.dim_value()));
  }
  return absl::StrCat(info.name(), "[", absl::StrJoin(dims, ","), "]");
}

std::vector<std::string> Texts(
    const google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& infos) {
  std::vector<std::string> texts;
  for (const onnx::ValueInfoProto& info : infos) texts.push_back(Text(info));
  return texts;
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

// "y = Add(x, b)", attributes behind.
std::string Text(const onnx::NodeProto& node) {
  std::string text = absl::StrCat(absl::StrJoin(node.output(), ", "), " = ", node.op_type(), "(",
                                  absl::StrJoin(node.input(), ", "), ")");
  for (const onnx::AttributeProto& a : node.attribute()) absl::StrAppend(&text, " ", Text(a));
  return text;
}

std::vector<std::string> NodeTexts(const onnx::GraphProto& graph) {
  std::vector<std::string> texts;
  for (const onnx::NodeProto& node : graph.node()) texts.push_back(Text(node));
  return texts;
}

// Every value written once, before it is read; outputs written; nodes told apart.
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

// A net of one operator.
struct OneOp {
  graph::NetBuilder builder{&Registry(), "one"};

  BlobId Input(const std::string& name, graph::Shape shape, DType dtype = DType::kF32) {
    return builder.Input(name, {dtype, std::move(shape)});
  }
  absl::StatusOr<std::string> Model(BlobId output) {
    builder.Output(output);
    auto net = builder.Finish();
    if (!net.ok()) return net.status();
    return OnnxModel(*net, graph::Workspace());
  }
};

TEST(OnnxEncoder, InputsAndOutputs) {
  const onnx::ModelProto model = TinyEncoder();
  EXPECT_EQ(model.ir_version(), 8);
  ASSERT_EQ(model.opset_import_size(), 1);
  EXPECT_EQ(model.opset_import(0).domain(), "");
  EXPECT_EQ(model.opset_import(0).version(), 17);
  EXPECT_THAT(Texts(model.graph().input()), ElementsAre("images[batch,3,8,12]"));
  EXPECT_THAT(Texts(model.graph().output()),
              ElementsAre("features[batch,7,12]", "cls[batch,12]", "patch_mean[batch,12]"));
  ExpectWellFormed(model.graph());
}

TEST(OnnxEncoder, OptionsAreSaid) {
  OnnxOptions options;
  options.producer_version = "1.2";
  options.dynamic_batch = false;
  options.metadata = {{"model", "droppos_tiny"}};
  const onnx::ModelProto model = TinyEncoder(options);
  EXPECT_EQ(model.producer_name(), "DropPos");
  EXPECT_EQ(model.producer_version(), "1.2");
  ASSERT_EQ(model.metadata_props_size(), 1);
  EXPECT_EQ(model.metadata_props(0).key(), "model");
  EXPECT_EQ(model.metadata_props(0).value(), "droppos_tiny");
  EXPECT_THAT(Texts(model.graph().input()), ElementsAre("images[1,3,8,12]"));
  EXPECT_THAT(Texts(model.graph().output()),
              ElementsAre("features[1,7,12]", "cls[1,12]", "patch_mean[1,12]"));
}

TEST(OnnxEncoder, InitialisersAreTheParameters) {
  const Built built = EncoderNet(Tiny(), 1);
  graph::Workspace workspace;
  FillStates(built.net, &workspace);
  const onnx::ModelProto model = Parse(OnnxEncoder(Tiny(), Registry(), workspace));
  std::map<std::string, const onnx::TensorProto*> initializers;
  for (const onnx::TensorProto& t : model.graph().initializer()) initializers[t.name()] = &t;
  ASSERT_EQ(model.graph().initializer_size(), static_cast<int>(built.parameters.size()));
  for (const models::Parameter& parameter : built.parameters) {
    SCOPED_TRACE(parameter.name);
    ASSERT_EQ(initializers.count(parameter.name), 1u);
    const onnx::TensorProto& t = *initializers[parameter.name];
    EXPECT_EQ(t.data_type(), onnx::TensorProto::FLOAT);
    EXPECT_EQ(graph::Shape(t.dims().begin(), t.dims().end()), parameter.type.shape);
    const auto tensor = workspace.Find(parameter.name);
    ASSERT_TRUE(tensor.ok());
    ASSERT_EQ(t.raw_data().size(), tensor->type.bytes());
    EXPECT_EQ(std::memcmp(t.raw_data().data(), tensor->data, tensor->type.bytes()), 0);
  }
  EXPECT_EQ(initializers.count("blocks.0.attn.qkv.weight"), 1u);
}

// Any number of images: no node holds the batch that the net was built with.
TEST(OnnxModel, NodesDoNotDependOnTheBatch) {
  const Built one = EncoderNet(Tiny(), 1);
  const Built five = EncoderNet(Tiny(), 5);
  graph::Workspace workspace;
  FillStates(one.net, &workspace);
  const auto a = OnnxModel(one.net, workspace);
  const auto b = OnnxModel(five.net, workspace);
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_TRUE(*a == *b);

  OnnxOptions fixed;
  fixed.dynamic_batch = false;
  const onnx::ModelProto model = Parse(OnnxModel(five.net, workspace, fixed));
  EXPECT_THAT(Texts(model.graph().input()), ElementsAre("images[5,3,8,12]"));
  EXPECT_THAT(Texts(model.graph().output()), ElementsAre("norm:y[5,7,12]"));
}

// Only what follows from an input has a batch.
TEST(OnnxModel, ConstantOutputsKeepTheirShape) {
  graph::NetBuilder builder(&Registry(), "constant");
  const BlobId w = builder.State("w", {DType::kF32, {1, 4, 2}});
  builder.Output(builder.Op("Add", "twice", {w, w}));
  const auto net = builder.Finish();
  ASSERT_TRUE(net.ok()) << net.status();
  graph::Workspace workspace;
  FillStates(*net, &workspace);
  EXPECT_THAT(Texts(Parse(OnnxModel(*net, workspace)).graph().output()),
              ElementsAre("twice:y[1,4,2]"));
}

TEST(OnnxModel, Patchify) {
  OneOp one;
  const BlobId x = one.Input("x", {5, 3, 8, 12});
  const auto model =
      Parse(one.Model(one.builder.Op("Patchify", "p", {x}, {{"patch", int64_t{4}}})));
  EXPECT_THAT(NodeTexts(model.graph()),
              ElementsAre("p/cells_shape = Constant() value_ints=[0,3,2,4,3,4]",
                          "p/cells = Reshape(x, p/cells_shape)",
                          "p/patches = Transpose(p/cells) perm=[0,2,4,1,3,5]",
                          "p/rows_shape = Constant() value_ints=[0,6,48]",
                          "p:y = Reshape(p/patches, p/rows_shape)"));
}

TEST(OnnxModel, MatMul) {
  for (const int64_t trans_w : {0, 1}) {
    OneOp one;
    const BlobId x = one.Input("x", {5, trans_w ? 24 : 7});
    const BlobId w = one.Input("w", {7, 2, 3, 4});
    const auto model =
        Parse(one.Model(one.builder.Op("MatMul", "m", {x, w}, {{"trans_w", trans_w}})));
    std::vector<std::string> expected = {"m/matrix_shape = Constant() value_ints=[7,24]",
                                         "m/matrix = Reshape(w, m/matrix_shape)"};
    if (trans_w) {
      expected.push_back("m/transposed = Transpose(m/matrix) perm=[1,0]");
      expected.push_back("m:y = MatMul(x, m/transposed)");
    } else {
      expected.push_back("m:y = MatMul(x, m/matrix)");
    }
    EXPECT_EQ(NodeTexts(model.graph()), expected);
  }
}

TEST(OnnxModel, Attention) {
  OneOp one;
  const BlobId qkv = one.Input("qkv", {5, 7, 96});
  const auto model =
      Parse(one.Model(one.builder.Op("Attention", "a", {qkv}, {{"heads", int64_t{2}}})));
  EXPECT_THAT(
      NodeTexts(model.graph()),
      ElementsAre(
          "a/q, a/k, a/v = Split(qkv) axis=2", "a/heads_shape = Constant() value_ints=[0,7,2,16]",
          "a/q_rows = Reshape(a/q, a/heads_shape)",
          "a/q_heads = Transpose(a/q_rows) perm=[0,2,1,3]",
          "a/k_rows = Reshape(a/k, a/heads_shape)",
          "a/k_heads = Transpose(a/k_rows) perm=[0,2,3,1]",
          "a/v_rows = Reshape(a/v, a/heads_shape)",
          "a/v_heads = Transpose(a/v_rows) perm=[0,2,1,3]", "a/scale = Constant() value_float=0.25",
          "a/products = MatMul(a/q_heads, a/k_heads)", "a/scores = Mul(a/products, a/scale)",
          "a/probabilities = Softmax(a/scores) axis=-1",
          "a/y_heads = MatMul(a/probabilities, a/v_heads)",
          "a/y_rows = Transpose(a/y_heads) perm=[0,2,1,3]",
          "a/y_shape = Constant() value_ints=[0,7,32]", "a:y = Reshape(a/y_rows, a/y_shape)"));
}

TEST(OnnxModel, PrependToken) {
  OneOp one;
  const BlobId x = one.Input("x", {5, 7, 3});
  const BlobId token = one.Input("token", {1, 1, 1, 1, 3});
  const auto model = Parse(one.Model(one.builder.Op("PrependToken", "p", {x, token})));
  EXPECT_THAT(
      NodeTexts(model.graph()),
      ElementsAre(
          "p/batch = Shape(x) end=1 start=0", "p/token_shape = Constant() value_ints=[1,3]",
          "p/tokens_shape = Concat(p/batch, p/token_shape) axis=0",
          "p/row_shape = Constant() value_ints=[3]", "p/token = Reshape(token, p/row_shape)",
          "p/tokens = Expand(p/token, p/tokens_shape)", "p:y = Concat(p/tokens, x) axis=1"));
}

TEST(OnnxModel, BiasAdd) {
  OneOp one;
  const BlobId x = one.Input("x", {5, 3});
  const BlobId b = one.Input("b", {1, 1, 1, 3});
  const auto high = Parse(one.Model(one.builder.Op("BiasAdd", "add", {x, b})));
  EXPECT_THAT(NodeTexts(high.graph()),
              ElementsAre("add/bias_shape = Constant() value_ints=[1,3]",
                          "add/bias = Reshape(b, add/bias_shape)", "add:y = Add(x, add/bias)"));
  OneOp two;
  const BlobId z = two.Input("z", {5, 7, 3});
  const BlobId c = two.Input("c", {1, 7, 3});
  const auto low = Parse(two.Model(two.builder.Op("BiasAdd", "add", {z, c})));
  EXPECT_THAT(NodeTexts(low.graph()), ElementsAre("add:y = Add(z, c)"));
}

TEST(OnnxModel, RowOperators) {
  OneOp one;
  const BlobId x = one.Input("x", {5, 7, 3});
  const BlobId gamma = one.Input("gamma", {3});
  const BlobId beta = one.Input("beta", {3});
  const BlobId rows =
      one.builder.Op("SliceRows", "rows", {x}, {{"start", int64_t{2}}, {"count", int64_t{4}}});
  const auto model =
      Parse(one.Model(one.builder.Op("LayerNorm", "norm", {rows, gamma, beta}, {{"eps", 0.5f}})));
  EXPECT_THAT(
      NodeTexts(model.graph()),
      ElementsAre("rows/starts = Constant() value_ints=[2]",
                  "rows/ends = Constant() value_ints=[6]", "rows/axes = Constant() value_ints=[1]",
                  "rows:y = Slice(x, rows/starts, rows/ends, rows/axes)",
                  "norm:y = LayerNormalization(rows:y, gamma, beta) axis=-1 epsilon=0.5"));
}

// A blob may have the name that a node in between would get: it keeps it.
TEST(OnnxModel, NamesInBetweenGiveWay) {
  OneOp one;
  const BlobId x = one.Input("g/erf", {5, 3});
  const auto model = Parse(one.Model(one.builder.Op("Gelu", "g", {x})));
  ExpectWellFormed(model.graph());
  EXPECT_THAT(
      NodeTexts(model.graph()),
      ElementsAre("g/sqrt2 = Constant() value_float=1.41421", "g/scaled = Div(g/erf, g/sqrt2)",
                  "g/erf~2 = Erf(g/scaled)", "g/one = Constant() value_float=1",
                  "g/one_plus_erf = Add(g/erf~2, g/one)", "g/product = Mul(g/erf, g/one_plus_erf)",
                  "g/half = Constant() value_float=0.5", "g:y = Mul(g/product, g/half)"));
}

TEST(OnnxModel, RefusesOperatorsWithoutTranslation) {
  graph::NetBuilder builder(&Registry(), "eval");
  models::ModelBuilder model(&builder);
  const models::VitClassifier classifier(Tiny(), 4);
  builder.Output(classifier.BuildEvaluation(&model, 2, 0).correct);
  const auto net = builder.Finish();
  ASSERT_TRUE(net.ok()) << net.status();
  const absl::Status status = OnnxModel(*net, graph::Workspace()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("net 'eval', SoftmaxCrossEntropy 'loss': no translation to ONNX"),
                    HasSubstr("Add, Attention, BiasAdd")));
}

TEST(OnnxModel, RefusesWhatOnlyGradientsRead) {
  OneOp one;
  const BlobId qkv = one.Input("qkv", {5, 7, 12});
  const BlobId lse = one.builder.OpN("Attention", "a", {qkv}, {{"heads", int64_t{2}}})[1];
  const absl::Status output = one.Model(lse).status();
  EXPECT_EQ(output.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(output.message()), HasSubstr("an output reads 'a:lse'"));

  OneOp two;
  const BlobId qkv2 = two.Input("qkv", {5, 7, 12});
  const BlobId lse2 = two.builder.OpN("Attention", "a", {qkv2}, {{"heads", int64_t{2}}})[1];
  const absl::Status reader = two.Model(two.builder.Op("Gelu", "g", {lse2})).status();
  EXPECT_EQ(reader.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(reader.message()), HasSubstr("Gelu 'g' reads 'a:lse'"));
}

TEST(OnnxModel, RefusesStateThatChanges) {
  graph::NetBuilder builder(&Registry(), "step");
  const BlobId w = builder.State("w", {DType::kF32, {3}});
  builder.SetExit(w, builder.Op("Add", "twice", {w, w}));
  const auto net = builder.Finish();
  ASSERT_TRUE(net.ok()) << net.status();
  const absl::Status status = OnnxModel(*net, graph::Workspace()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("changes the state 'w'"));
}

TEST(OnnxModel, RefusesOtherElementTypes) {
  OneOp one;
  const BlobId x = one.Input("x", {5, 3}, DType::kF64);
  const absl::Status input = one.Model(one.builder.Op("Gelu", "g", {x})).status();
  EXPECT_EQ(input.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(input.message()), HasSubstr("input 'x' is f64[5,3]"));

  OneOp two;
  const BlobId w = two.builder.State("w", {DType::kF64, {3}});
  const absl::Status parameter = two.Model(two.builder.Op("Gelu", "g", {w})).status();
  EXPECT_EQ(parameter.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(parameter.message()), HasSubstr("parameter 'w' is f64[3]"));
}

TEST(OnnxEncoder, RefusesTwoGibibytes) {
  models::ModelConfig huge;  // ViT-H/14
  huge.patch_size = 14;
  huge.embed_dim = 1280;
  huge.depth = 32;
  huge.num_heads = 16;
  // Before it asks for a parameter: the workspace is empty.
  const absl::Status status = OnnxEncoder(huge, Registry(), graph::Workspace()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("2.35 GiB"), HasSubstr("less than 2 GiB"), HasSubstr("timm")));
}

TEST(OnnxEncoder, RefusesParametersThatDoNotFit) {
  graph::Workspace empty;
  const absl::Status missing = OnnxEncoder(Tiny(), Registry(), empty).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("patch_embed.proj.weight"));

  graph::Workspace other;
  ASSERT_TRUE(other.Create("patch_embed.proj.weight", {DType::kF32, {12, 48}}).ok());
  const absl::Status shape = OnnxEncoder(Tiny(), Registry(), other).status();
  EXPECT_EQ(shape.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(shape.message()),
              AllOf(HasSubstr("'patch_embed.proj.weight' is f32[12,48]"),
                    HasSubstr("needs f32[12,3,4,4]")));
}

TEST(OnnxEncoder, RefusesSizesThatCannotWork) {
  models::ModelConfig config = Tiny();
  config.input_w = 13;
  EXPECT_EQ(OnnxEncoder(config, Registry(), graph::Workspace()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tools
