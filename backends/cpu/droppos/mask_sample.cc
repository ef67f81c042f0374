#include <omp.h>

#include <memory>

#include "absl/types/span.h"
#include "backends/cpu/kernel_util.h"
#include "graph/base/random.h"
#include "ops/droppos/mask_sampling.h"
#include "ops/droppos/purposes.h"

namespace backends::cpu::droppos {
namespace {

using ops::droppos::RandomItem;

class MaskSampleKernel : public graph::Kernel {
 public:
  explicit MaskSampleKernel(const graph::KernelSpec& spec)
      : batch_(spec.in(0).dim(0)),
        patches_(spec.op->Int("num_patches")),
        visible_(spec.op->Int("num_visible")),
        kept_(spec.op->Int("num_pos_kept")),
        fed_(spec.inputs.size() == 2),
        threads_(spec.threads) {}

  size_t scratch_bytes() const override { return threads_ * bytes_per_thread(); }

  absl::Status Run() override {
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) {
      char* memory = static_cast<char*>(scratch()) + omp_get_thread_num() * bytes_per_thread();
      RunImage(b, memory);
    }
    return absl::OkStatus();
  }

 private:
  // Items to sort, then the order of the patches or of the positions.
  size_t items_bytes() const { return graph::AlignUp(patches_ * sizeof(RandomItem)); }
  size_t bytes_per_thread() const {
    return items_bytes() + graph::AlignUp(patches_ * sizeof(int32_t));
  }

  void Order(int64_t b, int input, graph::Purpose purpose, absl::Span<RandomItem> items,
             absl::Span<int32_t> order) const {
    const int64_t n = order.size();
    if (fed_) {
      ops::droppos::NoiseOrder(absl::MakeConstSpan(in<float>(input) + b * n, n), order);
    } else {
      const uint64_t key = static_cast<uint64_t>(in<int64_t>(0)[b]);
      ops::droppos::RandomOrder(key, purpose, items.first(n), order);
    }
  }

  void RunImage(int64_t b, char* memory) const {
    const absl::Span<RandomItem> items(reinterpret_cast<RandomItem*>(memory), patches_);
    int32_t* order = reinterpret_cast<int32_t*>(memory + items_bytes());
    int32_t* ids_keep = out<int32_t>(0) + b * visible_;
    uint8_t* mask = out<uint8_t>(1) + b * patches_;
    int32_t* ids_restore = out<int32_t>(2) + b * patches_;
    uint8_t* mask_pos = out<uint8_t>(3) + b * visible_;
    int32_t* ids_dropped = out<int32_t>(4) + b * (visible_ - kept_);

    Order(b, 0, ops::droppos::kPatchMask, items, absl::MakeSpan(order, patches_));
    for (int64_t i = 0; i < patches_; ++i) {
      ids_restore[order[i]] = static_cast<int32_t>(i);
      mask[order[i]] = i >= visible_;
    }
    for (int64_t v = 0; v < visible_; ++v) ids_keep[v] = order[v];

    Order(b, 1, ops::droppos::kPositionMask, items, absl::MakeSpan(order, visible_));
    for (int64_t v = 0; v < visible_; ++v) mask_pos[order[v]] = v >= kept_;
    for (int64_t v = 0; v < visible_; ++v) {
      if (mask_pos[v] != 0) *ids_dropped++ = ids_keep[v];
    }
  }

  int64_t batch_, patches_, visible_, kept_;
  bool fed_;
  int threads_;
};

}  // namespace

void RegisterMaskSample(graph::KernelTable* table) {
  AddFloat32(table, "MaskSample", KernelOf<MaskSampleKernel>);
}

}  // namespace backends::cpu::droppos
