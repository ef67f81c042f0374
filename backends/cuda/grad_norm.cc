#include <vector>

#include "backends/cuda/grad_norm_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {
namespace {

class GradNormKernel final : public graph::Kernel {
 public:
  explicit GradNormKernel(const graph::KernelSpec& spec) {
    for (const graph::TensorType& type : spec.inputs) {
      tensors_.push_back({nullptr, nullptr, type.elements()});
      parts_ += GradNormParts(type.elements());
    }
  }

  size_t scratch_bytes() const override { return static_cast<size_t>(parts_) * sizeof(double); }

  absl::Status Bind(const graph::KernelArgs& args) override {
    RETURN_IF_ERROR(Kernel::Bind(args));
    for (size_t i = 0; i < tensors_.size(); ++i) {
      tensors_[i].g = in<float>(static_cast<int>(i));
      tensors_[i].norm = out<float>(static_cast<int>(i));
    }
    return absl::OkStatus();
  }

  absl::Status Run() override {
    return ToStatus(GradNorm(tensors_.data(), static_cast<int>(tensors_.size()),
                             static_cast<double*>(scratch()), static_cast<Stream>(args().stream)),
                    "starting a kernel");
  }

 private:
  std::vector<GradNormTensor> tensors_;
  int64_t parts_ = 0;
};

}  // namespace

void RegisterGradNorm(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "GradNorm", [](const graph::KernelSpec& spec) -> KernelOr {
    return std::make_unique<GradNormKernel>(spec);
  });
}

}  // namespace backends::cuda
