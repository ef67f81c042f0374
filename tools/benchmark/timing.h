// How long something took, and several such measurements in three numbers.
#ifndef TOOLS_BENCHMARK_TIMING_H_
#define TOOLS_BENCHMARK_TIMING_H_

#include <algorithm>
#include <chrono>
#include <vector>

#include "graph/base/status.h"

namespace tools {

using Clock = std::chrono::steady_clock;

inline double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

#endif  // TOOLS_BENCHMARK_TIMING_H_
