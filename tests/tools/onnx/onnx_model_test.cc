#include "tools/onnx/onnx_model.h"

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "graph/schema/builder.h"
#include "gtest/gtest.h"
#include "models/data/augment.h"
#include "models/layers/model_builder.h"
#include "models/vit/classifier.h"
#include "models/vit/encoder.h"
#include "tests/harness/guard_device.h"
#include "tests/tools/onnx/read_back.h"
#include "tools/onnx/onnx.pb.h"

namespace tools {
namespace {

using graph::BlobId;
using graph::DType;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A 2x3 grid of 4-pixel patches, 2 heads of 6.
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
    std::vector<float> values(blob.type.elements());
    for (float& v : values) v = value += 0.25f;
    ASSERT_TRUE(tensor->Write(values).ok());
  }
}

onnx::ModelProto TinyEncoder(const OnnxMetadata& metadata = {}) {
  graph::Workspace workspace(harness::TestDevice());
  FillStates(EncoderNet(Tiny(), 1).net, &workspace);
  return Parse(OnnxEncoder(Tiny(), {}, Registry(), workspace, metadata));
}

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

TEST(OnnxEncoder, MetadataIsSaid) {
  const onnx::ModelProto model = TinyEncoder({{"model", "droppos_tiny"}});
  EXPECT_EQ(model.producer_name(), "DropPos");
  ASSERT_EQ(model.metadata_props_size(), 1);
  EXPECT_EQ(model.metadata_props(0).key(), "model");
  EXPECT_EQ(model.metadata_props(0).value(), "droppos_tiny");
}

TEST(OnnxEncoder, NormalisationIsSaid) {
  graph::Workspace workspace(harness::TestDevice());
  FillStates(EncoderNet(Tiny(), 1).net, &workspace);
  const auto said = [&](const models::TransformOptions& transform) {
    return Parse(OnnxEncoder(Tiny(), transform, Registry(), workspace)).graph().doc_string();
  };
  EXPECT_THAT(said({}),
              ::testing::HasSubstr("mean (0.485,0.456,0.406) and std (0.229,0.224,0.225)"));
  models::TransformOptions transform;
  transform.mean = {0.48145466, 0, 1};
  EXPECT_THAT(said(transform), ::testing::HasSubstr("mean (0.48145466,0,1)"));
}

TEST(OnnxEncoder, InitialisersAreTheParameters) {
  const Built built = EncoderNet(Tiny(), 1);
  graph::Workspace workspace(harness::TestDevice());
  FillStates(built.net, &workspace);
  const onnx::ModelProto model = Parse(OnnxEncoder(Tiny(), {}, Registry(), workspace));
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
    std::vector<uint8_t> bytes(tensor->type.bytes());
    ASSERT_TRUE(graph::ConstTensor(*tensor).ReadBytes(0, absl::MakeSpan(bytes)).ok());
    EXPECT_EQ(t.raw_data(), std::string(bytes.begin(), bytes.end()));
  }
  EXPECT_EQ(initializers.count("blocks.0.attn.qkv.weight"), 1u);
}

// Any number of images: no node holds the batch that the net was built with.
TEST(OnnxModel, NodesDoNotDependOnTheBatch) {
  const Built one = EncoderNet(Tiny(), 1);
  const Built five = EncoderNet(Tiny(), 5);
  graph::Workspace workspace(harness::TestDevice());
  FillStates(one.net, &workspace);
  const auto a = OnnxModel(one.net, workspace);
  const auto b = OnnxModel(five.net, workspace);
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_TRUE(*a == *b);
}

// Only what follows from an input has a batch.
TEST(OnnxModel, ConstantOutputsKeepTheirShape) {
  graph::NetBuilder builder(&Registry(), "constant");
  const BlobId w = builder.State("w", {DType::kF32, {1, 4, 2}});
  builder.Output(builder.Op("Add", "twice", {w, w}));
  const auto net = builder.Finish();
  ASSERT_TRUE(net.ok()) << net.status();
  graph::Workspace workspace(harness::TestDevice());
  FillStates(*net, &workspace);
  EXPECT_THAT(Texts(Parse(OnnxModel(*net, workspace)).graph().output()),
              ElementsAre("twice:y[1,4,2]"));
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
  SmallNet one;
  const BlobId qkv = one.Input("qkv", {5, 7, 12});
  const BlobId lse = one.builder.OpN("Attention", "a", {qkv}, {{"heads", int64_t{2}}})[1];
  const absl::Status output = one.Model(lse).status();
  EXPECT_EQ(output.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(output.message()), HasSubstr("an output reads 'a:lse'"));

  SmallNet two;
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
  SmallNet one;
  const BlobId x = one.Input("x", {5, 3}, DType::kF64);
  const absl::Status input = one.Model(one.builder.Op("Gelu", "g", {x})).status();
  EXPECT_EQ(input.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(input.message()), HasSubstr("input 'x' is f64[5,3]"));

  SmallNet two;
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
  const absl::Status status = OnnxEncoder(huge, {}, Registry(), graph::Workspace()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("2.35 GiB"), HasSubstr("less than 2 GiB"), HasSubstr("timm")));
}

TEST(OnnxEncoder, RefusesParametersThatDoNotFit) {
  graph::Workspace empty(harness::TestDevice());
  const absl::Status missing = OnnxEncoder(Tiny(), {}, Registry(), empty).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("patch_embed.proj.weight"));

  graph::Workspace other(harness::TestDevice());
  ASSERT_TRUE(other.Create("patch_embed.proj.weight", {DType::kF32, {12, 48}}).ok());
  const absl::Status shape = OnnxEncoder(Tiny(), {}, Registry(), other).status();
  EXPECT_EQ(shape.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(shape.message()),
              AllOf(HasSubstr("'patch_embed.proj.weight' is f32[12,48]"),
                    HasSubstr("needs f32[12,3,4,4]")));
}

TEST(OnnxEncoder, RefusesSizesThatCannotWork) {
  models::ModelConfig config = Tiny();
  config.input_w = 13;
  EXPECT_EQ(OnnxEncoder(config, {}, Registry(), graph::Workspace()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tools
