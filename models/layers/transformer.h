// Linear, the norms and the pre-norm transformer block, with the parameter names
// and initial values of the official code (timm's Block; models_DropPos_mae.py,
// _init_weights).
#ifndef MODELS_LAYERS_TRANSFORMER_H_
#define MODELS_LAYERS_TRANSFORMER_H_

#include <string>

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

// Normalises the last dimension of a training batch over all other dimensions, without scale and
// shift, and moves the running statistics, the buffers "<name>.running_mean" (zero at start) and
// "<name>.running_var" (one), as torch.nn.BatchNorm1d(affine=False). Two rows or more.
graph::BlobId BatchNorm(ModelBuilder* b, const std::string& name, graph::BlobId x);
// The same by the running statistics, for evaluation.
graph::BlobId BatchNormInference(ModelBuilder* b, const std::string& name, graph::BlobId x);

// x (B, T, C) + attention(norm1(x)), then + mlp(norm2(.)). qkv is one (3C, C)
// matrix, also for its initial values; the MLP is fc1, exact GELU, fc2 with
// int(C · mlp_ratio) hidden units.
graph::BlobId TransformerBlock(ModelBuilder* b, const std::string& name, graph::BlobId x,
                               int num_heads, double mlp_ratio);

// `depth` blocks named "<name>.0", "<name>.1", ...
graph::BlobId TransformerBlocks(ModelBuilder* b, const std::string& name, graph::BlobId x,
                                int depth, int num_heads, double mlp_ratio);

}  // namespace models

#endif  // MODELS_LAYERS_TRANSFORMER_H_
