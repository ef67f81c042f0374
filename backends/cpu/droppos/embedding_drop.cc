#include <algorithm>
#include <memory>

#include "backends/cpu/droppos/kernels.h"
#include "backends/cpu/kernel_util.h"

namespace backends::cpu::droppos {
namespace {

class EmbeddingDropKernel : public graph::Kernel {
 public:
  explicit EmbeddingDropKernel(const graph::KernelSpec& spec)
      : batch_(spec.in(0).dim(0)),
        visible_(spec.in(0).dim(1)),
        dim_(spec.in(0).dim(2)),
        zeros_(spec.op->Str("kind") == "zeros"),
        threads_(spec.threads) {}

  absl::Status Run() override {
    const float* tokens = in<float>(0);
    const float* table = in<float>(1);
    const float* mask_token = in<float>(2);
    const int32_t* ids = in<int32_t>(3);
    const uint8_t* mask_pos = in<uint8_t>(4);
    float* y = out<float>(0);
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) {
      for (int64_t r = b * visible_; r < (b + 1) * visible_; ++r) {
        const float* from = tokens + r * dim_;
        float* to = y + r * dim_;
        if (mask_pos[r] != 0 && zeros_) {
          if (to != from) std::copy(from, from + dim_, to);
          continue;
        }
        const float* position = mask_pos[r] != 0 ? mask_token : table + int64_t{ids[r]} * dim_;
#pragma omp simd
        for (int64_t d = 0; d < dim_; ++d) to[d] = from[d] + position[d];
      }
    }
    return absl::OkStatus();
  }

 private:
  int64_t batch_, visible_, dim_;
  bool zeros_;
  int threads_;
};

class EmbeddingDropGradKernel : public graph::Kernel {
 public:
  explicit EmbeddingDropGradKernel(const graph::KernelSpec& spec)
      : batch_(spec.in(0).dim(0)),
        visible_(spec.in(0).dim(1)),
        dim_(spec.in(0).dim(2)),
        threads_(spec.threads) {}

  // A sum in double for each image, (B, D).
  size_t scratch_bytes() const override { return batch_ * dim_ * sizeof(double); }

  absl::Status Run() override {
    const float* dy = in<float>(0);
    const uint8_t* mask_pos = in<uint8_t>(1);
    float* d_mask_token = out<float>(0);
    double* sums = static_cast<double*>(scratch());
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) {
      double* sum = sums + b * dim_;
      std::fill(sum, sum + dim_, 0.0);
      for (int64_t r = b * visible_; r < (b + 1) * visible_; ++r) {
        if (mask_pos[r] == 0) continue;
        const float* row = dy + r * dim_;
#pragma omp simd
        for (int64_t d = 0; d < dim_; ++d) sum[d] += row[d];
      }
    }
    constexpr int64_t kColumns = 64;
    const int64_t chunks = (dim_ + kColumns - 1) / kColumns;
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t begin = chunk * kColumns, n = std::min(kColumns, dim_ - begin);
      double total[kColumns] = {};
      for (int64_t b = 0; b < batch_; ++b) {
        const double* sum = sums + b * dim_ + begin;
        for (int64_t d = 0; d < n; ++d) total[d] += sum[d];
      }
      for (int64_t d = 0; d < n; ++d) d_mask_token[begin + d] = static_cast<float>(total[d]);
    }
    return absl::OkStatus();
  }

 private:
  int64_t batch_, visible_, dim_;
  int threads_;
};

template <typename K>
std::unique_ptr<graph::Kernel> Make(const graph::KernelSpec& spec) {
  return std::make_unique<K>(spec);
}

}  // namespace

void RegisterEmbeddingDrop(graph::KernelTable* table) {
  AddFloat32(table, "EmbeddingDrop", Make<EmbeddingDropKernel>);
  AddFloat32(table, "EmbeddingDropGrad", Make<EmbeddingDropGradKernel>);
}

}  // namespace backends::cpu::droppos
