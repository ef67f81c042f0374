#include <algorithm>
#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

// One head of one image: strided rows of q, k, v, y and their gradients.
struct Head {
  int64_t tokens, width, dim;  // T, D, dh
  int64_t b, h;

  // Element `e` of token `t` in a (B, T, 3D) tensor; part 0 q, 1 k, 2 v.
  int64_t Qkv(int part, int64_t t, int64_t e) const {
    return (b * tokens + t) * 3 * width + part * width + h * dim + e;
  }
  // In a (B, T, D) tensor.
  int64_t Y(int64_t t, int64_t e) const { return (b * tokens + t) * width + h * dim + e; }

  std::vector<double> Scores(const std::vector<double>& qkv, int64_t t) const {
    std::vector<double> scores(tokens);
    for (int64_t s = 0; s < tokens; ++s) {
      for (int64_t e = 0; e < dim; ++e) scores[s] += qkv[Qkv(0, t, e)] * qkv[Qkv(1, s, e)];
      scores[s] /= std::sqrt(static_cast<double>(dim));
    }
    return scores;
  }
};

template <typename F>
void ForEachHead(Call* c, F f) {
  const graph::TensorType& qkv = c->in_type(0);
  const int64_t heads = c->op.Int("heads"), width = qkv.cols() / 3;
  for (int64_t b = 0; b < qkv.dim(0); ++b) {
    for (int64_t h = 0; h < heads; ++h)
      f(Head{qkv.dim(1), width, width / heads, b, h}, b * heads + h);
  }
}

void Attention(Call* c) {
  const std::vector<double> qkv = c->In(0);
  const int64_t batch = c->in_type(0).dim(0), tokens = c->in_type(0).dim(1);
  const int64_t queries = c->out_type(0).dim(1);
  std::vector<int64_t> ids;  // (B, Q)
  if (c->num_inputs() > 1) {
    if (!c->Ids(1, tokens, &ids)) return;
  } else {
    for (int64_t i = 0; i < batch * tokens; ++i) ids.push_back(i % tokens);
  }
  std::vector<double>&y = c->Out(0), &lse = c->Out(1);
  ForEachHead(c, [&](const Head& head, int64_t index) {
    for (int64_t i = 0; i < queries; ++i) {
      const std::vector<double> scores = head.Scores(qkv, ids[head.b * queries + i]);
      const double top = *std::max_element(scores.begin(), scores.end());
      double sum = 0;
      for (double s : scores) sum += std::exp(s - top);
      lse[index * queries + i] = top + std::log(sum);
      double* row = &y[(head.b * queries + i) * head.width + head.h * head.dim];
      for (int64_t s = 0; s < head.tokens; ++s) {
        const double p = std::exp(scores[s] - top) / sum;
        for (int64_t e = 0; e < head.dim; ++e) row[e] += p * qkv[head.Qkv(2, s, e)];
      }
    }
  });
}

void AttentionGrad(Call* c) {
  const std::vector<double> qkv = c->In(0), y = c->In(1), lse = c->In(2), dy = c->In(3);
  std::vector<double>& dqkv = c->Out(0);
  ForEachHead(c, [&](const Head& head, int64_t index) {
    for (int64_t t = 0; t < head.tokens; ++t) {
      const std::vector<double> scores = head.Scores(qkv, t);
      double delta = 0;
      for (int64_t e = 0; e < head.dim; ++e) delta += dy[head.Y(t, e)] * y[head.Y(t, e)];
      for (int64_t s = 0; s < head.tokens; ++s) {
        const double p = std::exp(scores[s] - lse[index * head.tokens + t]);
        double dp = 0;
        for (int64_t e = 0; e < head.dim; ++e) dp += dy[head.Y(t, e)] * qkv[head.Qkv(2, s, e)];
        const double ds = p * (dp - delta) / std::sqrt(static_cast<double>(head.dim));
        for (int64_t e = 0; e < head.dim; ++e) {
          dqkv[head.Qkv(0, t, e)] += ds * qkv[head.Qkv(1, s, e)];
          dqkv[head.Qkv(1, s, e)] += ds * qkv[head.Qkv(0, t, e)];
          dqkv[head.Qkv(2, s, e)] += p * dy[head.Y(t, e)];
        }
      }
    }
  });
}

}  // namespace

void RegisterAttention(graph::KernelTable* table) {
  AddFunction(table, "Attention", Attention);
  AddFunction(table, "AttentionGrad", AttentionGrad);
}

}  // namespace backends::reference
