#include "tools/weights/export_formats.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_join.h"
#include "graph/base/status.h"
#include "graph/runtime/workspace.h"
#include "graph/schema/builder.h"
#include "models/layers/model_builder.h"
#include "models/training/checkpoint.h"
#include "models/training/safetensors.h"
#include "models/vit/encoder.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/parse_flags.h"
#include "tools/onnx/onnx_model.h"
#include "tools/output/staged_output.h"
#include "tools/weights/timm_config.h"

namespace tools {
namespace {

// The files of format "timm", in its folder.
constexpr char kTimmWeights[] = "model.safetensors";
constexpr char kTimmConfig[] = "config.json";

// The parameters of a net, read from the checkpoint.
struct Weights {
  std::vector<models::Parameter> parameters;
  graph::Workspace workspace;
  std::string line;  // LoadParameters' line
};

// `build` writes the net, which is never compiled. `subset`: the file may hold more.
absl::StatusOr<std::unique_ptr<Weights>> ReadWeights(
    const TrainedModel& trained, const graph::SchemaRegistry& registry, bool subset,
    const std::function<void(models::ModelBuilder*)>& build) {
  auto weights = std::make_unique<Weights>();
  graph::NetBuilder net(&registry, "export");
  models::ModelBuilder builder(&net);
  build(&builder);
  RETURN_IF_ERROR(net.status());
  weights->parameters = builder.parameters();
  for (const models::Parameter& p : weights->parameters) {
    RETURN_IF_ERROR(weights->workspace.Create(p.name, p.type).status());
  }
  absl::StatusOr<std::string> line = models::LoadParameters(
      trained.path, weights->parameters, {{}, subset, /*brief=*/true}, &weights->workspace);
  if (!line.ok()) {
    return absl::Status(line.status().code(),
                        absl::StrCat(line.status().message(), " (model: ", trained.entry().name,
                                     "; --model and --flagfile name another)"));
  }
  weights->line = *line;
  return weights;
}

absl::StatusOr<std::unique_ptr<Weights>> ReadEncoder(const TrainedModel& trained,
                                                     const graph::SchemaRegistry& registry) {
  const models::ModelConfig& model = trained.entry().model;
  if (model.final_norm != "norm") {
    return absl::UnimplementedError(absl::StrCat(
        trained.path, " classifies by the mean of its patches, and behind that by ",
        model.final_norm, ", which this format has no place for; --format=official has all tensors, "
        "and finetune --cls_token makes a classifier that fits"));
  }
  return ReadWeights(trained, registry, /*subset=*/true, [&](models::ModelBuilder* b) {
    const graph::BlobId images = b->net()->Input("images", b->Type(model.images(1)));
    models::EncodeImages(b, model, images);
  });
}

absl::StatusOr<std::unique_ptr<Weights>> ReadAll(const TrainedModel& trained,
                                                 const graph::SchemaRegistry& registry) {
  int num_classes = 0;  // of a classifier: only the file knows
  if (trained.entry().needs.labels) {
    ASSIGN_OR_RETURN(const models::SafetensorsReader file,
                     models::SafetensorsReader::Open(trained.path));
    ASSIGN_OR_RETURN(const models::StoredTensor head, file.Find("head.bias"));
    const int64_t classes = head.shape.size() == 1 ? head.shape[0] : 0;
    num_classes = static_cast<int>(std::min<int64_t>(classes, 1 << 20));
  }
  const std::unique_ptr<models::Model> model = trained.entry().make(trained.entry(), num_classes);
  return ReadWeights(trained, registry, /*subset=*/false,
                     [&](models::ModelBuilder* b) { model->BuildTraining(b, /*batch=*/2); });
}

// Python's loaders require `format`.
std::map<std::string, std::string> Metadata(const TrainedModel& trained) {
  return {{"format", "pt"}, {"model", trained.entry().name}};
}

// Beside that the flags that say what the tensors are, and nothing of the run, its data or its
// folders.
std::map<std::string, std::string> OfficialMetadata(const TrainedModel& trained) {
  std::map<std::string, std::string> metadata = Metadata(trained);
  TrainFlags flags;
  const auto entries = absl::MakeConstSpan(&trained.entry(), 1);
  for (const FlagRow& row : FlagTable(entries)) {
    if (row.scope != models::FlagScope::kNet) continue;
    const absl::optional<std::string> value = FlagText(row, trained.resolved.flags);
    if (value.has_value()) CHECK(SetFlag(row, *value, flags).ok());
  }
  metadata["flags"] = TrainFlagsText(flags, "The model.", entries);
  return metadata;
}

}  // namespace

absl::StatusOr<std::string> Export(const TrainedModel& trained, const std::string& format,
                                   const std::string& out, bool overwrite,
                                   const graph::SchemaRegistry& registry) {
  if (!absl::c_linear_search(kExportFormats, format)) {
    return graph::InvalidArgument("--format=", format, " is none of ",
                                  absl::StrJoin(kExportFormats, ", "));
  }
  const auto kind = format == "timm" ? StagedOutput::Kind::kFolder : StagedOutput::Kind::kFile;
  ASSIGN_OR_RETURN(StagedOutput output, StagedOutput::Choose("--out", out, kind, overwrite,
                                                             {kTimmWeights, kTimmConfig}));
  RETURN_IF_ERROR(CheckKeepsCheckpoint(trained, "--out", output.path()));
  ASSIGN_OR_RETURN(const std::unique_ptr<Weights> weights, format == "official"
                                                               ? ReadAll(trained, registry)
                                                               : ReadEncoder(trained, registry));
  std::string written = absl::StrCat(weights->parameters.size(), " tensors");
  std::string onnx;  // translated before anything is written
  if (format == "onnx") {
    ASSIGN_OR_RETURN(onnx, OnnxEncoder(trained.entry().model, trained.resolved.transform, registry,
                                       weights->workspace, {{"model", trained.entry().name}}));
    written = absl::StrCat("encoder, ", onnx.size(), " bytes");
  }

  RETURN_IF_ERROR(output.Write([&](const std::string& path) -> absl::Status {
    if (format == "onnx") return WriteBytes(path, onnx);
    if (format == "official") {
      return models::SaveParameters(path, weights->parameters, weights->workspace,
                                    OfficialMetadata(trained));
    }
    RETURN_IF_ERROR(models::SaveParameters(absl::StrCat(path, "/", kTimmWeights),
                                           weights->parameters, weights->workspace,
                                           Metadata(trained)));
    return WriteBytes(absl::StrCat(path, "/", kTimmConfig),
                      TimmConfig(trained.entry().model, trained.resolved.transform));
  }));
  return absl::StrCat("read   ", weights->line, "\nwrote  ", output.path(), ": ", written, "\n");
}

}  // namespace tools
