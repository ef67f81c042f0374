#include "ops/lars.h"

#include <vector>

#include "backends/cuda/kernel_util.h"
#include "backends/cuda/lars_launch.h"

namespace backends::cuda {
namespace {

using Args = ops::LarsArgs;

class LarsKernel final : public graph::Kernel {
 public:
  explicit LarsKernel(const graph::KernelSpec& spec)
      : momentum_(spec.op->Float("momentum")), trust_(spec.op->Float("trust")) {
    for (int i = 0; i < Args::NumParameters(spec.inputs.size()); ++i) {
      const graph::TensorType& w = spec.in(Args::FirstIn(i));
      LarsTensor t = {};
      t.count = w.elements();
      t.factor = static_cast<int>(spec.op->Ints("indices")[i]);
      t.lr_scale = spec.op->Floats("lr_scales")[i];
      t.weight_decay = spec.op->Floats("weight_decays")[i];
      t.adapts = ops::LarsAdapts(w);
      tensors_.push_back(t);
      scratch_ += LarsScratch(t.count);
    }
  }

  size_t scratch_bytes() const override { return static_cast<size_t>(scratch_) * sizeof(double); }

  absl::Status Bind(const graph::KernelArgs& args) override {
    RETURN_IF_ERROR(Kernel::Bind(args));
    for (size_t i = 0; i < tensors_.size(); ++i) {
      const int first_in = Args::FirstIn(static_cast<int>(i));
      const int first_out = Args::FirstOut(static_cast<int>(i));
      LarsTensor& t = tensors_[i];
      t.w = in<float>(first_in + Args::kW);
      t.g = in<float>(first_in + Args::kG);
      t.m = in<float>(first_in + Args::kM);
      t.new_w = out<float>(first_out + Args::kNewW);
      t.new_m = out<float>(first_out + Args::kNewM);
    }
    return absl::OkStatus();
  }

  absl::Status Run() override {
    return ToStatus(
        Lars({tensors_.data(), static_cast<int>(tensors_.size()), in<float>(Args::kLr),
              in<float>(Args::kFactors), momentum_, trust_, static_cast<double*>(scratch())},
             static_cast<Stream>(args().stream)),
        "starting a kernel");
  }

 private:
  std::vector<LarsTensor> tensors_;
  int64_t scratch_ = 0;  // doubles
  const float momentum_, trust_;
};

}  // namespace

void RegisterLars(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "Lars", [](const graph::KernelSpec& spec) -> KernelOr {
    return std::make_unique<LarsKernel>(spec);
  });
}

}  // namespace backends::cuda
