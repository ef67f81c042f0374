#include "ops/droppos/random_order.h"

#include <omp.h>

#include <memory>

#include "absl/types/span.h"
#include "backends/cpu/kernel_util.h"
#include "ops/droppos/mask_sampling.h"

namespace backends::cpu::droppos {
namespace {

using ops::droppos::RandomItem;

std::unique_ptr<graph::Kernel> MakeRandomOrder(const graph::KernelSpec& spec) {
  const int64_t batch = spec.out(0).dim(0), count = spec.out(0).dim(1);
  const bool keyed = spec.in(0).dtype == graph::DType::kI64;
  const graph::Purpose purpose = *ops::droppos::OrderPurpose(spec.op->Str("purpose"));
  const size_t thread_bytes = keyed ? graph::AlignUp(count * sizeof(RandomItem)) : 0;
  const int threads = spec.threads;
  return MakeKernel(
      [=](const graph::KernelArgs& args) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t b = 0; b < batch; ++b) {
          const absl::Span<int32_t> order(Out<int32_t>(args, 0) + b * count, count);
          if (keyed) {
            char* memory = static_cast<char*>(args.scratch) + omp_get_thread_num() * thread_bytes;
            ops::droppos::RandomOrder(static_cast<uint64_t>(In<int64_t>(args, 0)[b]), purpose,
                                      absl::MakeSpan(reinterpret_cast<RandomItem*>(memory), count),
                                      order);
          } else {
            ops::droppos::NoiseOrder(absl::MakeConstSpan(In<float>(args, 0) + b * count, count),
                                     order);
          }
          int32_t* inverse = Out<int32_t>(args, 1) + b * count;
          for (int64_t i = 0; i < count; ++i) inverse[order[i]] = static_cast<int32_t>(i);
        }
      },
      threads * thread_bytes);
}

}  // namespace

void RegisterRandomOrder(graph::KernelTable* table) {
  AddFloat32(table, "RandomOrder", MakeRandomOrder);
}

}  // namespace backends::cpu::droppos
