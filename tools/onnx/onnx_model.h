// Translates a forward net to an ONNX model (opset 17, IR version 8), for onnxruntime and other
// readers.
//
// Operators are translated one by one (translators.h); an operator without a translator is an error
// that names it. The net is the one that a model builds, before the passes. Initialisers are its
// states under their own, that is the official, names and in their own shapes; if ONNX needs
// another form (a transposed weight), a node converts it, which a runtime folds when it loads the
// model.
//
// The messages are a small .proto of ours (onnx.proto): Debian's libonnx-dev would add two shared
// libraries and the schemas of all ONNX operators to every program, for seven messages.
#ifndef TOOLS_ONNX_ONNX_MODEL_H_
#define TOOLS_ONNX_ONNX_MODEL_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "graph/ir/net.h"
#include "graph/runtime/workspace.h"
#include "graph/schema/schema.h"
#include "models/data/augment.h"
#include "models/zoo/config.h"

namespace tools {

// Text entries of the model (metadata_props), shown by Netron.
using OnnxMetadata = std::map<std::string, std::string>;

// Serializes the net, which must have passed Verify(), as a ModelProto; copies parameters from
// `workspace`. Needs about three times their bytes while it runs. Thread-safe. Inputs, outputs and
// states are f32 and keep their names. The first dimension of every input, and of what follows from
// inputs, becomes "batch", so that the model takes any number of images. Writes nothing to disk.
// UNIMPLEMENTED names an operator without a translator, or a net that is not a forward net (it
// changes a state); FAILED_PRECONDITION for a model of 2 GiB or more, which one protobuf message
// cannot hold (ViT-H: --format=timm can); NOT_FOUND for a parameter that the workspace lacks.
absl::StatusOr<std::string> OnnxModel(const graph::Net& net, const graph::Workspace& workspace,
                                      const OnnxMetadata& metadata = {});

// The encoder of `config` with the parameters of `workspace` under their official names. N is any
// number of images.
//
//   in   images      (N, C, H, W) f32, resized and normalised as models/data does with `transform`
//   out  features    (N, 1 + L, D) f32, all tokens after the final norm, class first
//        cls         (N, D), row 0 of features
//        patch_mean  (N, D), the mean of rows 1 .. L
//
// Errors: those of OnnxModel.
absl::StatusOr<std::string> OnnxEncoder(const models::ModelConfig& config,
                                        const models::TransformOptions& transform,
                                        const graph::SchemaRegistry& registry,
                                        const graph::Workspace& workspace,
                                        const OnnxMetadata& metadata = {});

}  // namespace tools

#endif  // TOOLS_ONNX_ONNX_MODEL_H_
