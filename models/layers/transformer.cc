#include "models/layers/transformer.h"

#include <utility>
#include <vector>

namespace models {

using graph::BlobId;

namespace {

// torch.linspace(0, rate, depth) in f32: from either end to the middle.
std::vector<float> DropPathRates(float rate, int depth) {
  std::vector<float> rates(depth, 0.0f);
  const float step = depth > 1 ? rate / static_cast<float>(depth - 1) : 0.0f;
  // Rounded by itself, whatever the compiler would join.
  const auto steps = [step](int n) { return static_cast<float>(double{step} * n); };
  for (int i = 1; i < depth; ++i) {
    rates[i] = i < depth / 2 ? steps(i) : rate - steps(depth - 1 - i);
  }
  return rates;
}

// x + branch, where that is dropped for images whose scale is 0: "<name>.residual".
BlobId AddBranch(ModelBuilder* b, const std::string& name, BlobId x, BlobId branch, BlobId scales,
                 int64_t row) {
  if (scales != graph::kNone) {
    branch = b->Op("ScaleImages", name + ".drop_path", {branch, scales}, {{"index", row}});
  }
  return b->Op("Add", name + ".residual", {x, branch});
}

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

DropPath DrawDropPath(ModelBuilder* b, const std::string& name, float rate, int depth,
                      BlobId keys) {
  DropPath drop_path;
  drop_path.rates = DropPathRates(rate, depth);
  std::vector<float> of_branches;
  for (float r : drop_path.rates) {
    if (r != 0) of_branches.insert(of_branches.end(), 2, r);
  }
  if (of_branches.empty()) return {};
  drop_path.scales =
      b->Op("DropPathScales", name, {keys},
            {{"rates", of_branches}, {"dtype", std::string(graph::DTypeName(b->dtype()))}});
  return drop_path;
}

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
  b->UpdateBuffer(mean, normed[2]);
  b->UpdateBuffer(variance, normed[3]);
  return normed[0];
}

BlobId BatchNormInference(ModelBuilder* b, const std::string& name, BlobId x) {
  const auto [mean, variance] = RunningStatistics(b, name, x);
  return b->Op("BatchNormInference", name, {x, mean, variance}, {{"eps", kBatchNormEps}});
}

BlobId TransformerBlock(ModelBuilder* b, const std::string& name, BlobId x, int num_heads,
                        double mlp_ratio, BlobId scales, int64_t first_row) {
  const int64_t channels = b->type(x).cols();
  const BlobId qkv = Linear(b, name + ".attn.qkv", LayerNorm(b, name + ".norm1", x), 3 * channels);
  const BlobId attention =
      b->Op("Attention", name + ".attn", {qkv}, {{"heads", int64_t{num_heads}}});
  const BlobId projected = Linear(b, name + ".attn.proj", attention, channels);
  const BlobId middle = AddBranch(b, name + ".attn", x, projected, scales, first_row);

  const int64_t hidden = static_cast<int64_t>(static_cast<double>(channels) * mlp_ratio);
  const BlobId fc1 = Linear(b, name + ".mlp.fc1", LayerNorm(b, name + ".norm2", middle), hidden);
  const BlobId act = b->Op("Gelu", name + ".mlp.act", {fc1});
  const BlobId fc2 = Linear(b, name + ".mlp.fc2", act, channels);
  return AddBranch(b, name + ".mlp", middle, fc2, scales, first_row + 1);
}

BlobId TransformerBlocks(ModelBuilder* b, const std::string& name, BlobId x, int depth,
                         int num_heads, double mlp_ratio, const DropPath& drop_path) {
  int64_t row = 0;
  for (int i = 0; i < depth; ++i) {
    const bool drops = !drop_path.rates.empty() && drop_path.rates[i] != 0;
    x = TransformerBlock(b, absl::StrCat(name, ".", i), x, num_heads, mlp_ratio,
                         drops ? drop_path.scales : graph::kNone, row);
    if (drops) row += 2;
  }
  return x;
}

}  // namespace models
