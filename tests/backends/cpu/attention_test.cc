// Attention and its gradient against loops in double, at ViT's sequence lengths
// and on all sides of the products' tiles.
#include <cmath>
#include <cstdlib>

#include "absl/strings/match.h"
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
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
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

// Both operators against the reference backend, at 1 to 4 threads each.
void CheckCase(graph::DType dtype, int64_t batch, int64_t tokens, int64_t heads, int64_t head_width,
               double scale = 1) {
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  const int64_t width = heads * head_width;
  const graph::TensorType qkv = {dtype, {batch, tokens, 3 * width}},
                          y = {dtype, {batch, tokens, width}};
  const graph::Attrs attrs = {{"heads", heads}};
  OpCase c = {"Attention", attrs, {{qkv, Normal(scale)}}, {y, F32({batch, heads, tokens})}};
  RunCaseOn(backend, c);
  const std::vector<HostTensor> in = MakeInputs(c);
  const auto out = Reference("Attention", attrs, in);
  ASSERT_EQ(out.size(), 2u);
  RunCaseOn(backend, {"AttentionGrad",
                      attrs,
                      {{qkv, Values(in[0].Values())},
                       {y, Values(out[0].Values())},
                       {out[1].type(), Values(out[1].Values())},
                       {y, Normal()}},
                      {qkv}});
  for (const int64_t queries : {int64_t{1}, tokens / 4 + 1, tokens + 3}) {
    OpCase some = c;
    some.inputs.push_back({I32({batch, queries}), Ids(tokens)});
    RunCaseOn(backend, some);
  }
}

TEST(CpuAttention, CasesInF32) {
  for (const int64_t tokens : {1, 5, 17, 50, 65}) {
    for (const int64_t head_width : {8, 32, 64, 80}) {
      CheckCase(graph::DType::kF32, 2, tokens, 2, head_width);
    }
  }
  CheckCase(graph::DType::kF32, 1, 197, 2, 64);
}

TEST(CpuAttention, CasesInBf16) {
  for (const int64_t tokens : {1, 5, 17, 50, 65}) {
    for (const int64_t head_width : {7, 8, 32, 64, 80}) {
      CheckCase(graph::DType::kBF16, 2, tokens, 2, head_width);
    }
  }
  CheckCase(graph::DType::kBF16, 1, 197, 2, 64);
}

// Scores reach 80 and more on both sides of zero.
TEST(CpuAttention, LargeScoresInBf16) {
  CheckCase(graph::DType::kBF16, 2, 50, 2, 64, 5.5);
  CheckCase(graph::DType::kBF16, 1, 17, 1, 32, 5.5);
}

graph::KernelSpec VitBSpec(const graph::Op& op, graph::DType dtype, int64_t batch) {
  graph::KernelSpec spec;
  spec.op = &op;
  spec.inputs = {{dtype, {batch, 197, 3 * 768}}};
  spec.outputs = {{dtype, {batch, 197, 768}}, F32({batch, 12, 197})};
  if (op.type == "AttentionGrad") {
    spec.inputs.insert(spec.inputs.end(), {spec.outputs[0], spec.outputs[1], spec.outputs[0]});
    spec.outputs = {spec.inputs[0]};
  }
  spec.threads = 2;
  return spec;
}

TEST(CpuAttention, ScratchDoesNotGrowWithTheBatch) {
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  for (const auto dtype : {graph::DType::kF32, graph::DType::kBF16}) {
    for (const char* type : {"Attention", "AttentionGrad"}) {
      std::vector<size_t> bytes;
      for (int64_t batch : {1, 64}) {
        const graph::Op op = MakeAttentionOp(type, 12);
        const auto kernel = (*backend.kernels.Find(type))(VitBSpec(op, dtype, batch));
        ASSERT_TRUE(kernel.ok()) << kernel.status();
        bytes.push_back((*kernel)->scratch_bytes());
      }
      EXPECT_EQ(bytes[0], bytes[1]) << type;
      // Of each thread: a matrix of scores, and copies of the head in f32.
      EXPECT_LE(bytes[1], size_t{2} * (224 + 14 * 64) * 224 * 4) << type;
    }
  }
}

TEST(CpuAttention, SaysWhatRuns) {
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  const char* isa = std::getenv("ONEDNN_MAX_CPU_ISA");
  for (const char* type : {"Attention", "AttentionGrad"}) {
    const graph::Op op = MakeAttentionOp(type, 12);
    for (const auto dtype : {graph::DType::kF32, graph::DType::kBF16}) {
      const auto kernel = (*backend.kernels.Find(type))(VitBSpec(op, dtype, 1));
      ASSERT_TRUE(kernel.ok()) << kernel.status();
      const std::string name = (*kernel)->implementation();
      if (isa != nullptr && std::string(isa) == "AVX2") {
        EXPECT_EQ(name, "own:avx2");
      } else if (isa != nullptr && name != "own:avx2") {
        EXPECT_EQ(name, "own:avx512");
      } else {
        EXPECT_TRUE(absl::StartsWith(name, "own:")) << name;
        EXPECT_TRUE(dtype == graph::DType::kBF16 || name != "own:amx-bf16") << name;
      }
    }
  }
}

}  // namespace
}  // namespace harness
