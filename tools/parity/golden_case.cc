#include "tools/parity/golden_case.h"

#include "graph/base/status.h"
#include "nlohmann/json.hpp"

namespace tools {
namespace {

using Json = nlohmann::json;

void FillDropPos(const Json& config, GoldenCase* c) {
  models::DropPosConfig& d = c->droppos;
  if (config.value("multi_task", false)) d.drop_pos_type = "multi_task";
  if (config.value("vanilla_mae", false)) d.drop_pos_type = "vanilla_mae";
  d.mask_ratio = config.at("mask").get<double>();
  d.pos_mask_ratio = config.at("pos").get<double>();
  d.mask_token_type = config.value("mask_token_type", "param");
  d.shuffle = config.value("shuffle", false);
  d.label_smoothing_sigma = config.at("sigma").get<double>();
  d.sigma_decay = false;
  d.smooth_grid = config.value("smooth_grid", "paper");
  d.token_size = c->model.grid_w();
  d.attn_guide = config.value("attn_guide", false);
  d.conf_ignore = config.value("conf_ignore", false);
  d.pos_weight = config.value("pos_weight", 1.0);
  d.norm_pix_loss = config.value("norm_pix_loss", true);
  d.official_shuffle = true;
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
  FillDropPos(config, c);
  c->step.micro_batch = config.at("B").get<int>();
  c->recipe.weight_decay = config.at("weight_decay").get<double>();
  c->recipe.beta1 = config.at("betas").at(0).get<double>();
  c->recipe.beta2 = config.at("betas").at(1).get<double>();
  c->recipe.clip_grad = config.at("clip_each_parameter").get<double>();
  c->lr = config.at("lr").get<double>();
  c->steps = config.at("steps").get<int>();
  c->step.micro_batches = config.value("accum_iter", 1);
  if (config.value("step_every_micro_batch", false)) {
    c->step.update_when = models::UpdateWhen::kMicroStep;
  }
  c->has_gradients = config.value("grads", true);
  c->name = config.at("name").get<std::string>();
}

}  // namespace

absl::StatusOr<GoldenCase> ReadGoldenCase(const std::string& path) {
  ASSIGN_OR_RETURN(models::SafetensorsFile file, models::SafetensorsFile::Read(path));
  GoldenCase c{std::move(file), "", {}, {}, {}, {}};
  const auto it = c.file.metadata().find("config");
  if (it == c.file.metadata().end()) {
    return graph::InvalidArgument(path, " is not a golden case: it has no metadata 'config'");
  }
  int visible = 0, kept = 0;
  try {
    const Json config = Json::parse(it->second);
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
