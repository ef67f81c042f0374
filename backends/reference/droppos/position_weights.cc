#include "ops/droppos/position_weights.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/reference/kernels.h"

namespace backends::reference::droppos {
namespace {

std::vector<double> Softmax(std::vector<double> s) {
  const double max = *std::max_element(s.begin(), s.end());
  double sum = 0;
  for (double& v : s) sum += v = std::exp(v - max);
  for (double& v : s) v /= sum;
  return s;
}

double Cosine(const double* a, const double* b, int64_t n) {
  double dot = 0, aa = 0, bb = 0;
  for (int64_t i = 0; i < n; ++i) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / (std::max(std::sqrt(aa), ops::droppos::kCosineEps) *
                std::max(std::sqrt(bb), ops::droppos::kCosineEps));
}

// cos(class token, patch) / tau of each patch of image `b`.
std::vector<double> Similarities(const Call& c, const std::vector<double>& features, int64_t b) {
  const int64_t tokens = c.in_type(0).dim(1), dim = c.in_type(0).dim(2);
  const double* cls = features.data() + b * tokens * dim;
  std::vector<double> similarity(tokens - 1);
  for (int64_t p = 0; p < tokens - 1; ++p) {
    similarity[p] = Cosine(cls, cls + (1 + p) * dim, dim) / c.op.Float("tau");
  }
  return similarity;
}

void PositionWeights(Call* c) {
  const std::vector<double> features = c->In(0);
  const int64_t batch = c->in_type(0).dim(0), patches = c->in_type(0).dim(1) - 1;
  const int64_t visible = c->in_type(1).dim(1);
  std::vector<int64_t> ids;
  if (!c->Ids(1, patches, &ids)) return;
  std::vector<double>& weights = c->Out(0);
  std::vector<double>& full = c->Out(1);
  for (int64_t b = 0; b < batch; ++b) {
    const std::vector<double> similarity = Similarities(*c, features, b);
    std::vector<double> gathered(visible);
    for (int64_t v = 0; v < visible; ++v) gathered[v] = similarity[ids[b * visible + v]];
    const std::vector<double> all = Softmax(similarity), some = Softmax(gathered);
    std::copy(all.begin(), all.end(), full.begin() + b * patches);
    std::copy(some.begin(), some.end(), weights.begin() + b * visible);
  }
}

void GatheredPositionWeights(Call* c) {
  const std::vector<double> features = c->In(0);
  const int64_t batch = c->in_type(0).dim(0), visible = c->in_type(0).dim(1) - 1;
  std::vector<double>& weights = c->Out(0);
  for (int64_t b = 0; b < batch; ++b) {
    const std::vector<double> softmax = Softmax(Similarities(*c, features, b));
    std::copy(softmax.begin(), softmax.end(), weights.begin() + b * visible);
  }
}

void TokenRows(Call* c) {
  const int64_t batch = c->in_type(0).dim(0), visible = c->in_type(0).dim(1);
  const std::vector<int64_t> ids = c->Ints(0);
  std::vector<int64_t>& rows = c->OutInts(0);
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t v = 0; v < visible; ++v) {
      rows[b * (1 + visible) + 1 + v] = 1 + ids[b * visible + v];
    }
  }
}

}  // namespace

void RegisterPositionWeights(graph::KernelTable* table) {
  AddFunction(table, "PositionWeights", PositionWeights);
  AddFunction(table, "GatheredPositionWeights", GatheredPositionWeights);
  AddFunction(table, "TokenRows", TokenRows);
}

}  // namespace backends::reference::droppos
