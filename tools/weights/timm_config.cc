#include "tools/weights/timm_config.h"

#include "nlohmann/json.hpp"

namespace tools {
namespace {

using Json = nlohmann::ordered_json;

// Each of these is timm's one VisionTransformer class with sizes set by model_args; readers
// recognise the name.
struct Named {
  const char* architecture;
  int patch_size, embed_dim, depth, num_heads;
};
constexpr Named kNamed[] = {
    {"vit_tiny_patch16_224", 16, 192, 12, 3},    {"vit_small_patch16_224", 16, 384, 12, 6},
    {"vit_small_patch32_224", 32, 384, 12, 6},   {"vit_base_patch16_224", 16, 768, 12, 12},
    {"vit_base_patch32_224", 32, 768, 12, 12},   {"vit_large_patch16_224", 16, 1024, 24, 16},
    {"vit_large_patch32_224", 32, 1024, 24, 16}, {"vit_huge_patch14_224", 14, 1280, 32, 16},
};
constexpr char kAnyShape[] = "vit_small_patch16_224";

const char* Architecture(const models::ModelConfig& model) {
  for (const Named& named : kNamed) {
    if (named.patch_size == model.patch_size && named.embed_dim == model.embed_dim &&
        named.depth == model.depth && named.num_heads == model.num_heads &&
        model.mlp_ratio == 4.0) {
      return named.architecture;
    }
  }
  return kAnyShape;
}

}  // namespace

std::string TimmConfig(const models::ModelConfig& model,
                       const models::TransformOptions& transform) {
  Json config;
  config["architecture"] = Architecture(model);
  config["num_classes"] = 0;
  config["num_features"] = model.embed_dim;
  config["global_pool"] = "token";
  config["model_args"] = {{"img_size", {model.input_h, model.input_w}},
                          {"patch_size", model.patch_size},
                          {"embed_dim", model.embed_dim},
                          {"depth", model.depth},
                          {"num_heads", model.num_heads},
                          {"mlp_ratio", model.mlp_ratio}};
  if (model.channels != 3) config["model_args"]["in_chans"] = model.channels;
  config["pretrained_cfg"] = {
      {"custom_load", false},
      {"input_size", {model.channels, model.input_h, model.input_w}},
      {"fixed_input_size", true},
      {"interpolation", "bicubic"},
      {"crop_pct", models::EvaluationCropShare(model.input_w, model.input_h)},
      {"crop_mode", "center"},
      {"mean", transform.mean},
      {"std", transform.std},
      {"num_classes", 0},
      {"pool_size", nullptr},
      {"first_conv", "patch_embed.proj"},
      {"classifier", "head"}};
  return config.dump(2) + "\n";
}

}  // namespace tools
