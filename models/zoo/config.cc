#include "models/zoo/config.h"

#include <algorithm>

#include "graph/base/status.h"

namespace models {
namespace {

using graph::InvalidArgument;

// No size of a model or an image is near this; it keeps products inside int.
constexpr int kLargest = 1 << 16;
constexpr int kMostPatches = 1 << 16;
constexpr int kMostBlocks = 512;  // ViT-G has 48

absl::Status Size(const char* flag, int value, int largest = kLargest) {
  if (value >= 1 && value <= largest) return absl::OkStatus();
  return InvalidArgument("--", flag, "=", value, " must lie in [1, ", largest, "]");
}

absl::Status Divides(const char* whole_flag, int whole, const char* part_flag, int part) {
  if (whole % part == 0) return absl::OkStatus();
  return InvalidArgument("--", whole_flag, "=", whole, " is not divisible by --", part_flag, "=",
                         part,
                         "; the nearest that is: ", std::max(1, (whole + part / 2) / part) * part);
}

}  // namespace

absl::Status Validate(const ModelConfig& m) {
  RETURN_IF_ERROR(Size("input_size", m.input_h));
  RETURN_IF_ERROR(Size("input_size", m.input_w));
  if (m.channels != 1 && m.channels != 3 && m.channels != 4) {
    return InvalidArgument("--channels=", m.channels,
                           " must be 1 (grey), 3 (RGB) or 4 (RGB and alpha, or any four)");
  }
  RETURN_IF_ERROR(Size("patch_size", m.patch_size));
  RETURN_IF_ERROR(Size("embed_dim", m.embed_dim));
  RETURN_IF_ERROR(Size("depth", m.depth, kMostBlocks));
  RETURN_IF_ERROR(Size("num_heads", m.num_heads));
  RETURN_IF_ERROR(Size("decoder_embed_dim", m.decoder_embed_dim));
  RETURN_IF_ERROR(Size("decoder_num_heads", m.decoder_num_heads));
  if (m.decoder_depth < 0 || m.decoder_depth > kMostBlocks) {
    return InvalidArgument("--decoder_depth=", m.decoder_depth, " must lie in [0, ", kMostBlocks,
                           "]");
  }
  RETURN_IF_ERROR(Divides("input_size", m.input_h, "patch_size", m.patch_size));
  RETURN_IF_ERROR(Divides("input_size", m.input_w, "patch_size", m.patch_size));
  if (int64_t{m.grid_h()} * m.grid_w() > kMostPatches) {
    return InvalidArgument(
        "--input_size=", m.input_h, "x", m.input_w, " with --patch_size=", m.patch_size, " makes ",
        int64_t{m.grid_h()} * m.grid_w(), " patches; at most ", kMostPatches, " are possible");
  }
  RETURN_IF_ERROR(Divides("embed_dim", m.embed_dim, "num_heads", m.num_heads));
  RETURN_IF_ERROR(
      Divides("decoder_embed_dim", m.decoder_embed_dim, "decoder_num_heads", m.decoder_num_heads));
  if (m.embed_dim % 4 != 0) {
    return InvalidArgument("--embed_dim=", m.embed_dim,
                           " is not divisible by 4, which the 2-D sin-cos positions need");
  }
  const double narrowest = std::min(m.embed_dim, m.decoder_embed_dim) * m.mlp_ratio;
  const double widest = std::max(m.embed_dim, m.decoder_embed_dim) * m.mlp_ratio;
  if (!(narrowest >= 1)) {
    return InvalidArgument("--mlp_ratio=", m.mlp_ratio, " leaves the MLP no hidden unit");
  }
  if (!(widest <= 16.0 * kLargest)) {
    return InvalidArgument("--mlp_ratio=", m.mlp_ratio, " makes the MLP ", widest, " units wide");
  }
  return absl::OkStatus();
}

absl::Status Validate(const RecipeConfig& r) {
  if (r.epochs < 1) return InvalidArgument("--epochs=", r.epochs, " must be positive");
  RETURN_IF_ERROR(Size("batch_size", r.batch_size));
  if (r.warmup_epochs < 0) {
    return InvalidArgument("--warmup_epochs=", r.warmup_epochs, " must not be negative");
  }
  if (r.warmup_epochs >= r.epochs) {
    return InvalidArgument("--warmup_epochs=", r.warmup_epochs,
                           " is not shorter than --epochs=", r.epochs,
                           "; the learning rate would never decay");
  }
  for (const auto& [flag, value] :
       {std::make_pair("blr", r.blr), std::make_pair("min_lr", r.min_lr),
        std::make_pair("weight_decay", r.weight_decay), std::make_pair("clip_grad", r.clip_grad)}) {
    if (!(value >= 0)) return InvalidArgument("--", flag, "=", value, " must not be negative");
  }
  return absl::OkStatus();
}

}  // namespace models
