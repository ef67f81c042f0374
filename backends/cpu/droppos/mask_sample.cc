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

std::unique_ptr<graph::Kernel> MakeMaskSample(const graph::KernelSpec& spec) {
  const int64_t batch = spec.in(0).dim(0), patches = spec.op->Int("num_patches");
  const int64_t visible = spec.op->Int("num_visible"), kept = spec.op->Int("num_pos_kept");
  const bool fed = spec.inputs.size() == 2;
  const int threads = spec.threads;
  // Of a thread: items to sort, then the order of the patches or of the positions.
  const size_t items_bytes = graph::AlignUp(patches * sizeof(RandomItem));
  const size_t thread_bytes = items_bytes + graph::AlignUp(patches * sizeof(int32_t));
  const auto run_image = [=](const graph::KernelArgs& args, int64_t b, char* memory) {
    int32_t* order = reinterpret_cast<int32_t*>(memory + items_bytes);
    const auto draw = [&](int input, graph::Purpose purpose, int64_t n) {
      if (fed) {
        ops::droppos::NoiseOrder(absl::MakeConstSpan(In<float>(args, input) + b * n, n),
                                 absl::MakeSpan(order, n));
      } else {
        ops::droppos::RandomOrder(static_cast<uint64_t>(In<int64_t>(args, 0)[b]), purpose,
                                  absl::MakeSpan(reinterpret_cast<RandomItem*>(memory), n),
                                  absl::MakeSpan(order, n));
      }
    };
    int32_t* ids_keep = Out<int32_t>(args, 0) + b * visible;
    uint8_t* mask = Out<uint8_t>(args, 1) + b * patches;
    int32_t* ids_restore = Out<int32_t>(args, 2) + b * patches;
    uint8_t* mask_pos = Out<uint8_t>(args, 3) + b * visible;
    int32_t* ids_dropped = Out<int32_t>(args, 4) + b * (visible - kept);

    draw(0, ops::droppos::kPatchMask, patches);
    for (int64_t i = 0; i < patches; ++i) {
      ids_restore[order[i]] = static_cast<int32_t>(i);
      mask[order[i]] = i >= visible;
    }
    for (int64_t v = 0; v < visible; ++v) ids_keep[v] = order[v];

    draw(1, ops::droppos::kPositionMask, visible);
    for (int64_t v = 0; v < visible; ++v) mask_pos[order[v]] = v >= kept;
    for (int64_t v = 0; v < visible; ++v) {
      if (mask_pos[v] != 0) *ids_dropped++ = ids_keep[v];
    }
  };
  return MakeKernel(
      [=](const graph::KernelArgs& args) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t b = 0; b < batch; ++b) {
          run_image(args, b,
                    static_cast<char*>(args.scratch) + omp_get_thread_num() * thread_bytes);
        }
      },
      threads * thread_bytes);
}

}  // namespace

void RegisterMaskSample(graph::KernelTable* table) {
  AddFloat32(table, "MaskSample", MakeMaskSample);
}

}  // namespace backends::cpu::droppos
