// Random and computed values are the host's, by ops/initializer, so that a seed gives the same
// bits as on every backend. Prepare() computes them into page-locked memory that the kernel keeps;
// Run() is one copy of it in the compute stream, which may be captured. An init net so holds a
// model's size of page-locked memory until its executable is gone.
#include <cuda_runtime_api.h>

#include <algorithm>

#include "backends/cuda/fill.h"
#include "backends/cuda/kernel_util.h"
#include "ops/initializer.h"

namespace backends::cuda {
namespace {

constexpr int64_t kPiece = 4096;  // elements, of a thread at a time

class InitialValueKernel final : public graph::Kernel {
 public:
  InitialValueKernel(const DevicePtr& device, const graph::KernelSpec& spec)
      : device_(device),
        initializer_(ops::InitializerOf(*spec.op)),
        elements_(spec.out(0).elements()),
        threads_(spec.threads) {}

  absl::Status Prepare() override {
    ASSIGN_OR_RETURN(values_, device_->AllocateHost(elements_ * sizeof(float)));
    float* const values = static_cast<float*>(values_.data());
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t begin = 0; begin < elements_; begin += kPiece) {
      const size_t count = static_cast<size_t>(std::min(kPiece, elements_ - begin));
      ops::FillInitial(initializer_, begin, absl::MakeSpan(values + begin, count));
    }
    return absl::OkStatus();
  }

  absl::Status Run() override {
    if (elements_ == 0) return absl::OkStatus();
    return ToStatus(cudaMemcpyAsync(out<float>(0), values_.data(), elements_ * sizeof(float),
                                    cudaMemcpyHostToDevice, static_cast<Stream>(args().stream)),
                    "copying initial values");
  }

 private:
  const DevicePtr device_;  // outlives values_
  const ops::Initializer initializer_;
  const int64_t elements_;
  const int threads_;
  graph::Block values_;
};

}  // namespace

void RegisterInitialize(const DevicePtr& device, graph::KernelTable* table) {
  const auto make = [device](const graph::KernelSpec& spec) -> KernelOr {
    if (spec.out(0).dtype == graph::DType::kI32) return MakeFill<int32_t>(spec);
    if (ops::InitializerOf(*spec.op).kind == "constant") return MakeFill<float>(spec);
    return std::make_unique<InitialValueKernel>(device, spec);
  };
  AddFloat32(table, "XavierFill", make);
  AddFloat32(table, "ConstantFill", make);
}

}  // namespace backends::cuda
