#include "tools/parity/golden_case.h"

#include "graph/base/status.h"
#include "nlohmann/json.hpp"

namespace tools {
namespace {

using Json = nlohmann::json;

// What the case asks for and this build cannot do; empty when nothing.
std::string Unsupported(const Json& config) {
  for (const char* flag : {"shuffle", "conf_ignore", "multi_task", "vanilla_mae"}) {
    if (config.value(flag, false)) return flag;
  }
  if (config.value("mask_token_type", "param") != "param") return "mask_token_type";
  if (config.value("smooth_grid", "paper") != "paper") return "smooth_grid";
  return "";
}

void Fill(const Json& config, GoldenCase* c) {
  c->model.input_h = c->model.input_w = config.at("img").get<int>();
  c->model.patch_size = config.at("patch").get<int>();
  c->model.embed_dim = config.at("dim").get<int>();
  c->model.depth = config.at("depth").get<int>();
  c->model.num_heads = config.at("heads").get<int>();
  c->model.decoder_embed_dim = config.at("dd").get<int>();
  c->model.decoder_depth = config.at("ddep").get<int>();
  c->model.decoder_num_heads = config.at("dh").get<int>();
  c->droppos.mask_ratio = config.at("mask").get<double>();
  c->droppos.pos_mask_ratio = config.at("pos").get<double>();
  c->droppos.label_smoothing_sigma = config.at("sigma").get<double>();
  c->droppos.sigma_decay = false;
  c->droppos.attn_guide = config.value("attn_guide", false);
  c->recipe.batch_size = config.at("B").get<int>();
  c->recipe.weight_decay = config.at("weight_decay").get<double>();
  c->recipe.beta1 = config.at("betas").at(0).get<double>();
  c->recipe.beta2 = config.at("betas").at(1).get<double>();
  c->recipe.clip_grad = config.at("clip_each_parameter").get<double>();
  c->lr = config.at("lr").get<double>();
  c->steps = config.at("steps").get<int>();
  c->has_gradients = config.value("grads", true);
  c->name = config.at("name").get<std::string>();
}

}  // namespace

absl::StatusOr<GoldenCase> ReadGoldenCase(const std::string& path) {
  ASSIGN_OR_RETURN(models::SafetensorsFile file, models::SafetensorsFile::Read(path));
  GoldenCase c{std::move(file), "", {}, {}, {}, 0, 0, true};
  const auto it = c.file.metadata().find("config");
  if (it == c.file.metadata().end()) {
    return graph::InvalidArgument(path, " is not a golden case: it has no metadata 'config'");
  }
  int visible = 0, kept = 0;
  try {
    const Json config = Json::parse(it->second);
    const std::string unsupported = Unsupported(config);
    if (!unsupported.empty()) {
      return absl::UnimplementedError(
          absl::StrCat(path, " needs '", unsupported, "', which this build does not have"));
    }
    Fill(config, &c);
    visible = config.at("num_visible").get<int>();
    kept = config.at("num_pos_kept").get<int>();
  } catch (const Json::exception& e) {
    return graph::InvalidArgument(path, ": metadata 'config': ", e.what());
  }
  absl::Status valid = Validate(c.model, c.droppos);
  if (!valid.ok()) return graph::Annotate(valid, path);
  const int our_visible = c.droppos.num_visible(c.model.num_patches());
  if (our_visible != visible || c.droppos.num_pos_kept(our_visible) != kept) {
    return graph::InvalidArgument(path, ": the ratios give ", our_visible, " visible and ",
                                  c.droppos.num_pos_kept(our_visible),
                                  " kept positions, the case says ", visible, " and ", kept);
  }
  return c;
}

}  // namespace tools
