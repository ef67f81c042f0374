// Attention and its gradient against loops in double, at ViT's sequence lengths
// and on all sides of the products' tiles.
#include <cmath>

#include "backends/cpu/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/harness/op_case.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

using Doubles = std::vector<double>;

struct Case {
  int64_t batch, tokens, heads, head_width;
  double scale = 1;  // of qkv: 1 makes soft probabilities, 30 nearly one-hot ones

  int64_t width() const { return heads * head_width; }
  double At(const Doubles& qkv, int which, int64_t b, int64_t t, int64_t h, int64_t c) const {
    return qkv[IndexQkv(which, b, t, h, c)];
  }
  int64_t IndexQkv(int which, int64_t b, int64_t t, int64_t h, int64_t c) const {
    return ((b * tokens + t) * 3 + which) * width() + h * head_width + c;
  }
  int64_t IndexY(int64_t b, int64_t t, int64_t h, int64_t c) const {
    return (b * tokens + t) * width() + h * head_width + c;
  }
};

struct Expected {
  Doubles y, lse, dqkv;
};

// One (image, head): probabilities by rows, then everything that needs them.
void ExpectHead(const Case& c, int64_t b, int64_t h, const Doubles& qkv, const Doubles& dy,
                Expected* e) {
  const int64_t n = c.tokens, d = c.head_width;
  const double scale = 1 / std::sqrt(static_cast<double>(d));
  for (int64_t i = 0; i < n; ++i) {
    Doubles p(n), dp(n);
    double max = -INFINITY, sum = 0, weighted = 0;
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t k = 0; k < d; ++k) {
        p[j] += scale * c.At(qkv, 0, b, i, h, k) * c.At(qkv, 1, b, j, h, k);
      }
      max = std::max(max, p[j]);
    }
    for (int64_t j = 0; j < n; ++j) sum += p[j] = std::exp(p[j] - max);
    e->lse[(b * c.heads + h) * n + i] = max + std::log(sum);
    for (int64_t j = 0; j < n; ++j) {
      p[j] /= sum;
      for (int64_t k = 0; k < d; ++k) {
        const double g = dy[c.IndexY(b, i, h, k)];
        e->y[c.IndexY(b, i, h, k)] += p[j] * c.At(qkv, 2, b, j, h, k);
        e->dqkv[c.IndexQkv(2, b, j, h, k)] += p[j] * g;
        dp[j] += g * c.At(qkv, 2, b, j, h, k);
      }
      weighted += p[j] * dp[j];
    }
    for (int64_t j = 0; j < n; ++j) {
      const double ds = p[j] * (dp[j] - weighted) * scale;
      for (int64_t k = 0; k < d; ++k) {
        e->dqkv[c.IndexQkv(0, b, i, h, k)] += ds * c.At(qkv, 1, b, j, h, k);
        e->dqkv[c.IndexQkv(1, b, j, h, k)] += ds * c.At(qkv, 0, b, i, h, k);
      }
    }
  }
}

graph::Op MakeAttentionOp(const char* type, int64_t heads) {
  graph::Op op;
  op.type = type;
  op.name = "case";
  op.attrs["heads"] = heads;
  return op;
}

void Check(const Case& c) {
  SCOPED_TRACE(absl::StrCat("B ", c.batch, " T ", c.tokens, " H ", c.heads, " dh ", c.head_width));
  const graph::Backend backend = backends::cpu::MakeBackend(2);
  const auto qkv_type = F32({c.batch, c.tokens, 3 * c.width()});
  const auto y_type = F32({c.batch, c.tokens, c.width()});
  const auto lse_type = F32({c.batch, c.heads, c.tokens});
  HostTensor qkv(qkv_type), dy(y_type);
  graph::RandomStream random(c.tokens, graph::Purpose::kNoise);
  Normal(c.scale)(&qkv, &random);
  Normal()(&dy, &random);
  Expected e{Doubles(y_type.elements()), Doubles(lse_type.elements()),
             Doubles(qkv_type.elements())};
  for (int64_t b = 0; b < c.batch; ++b) {
    for (int64_t h = 0; h < c.heads; ++h) ExpectHead(c, b, h, qkv.Values(), dy.Values(), &e);
  }

  const TypedOp forward{MakeAttentionOp("Attention", c.heads), {qkv_type}, {y_type, lse_type}};
  const TypedOp backward{
      MakeAttentionOp("AttentionGrad", c.heads), {qkv_type, y_type, lse_type, y_type}, {qkv_type}};
  for (int threads = 1; threads <= 4; ++threads) {
    SCOPED_TRACE(absl::StrCat(threads, " threads"));
    auto run = OpRunner::Create(backend, forward, threads);
    auto run_back = OpRunner::Create(backend, backward, threads);
    ASSERT_TRUE(run.ok()) << run.status();
    ASSERT_TRUE(run_back.ok()) << run_back.status();
    const auto out = (*run)->Run({qkv});
    ASSERT_TRUE(out.ok()) << out.status();
    // Scores of this size carry about 1e-6 of themselves into the exponent.
    const double bound = 2e-6 * std::max(1.0, c.scale * c.scale);
    ExpectClose((*out)[0], HostTensor(y_type, e.y), bound);
    ExpectClose((*out)[1], HostTensor(lse_type, e.lse), 2e-6);
    const std::vector<HostTensor> saved = {qkv, (*out)[0], (*out)[1], dy};
    const auto grad = (*run_back)->Run(saved);
    ASSERT_TRUE(grad.ok()) << grad.status();
    ExpectClose((*grad)[0], HostTensor(qkv_type, e.dqkv), 2 * bound);

    const auto again = (*run)->Run({qkv});
    EXPECT_TRUE(again.ok() && (*again)[0] == (*out)[0] && (*again)[1] == (*out)[1]);
    const auto grad_again = (*run_back)->Run(saved);
    EXPECT_TRUE(grad_again.ok() && (*grad_again)[0] == (*grad)[0]);
  }
}

TEST(CpuAttention, OneToken) { Check({3, 1, 2, 4}); }
TEST(CpuAttention, FiveTokens) { Check({2, 5, 3, 7}); }
TEST(CpuAttention, AroundTheTiles) {
  Check({2, 17, 4, 32});
  Check({1, 32, 2, 16});
  Check({1, 33, 2, 33});
  Check({1, 49, 1, 15});  // a panel of three vectors, and less than one
  Check({1, 63, 1, 1});
}
TEST(CpuAttention, FiftyTokens) { Check({2, 50, 3, 64}); }
TEST(CpuAttention, AllTokensOfAnImage) { Check({1, 197, 3, 64}); }
TEST(CpuAttention, HeadsOfVitH) { Check({1, 65, 2, 80}); }
TEST(CpuAttention, LargeScores) { Check({2, 50, 2, 16, 10}); }

TEST(CpuAttention, ScratchDoesNotGrowWithTheBatch) {
  const graph::Backend backend = backends::cpu::MakeBackend(2);
  for (const char* type : {"Attention", "AttentionGrad"}) {
    std::vector<size_t> bytes;
    for (int64_t batch : {1, 64}) {
      const graph::Op op = MakeAttentionOp(type, 12);
      graph::KernelSpec spec;
      spec.op = &op;
      spec.inputs = {F32({batch, 197, 3 * 768})};
      spec.outputs = {F32({batch, 197, 768}), F32({batch, 12, 197})};
      if (op.type == "AttentionGrad") {
        spec.inputs.insert(spec.inputs.end(), {spec.outputs[0], spec.outputs[1], spec.outputs[0]});
        spec.outputs = {spec.inputs[0]};
      }
      spec.threads = 2;
      const auto kernel = (*backend.kernels.Find(type))(spec);
      ASSERT_TRUE(kernel.ok()) << kernel.status();
      bytes.push_back((*kernel)->scratch_bytes());
    }
    EXPECT_EQ(bytes[0], bytes[1]) << type;
    // Two matrices of scores and a packed panel of 64 columns for each thread.
    EXPECT_LE(bytes[1], size_t{2} * (2 * (197 * 197 * 4 + 64) + 197 * 64 * 4)) << type;
  }
}

}  // namespace
}  // namespace harness
