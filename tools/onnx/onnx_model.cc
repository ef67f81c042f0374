#include "tools/onnx/onnx_model.h"

#include <limits>
#include <set>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "graph/base/status.h"
#include "graph/schema/builder.h"
#include "models/layers/model_builder.h"
#include "models/vit/encoder.h"
#include "models/zoo/flag.h"
#include "tools/onnx/graph_writer.h"
#include "tools/onnx/onnx.pb.h"
#include "tools/onnx/translators.h"

namespace tools {
namespace {

using graph::BlobId;

// ONNX 1.12's: opset 17 is the first with LayerNormalization.
constexpr int64_t kIrVersion = 8;
constexpr int64_t kOpset = 17;
// What protobuf can serialize.
constexpr size_t kMaxBytes = std::numeric_limits<int32_t>::max();

absl::Status TooLarge(const std::string& what, size_t bytes) {
  return absl::FailedPreconditionError(absl::StrFormat(
      "%s %.2f GiB, and an ONNX file holds less than 2 GiB; --format=timm has no such limit", what,
      static_cast<double>(bytes) / (1 << 30)));
}

absl::Status ExpectF32(const graph::Net& net, const char* what, BlobId blob) {
  if (net.type(blob).dtype == graph::DType::kF32) return absl::OkStatus();
  return graph::InvalidArgument("net '", net.name, "': ", what, " '", net.blob(blob).name, "' is ",
                                net.type(blob).ToString(), "; only f32 goes to ONNX");
}

const char* Planes(int channels) {
  return channels == 1 ? "one plane, grey," : channels == 3 ? "planes R, G, B" : "four planes";
}

// A net in an ONNX model. Errors are found before a parameter is copied.
class ModelWriter {
 public:
  explicit ModelWriter(const graph::Net& net)
      : net_(net), writer_(model_.mutable_graph()), values_(net.blobs.size()) {}

  absl::Status Write(const graph::Workspace& workspace, const OnnxMetadata& metadata) {
    RETURN_IF_ERROR(CheckStates());
    Header(metadata);
    RETURN_IF_ERROR(Nodes());
    RETURN_IF_ERROR(InputsAndOutputs());
    return Parameters(workspace);
  }

  // The class token and the mean of the patches of an output (B, 1 + L, D).
  void AddPooled(BlobId features) {
    const std::string& x = values_[features];
    const graph::TensorType& type = net_.type(features);
    const graph::Shape shape = {-1, type.dim(2)};
    const std::string first = writer_.Ints("pool/first", {0});
    const std::string second = writer_.Ints("pool/second", {1});
    const std::string end = writer_.Ints("pool/end", {type.dim(1)});
    const std::string axis = second;  // also 1
    const std::string row = writer_.Node("Slice", "pool/row", {x, first, second, axis});
    const std::string patches = writer_.Node("Slice", "pool/patches", {x, second, end, axis});
    writer_.Output(writer_.Node("Squeeze", "cls", {row, axis}), shape);
    writer_.Output(writer_.Node("ReduceMean", "patch_mean", {patches},
                                {{"axes", std::vector<int64_t>{1}}, {"keepdims", int64_t{0}}}),
                   shape);
  }

  void Describe(const std::string& text) { model_.mutable_graph()->set_doc_string(text); }

  absl::StatusOr<std::string> Serialize() const {
    const size_t bytes = model_.ByteSizeLong();
    if (bytes > kMaxBytes) {
      return TooLarge(absl::StrCat("net '", net_.name, "' as an ONNX model takes"), bytes);
    }
    std::string out;
    CHECK(model_.SerializeToString(&out));
    return out;
  }

 private:
  absl::Status CheckStates() const {
    size_t bytes = 0;
    for (const graph::State& state : net_.states) {
      const graph::Blob& blob = net_.blob(state.entry);
      if (state.exit != state.entry) {
        return absl::UnimplementedError(absl::StrCat("net '", net_.name, "' changes the state '",
                                                     blob.name,
                                                     "'; only a forward net goes to ONNX"));
      }
      RETURN_IF_ERROR(ExpectF32(net_, "parameter", state.entry));
      bytes += blob.type.bytes();
    }
    if (bytes <= kMaxBytes) return absl::OkStatus();
    return TooLarge(absl::StrCat("the parameters of net '", net_.name, "' take"), bytes);
  }

  void Header(const OnnxMetadata& metadata) {
    model_.set_ir_version(kIrVersion);
    model_.set_producer_name("DropPos");
    model_.set_producer_version("");
    onnx::OperatorSetIdProto* opset = model_.add_opset_import();
    opset->set_domain("");
    opset->set_version(kOpset);
    for (const auto& [key, value] : metadata) {
      onnx::StringStringEntryProto* entry = model_.add_metadata_props();
      entry->set_key(key);
      entry->set_value(value);
    }
    model_.mutable_graph()->set_name(net_.name);
  }

  absl::Status Nodes() {
    // Blobs first, so that they keep their names; intermediate names give way.
    for (size_t i = 0; i < net_.blobs.size(); ++i) {
      values_[i] = writer_.UniqueName(net_.blobs[i].name);
    }
    std::vector<bool> written(net_.blobs.size(), false);
    for (BlobId b : net_.inputs) written[b] = true;
    for (const graph::State& state : net_.states) written[state.entry] = true;
    std::set<std::string> missing;
    for (const graph::Op& op : net_.ops) {
      if (Translators().count(op.type) == 0) missing.insert(op.type);
    }
    const auto name = [](std::string* list, const auto& row) { list->append(row.first); };
    for (const graph::Op& op : net_.ops) {
      const auto translator = Translators().find(op.type);
      if (translator == Translators().end()) {
        return absl::UnimplementedError(
            absl::StrCat("net '", net_.name, "', ", op.Describe(), ": no translation to ONNX for ",
                         absl::StrJoin(missing, ", "), "; there is one for ",
                         absl::StrJoin(Translators(), ", ", name)));
      }
      for (BlobId b : op.inputs) RETURN_IF_ERROR(CheckWritten(written, b, op.Describe()));
      Translation translation(net_, op, values_, &writer_);
      translator->second(&translation);
      written[op.outputs[0]] = true;
    }
    for (BlobId b : net_.outputs) RETURN_IF_ERROR(CheckWritten(written, b, "an output"));
    return absl::OkStatus();
  }

  // Only the first output of an operator is translated.
  absl::Status CheckWritten(const std::vector<bool>& written, BlobId blob,
                            const std::string& reader) const {
    if (written[blob]) return absl::OkStatus();
    return absl::UnimplementedError(absl::StrCat("net '", net_.name, "': ", reader, " reads '",
                                                 net_.blob(blob).name,
                                                 "', which has no translation to ONNX"));
  }

  absl::Status InputsAndOutputs() {
    // The first dimension of values that follow from an input is the batch.
    std::vector<bool> batched(net_.blobs.size(), false);
    for (BlobId b : net_.inputs) batched[b] = true;
    for (const graph::Op& op : net_.ops) {
      for (BlobId b : op.inputs) {
        if (batched[b]) batched[op.outputs[0]] = true;
      }
    }
    const auto shape = [&](BlobId blob) {
      graph::Shape dims = net_.type(blob).shape;
      if (batched[blob] && !dims.empty()) dims[0] = -1;
      return dims;
    };
    for (BlobId b : net_.inputs) {
      RETURN_IF_ERROR(ExpectF32(net_, "input", b));
      writer_.Input(values_[b], shape(b));
    }
    for (BlobId b : net_.outputs) {
      RETURN_IF_ERROR(ExpectF32(net_, "output", b));
      writer_.Output(values_[b], shape(b));
    }
    return absl::OkStatus();
  }

  absl::Status Parameters(const graph::Workspace& workspace) {
    for (const graph::State& state : net_.states) {
      const graph::Blob& blob = net_.blob(state.entry);
      ASSIGN_OR_RETURN(const graph::ConstTensor tensor, workspace.Find(blob.name));
      if (tensor.type != blob.type) {
        return absl::FailedPreconditionError(
            absl::StrCat("parameter '", blob.name, "' is ", tensor.type.ToString(), ", net '",
                         net_.name, "' needs ", blob.type.ToString()));
      }
      RETURN_IF_ERROR(writer_.Initializer(values_[state.entry], tensor));
    }
    return absl::OkStatus();
  }

  const graph::Net& net_;
  onnx::ModelProto model_;
  GraphWriter writer_;
  std::vector<std::string> values_;  // by blob: its name in ONNX
};

}  // namespace

absl::StatusOr<std::string> OnnxModel(const graph::Net& net, const graph::Workspace& workspace,
                                      const OnnxMetadata& metadata) {
  ModelWriter writer(net);
  RETURN_IF_ERROR(writer.Write(workspace, metadata));
  return writer.Serialize();
}

absl::StatusOr<std::string> OnnxEncoder(const models::ModelConfig& config,
                                        const models::TransformOptions& transform,
                                        const graph::SchemaRegistry& registry,
                                        const graph::Workspace& workspace,
                                        const OnnxMetadata& metadata) {
  RETURN_IF_ERROR(models::Validate(config));
  graph::NetBuilder builder(&registry, "encoder");
  models::ModelBuilder model(&builder);
  const BlobId images = builder.Input("images", model.Type(config.images(1)));
  const BlobId features = models::EncodeImages(&model, config, images);
  builder.Rename(features, "features");
  builder.Output(features);
  ASSIGN_OR_RETURN(const graph::Net net, builder.Finish());

  ModelWriter writer(net);
  RETURN_IF_ERROR(writer.Write(workspace, metadata));
  writer.AddPooled(net.outputs[0]);
  writer.Describe(absl::StrCat(
      "images: ", Planes(config.channels), " of ", config.input_h, "x", config.input_w,
      " pixels, (value / 255 - mean) / std with mean (", models::FlagValueText(transform.mean),
      ") and std (", models::FlagValueText(transform.std), "). features: class token, then ",
      config.grid_h(), "x", config.grid_w(), " patches by rows, after the final norm. cls: row 0 ",
      "of features. patch_mean: the mean of its other rows."));
  return writer.Serialize();
}

}  // namespace tools
