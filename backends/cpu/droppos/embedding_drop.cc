#include <algorithm>
#include <memory>

#include "backends/cpu/droppos/masked_row_sum.h"
#include "backends/cpu/kernel_util.h"

namespace backends::cpu::droppos {
namespace {

// Whether each of the `dropped` dropped positions of an image has a wrong one, and all of these are
// among the `positions`.
bool HasWrongPositions(const graph::KernelArgs& args, int64_t batch, int64_t visible,
                       int64_t dropped, int64_t positions) {
  const uint8_t* mask_pos = In<uint8_t>(args, 4);
  for (int64_t r = 0; r < batch * visible; r += visible) {
    const int64_t ones = visible - std::count(mask_pos + r, mask_pos + r + visible, 0);
    if (ones == dropped) continue;
    // The value is that of the image, whose first element is named.
    args.ReportOutOfRange(4, r, static_cast<double>(ones), static_cast<double>(dropped),
                          static_cast<double>(dropped + 1));
    return false;
  }
  return IdsAreRows(args, 5, batch * dropped, positions) &&
         IdsAreRows(args, 6, batch * dropped, dropped);
}

std::unique_ptr<graph::Kernel> MakeEmbeddingDrop(const graph::KernelSpec& spec) {
  const int64_t batch = spec.in(0).dim(0), visible = spec.in(0).dim(1), dim = spec.in(0).dim(2);
  const int64_t positions = spec.in(1).rows();
  const bool is_token = spec.op->Str("kind") == "param";
  const bool is_wrong = spec.op->Str("kind") == "wrong_pos";
  const int64_t dropped = is_wrong ? spec.in(5).dim(1) : 0;
  return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
    if (!IdsAreRows(args, 3, batch * visible, positions)) return;
    if (is_wrong && !HasWrongPositions(args, batch, visible, dropped, positions)) return;
    const float* tokens = In<float>(args, 0);
    const float* table = In<float>(args, 1);
    const float* substitute = is_token ? In<float>(args, 2) : nullptr;  // null: nothing is added
    const int32_t* ids = In<int32_t>(args, 3);
    const uint8_t* mask_pos = In<uint8_t>(args, 4);
    const int32_t* ids_dropped = is_wrong ? In<int32_t>(args, 5) : nullptr;
    const int32_t* order = is_wrong ? In<int32_t>(args, 6) : nullptr;
    float* y = Out<float>(args, 0);
    ParallelFor(threads, batch, visible * dim, [=](int64_t b) {
      int64_t next = b * dropped;
      for (int64_t r = b * visible; r < (b + 1) * visible; ++r) {
        const float* from = tokens + r * dim;
        float* to = y + r * dim;
        const float* position = table + int64_t{ids[r]} * dim;
        if (mask_pos[r] != 0) {
          position = is_wrong ? table + int64_t{ids_dropped[b * dropped + order[next++]]} * dim
                              : substitute;
        }
        if (position == nullptr) {
          if (to != from) std::copy(from, from + dim, to);
          continue;
        }
#pragma omp simd
        for (int64_t d = 0; d < dim; ++d) to[d] = from[d] + position[d];
      }
    });
  });
}

std::unique_ptr<graph::Kernel> MakeGrad(const graph::KernelSpec& spec) {
  const MaskedRows dropped = {spec.in(0).dim(0), 0, spec.in(0).dim(1), spec.in(0).dim(2)};
  return MakeKernel(
      [dropped, threads = spec.threads](const graph::KernelArgs& args) {
        MaskedRowSum(dropped, In<float>(args, 0), In<uint8_t>(args, 1), args.scratch, threads,
                     Out<float>(args, 0));
      },
      dropped.scratch_bytes());
}

}  // namespace

void RegisterEmbeddingDrop(graph::KernelTable* table) {
  AddFloat32(table, "EmbeddingDrop", MakeEmbeddingDrop);
  AddFloat32(table, "EmbeddingDropGrad", MakeGrad);
}

}  // namespace backends::cpu::droppos
