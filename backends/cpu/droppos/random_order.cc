#include "ops/droppos/random_order.h"

#include <omp.h>

#include <memory>

#include "absl/types/span.h"
#include "backends/cpu/kernel_util.h"
#include "ops/droppos/mask_sampling.h"

namespace backends::cpu::droppos {
namespace {

using ops::droppos::RandomItem;

class RandomOrderKernel : public graph::Kernel {
 public:
  explicit RandomOrderKernel(const graph::KernelSpec& spec)
      : batch_(spec.out(0).dim(0)),
        count_(spec.out(0).dim(1)),
        keyed_(spec.in(0).dtype == graph::DType::kI64),
        purpose_(*ops::droppos::OrderPurpose(spec.op->Str("purpose"))),
        threads_(spec.threads) {}

  size_t scratch_bytes() const override { return keyed_ ? threads_ * bytes_per_thread() : 0; }

  absl::Status Run() override {
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) {
      const absl::Span<int32_t> order(out<int32_t>(0) + b * count_, count_);
      if (keyed_) {
        char* memory = static_cast<char*>(scratch()) + omp_get_thread_num() * bytes_per_thread();
        ops::droppos::RandomOrder(static_cast<uint64_t>(in<int64_t>(0)[b]), purpose_,
                                  absl::MakeSpan(reinterpret_cast<RandomItem*>(memory), count_),
                                  order);
      } else {
        ops::droppos::NoiseOrder(absl::MakeConstSpan(in<float>(0) + b * count_, count_), order);
      }
      int32_t* inverse = out<int32_t>(1) + b * count_;
      for (int64_t i = 0; i < count_; ++i) inverse[order[i]] = static_cast<int32_t>(i);
    }
    return absl::OkStatus();
  }

 private:
  size_t bytes_per_thread() const { return graph::AlignUp(count_ * sizeof(RandomItem)); }

  int64_t batch_, count_;
  bool keyed_;
  graph::Purpose purpose_;
  int threads_;
};

}  // namespace

void RegisterRandomOrder(graph::KernelTable* table) {
  AddFloat32(table, "RandomOrder", KernelOf<RandomOrderKernel>);
}

}  // namespace backends::cpu::droppos
