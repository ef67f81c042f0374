// Graphs as cuDNN's frontend printed them after it had planned them for sm_90
// (cudnn_graphs/*.json), executed on the host, against loops in double that know nothing of
// strides.
#include "tests/fake_cuda/cudnn_interpreter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <vector>

namespace fake_cuda {
namespace {

// Of the attention graphs: rows of qkv hold q, k and v of all heads.
constexpr int kBatch = 2, kHeads = 3, kTokens = 50, kDim = 64, kWidth = kHeads * kDim;
constexpr double kScale = 0.125;

std::string Read(const std::string& name) {
  const std::string path = "tests/fake_cuda/cudnn_graphs/" + name + ".json";
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

float Value(uint16_t x) {
  const uint32_t bits = uint32_t{x} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
uint16_t Bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
std::vector<uint16_t> Normal(size_t count, uint64_t seed, float std = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, std);
  std::vector<uint16_t> values(count);
  for (uint16_t& v : values) v = Bf16(normal(random));
  return values;
}

// Attention of one head in double.
struct Head {
  Head(const std::vector<uint16_t>& qkv, int image, int head) : p(kTokens * kTokens), lse(kTokens) {
    for (auto* m : {&q, &k, &v, &o}) m->resize(kTokens * kDim);
    for (int t = 0; t < kTokens; ++t) {
      for (int e = 0; e < kDim; ++e) {
        const size_t at = (size_t{1} * image * kTokens + t) * 3 * kWidth + head * kDim + e;
        q[t * kDim + e] = Value(qkv[at]);
        k[t * kDim + e] = Value(qkv[at + kWidth]);
        v[t * kDim + e] = Value(qkv[at + 2 * kWidth]);
      }
    }
    for (int t = 0; t < kTokens; ++t) {
      double sum = 0;
      for (int j = 0; j < kTokens; ++j) {
        double s = 0;
        for (int e = 0; e < kDim; ++e) s += q[t * kDim + e] * k[j * kDim + e];
        sum += p[t * kTokens + j] = std::exp(s * kScale);
      }
      lse[t] = std::log(sum);
      for (int j = 0; j < kTokens; ++j) {
        p[t * kTokens + j] /= sum;
        for (int e = 0; e < kDim; ++e) o[t * kDim + e] += p[t * kTokens + j] * v[j * kDim + e];
      }
    }
  }
  std::vector<double> q, k, v, o, p, lse;
};

TEST(CudnnInterpreter, Attention) {
  std::vector<uint16_t> qkv = Normal(kBatch * kTokens * 3 * kWidth, 1),
                        y(kBatch * kTokens * kWidth);
  std::vector<float> lse(kBatch * kHeads * kTokens);
  uint16_t* const q = qkv.data();
  ExecuteCudnnGraph(Read("sdpa"),
                    {{1, q}, {2, q + kWidth}, {3, q + 2 * kWidth}, {4, y.data()}, {5, lse.data()}});
  for (int b = 0; b < kBatch; ++b) {
    for (int h = 0; h < kHeads; ++h) {
      const Head head(qkv, b, h);
      for (int t = 0; t < kTokens; ++t) {
        ASSERT_NEAR(lse[(b * kHeads + h) * kTokens + t], head.lse[t], 1e-5);
        for (int e = 0; e < kDim; ++e) {
          const double expected = head.o[t * kDim + e];
          ASSERT_NEAR(Value(y[(b * kTokens + t) * kWidth + h * kDim + e]), expected,
                      1e-5 + std::fabs(expected) / 250);
        }
      }
    }
  }
}

TEST(CudnnInterpreter, AttentionGradient) {
  std::vector<uint16_t> qkv = Normal(kBatch * kTokens * 3 * kWidth, 1),
                        y(kBatch * kTokens * kWidth), dy = Normal(y.size(), 2), dqkv(qkv.size());
  std::vector<float> lse(kBatch * kHeads * kTokens);
  uint16_t *const q = qkv.data(), *const dq = dqkv.data();
  ExecuteCudnnGraph(Read("sdpa"),
                    {{1, q}, {2, q + kWidth}, {3, q + 2 * kWidth}, {4, y.data()}, {5, lse.data()}});
  ExecuteCudnnGraph(Read("sdpa_backward"), {{1, q},
                                            {2, q + kWidth},
                                            {3, q + 2 * kWidth},
                                            {4, y.data()},
                                            {5, lse.data()},
                                            {6, dy.data()},
                                            {7, dq},
                                            {8, dq + kWidth},
                                            {9, dq + 2 * kWidth}});
  for (int b = 0; b < kBatch; ++b) {
    for (int h = 0; h < kHeads; ++h) {
      const Head head(qkv, b, h);
      const auto dout = [&](int t, int e) {
        return double{Value(dy[(b * kTokens + t) * kWidth + h * kDim + e])};
      };
      // Of the softmax's inputs, by the chain rule over its Jacobian.
      std::vector<double> dp(kTokens * kTokens), ds(kTokens * kTokens);
      for (int t = 0; t < kTokens; ++t) {
        double sum = 0;
        for (int j = 0; j < kTokens; ++j) {
          for (int e = 0; e < kDim; ++e) dp[t * kTokens + j] += dout(t, e) * head.v[j * kDim + e];
          sum += dp[t * kTokens + j] * head.p[t * kTokens + j];
        }
        for (int j = 0; j < kTokens; ++j) {
          ds[t * kTokens + j] = head.p[t * kTokens + j] * (dp[t * kTokens + j] - sum) * kScale;
        }
      }
      double error = 0, top = 0;
      for (int t = 0; t < kTokens; ++t) {
        for (int e = 0; e < kDim; ++e) {
          double expected[3] = {};
          for (int j = 0; j < kTokens; ++j) {
            expected[0] += ds[t * kTokens + j] * head.k[j * kDim + e];
            expected[1] += ds[j * kTokens + t] * head.q[j * kDim + e];
            expected[2] += head.p[j * kTokens + t] * dout(j, e);
          }
          for (int which = 0; which < 3; ++which) {
            const size_t at =
                (size_t{1} * b * kTokens + t) * 3 * kWidth + which * kWidth + h * kDim + e;
            error = std::max(error, std::fabs(Value(dqkv[at]) - expected[which]));
            top = std::max(top, std::fabs(expected[which]));
          }
        }
      }
      EXPECT_LT(error / top, 0.004);
    }
  }
}

constexpr int kRows = 40, kCols = 96, kInner = 64;

TEST(CudnnInterpreter, ProductGelu) {
  auto x = Normal(kRows * kInner, 1), w = Normal(kCols * kInner, 2, 0.1f);
  std::vector<float> bias(kCols);
  for (int j = 0; j < kCols; ++j) bias[j] = 0.01f * static_cast<float>(j);
  std::vector<uint16_t> pre(kRows * kCols), y(kRows * kCols);
  ExecuteCudnnGraph(
      Read("product_gelu"),
      {{11, x.data()}, {12, w.data()}, {13, bias.data()}, {14, pre.data()}, {15, y.data()}});
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kCols; ++j) {
      double sum = bias[j];
      for (int l = 0; l < kInner; ++l)
        sum += double{Value(x[i * kInner + l])} * Value(w[j * kInner + l]);
      ASSERT_NEAR(Value(pre[i * kCols + j]), sum, 0.01);
      ASSERT_NEAR(Value(y[i * kCols + j]), sum * 0.5 * (1 + std::erf(sum / std::sqrt(2))), 0.02);
    }
  }
}

TEST(CudnnInterpreter, ProductGeluGrad) {
  auto x = Normal(kRows * kInner, 1), w = Normal(kInner * kCols, 2, 0.1f),
       pre = Normal(kRows * kCols, 3);
  std::vector<uint16_t> y(kRows * kCols);
  std::map<const void*, std::pair<size_t, bool>> touched;  // bytes, written
  ExecuteCudnnGraph(Read("product_gelu_grad"),
                    {{11, x.data()}, {12, w.data()}, {14, pre.data()}, {15, y.data()}},
                    [&](const void* p, size_t bytes, bool write) {
                      touched[p] = {bytes, write};
                    });
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kCols; ++j) {
      double sum = 0;
      for (int l = 0; l < kInner; ++l)
        sum += double{Value(x[i * kInner + l])} * Value(w[l * kCols + j]);
      // d/dv of v (1 + erf(v / sqrt 2)) / 2, by differences.
      const auto gelu = [](double v) { return v * 0.5 * (1 + std::erf(v / std::sqrt(2.0))); };
      const double v = Value(pre[i * kCols + j]);
      const double derivative = (gelu(v + 1e-5) - gelu(v - 1e-5)) / 2e-5;
      ASSERT_NEAR(Value(y[i * kCols + j]), sum * derivative, 0.02);
    }
  }
  // Rows of three inputs and one output.
  EXPECT_EQ(touched.size(), size_t{kRows + kInner + kRows + kRows});
  EXPECT_EQ(touched[&x[kInner]], std::make_pair(size_t{2 * kInner}, false));
  EXPECT_EQ(touched[&y[0]], std::make_pair(size_t{2 * kCols}, true));
}

// `text` with the first `from` made `to`, which the interpreter must refuse, saying `what`.
void ExpectRefused(std::string text, const std::string& from, const std::string& to,
                   const std::string& what) {
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  std::map<int64_t, void*> pointers;
  std::vector<std::vector<char>> room(17, std::vector<char>(1 << 20));
  for (int i = 0; i < 17; ++i) pointers[i + 1] = room[i].data();
  try {
    ExecuteCudnnGraph(text, pointers);
    ADD_FAILURE() << "took " << to;
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find(what), std::string::npos) << e.what();
  }
}

TEST(CudnnInterpreter, RefusesWhatItDoesNotKnow) {
  ExpectRefused(Read("sdpa"), "\"SDPA\"", "\"CONV_FPROP\"", "node CONV_FPROP");
  ExpectRefused(Read("sdpa"), "\"data_type\": \"BFLOAT16\"", "\"data_type\": \"HALF\"",
                "type HALF");
  ExpectRefused(Read("sdpa"), "\"right_bound\": null", "\"right_bound\": 0", "right_bound");
  ExpectRefused(Read("sdpa_backward"), "\"padding_mask\": false", "\"padding_mask\": true",
                "padding_mask");
  ExpectRefused(Read("product_gelu"), "\"GELU_FWD\"", "\"TANH_FWD\"", "pointwise TANH_FWD");
  ExpectRefused(Read("product_gelu_grad"), "\"uid\": 11\n", "\"uid\": 77\n",
                "no pointer for uid 77");
}

}  // namespace
}  // namespace fake_cuda
