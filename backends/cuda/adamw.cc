#include "ops/adamw.h"

#include <vector>

#include "backends/cuda/adamw_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {
namespace {

using Args = ops::AdamWArgs;

class AdamWKernel final : public graph::Kernel {
 public:
  explicit AdamWKernel(const graph::KernelSpec& spec)
      : beta1_(spec.op->Float("beta1")),
        beta2_(spec.op->Float("beta2")),
        eps_(spec.op->Float("eps")) {
    for (int i = 0; i < Args::NumParameters(spec.inputs.size()); ++i) {
      AdamWTensor t = {};
      t.count = spec.in(Args::FirstIn(i)).elements();
      t.factor = static_cast<int>(spec.op->Ints("indices")[i]);
      t.lr_scale = spec.op->Floats("lr_scales")[i];
      t.weight_decay = spec.op->Floats("weight_decays")[i];
      tensors_.push_back(t);
    }
  }

  size_t scratch_bytes() const override { return kAdamWScratch * sizeof(double); }

  absl::Status Bind(const graph::KernelArgs& args) override {
    RETURN_IF_ERROR(Kernel::Bind(args));
    for (size_t i = 0; i < tensors_.size(); ++i) {
      const int first_in = Args::FirstIn(static_cast<int>(i));
      const int first_out = Args::FirstOut(static_cast<int>(i));
      AdamWTensor& t = tensors_[i];
      t.w = in<float>(first_in + Args::kW);
      t.g = in<float>(first_in + Args::kG);
      t.m = in<float>(first_in + Args::kM);
      t.v = in<float>(first_in + Args::kV);
      t.new_w = out<float>(first_out + Args::kNewW);
      t.new_m = out<float>(first_out + Args::kNewM);
      t.new_v = out<float>(first_out + Args::kNewV);
    }
    return absl::OkStatus();
  }

  absl::Status Run() override {
    return ToStatus(AdamW({tensors_.data(), static_cast<int>(tensors_.size()), in<float>(Args::kLr),
                           in<float>(Args::kFactors), in<int32_t>(Args::kStep), beta1_, beta2_,
                           eps_, static_cast<double*>(scratch())},
                          static_cast<Stream>(args().stream)),
                    "starting a kernel");
  }

 private:
  std::vector<AdamWTensor> tensors_;
  const float beta1_, beta2_, eps_;
};

}  // namespace

void RegisterAdamW(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "AdamW", [](const graph::KernelSpec& spec) -> KernelOr {
    return std::make_unique<AdamWKernel>(spec);
  });
}

}  // namespace backends::cuda
