#include "backends/cuda/cudnn_product.h"

namespace backends::cuda {
namespace {

using graph::DType;

// Elements of bf16 in 16 bytes.
constexpr int64_t kVector = 8;

class CudnnProductKernel final : public graph::Kernel {
 public:
  // `third`: what the operator's third input is to the product.
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
  const std::string& type = spec.op->type;
  const bool gelu =
      type == "LinearGelu" || (type == "Linear" && spec.op->Str("activation") == "gelu");
  if (!gelu && type != "MatMulGeluGrad") {
    return absl::UnimplementedError("no epilogue for cuDNN");
  }
  CudnnProduct product = {};
  product.rows = spec.in(0).rows();
  product.cols = spec.out(0).cols();
  product.inner = spec.in(0).cols();
  product.trans_w = gelu || spec.op->Int("trans_w") != 0;
  product.epilogue = gelu ? CudnnProduct::kGelu : CudnnProduct::kGeluGrad;
  product.keep_pre = spec.outputs.size() > 1;
  for (const auto* tensors : {&spec.inputs, &spec.outputs}) {
    for (size_t i = 0; i < tensors->size(); ++i) {
      const bool bias = gelu && tensors == &spec.inputs && i == 2;
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
  return KernelOr(std::make_unique<CudnnProductKernel>(
      device, plan, gelu ? CudnnTensor::kBias : CudnnTensor::kPre, product.keep_pre));
}

}  // namespace backends::cuda
