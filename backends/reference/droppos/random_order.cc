#include "ops/droppos/random_order.h"

#include <vector>

#include "backends/reference/kernels.h"
#include "ops/droppos/mask_sampling.h"

namespace backends::reference::droppos {
namespace {

void RandomOrder(Call* c) {
  const int64_t batch = c->out_type(0).dim(0), n = c->out_type(0).dim(1);
  const bool keyed = c->in_type(0).dtype == graph::DType::kI64;
  const graph::Purpose purpose = *ops::droppos::OrderPurpose(c->op.Str("purpose"));
  const std::vector<int64_t> keys = keyed ? c->Ints(0) : std::vector<int64_t>();
  const std::vector<double> noise = keyed ? std::vector<double>() : c->In(0);
  std::vector<int64_t>& order = c->OutInts(0);
  std::vector<int64_t>& inverse = c->OutInts(1);
  for (int64_t b = 0; b < batch; ++b) {
    std::vector<int32_t> ids(n);
    if (keyed) {
      std::vector<ops::droppos::RandomItem> items(n);
      ops::droppos::RandomOrder(static_cast<uint64_t>(keys[b]), purpose, absl::MakeSpan(items),
                                absl::MakeSpan(ids));
    } else {
      ops::droppos::NoiseOrder(absl::MakeConstSpan(noise).subspan(b * n, n), absl::MakeSpan(ids));
    }
    for (int64_t i = 0; i < n; ++i) {
      order[b * n + i] = ids[i];
      inverse[b * n + ids[i]] = i;
    }
  }
}

}  // namespace

void RegisterRandomOrder(graph::KernelTable* table) {
  AddFunction(table, "RandomOrder", RandomOrder);
}

}  // namespace backends::reference::droppos
