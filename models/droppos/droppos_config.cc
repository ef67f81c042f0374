#include "models/droppos/droppos_config.h"

#include "graph/base/status.h"

namespace models {
namespace {

using graph::InvalidArgument;

// The published script's map: its side is input / token_size, whatever the patch.
absl::Status ValidateOfficialGrid(const ModelConfig& model, const DropPosConfig& droppos) {
  if (model.grid_h() != model.grid_w()) {
    return InvalidArgument("--smooth_grid=official is square, the patch grid of this model is ",
                           model.grid_h(), "x", model.grid_w(), "; use --smooth_grid=paper");
  }
  const int side = droppos.target_grid(model).first;
  if (side < model.grid_h()) {
    return InvalidArgument(
        "--smooth_grid=official with --token_size=", droppos.token_size, " makes a map of ", side,
        "x", side, " cells for ", model.grid_h(), "x", model.grid_w(),
        " patches; give --token_size=", model.input_h / model.grid_h(), " or --smooth_grid=paper");
  }
  return absl::OkStatus();
}

// What the MAE decoder needs.
absl::Status ValidatePixels(const ModelConfig& model, const DropPosConfig& droppos) {
  if (model.channels != 3) {
    return InvalidArgument("--channels=", model.channels,
                           ": the pixels that --drop_pos_type=", droppos.drop_pos_type,
                           " reconstructs are RGB; leave the flag out, or train positions alone");
  }
  if (model.decoder_embed_dim % 4 != 0) {
    return InvalidArgument("--decoder_embed_dim=", model.decoder_embed_dim,
                           " is not divisible by 4, which the positions of the pixel decoder need");
  }
  if (droppos.num_visible(model.num_patches()) == model.num_patches()) {
    return InvalidArgument("--mask_ratio=", droppos.mask_ratio, " hides none of ",
                           model.num_patches(),
                           " patches, so --drop_pos_type=", droppos.drop_pos_type,
                           " has no pixels to reconstruct; raise it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const ModelConfig& model, const DropPosConfig& droppos) {
  RETURN_IF_ERROR(Validate(model));
  DropPosConfig copy = droppos;
  for (const ModelFlag& flag : copy.Flags()) RETURN_IF_ERROR(flag.Set(flag.Text()));
  const int visible = droppos.num_visible(model.num_patches());
  if (visible < 1) {
    return InvalidArgument("--mask_ratio=", droppos.mask_ratio, " leaves none of ",
                           model.num_patches(), " patches visible; lower it");
  }
  if (droppos.vanilla_mae() || droppos.multi_task()) {
    RETURN_IF_ERROR(ValidatePixels(model, droppos));
  }
  if (droppos.vanilla_mae()) return absl::OkStatus();
  if (droppos.official_grid()) RETURN_IF_ERROR(ValidateOfficialGrid(model, droppos));
  if (droppos.num_pos_kept(visible) >= visible) {
    return InvalidArgument("--pos_mask_ratio=", droppos.pos_mask_ratio,
                           " drops the position of none", " of the ", visible,
                           " patches that --mask_ratio=", droppos.mask_ratio,
                           " leaves visible, so there is nothing to predict; raise it");
  }
  return absl::OkStatus();
}

std::vector<ModelFlag> DropPosConfig::Flags() {
  constexpr FlagRule kAny = FlagRule::kAny, kRatio = FlagRule::kRatio,
                     kNotNegative = FlagRule::kNotNegative;
  using Place = ModelFlag::Place;
  const absl::string_view no_positions =
      vanilla_mae() ? "--drop_pos_type=vanilla_mae predicts no positions" : "";
  const absl::string_view no_guide = vanilla_mae() ? no_positions
                                     : attn_guide  ? ""
                                                   : "there is no guide with --attn_guide=false";
  const absl::string_view one_loss =
      multi_task() ? "" : "there is one loss here; it is for --drop_pos_type=multi_task";
  const absl::string_view no_pixels =
      multi_task() || vanilla_mae() ? ""
                                    : "it is about the pixel loss of multi_task and vanilla_mae";
  const absl::string_view patch_grid =
      vanilla_mae()     ? no_positions
      : official_grid() ? ""
                        : "the patch grid follows from input_size and patch_size";
  // clang-format off
  return {
      {"drop_pos_type", &drop_pos_type, kAny, "mae_pos_target|multi_task|vanilla_mae",
       "predict positions; positions and hidden pixels; hidden pixels alone (MAE)"},
      {"mask_ratio", &mask_ratio, kRatio, "X", "share of patches hidden"},
      {"pos_mask_ratio", &pos_mask_ratio, kRatio, "X",
       "share of visible patches whose position is dropped", no_positions},
      {"mask_token_type", &mask_token_type, kAny, "param|zeros|wrong_pos",
       "in place of a dropped position: a learned token, nothing, another dropped patch's position",
       no_positions},
      {"shuffle", &shuffle, kAny, "", "shuffle the visible patches before the encoder",
       no_positions},
      {"label_smoothing_sigma", &label_smoothing_sigma, kNotNegative, "X",
       "width of the position targets in patches; 0: one-hot", no_positions},
      {"sigma_decay", &sigma_decay, kAny, "", "let sigma fall to 0 over the epochs", no_positions},
      {"smooth_grid", &smooth_grid, kAny, "paper|official",
       "grid of the position targets: the patch grid, or input_size / token_size cells a side",
       no_positions},
      {"attn_guide", &attn_guide, kAny, "",
       "weigh patches by how much they resemble the whole image", no_positions},
      {"conf_ignore", &conf_ignore, kAny, "",
       "no loss for patches whose position is already predicted with confidence", no_positions},
      {"pos_weight", &pos_weight, kNotNegative, "X",
       "weight of the position loss beside the pixel loss", one_loss, "1, in multi_task"},
      {"norm_pix_loss", &norm_pix_loss, kAny, "", "pixel targets normalised patch by patch",
       no_pixels, "true, in multi_task and vanilla_mae"},
      {"compat", &compat, kAny, "paper|official",
       "official: what the published code does: smooth_grid=official, accumulation that steps on "
       "every micro-batch, a pixel decoder that reads shuffled tokens as they come", "", "paper"},
      {"guide_precision", &guide_precision, kAny, "same|bf16|int8",
       "of the attentive guide's products, which only weigh patches; same: as --precision",
       no_guide, "same", Place::kPrecision, FlagScope::kCompute},
      {"token_size", &token_size, FlagRule::kPositive, "N",
       "patches a side, not a size; nothing else is accepted, but for smooth_grid=official, whose "
       "default is 14", patch_grid, "the patch grid's side", Place::kCompatibility},
  };
  // clang-format on
}

absl::Status DropPosConfig::Resolve(const ModelConfig& model, const std::set<std::string>& given) {
  const bool official = compat == "official";
  const bool moves_grid = official && given.count("smooth_grid") == 0;
  if (moves_grid) smooth_grid = "official";
  if (official) official_shuffle = true;
  const absl::Status valid = Validate(model, *this);
  if (!valid.ok()) return moves_grid ? graph::Annotate(valid, "--compat=official") : valid;
  if (vanilla_mae() || official_grid() || given.count("token_size") == 0) return absl::OkStatus();
  if (token_size == model.grid_h() && token_size == model.grid_w()) return absl::OkStatus();
  return InvalidArgument("--token_size=", token_size, " is not the patch grid of this model, ",
                         model.grid_h(), "x", model.grid_w(),
                         " (input_size / patch_size); leave the flag out");
}

std::vector<ProductPrecision> DropPosConfig::Precisions() const {
  if (!has_guide()) return {};
  return {{"guide_precision", "guide", guide_precision}};
}

const DropPosConfig* FindDropPos(const ZooEntry& entry) {
  return dynamic_cast<const DropPosConfig*>(entry.options.get());
}

const DropPosConfig& DropPosOf(const ZooEntry& entry) {
  const DropPosConfig* options = FindDropPos(entry);
  CHECK(options != nullptr);
  return *options;
}

}  // namespace models
