#include "backends/cuda/cudnn_product.h"

namespace backends::cuda {
namespace {

using graph::DType;

// Elements of bf16 in 16 bytes.
constexpr int64_t kVector = 8;

// What kind of product the operator is, and what its third input is to it.
struct Kind {
  CudnnProduct::Epilogue epilogue;
  CudnnTensor third;
};
absl::StatusOr<Kind> KindOf(const graph::KernelSpec& spec) {
  const std::string& type = spec.op->type;
  if (type == "LinearGelu" || (type == "Linear" && spec.op->Str("activation") == "gelu")) {
    return Kind{CudnnProduct::kGelu, CudnnTensor::kBias};
  }
  if (type == "Linear") return Kind{CudnnProduct::kBias, CudnnTensor::kBias};
  if (type == "MatMulGeluGrad") return Kind{CudnnProduct::kGeluGrad, CudnnTensor::kPre};
  if (type == "MatMul" && spec.inputs.size() > 2) {
    return Kind{CudnnProduct::kTimes, CudnnTensor::kTimes};
  }
  return absl::UnimplementedError("no epilogue for cuDNN");
}

class CudnnProductKernel final : public graph::Kernel {
 public:
  CudnnProductKernel(const DevicePtr& device, const CudnnPlan* plan, CudnnTensor third,
                     bool keep_pre)
      : device_(device), plan_(plan), third_(third), keep_pre_(keep_pre) {}

  size_t scratch_bytes() const override { return plan_->workspace_bytes(); }
  std::string implementation() const override { return "cudnn"; }

  absl::Status Run() override {
    // Of a graph without the last tensor it is not read.
    return plan_->Run(
        {{CudnnTensor::kX, args().inputs[0]},
         {CudnnTensor::kW, args().inputs[1]},
         {third_, args().inputs[2]},
         {CudnnTensor::kResult, args().outputs[0]},
         {keep_pre_ ? CudnnTensor::kPre : CudnnTensor::kResult, args().outputs[keep_pre_ ? 1 : 0]}},
        scratch(), static_cast<Stream>(args().stream));
  }

 private:
  const DevicePtr device_;       // it owns
  const CudnnPlan* const plan_;  // this
  const CudnnTensor third_;
  const bool keep_pre_;
};

}  // namespace

KernelOr MakeCudnnProduct(const DevicePtr& device, const graph::KernelSpec& spec) {
  ASSIGN_OR_RETURN(const Kind kind, KindOf(spec));
  CudnnProduct product = {};
  product.rows = spec.in(0).rows();
  product.cols = spec.out(0).cols();
  product.inner = spec.in(0).cols();
  product.trans_w = kind.third == CudnnTensor::kBias || spec.op->Int("trans_w") != 0;
  product.epilogue = kind.epilogue;
  product.keep_pre = spec.outputs.size() > 1;
  for (const auto* tensors : {&spec.inputs, &spec.outputs}) {
    for (size_t i = 0; i < tensors->size(); ++i) {
      const bool bias = tensors == &spec.inputs && i == 2 && kind.third == CudnnTensor::kBias;
      if ((*tensors)[i].dtype != (bias ? DType::kF32 : DType::kBF16)) {
        return absl::UnimplementedError("cuDNN's products are of bf16, with an f32 bias");
      }
    }
  }
  if (product.rows == 0 || product.inner == 0 || product.cols == 0 ||
      product.inner % kVector != 0 || product.cols % kVector != 0) {
    return absl::UnimplementedError("rows that are no whole vectors of 16 bytes");
  }
  ASSIGN_OR_RETURN(const CudnnPlan* const plan, device->PlanCudnn(product));
  return KernelOr(std::make_unique<CudnnProductKernel>(device, plan, kind.third, product.keep_pre));
}

}  // namespace backends::cuda
