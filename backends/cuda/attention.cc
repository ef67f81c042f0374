// In bf16 on tensor cores: kernels of our own where they have the length and the width, else cuDNN.
// In f32, and where there is no cuDNN or it refuses: plain kernels of our own.
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "backends/cuda/attention_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {
namespace {

struct Sizes {
  explicit Sizes(const graph::KernelSpec& spec)
      : batch(static_cast<int>(spec.in(0).dim(0))),
        tokens(static_cast<int>(spec.in(0).dim(1))),
        heads(static_cast<int>(spec.op->Int("heads"))),
        head_width(static_cast<int>(spec.in(0).dim(2) / 3 / heads)) {}

  int batch, tokens, heads, head_width;
};

// Attention through cuDNN, or its gradient, from the logarithms that any forward kernel has kept.
class CudnnAttentionKernel final : public graph::Kernel {
 public:
  // Unimplemented where there is no cuDNN, or none for these sizes.
  static KernelOr Make(const DevicePtr& device, const Sizes& s, bool grad) {
    const CudnnAttention spec = {s.batch, s.tokens, s.heads, s.head_width, grad};
    ASSIGN_OR_RETURN(const CudnnPlan* const plan, device->PlanCudnn(spec));
    return KernelOr(std::unique_ptr<graph::Kernel>(
        new CudnnAttentionKernel(device, plan, s.heads * s.head_width, grad)));
  }

  size_t scratch_bytes() const override { return plan_->workspace_bytes(); }
  std::string implementation() const override { return "cudnn"; }

  absl::Status Run() override {
    const Stream stream = static_cast<Stream>(args().stream);
    const BFloat16* const qkv = in<BFloat16>(0);
    if (!grad_) {
      return plan_->Run({{CudnnTensor::kQuery, qkv},
                         {CudnnTensor::kKey, qkv + width_},
                         {CudnnTensor::kValue, qkv + 2 * width_},
                         {CudnnTensor::kAttended, out<BFloat16>(0)},
                         {CudnnTensor::kLogSumExp, out<float>(1)}},
                        scratch(), stream);
    }
    BFloat16* const dqkv = out<BFloat16>(0);
    return plan_->Run({{CudnnTensor::kQuery, qkv},
                       {CudnnTensor::kKey, qkv + width_},
                       {CudnnTensor::kValue, qkv + 2 * width_},
                       {CudnnTensor::kAttended, in<BFloat16>(1)},
                       {CudnnTensor::kLogSumExp, in<float>(2)},
                       {CudnnTensor::kAttendedGrad, in<BFloat16>(3)},
                       {CudnnTensor::kQueryGrad, dqkv},
                       {CudnnTensor::kKeyGrad, dqkv + width_},
                       {CudnnTensor::kValueGrad, dqkv + 2 * width_}},
                      scratch(), stream);
  }

 private:
  CudnnAttentionKernel(const DevicePtr& device, const CudnnPlan* plan, int width, bool grad)
      : device_(device), plan_(plan), width_(width), grad_(grad) {}

  const DevicePtr device_;       // it owns
  const CudnnPlan* const plan_;  // this
  const int width_;              // of a row of queries
  const bool grad_;
};

template <typename T>
std::unique_ptr<graph::Kernel> MakeForward(const graph::KernelSpec& spec, const Sizes& s,
                                           size_t shared_bytes) {
  const bool tensor_cores =
      std::is_same_v<T, BFloat16> && HasAttention(s.tokens, s.head_width, shared_bytes);
  return MakeKernel(
      [=, queries = static_cast<int>(spec.out(0).dim(1)), ids = spec.inputs.size() > 1](
          const graph::KernelArgs& a, Stream stream) {
        const AttentionArgs<T> args = {In<T>(a, 0),  ids ? In<int32_t>(a, 1) : nullptr,
                                       Out<T>(a, 0), Out<float>(a, 1),
                                       s.batch,      s.tokens,
                                       queries,      s.heads,
                                       s.head_width, FaultOf(a)};
        if constexpr (std::is_same_v<T, BFloat16>) {
          if (tensor_cores) return Attention(args, stream);
        }
        return PlainAttention(args, stream);
      },
      /*scratch_bytes=*/0, tensor_cores ? "own:mma" : "own:f32");
}

// What cuDNN's deterministic gradient needs from compute capability 9.0 on: a bf16 number for each
// score, padded to its tiles. A described GPU has no cuDNN to ask, and the one that comes may.
size_t CudnnGradBytes(const Sizes& s) {
  const size_t queries = (s.tokens + size_t{63}) / 64 * 64;
  const size_t keys = (s.tokens + size_t{127}) / 128 * 128;
  return static_cast<size_t>(s.batch) * s.heads * queries * keys * sizeof(BFloat16);
}

// `more_bytes` of scratch are for plans.
template <typename T>
std::unique_ptr<graph::Kernel> MakeBackward(const Sizes& s, size_t more_bytes) {
  const bool tensor_cores = std::is_same_v<T, BFloat16> && HasAttentionGrad(s.tokens, s.head_width);
  const size_t floats = tensor_cores ? 0 : PlainAttentionGradScratch(s.batch, s.tokens, s.heads);
  return MakeKernel(
      [=](const graph::KernelArgs& a, Stream stream) {
        const AttentionGradArgs<T> args = {In<T>(a, 0),     In<T>(a, 1),
                                           In<float>(a, 2), In<T>(a, 3),
                                           Out<T>(a, 0),    static_cast<float*>(a.scratch),
                                           s.batch,         s.tokens,
                                           s.heads,         s.head_width};
        if constexpr (std::is_same_v<T, BFloat16>) {
          if (tensor_cores) return AttentionGrad(args, stream);
        }
        return PlainAttentionGrad(args, stream);
      },
      floats * sizeof(float) + more_bytes, tensor_cores ? "own:mma" : "own:f32");
}

absl::Status CheckWidth(const graph::KernelSpec& spec, const Sizes& s) {
  if (HasPlainAttention(s.head_width)) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(DescribeTypes(spec), ": heads of ", s.head_width,
                                               " columns are wider than the cuda backend's kernels "
                                               "take; use more heads, or --device=cpu"));
}

}  // namespace

void RegisterAttention(const DevicePtr& device, graph::KernelTable* table) {
  const auto make = [device](const graph::KernelSpec& spec) -> KernelOr {
    const size_t shared_bytes = device->properties().shared_bytes;
    const Sizes sizes(spec);
    if (spec.in(0).dtype == graph::DType::kBF16 && spec.inputs.size() == 1 &&
        !HasAttention(sizes.tokens, sizes.head_width, shared_bytes)) {
      KernelOr kernel = CudnnAttentionKernel::Make(device, sizes, /*grad=*/false);
      if (!absl::IsUnimplemented(kernel.status())) return kernel;
    }
    RETURN_IF_ERROR(CheckWidth(spec, sizes));
    return VisitFloat(spec.in(0).dtype,
                      [&](auto t) { return MakeForward<decltype(t)>(spec, sizes, shared_bytes); });
  };
  const auto make_grad = [device](const graph::KernelSpec& spec) -> KernelOr {
    const size_t shared_bytes = device->properties().shared_bytes;
    const Sizes sizes(spec);
    const bool bf16 = spec.in(0).dtype == graph::DType::kBF16;
    const bool tensor_cores = bf16 && HasAttentionGrad(sizes.tokens, sizes.head_width);
    if (bf16 && !tensor_cores) {
      KernelOr kernel = CudnnAttentionKernel::Make(device, sizes, /*grad=*/true);
      if (!absl::IsUnimplemented(kernel.status())) return kernel;
    }
    RETURN_IF_ERROR(CheckWidth(spec, sizes));
    const size_t needed = PlainAttentionGradShared(sizes.head_width);
    if (!tensor_cores && needed > shared_bytes) {
      return absl::UnimplementedError(absl::StrCat(
          DescribeTypes(spec), ": needs ", needed >> 10, " KiB of shared memory a block, and this ",
          "GPU has ", shared_bytes >> 10, "; use more heads, or --device=cpu"));
    }
    const bool for_cudnn =
        bf16 && !tensor_cores && device->described() && device->properties().major >= 9;
    const size_t more_bytes = for_cudnn ? CudnnGradBytes(sizes) : 0;
    return VisitFloat(spec.in(0).dtype,
                      [&](auto t) { return MakeBackward<decltype(t)>(sizes, more_bytes); });
  };
  AddFloat32OrBfloat16(table, "Attention", make, {"own", "cudnn"});
  AddFloat32OrBfloat16(table, "AttentionGrad", make_grad, {"own", "cudnn"});
}

}  // namespace backends::cuda
