// The config.json that timm reads beside model.safetensors.
#ifndef TOOLS_WEIGHTS_TIMM_CONFIG_H_
#define TOOLS_WEIGHTS_TIMM_CONFIG_H_

#include <string>

#include "models/zoo/config.h"

namespace tools {

// For timm.create_model("local-dir:DIR", pretrained=True): the encoder as timm's
// VisionTransformer with class token pooling and no head, every size spelled out in
// `model_args`, and how to prepare an image (models/data/augment.h) in
// `pretrained_cfg`. JSON, indented, with a newline at its end. The architecture is
// timm's name for this shape where it has one.
std::string TimmConfig(const models::ModelConfig& model);

}  // namespace tools

#endif  // TOOLS_WEIGHTS_TIMM_CONFIG_H_
