#include "ops/droppos/mask_sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "graph/base/status.h"

namespace ops::droppos {
namespace {

template <typename T>
void OrderNoise(absl::Span<const T> noise, absl::Span<int32_t> order) {
  CHECK(noise.size() == order.size());
  std::iota(order.begin(), order.end(), 0);
  // Not std::stable_sort, which allocates: with the index as a second key the
  // order is total, and every sort is stable.
  std::sort(order.begin(), order.end(), [noise](int32_t i, int32_t j) {
    const T a = noise[i], b = noise[j];
    const bool a_nan = std::isnan(a), b_nan = std::isnan(b);
    if (a_nan != b_nan) return b_nan;
    if (!a_nan && a != b) return a < b;
    return i < j;
  });
}

}  // namespace

void OrderByWord(absl::Span<RandomItem> items, absl::Span<int32_t> order) {
  CHECK(items.size() == order.size());
  std::sort(items.begin(), items.end(), [](const RandomItem& a, const RandomItem& b) {
    return a.word != b.word ? a.word < b.word : a.index < b.index;
  });
  for (size_t i = 0; i < items.size(); ++i) order[i] = items[i].index;
}

void RandomOrder(uint64_t key, graph::Purpose purpose, absl::Span<RandomItem> items,
                 absl::Span<int32_t> order) {
  for (size_t i = 0; i < items.size(); ++i) {
    items[i] = {graph::RandomWord(key, purpose, i), static_cast<int32_t>(i)};
  }
  OrderByWord(items, order);
}

void NoiseOrder(absl::Span<const float> noise, absl::Span<int32_t> order) {
  OrderNoise(noise, order);
}

void NoiseOrder(absl::Span<const double> noise, absl::Span<int32_t> order) {
  OrderNoise(noise, order);
}

}  // namespace ops::droppos
