// The section about cuDNN: its graphs as the backend asks for them (backends/cuda/cudnn.h). What
// they compute is what tests/fake_cuda/cudnn_interpreter.cc makes of them.
#include <cstring>
#include <random>
#include <stdexcept>

#include "backends/cuda/cudnn.h"
#include "tests/gpu_suite/probe.h"

namespace gpu_suite {
namespace {

using backends::cuda::BFloat16;
using backends::cuda::Cudnn;
using backends::cuda::CudnnAttention;
using backends::cuda::CudnnPlan;
using backends::cuda::CudnnPointers;
using backends::cuda::CudnnProduct;
using Tensor = backends::cuda::CudnnTensor;

constexpr size_t kShown = 48;  // elements of a result that are written down

float ToFloat(BFloat16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
float ToFloat(float x) { return x; }

std::vector<BFloat16> Random(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<BFloat16> values(count);
  for (BFloat16& v : values) {
    const float x = normal(random);
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof(bits));
    v.bits = static_cast<uint16_t>(bits >> 16);
  }
  return values;
}

// Elements from all over a result.
template <typename T>
std::vector<float> Some(const Array<T>& result) {
  const std::vector<T> all = result.Get();
  std::vector<float> some;
  for (size_t i = 0; i < kShown; ++i) some.push_back(ToFloat(all[i * 7919 % all.size()]));
  return some;
}

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// Runs a graph twice and replays it; `result` is one of its tensors, whose bound is relative to
// numbers of about 1.
template <typename T>
void AskGraph(Cudnn* cudnn, const std::string& name, const backends::cuda::CudnnGraphSpec& spec,
              CudnnPointers pointers, const Array<T>& result, double bound, Facts* facts) {
  // Where there is no cuDNN, or it refuses the graph.
  const auto absent = [&] {
    for (const char* what : {"", "_workspace", "_twice", "_replayed"}) facts->Absent(name + what);
  };
  if (cudnn == nullptr) {
    facts->Absent("has_" + name);
    return absent();
  }
  const auto plan = cudnn->Plan(spec);
  facts->MayAllow("has_" + name, plan.ok() ? "yes" : "no", "yes");
  if (!plan.ok()) return absent();
  const size_t bytes = (*plan)->workspace_bytes();
  facts->Note(name + "_workspace", bytes);
  const Array<uint8_t> workspace(bytes + 1);
  const auto run = [&](cudaStream_t stream) {
    const absl::Status status = (*plan)->Run(pointers, workspace.data(), stream);
    if (!status.ok()) throw std::runtime_error(name + ": " + std::string(status.message()));
  };
  const cudaStream_t stream = NewStream();
  run(stream);
  facts->Near(name, Some(result), bound);
  const std::vector<T> first = result.Get();
  run(stream);
  facts->Equal(name + "_twice", SameBits(result.Get(), first));
  Must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  run(stream);
  cudaGraph_t graph = nullptr;
  Must(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
  cudaGraphExec_t exec = nullptr;
  Must(cudaGraphInstantiate(&exec, graph, 0), "cudaGraphInstantiate");
  Must(cudaMemset(result.data(), 0, first.size() * sizeof(T)), "cudaMemset");
  Must(cudaDeviceSynchronize(), "waiting");
  Must(cudaGraphLaunch(exec, stream), "cudaGraphLaunch");
  facts->Equal(name + "_replayed", SameBits(result.Get(), first));
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
}

}  // namespace

void AskCudnn(Facts* facts) {
  cudaDeviceProp p;
  Must(cudaGetDeviceProperties(&p, 0), "cudaGetDeviceProperties");
  const auto loaded = backends::cuda::LoadCudnn(p.major * 10 + p.minor);
  facts->Note("version",
              loaded.ok() ? (*loaded)->version() : std::string(loaded.status().message()));
  Cudnn* const cudnn = loaded.ok() ? loaded->get() : nullptr;

  CudnnAttention a = {2, 50, 3, 64, /*grad=*/false};
  const size_t rows = a.batch * a.tokens, width = a.heads * a.width;
  const Array<BFloat16> qkv(Random(rows * 3 * width, 1)), dy(Random(rows * width, 2));
  const Array<BFloat16> y(rows * width), dqkv(rows * 3 * width);
  const Array<float> lse(a.batch * a.heads * a.tokens);
  const BFloat16 *const q = qkv.data(), *const dq = dqkv.data();
  const CudnnPointers forward = {{Tensor::kQuery, q},
                                 {Tensor::kKey, q + width},
                                 {Tensor::kValue, q + 2 * width},
                                 {Tensor::kAttended, y.data()},
                                 {Tensor::kLogSumExp, lse.data()}};
  AskGraph(cudnn, "attention", a, forward, y, 1e-2, facts);
  AskGraph(cudnn, "attention_log_sum_exp", a, forward, lse, 1e-4, facts);
  a.grad = true;
  AskGraph(cudnn, "attention_grad", a,
           {{Tensor::kQuery, q},
            {Tensor::kKey, q + width},
            {Tensor::kValue, q + 2 * width},
            {Tensor::kAttended, y.data()},
            {Tensor::kLogSumExp, lse.data()},
            {Tensor::kAttendedGrad, dy.data()},
            {Tensor::kQueryGrad, dq},
            {Tensor::kKeyGrad, dq + width},
            {Tensor::kValueGrad, dq + 2 * width}},
           dqkv, 4e-2, facts);

  CudnnProduct product = {40, 96, 64, /*trans_w=*/true, CudnnProduct::kGelu};
  const size_t size = product.rows * product.cols;
  const Array<BFloat16> x(Random(product.rows * product.inner, 3)),
      w(Random(product.inner * product.cols, 4)), factor(Random(size, 5)), result(size), pre(size);
  std::vector<float> bias_values(product.cols);
  for (size_t i = 0; i < bias_values.size(); ++i) bias_values[i] = 0.125f * static_cast<float>(i);
  const Array<float> bias(bias_values);
  // Sums of 64 terms: up to 40, of which bf16 keeps a quarter.
  constexpr double kBound = 0.3;
  product.keep_pre = true;
  const CudnnPointers gelu = {{Tensor::kX, x.data()},
                              {Tensor::kW, w.data()},
                              {Tensor::kBias, bias.data()},
                              {Tensor::kPre, pre.data()},
                              {Tensor::kResult, result.data()}};
  AskGraph(cudnn, "product_gelu", product, gelu, result, kBound, facts);
  AskGraph(cudnn, "product_gelu_pre", product, gelu, pre, kBound, facts);
  product.keep_pre = false;
  product.trans_w = false;
  product.epilogue = CudnnProduct::kGeluGrad;
  AskGraph(cudnn, "product_gelu_grad", product,
           {{Tensor::kX, x.data()},
            {Tensor::kW, w.data()},
            {Tensor::kPre, factor.data()},
            {Tensor::kResult, result.data()}},
           result, kBound, facts);
}

}  // namespace gpu_suite
