#include "models/layers/transformer.h"

#include <utility>
#include <vector>

namespace models {

using graph::BlobId;

namespace {

// The buffers of a BatchNorm: mean and variance.
std::pair<BlobId, BlobId> RunningStatistics(ModelBuilder* b, const std::string& name, BlobId x) {
  const int64_t channels = b->type(x).cols();
  const auto buffer = [&](const char* which, float start) {
    return b->Param(name + which, {channels}, Initializer::Constant(start),
                    {ParameterKind::kBuffer});
  };
  return {buffer(".running_mean", 0.0f), buffer(".running_var", 1.0f)};
}

}  // namespace

BlobId Linear(ModelBuilder* b, const std::string& name, BlobId x, int64_t out_features) {
  const int64_t in_features = b->type(x).cols();
  const BlobId weight = b->Param(name + ".weight", {out_features, in_features},
                                 Initializer::XavierUniform(in_features, out_features));
  const BlobId bias = b->Param(name + ".bias", {out_features}, Initializer::Constant(0.0f));
  const BlobId y = b->Op("MatMul", name, {x, weight}, {{"trans_w", int64_t{1}}});
  return b->Op("BiasAdd", name + ".add_bias", {y, bias});
}

BlobId LayerNorm(ModelBuilder* b, const std::string& name, BlobId x) {
  const int64_t channels = b->type(x).cols();
  const BlobId gamma = b->Param(name + ".weight", {channels}, Initializer::Constant(1.0f));
  const BlobId beta = b->Param(name + ".bias", {channels}, Initializer::Constant(0.0f));
  return b->Op("LayerNorm", name, {x, gamma, beta}, {{"eps", kLayerNormEps}});
}

BlobId BatchNorm(ModelBuilder* b, const std::string& name, BlobId x) {
  const auto [mean, variance] = RunningStatistics(b, name, x);
  const std::vector<BlobId> normed =
      b->OpN("BatchNorm", name, {x, mean, variance},
             {{"eps", kBatchNormEps}, {"momentum", kBatchNormMomentum}});
  b->UpdateBuffer(mean, normed[3]);
  b->UpdateBuffer(variance, normed[4]);
  return normed[0];
}

BlobId BatchNormInference(ModelBuilder* b, const std::string& name, BlobId x) {
  const auto [mean, variance] = RunningStatistics(b, name, x);
  return b->Op("BatchNormInference", name, {x, mean, variance}, {{"eps", kBatchNormEps}});
}

BlobId TransformerBlock(ModelBuilder* b, const std::string& name, BlobId x, int num_heads,
                        double mlp_ratio) {
  const int64_t channels = b->type(x).cols();
  const BlobId qkv = Linear(b, name + ".attn.qkv", LayerNorm(b, name + ".norm1", x), 3 * channels);
  const BlobId attention =
      b->Op("Attention", name + ".attn", {qkv}, {{"heads", int64_t{num_heads}}});
  const BlobId projected = Linear(b, name + ".attn.proj", attention, channels);
  const BlobId middle = b->Op("Add", name + ".attn.residual", {x, projected});

  const int64_t hidden = static_cast<int64_t>(static_cast<double>(channels) * mlp_ratio);
  const BlobId fc1 = Linear(b, name + ".mlp.fc1", LayerNorm(b, name + ".norm2", middle), hidden);
  const BlobId act = b->Op("Gelu", name + ".mlp.act", {fc1});
  const BlobId fc2 = Linear(b, name + ".mlp.fc2", act, channels);
  return b->Op("Add", name + ".mlp.residual", {middle, fc2});
}

BlobId TransformerBlocks(ModelBuilder* b, const std::string& name, BlobId x, int depth,
                         int num_heads, double mlp_ratio) {
  for (int i = 0; i < depth; ++i) {
    x = TransformerBlock(b, absl::StrCat(name, ".", i), x, num_heads, mlp_ratio);
  }
  return x;
}

}  // namespace models
