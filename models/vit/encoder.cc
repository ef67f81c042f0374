#include "models/vit/encoder.h"

#include "models/layers/transformer.h"

namespace models {

using graph::BlobId;

BlobId Patches(ModelBuilder* b, const ModelConfig& config, BlobId images) {
  return b->Op("Patchify", "patch_embed.patchify", {images},
               {{"patch", int64_t{config.patch_size}}});
}

BlobId PatchEmbed(ModelBuilder* b, const ModelConfig& config, BlobId patches) {
  const int64_t p = config.patch_size;
  const int64_t fan_in = config.channels * p * p;
  const std::string name = "patch_embed.proj";
  const BlobId weight = b->Param(name + ".weight", {config.embed_dim, config.channels, p, p},
                                 Initializer::XavierUniform(fan_in, config.embed_dim));
  const BlobId bias =
      b->Param(name + ".bias", {config.embed_dim}, Initializer::UniformFanIn(fan_in));
  const BlobId y = b->Op("MatMul", name, {patches, weight}, {{"trans_w", int64_t{1}}});
  return b->Op("BiasAdd", name + ".add_bias", {y, bias});
}

BlobId PositionTable(ModelBuilder* b, const ModelConfig& config) {
  return b->Param("pos_embed", {1, 1 + config.num_patches(), config.embed_dim},
                  Initializer::SinCos2d(config.grid_h(), config.grid_w()), {ParameterKind::kFixed});
}

BlobId PatchPositions(ModelBuilder* b, const ModelConfig& config) {
  return b->Op("SliceRows", "pos_embed.patches", {PositionTable(b, config)},
               {{"start", int64_t{1}}, {"count", int64_t{config.num_patches()}}});
}

BlobId Encode(ModelBuilder* b, const ModelConfig& config, BlobId tokens, const DropPath& drop_path,
              FinalNorm norm) {
  const BlobId cls_token =
      b->Param("cls_token", {1, 1, config.embed_dim}, Initializer::Normal(0.02f));
  const BlobId cls_position = b->Op("SliceRows", "pos_embed.cls", {PositionTable(b, config)},
                                    {{"start", int64_t{0}}, {"count", int64_t{1}}});
  const BlobId cls = b->Op("Add", "cls_token.add_position", {cls_token, cls_position});
  BlobId x = b->Op("PrependToken", "cls_token.prepend", {tokens, cls});
  x = TransformerBlocks(b, "blocks", x, config.depth, config.num_heads, config.mlp_ratio,
                        drop_path);
  return norm == kFinalNorm ? LayerNorm(b, config.final_norm, x) : x;
}

BlobId EncodeImages(ModelBuilder* b, const ModelConfig& config, BlobId images,
                    const DropPath& drop_path, FinalNorm norm) {
  const BlobId tokens = PatchEmbed(b, config, Patches(b, config, images));
  const BlobId placed = b->Op("BiasAdd", "pos_embed.add", {tokens, PatchPositions(b, config)});
  return Encode(b, config, placed, drop_path, norm);
}

void CountEncoder(const ModelConfig& config, int64_t tokens, OfficialCounter* counter) {
  using Pass = OfficialCounter::Pass;
  const int64_t pixels = int64_t{config.channels} * config.patch_size * config.patch_size;
  counter->Linear("patch_embed", config.num_patches(), pixels, config.embed_dim, Pass::kTraining, 1,
                  /*input_is_data=*/true);
  counter->Blocks("blocks", 1 + tokens, config.embed_dim, config.depth, config.mlp_ratio,
                  Pass::kTraining);
}

}  // namespace models
