#include "tools/benchmark/official_flops.h"

#include <map>
#include <tuple>

namespace tools {
std::vector<Gemm> StepGemms(const models::OfficialNet& net, int64_t batch) {
  std::map<std::tuple<int64_t, int64_t, int64_t, bool>, int64_t> times;
  for (const models::OfficialLinear& l : net.linears) {
    const int64_t rows = l.rows * batch;
    times[{rows, l.in, l.out, false}] += l.layers;
    if (l.input_gradient) times[{rows, l.out, l.in, false}] += l.layers;
    if (l.weight_gradient) times[{l.in, rows, l.out, true}] += l.layers;
  }
  std::vector<Gemm> gemms;
  for (const auto& [shape, count] : times) {
    const auto& [m, k, n, weight_gradient] = shape;
    gemms.push_back({m, k, n, count, weight_gradient});
  }
  return gemms;
}

}  // namespace tools
