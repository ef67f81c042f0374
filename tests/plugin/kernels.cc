#include "tests/plugin/kernels.h"

#include <cmath>

#include "backends/reference/kernels.h"
#include "graph/base/status.h"

namespace plugin {
namespace {

class TanhKernel final : public graph::Kernel {
 public:
  explicit TanhKernel(int64_t elements) : elements_(elements) {}

  absl::Status Run() override {
    for (int64_t i = 0; i < elements_; ++i) out<float>(0)[i] = std::tanh(in<float>(0)[i]);
    return absl::OkStatus();
  }

 private:
  int64_t elements_;
};

class TanhGradKernel final : public graph::Kernel {
 public:
  explicit TanhGradKernel(int64_t elements) : elements_(elements) {}

  absl::Status Run() override {
    for (int64_t i = 0; i < elements_; ++i) {
      const float y = in<float>(0)[i];
      out<float>(0)[i] = in<float>(1)[i] * (1.0f - y * y);
    }
    return absl::OkStatus();
  }

 private:
  int64_t elements_;
};

template <typename KernelType>
absl::StatusOr<std::unique_ptr<graph::Kernel>> Make(const graph::KernelSpec& spec) {
  if (spec.in(0).dtype != graph::DType::kF32) {
    return absl::UnimplementedError(absl::StrCat(spec.op->type, ": the CPU kernel is for f32"));
  }
  return std::make_unique<KernelType>(spec.in(0).elements());
}

void ReferenceTanh(backends::reference::Call* c) {
  const std::vector<double> x = c->In(0);
  std::vector<double>& y = c->Out(0);
  for (size_t i = 0; i < y.size(); ++i) y[i] = std::tanh(x[i]);
}

void ReferenceTanhGrad(backends::reference::Call* c) {
  const std::vector<double> y = c->In(0), dy = c->In(1);
  std::vector<double>& dx = c->Out(0);
  for (size_t i = 0; i < dx.size(); ++i) dx[i] = dy[i] * (1 - y[i] * y[i]);
}

}  // namespace

void RegisterCpuKernels(graph::KernelTable* table) {
  table->Add("Tanh", Make<TanhKernel>);
  table->Add("TanhGrad", Make<TanhGradKernel>);
}

void RegisterReferenceKernels(graph::KernelTable* table) {
  backends::reference::AddFunction(table, "Tanh", ReferenceTanh);
  backends::reference::AddFunction(table, "TanhGrad", ReferenceTanhGrad);
}

}  // namespace plugin
