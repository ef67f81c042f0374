#include <cmath>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"

namespace backends::cpu {

void RegisterGeluWithDerivative(graph::KernelTable* table) {
  AddFloat32(table, "GeluWithDerivative", [](const graph::KernelSpec& spec) {
    return MakeKernel([n = spec.in(0).elements(), threads = spec.threads](const auto& args) {
      const float* from = In<float>(args, 0);
      float* y = Out<float>(args, 0);
      float* d = Out<float>(args, 1);
      ParallelPieces(threads, n, [=](int64_t begin, int64_t count) {
        for (int64_t i = begin; i < begin + count; ++i) {
          const double x = from[i];
          const double cdf = 0.5 * std::erfc(-x * M_SQRT1_2);
          y[i] = static_cast<float>(x * cdf);
          d[i] = static_cast<float>(cdf + x * std::exp(-0.5 * x * x) / std::sqrt(2.0 * M_PI));
        }
      });
    });
  });
}

}  // namespace backends::cpu
