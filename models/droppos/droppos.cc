#include "models/droppos/droppos.h"

#include "models/droppos/mae.h"
#include "models/layers/transformer.h"
#include "models/vit/encoder.h"

namespace models {

using graph::BlobId;
using graph::DType;

namespace {

// Attentive reconstruction: how much each visible patch resembles the image.
void BuildGuide(ModelBuilder* b, const ModelConfig& model, BlobId patches, DropPosBlobs* blobs) {
  const ModelBuilder::Scope scope(b, "guide");
  const BlobId tokens = PatchEmbed(b, model, patches);
  const BlobId placed = b->Op("BiasAdd", "pos_embed.add", {tokens, PatchPositions(b, model)});
  const BlobId features = Encode(b, model, placed);
  const std::vector<BlobId> weights =
      b->OpN("PositionWeights", "weights", {features, blobs->ids_keep}, {{"tau", 0.1f}});
  blobs->attn = weights[0];
  blobs->attn_full = weights[1];
}

// A permutation of `count` things for each image. `keys` kNone: the noise is fed.
std::vector<BlobId> RandomOrder(ModelBuilder* b, const char* purpose, BlobId keys,
                                const char* noise_input, int batch, int64_t count) {
  const BlobId source =
      keys != graph::kNone ? keys : b->net()->Input(noise_input, b->Type({batch, count}));
  return b->OpN("RandomOrder", purpose, {source},
                {{"count", count}, {"purpose", std::string(purpose)}});
}

// features (B, 1+V, D) with the rows behind the class token in the order of ids_keep.
BlobId UndoShuffle(ModelBuilder* b, BlobId features, BlobId restore) {
  const int64_t rows = b->type(features).dim(1);
  const ModelBuilder::Scope scope(b, "shuffle");
  const BlobId cls =
      b->Op("SliceRows", "cls", {features}, {{"start", int64_t{0}}, {"count", int64_t{1}}});
  const BlobId shuffled =
      b->Op("SliceRows", "visible", {features}, {{"start", int64_t{1}}, {"count", rows - 1}});
  const BlobId visible = b->Op("GatherRows", "undo_features", {shuffled, restore});
  return b->Op(
      "Add", "features",
      {b->Op("PadRows", "pad_cls", {cls}, {{"start", int64_t{0}}, {"rows", rows}}),
       b->Op("PadRows", "pad_visible", {visible}, {{"start", int64_t{1}}, {"rows", rows}})});
}

// The MAE decoder beside the position decoder, and the sum of both losses.
void BuildAuxiliaryTask(ModelBuilder* b, const ModelConfig& model, const DropPosConfig& config,
                        BlobId features, BlobId images, DropPosBlobs* blobs) {
  blobs->mae_pred = MaeDecoder(b, model, {"aux_", config.mask_token_type == "param"}, features,
                               blobs->ids_keep, blobs->mask);
  blobs->loss_pos = blobs->loss;
  blobs->loss_mae = PixelLoss(b, model, config, blobs->mae_pred, images, blobs->mask)[0];
  const BlobId weighted = b->Op("Scale", "loss.pos_weight", {blobs->loss_pos},
                                {{"value", static_cast<float>(config.pos_weight)}});
  blobs->loss = b->Op("Add", "loss.sum", {weighted, blobs->loss_mae});
}

}  // namespace

DropPosConfig PositionsOnly(DropPosConfig config) {
  config.drop_pos_type = "mae_pos_target";
  config.attn_guide = false;
  config.conf_ignore = false;
  return config;
}

DropPosBlobs BuildDropPos(ModelBuilder* b, const ModelConfig& model, const DropPosConfig& config,
                          int batch, NoiseSource noise) {
  const int64_t num_patches = model.num_patches();
  const int64_t num_visible = config.num_visible(model.num_patches());
  const int64_t num_pos_kept = config.num_pos_kept(static_cast<int>(num_visible));
  graph::NetBuilder* net = b->net();
  DropPosBlobs blobs;

  const BlobId images = net->Input("images", b->Type(model.images(batch)));
  BlobId keys = graph::kNone;
  std::vector<BlobId> noise_inputs;
  if (noise == NoiseSource::kKeys) {
    keys = net->Input("keys", {DType::kI64, {batch}});
    noise_inputs = {keys};
  } else {
    noise_inputs = {net->Input("noise_patch", b->Type({batch, num_patches})),
                    net->Input("noise_pos", b->Type({batch, num_visible}))};
  }
  const BlobId sigma = net->Input("sigma", b->Type({1}));

  const std::vector<BlobId> masks = b->OpN(
      "MaskSample", "mask", noise_inputs,
      {{"num_patches", num_patches}, {"num_visible", num_visible}, {"num_pos_kept", num_pos_kept}});
  blobs.ids_keep = masks[0];
  blobs.mask = masks[1];
  blobs.mask_pos = masks[3];

  const BlobId patches = Patches(b, model, images);
  // In front of the encoder, whose activations are kept for the gradient: what the guide
  // needs on the way is free again when they come.
  if (config.attn_guide) BuildGuide(b, model, patches, &blobs);
  // Hidden patches never reach the encoder, so they are not embedded either.
  const BlobId visible = b->Op("GatherRows", "patch_embed.visible", {patches, blobs.ids_keep});
  const BlobId tokens = PatchEmbed(b, model, visible);
  const BlobId mask_token = b->Param(
      "mask_pos_token", {1, 1, model.embed_dim}, Initializer::Normal(0.02f),
      {config.mask_token_type == "param" ? ParameterKind::kTrained : ParameterKind::kFixed});
  std::vector<BlobId> drop_inputs = {tokens, PatchPositions(b, model), mask_token, blobs.ids_keep,
                                     blobs.mask_pos};
  if (config.mask_token_type == "wrong_pos") {
    const BlobId ids_dropped = masks[4];
    drop_inputs.push_back(ids_dropped);
    drop_inputs.push_back(RandomOrder(b, "wrong_position", keys, "noise_wrong", batch,
                                      num_visible - num_pos_kept)[0]);
  }
  BlobId placed =
      b->Op("EmbeddingDrop", "pos_embed.drop", drop_inputs, {{"kind", config.mask_token_type}});
  BlobId restore = graph::kNone;
  if (config.shuffle) {
    const std::vector<BlobId> order =
        RandomOrder(b, "shuffle", keys, "noise_shuffle", batch, num_visible);
    placed = b->Op("GatherRows", "shuffle.apply", {placed, order[0]});
    restore = order[1];
  }
  blobs.encoder = Encode(b, model, placed);

  BlobId x = Linear(b, "decoder_embed", blobs.encoder, model.decoder_embed_dim);
  x = TransformerBlocks(b, "decoder_blocks", x, model.decoder_depth, model.decoder_num_heads,
                        model.mlp_ratio);
  x = b->Op("SliceRows", "decoder.drop_cls", {x}, {{"start", int64_t{1}}, {"count", num_visible}});
  x = LayerNorm(b, "decoder_norm", x);
  // Rows before the last product: it is wider than what is moved.
  if (config.shuffle) x = b->Op("GatherRows", "shuffle.undo", {x, restore});
  blobs.logits = Linear(b, "decoder_pred", x, num_patches);

  std::vector<BlobId> loss_inputs = {blobs.logits, blobs.ids_keep, blobs.mask_pos, sigma};
  if (config.attn_guide) loss_inputs.push_back(blobs.attn);
  const auto [grid_h, grid_w] = config.target_grid(model);
  const std::vector<BlobId> loss = b->OpN("SmoothedPositionCE", "loss", loss_inputs,
                                          {{"grid_h", int64_t{grid_h}},
                                           {"grid_w", int64_t{grid_w}},
                                           {"targets", config.smooth_grid},
                                           {"conf_ignore", int64_t{config.conf_ignore}}});
  blobs.loss = loss[0];
  blobs.accuracy = loss[1];
  blobs.accuracy_weighted = loss[2];
  blobs.correct = loss[3];
  blobs.scored = loss[4];
  blobs.ignored = loss[5];
  if (config.multi_task()) {
    BlobId features = blobs.encoder;
    if (config.shuffle && !config.official_shuffle) {
      features = UndoShuffle(b, features, restore);
    }
    BuildAuxiliaryTask(b, model, config, features, images, &blobs);
  }
  return blobs;
}

ForwardOutputs DropPos::BuildTraining(ModelBuilder* b, int batch) const {
  const DropPosBlobs blobs = BuildDropPos(b, model_, config_, batch, NoiseSource::kKeys);
  ForwardOutputs outputs = {blobs.loss,
                            {{"pos_acc1", blobs.accuracy, Unit::kShare},
                             {"pos_acc1_weighted", blobs.accuracy_weighted, Unit::kShare}}};
  if (config_.multi_task()) {
    outputs.metrics.push_back({"loss_pos", blobs.loss_pos});
    outputs.metrics.push_back({"loss_mae", blobs.loss_mae});
  }
  if (config_.conf_ignore) outputs.metrics.push_back({"conf_ignored", blobs.ignored});
  return outputs;
}

std::vector<Evaluation> DropPos::Evaluations() const {
  const double chance = 1.0 / model_.num_patches();
  return {{"eval", "heldout_pos_acc1", Unit::kShare, chance},
          {"eval_all_dropped", "heldout_pos_acc1_all_dropped", Unit::kShare, chance}};
}

EvaluationOutputs DropPos::BuildEvaluation(ModelBuilder* b, int batch, int evaluation) const {
  DropPosConfig config = PositionsOnly(config_);
  if (evaluation == 1) config.pos_mask_ratio = 1.0;
  const DropPosBlobs blobs = BuildDropPos(b, model_, config, batch, NoiseSource::kKeys);
  return {blobs.correct, blobs.scored};
}

Scheduled DropPos::ScheduledInputs(int epoch, int epochs) const {
  const double left = config_.sigma_decay ? 1.0 - epoch / static_cast<double>(epochs) : 1.0;
  return {{"sigma", static_cast<float>(left * config_.label_smoothing_sigma)}};
}

OfficialNet DropPos::OfficialStep() const {
  using Pass = OfficialCounter::Pass;
  const int64_t patches = model_.num_patches(), width = model_.embed_dim;
  const int64_t visible = config_.num_visible(model_.num_patches());
  const int64_t decoder_width = model_.decoder_embed_dim;
  OfficialCounter counter;
  if (config_.attn_guide) {
    const int64_t pixels = int64_t{3} * model_.patch_size * model_.patch_size;
    counter.Linear("guide/patch_embed", patches, pixels, width, Pass::kForward);
    counter.Blocks("guide/blocks", 1 + patches, width, model_.depth, model_.mlp_ratio,
                   Pass::kForward);
  }
  CountEncoder(model_, visible, &counter);
  counter.Linear("decoder_embed", 1 + visible, width, decoder_width, Pass::kTraining);
  counter.Blocks("decoder_blocks", 1 + visible, decoder_width, model_.decoder_depth,
                 model_.mlp_ratio, Pass::kTraining);
  counter.Linear("decoder_pred", 1 + visible, decoder_width, patches, Pass::kTraining);
  if (config_.multi_task()) CountMaeDecoder(model_, visible, &counter);
  return counter.Finish();
}

std::string DropPos::description() const {
  const int visible = config_.num_visible(model_.num_patches());
  return absl::StrCat(Describe(config_.multi_task() ? "DropPos + MAE" : "DropPos", model_, visible),
                      ", ", visible - config_.num_pos_kept(visible), " without position");
}

}  // namespace models
