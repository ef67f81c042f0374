// Linear, the norms and the pre-norm transformer block, with the parameter names
// and initial values of the official code (timm's Block; models_DropPos_mae.py,
// _init_weights).
#ifndef MODELS_LAYERS_TRANSFORMER_H_
#define MODELS_LAYERS_TRANSFORMER_H_

#include <string>
#include <vector>

#include "models/layers/model_builder.h"

namespace models {

constexpr float kLayerNormEps = 1e-6f;
constexpr float kBatchNormEps = 1e-6f;
constexpr float kBatchNormMomentum = 0.1f;

// y (..., out) = x (..., in) · weightᵀ + bias; weight (out, in) xavier-uniform,
// bias zero.
graph::BlobId Linear(ModelBuilder* b, const std::string& name, graph::BlobId x,
                     int64_t out_features);

// Normalises the last dimension; weight one, bias zero.
graph::BlobId LayerNorm(ModelBuilder* b, const std::string& name, graph::BlobId x);

// Drop path of the blocks of a training net: each image skips each branch, attention or MLP, at
// the rate of its block, and the branches that are kept are divided by one minus that. Evaluation
// has none, which is what no rates mean.
struct DropPath {
  std::vector<float> rates;  // a block each; empty: nothing is dropped
  // (N, B) as from DropPathScales: a row for each branch of the blocks whose rate is not 0, the
  // attention's before the MLP's. Blocks of rate 0 have no row and no operator.
  graph::BlobId scales = graph::kNone;
};

// The rates of `depth` blocks, torch.linspace(0, rate, depth) in f32, and scales that are drawn for
// images with keys (B) i64. Where no block has a rate it adds no operator. `rate` is in [0, 1): others
// the operator refuses.
DropPath DrawDropPath(ModelBuilder* b, const std::string& name, float rate, int depth,
                      graph::BlobId keys);

// Normalises the last dimension of a training batch over all other dimensions, without scale and
// shift, and moves the running statistics, the buffers "<name>.running_mean" (zero at start) and
// "<name>.running_var" (one), as torch.nn.BatchNorm1d(affine=False). Two rows or more.
graph::BlobId BatchNorm(ModelBuilder* b, const std::string& name, graph::BlobId x);
// The same by the running statistics, for evaluation.
graph::BlobId BatchNormInference(ModelBuilder* b, const std::string& name, graph::BlobId x);

// x (B, T, C) + attention(norm1(x)), then + mlp(norm2(.)). qkv is one (3C, C)
// matrix, also for its initial values; the MLP is fc1, exact GELU, fc2 with
// int(C · mlp_ratio) hidden units. With `scales`, not kNone, each branch is multiplied by a row of
// these before it is added, the attention by row `first_row`, the MLP by the next.
graph::BlobId TransformerBlock(ModelBuilder* b, const std::string& name, graph::BlobId x,
                               int num_heads, double mlp_ratio,
                               graph::BlobId scales = graph::kNone, int64_t first_row = 0);

// `depth` blocks named "<name>.0", "<name>.1", ...
graph::BlobId TransformerBlocks(ModelBuilder* b, const std::string& name, graph::BlobId x,
                                int depth, int num_heads, double mlp_ratio,
                                const DropPath& drop_path = {});

}  // namespace models

#endif  // MODELS_LAYERS_TRANSFORMER_H_
