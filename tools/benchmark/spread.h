// Summarises several measurements of one quantity in three numbers.
#ifndef TOOLS_BENCHMARK_SPREAD_H_
#define TOOLS_BENCHMARK_SPREAD_H_

#include <algorithm>
#include <vector>

#include "graph/base/status.h"

namespace tools {

struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

// `values` is not empty. The median of an even number of values is the mean of the middle two.
inline Spread SpreadOf(std::vector<double> values) {
  CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return {(values[(n - 1) / 2] + values[n / 2]) / 2, values.front(), values.back()};
}

}  // namespace tools

#endif  // TOOLS_BENCHMARK_SPREAD_H_
