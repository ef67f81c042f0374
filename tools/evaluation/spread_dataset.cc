#include "tools/evaluation/spread_dataset.h"

#include <algorithm>

#include "absl/numeric/int128.h"
#include "graph/base/random.h"

namespace tools {

std::vector<int64_t> SpreadIndices(int64_t size, int64_t count) {
  count = std::clamp<int64_t>(count, 0, size);
  const auto begin = [&](int64_t i) {
    return static_cast<int64_t>(absl::int128(i) * size / count);
  };
  std::vector<int64_t> indices(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const auto width = static_cast<uint64_t>(begin(i + 1) - begin(i));
    const uint64_t draw = graph::MixKeys(graph::HashName("spread"), static_cast<uint64_t>(i));
    indices[i] = begin(i) + static_cast<int64_t>(draw % width);
  }
  return indices;
}

}  // namespace tools
