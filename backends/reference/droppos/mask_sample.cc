#include <vector>

#include "backends/reference/kernels.h"
#include "graph/base/random.h"
#include "ops/droppos/mask_sampling.h"
#include "ops/droppos/purposes.h"

namespace backends::reference::droppos {
namespace {

using ops::droppos::NoiseOrder;
using ops::droppos::RandomItem;

std::vector<int32_t> KeyOrder(int64_t key, graph::Purpose purpose, int64_t n) {
  std::vector<RandomItem> items(n);
  std::vector<int32_t> order(n);
  ops::droppos::RandomOrder(static_cast<uint64_t>(key), purpose, absl::MakeSpan(items),
                            absl::MakeSpan(order));
  return order;
}

std::vector<int32_t> RowOrder(const std::vector<double>& noise, int64_t row, int64_t n) {
  std::vector<int32_t> order(n);
  NoiseOrder(absl::MakeConstSpan(noise).subspan(row * n, n), absl::MakeSpan(order));
  return order;
}

void MaskSample(Call* c) {
  const int64_t batch = c->in_type(0).dim(0);
  const int64_t patches = c->op.Int("num_patches");
  const int64_t visible = c->op.Int("num_visible");
  const int64_t kept = c->op.Int("num_pos_kept");
  const bool fed = c->num_inputs() == 2;
  const std::vector<int64_t> keys = fed ? std::vector<int64_t>() : c->Ints(0);
  const std::vector<double> noise_patch = fed ? c->In(0) : std::vector<double>();
  const std::vector<double> noise_pos = fed ? c->In(1) : std::vector<double>();
  std::vector<int64_t>& ids_keep = c->OutInts(0);
  std::vector<int64_t>& mask = c->OutInts(1);
  std::vector<int64_t>& ids_restore = c->OutInts(2);
  std::vector<int64_t>& mask_pos = c->OutInts(3);
  std::vector<int64_t>& ids_dropped = c->OutInts(4);
  for (int64_t b = 0; b < batch; ++b) {
    const std::vector<int32_t> patch_order =
        fed ? RowOrder(noise_patch, b, patches)
            : KeyOrder(keys[b], ops::droppos::kPatchMask, patches);
    const std::vector<int32_t> pos_order =
        fed ? RowOrder(noise_pos, b, visible)
            : KeyOrder(keys[b], ops::droppos::kPositionMask, visible);
    for (int64_t i = 0; i < patches; ++i) {
      ids_restore[b * patches + patch_order[i]] = i;
      mask[b * patches + patch_order[i]] = i >= visible;
      if (i < visible) ids_keep[b * visible + i] = patch_order[i];
    }
    for (int64_t i = 0; i < visible; ++i) mask_pos[b * visible + pos_order[i]] = i >= kept;
    int64_t dropped = b * (visible - kept);
    for (int64_t v = 0; v < visible; ++v) {
      if (mask_pos[b * visible + v] != 0) ids_dropped[dropped++] = ids_keep[b * visible + v];
    }
  }
}

}  // namespace

void RegisterMaskSample(graph::KernelTable* table) { AddFunction(table, "MaskSample", MaskSample); }

}  // namespace backends::reference::droppos
