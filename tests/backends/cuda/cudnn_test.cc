// cuDNN's graphs, interpreted on the emulated device: attention beside our own kernels, products
// beside loops in double, and what becomes of a graph in a captured stream.
#include "backends/cuda/cudnn.h"

#include <gtest/gtest.h>

#include "backends/cuda/attention_launch.h"
#include "backends/cuda/cuda_device.h"
#include "tests/backends/cuda/kernel_testing.h"
#include "tests/fake_cuda/control.h"

namespace backends::cuda {
namespace {

class CudnnTest : public testing::Test {
 protected:
  void SetUp() override {
    fake_cuda::Reset();
    device_ = CudaDevice::Create(/*index=*/0, /*threads=*/1).value();
    ASSERT_EQ(device_->cudnn_text().find("cuDNN 9."), 0u) << device_->cudnn_text();
  }
  void TearDown() override {
    for (const std::string& finding : fake_cuda::TakeFindings()) ADD_FAILURE() << finding;
  }

  Stream stream() const {
    return static_cast<Stream>(device_->stream(graph::StreamRole::kCompute));
  }
  template <typename T>
  graph::Block Copy(const std::vector<T>& values) {
    graph::Block block =
        device_->Allocate(values.size() * sizeof(T), graph::Contents::kGarbage).value();
    EXPECT_TRUE(device_->CopyIn(block.data(), values.data(), values.size() * sizeof(T)).ok());
    return block;
  }
  template <typename T>
  graph::Block Make(size_t count) {
    return device_->Allocate(count * sizeof(T), graph::Contents::kGarbage).value();
  }
  template <typename T>
  std::vector<T> Get(const graph::Block& block) {
    std::vector<T> values(block.size() / sizeof(T));
    const absl::Status status = device_->CopyOut(values.data(), block.data(), block.size());
    EXPECT_TRUE(status.ok()) << status;
    return values;
  }
  const CudnnPlan* Plan(const CudnnGraphSpec& spec) {
    const auto plan = device_->PlanCudnn(spec);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return *plan;
  }

  std::shared_ptr<CudaDevice> device_;
};

template <typename T>
std::vector<double> Doubles(const std::vector<T>& values) {
  std::vector<double> doubles;
  for (const T& v : values) doubles.push_back(ToDouble(v));
  return doubles;
}

// Our kernels round probabilities and their gradients to bf16, and both round results: in parts of
// the largest element. Seen: 0.0077, 0.0078 and 1.6e-7.
constexpr double kForwardBound = 0.012, kBackwardBound = 0.012, kLogSumExpBound = 1e-6;

// Tokens on both sides of our kernels' tiles, all their widths, and the lengths of the zoo.
TEST_F(CudnnTest, AttentionIsOurs) {
  const struct {
    int batch, tokens, heads, width;
  } shapes[] = {{1, 16, 2, 32}, {2, 37, 2, 32}, {1, 33, 1, 48}, {2, 50, 3, 64},
                {1, 64, 2, 64}, {1, 65, 2, 80}, {1, 80, 1, 64}};
  for (const auto& s : shapes) {
    SCOPED_TRACE(testing::Message() << s.batch << " x " << s.tokens << " tokens, " << s.heads
                                    << " heads of " << s.width);
    const int row = s.heads * s.width, rows = s.batch * s.tokens;
    const graph::Block qkv = Copy(Normal<BFloat16>(size_t(rows) * 3 * row, 1, 1.2));
    const graph::Block dy = Copy(Normal<BFloat16>(size_t(rows) * row, 2));
    const auto* const q = static_cast<const BFloat16*>(qkv.data());

    // Ours, forward and backward.
    const graph::Block y = Make<BFloat16>(size_t(rows) * row);
    const graph::Block lse = Make<float>(size_t(rows) * s.heads);
    const graph::Block dqkv = Make<BFloat16>(size_t(rows) * 3 * row);
    ASSERT_EQ(Attention({q,
                         nullptr,
                         static_cast<BFloat16*>(y.data()),
                         static_cast<float*>(lse.data()),
                         s.batch,
                         s.tokens,
                         s.tokens,
                         s.heads,
                         s.width,
                         {}},
                        stream()),
              0);
    ASSERT_EQ(AttentionGrad(
                  {q, static_cast<const BFloat16*>(y.data()), static_cast<const float*>(lse.data()),
                   static_cast<const BFloat16*>(dy.data()), static_cast<BFloat16*>(dqkv.data()),
                   nullptr, s.batch, s.tokens, s.heads, s.width},
                  stream()),
              0);

    // cuDNN's forward, and its backward from what our forward has kept.
    const CudnnPlan* const forward =
        Plan(CudnnAttention{s.batch, s.tokens, s.heads, s.width, /*grad=*/false});
    const CudnnPlan* const backward =
        Plan(CudnnAttention{s.batch, s.tokens, s.heads, s.width, /*grad=*/true});
    const graph::Block workspace =
        Make<char>(std::max(forward->workspace_bytes(), backward->workspace_bytes()));
    const graph::Block cudnn_y = Make<BFloat16>(size_t(rows) * row);
    const graph::Block cudnn_lse = Make<float>(size_t(rows) * s.heads);
    const graph::Block cudnn_dqkv = Make<BFloat16>(size_t(rows) * 3 * row);
    auto* const dq = static_cast<BFloat16*>(cudnn_dqkv.data());
    ASSERT_TRUE(forward
                    ->Run({{CudnnTensor::kQuery, q},
                           {CudnnTensor::kKey, q + row},
                           {CudnnTensor::kValue, q + 2 * row},
                           {CudnnTensor::kAttended, cudnn_y.data()},
                           {CudnnTensor::kLogSumExp, cudnn_lse.data()}},
                          workspace.data(), stream())
                    .ok());
    ASSERT_TRUE(backward
                    ->Run({{CudnnTensor::kQuery, q},
                           {CudnnTensor::kKey, q + row},
                           {CudnnTensor::kValue, q + 2 * row},
                           {CudnnTensor::kAttended, y.data()},
                           {CudnnTensor::kLogSumExp, lse.data()},
                           {CudnnTensor::kAttendedGrad, dy.data()},
                           {CudnnTensor::kQueryGrad, dq},
                           {CudnnTensor::kKeyGrad, dq + row},
                           {CudnnTensor::kValueGrad, dq + 2 * row}},
                          workspace.data(), stream())
                    .ok());

    const double errors[] = {MaxError(Get<BFloat16>(y), Doubles(Get<BFloat16>(cudnn_y))),
                             MaxError(Get<float>(lse), Doubles(Get<float>(cudnn_lse))),
                             MaxError(Get<BFloat16>(dqkv), Doubles(Get<BFloat16>(cudnn_dqkv)))};
    std::cout << "differences of y, logarithms, gradients: " << errors[0] << " " << errors[1] << " "
              << errors[2] << "\n";
    EXPECT_LT(errors[0], kForwardBound);
    EXPECT_LT(errors[1], kLogSumExpBound);
    EXPECT_LT(errors[2], kBackwardBound);
  }
}

double Gelu(double v) { return v * 0.5 * (1 + std::erf(v / std::sqrt(2.0))); }
double GeluDerivative(double v) {
  return 0.5 * (1 + std::erf(v / std::sqrt(2.0))) + v * std::exp(-v * v / 2) / std::sqrt(2 * M_PI);
}

// Odd sizes, too: cuDNN plans for them.
TEST_F(CudnnTest, ProductsAreTheirLoops) {
  for (const auto& [rows, cols, inner] :
       {std::make_tuple(40, 96, 64), {1, 8, 8}, {7, 19, 5}, {130, 24, 40}}) {
    const auto x = Normal<BFloat16>(size_t(rows) * inner, 1);
    const auto w = Normal<BFloat16>(size_t(cols) * inner, 2, 0.2);
    const auto bias = Normal<float>(cols, 3);
    const auto other = Normal<BFloat16>(size_t(rows) * cols, 4);
    const graph::Block d_x = Copy(x), d_w = Copy(w), d_bias = Copy(bias), d_other = Copy(other);
    for (const bool trans_w : {false, true}) {
      std::vector<double> products(size_t(rows) * cols);
      for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < cols; ++j) {
          for (int k = 0; k < inner; ++k) {
            products[i * cols + j] +=
                ToDouble(x[i * inner + k]) * ToDouble(trans_w ? w[j * inner + k] : w[k * cols + j]);
          }
        }
      }
      for (const auto& [epilogue, keep_pre] : {std::make_pair(CudnnProduct::kGelu, false),
                                               {CudnnProduct::kGelu, true},
                                               {CudnnProduct::kGeluGrad, false}}) {
        const CudnnProduct spec = {rows, cols, inner, trans_w, epilogue, keep_pre};
        SCOPED_TRACE(Describe(spec));
        const CudnnPlan* const plan = Plan(spec);
        const graph::Block y = Make<BFloat16>(size_t(rows) * cols);
        const graph::Block pre = Make<BFloat16>(size_t(rows) * cols);
        const graph::Block workspace = Make<char>(plan->workspace_bytes());
        // What a graph has no tensor for is not read.
        const bool reads_pre = epilogue == CudnnProduct::kGeluGrad;
        ASSERT_TRUE(plan->Run({{CudnnTensor::kX, d_x.data()},
                               {CudnnTensor::kW, d_w.data()},
                               {CudnnTensor::kBias, d_bias.data()},
                               {CudnnTensor::kPre, reads_pre ? d_other.data() : pre.data()},
                               {CudnnTensor::kResult, y.data()}},
                              workspace.data(), stream())
                        .ok());
        std::vector<double> expected(products.size()), expected_pre(products.size());
        for (size_t i = 0; i < products.size(); ++i) {
          const double biased = products[i] + bias[i % cols], o = ToDouble(other[i]);
          expected_pre[i] = biased;
          expected[i] = reads_pre ? products[i] * GeluDerivative(o) : Gelu(biased);
        }
        EXPECT_LT(MaxError(Get<BFloat16>(y), expected), 0.008);
        if (keep_pre) {
          EXPECT_LT(MaxError(Get<BFloat16>(pre), expected_pre), 0.004);
        }
      }
    }
  }
}

// The same plan for the same graph, whose GELU leaves such large numbers as they are; a captured run reads what is there when it is replayed.
TEST_F(CudnnTest, IsPlannedOnceAndCaptured) {
  const CudnnProduct spec = {3, 8, 8, true, CudnnProduct::kGelu};
  const CudnnPlan* const plan = Plan(spec);
  EXPECT_EQ(Plan(spec), plan);
  EXPECT_NE(Plan(CudnnProduct{3, 8, 8, false, CudnnProduct::kGelu}), plan);

  const graph::Block x = Copy(std::vector<BFloat16>(24, FromDouble<BFloat16>(1))),
                     w = Copy(std::vector<BFloat16>(64, FromDouble<BFloat16>(0.5))),
                     bias = Copy(std::vector<float>(8, 3.0f)), y = Make<BFloat16>(24),
                     workspace = Make<char>(plan->workspace_bytes());
  const auto run = [&] {
    return plan->Run({{CudnnTensor::kX, x.data()},
                      {CudnnTensor::kW, w.data()},
                      {CudnnTensor::kBias, bias.data()},
                      {CudnnTensor::kResult, y.data()}},
                     workspace.data(), stream());
  };
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(Doubles(Get<BFloat16>(y)), std::vector<double>(24, 7));
  const auto captured = device_->Capture(run);
  ASSERT_TRUE(captured.ok()) << captured.status();
  const std::vector<BFloat16> twos(24, FromDouble<BFloat16>(2));
  ASSERT_TRUE(device_->CopyIn(x.data(), twos.data(), x.size()).ok());
  ASSERT_TRUE(device_->Replay(*captured).ok());
  EXPECT_EQ(Doubles(Get<BFloat16>(y)), std::vector<double>(24, 11));
}

TEST_F(CudnnTest, RefusalsAreSaid) {
  const auto plan = device_->PlanCudnn(CudnnAttention{2, 50, 3, 36, true});
  EXPECT_TRUE(absl::IsUnimplemented(plan.status())) << plan.status();
  EXPECT_NE(plan.status().message().find("multiple of 8"), std::string::npos) << plan.status();
}

TEST(CudnnMissing, IsSaid) {
  fake_cuda::Options options;
  options.cudnn = false;
  fake_cuda::Reset(options);
  const auto device = CudaDevice::Create(0, 1).value();
  EXPECT_FALSE(device->PlanCudnn(CudnnAttention{2, 50, 3, 64, true}).ok());
  EXPECT_EQ(device->cudnn_text(), "no cuDNN: libcudnn.so.9: cannot open shared object file");
}

}  // namespace
}  // namespace backends::cuda
