// The config.json that timm reads beside model.safetensors.
#ifndef TOOLS_WEIGHTS_TIMM_CONFIG_H_
#define TOOLS_WEIGHTS_TIMM_CONFIG_H_

#include <string>

#include "models/data/augment.h"
#include "models/zoo/config.h"

namespace tools {

// For timm.create_model("local-dir:DIR", pretrained=True): `model_args` describes the encoder as
// timm's VisionTransformer with class token pooling and no head, every size spelled out;
// `pretrained_cfg` says how to prepare an image (models/data/augment.h). JSON, indented, with a
// final newline. The architecture is timm's name for this shape if it has one.
std::string TimmConfig(const models::ModelConfig& model, const models::TransformOptions& transform);

}  // namespace tools

#endif  // TOOLS_WEIGHTS_TIMM_CONFIG_H_
