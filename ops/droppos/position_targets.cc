#include "ops/droppos/position_targets.h"

#include <cmath>

#include "graph/base/status.h"

namespace ops::droppos {

void FillAxisTable(int64_t n, double sigma, TargetNorm norm, absl::Span<double> table) {
  CHECK(static_cast<int64_t>(table.size()) == n * n);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      // (d / sigma)^2, not d^2 / sigma^2: the square of a tiny sigma is zero and
      // would give 0/0. d = 0 is a case of its own because sigma may be 0.
      const double scaled = i == j ? 0.0 : static_cast<double>(i - j) / sigma;
      table[i * n + j] = std::exp(-scaled * scaled);
    }
  }
  // A line is a row or column that shall sum to 1: entries `line * start + k * step`.
  const int64_t start = norm == TargetNorm::kRows ? n : 1;
  const int64_t step = norm == TargetNorm::kRows ? 1 : n;
  for (int64_t line = 0; line < n; ++line) {
    double* first = table.data() + line * start;
    double sum = 0;
    for (int64_t k = 0; k < n; ++k) sum += first[k * step];
    for (int64_t k = 0; k < n; ++k) first[k * step] /= sum;
  }
}

std::vector<double> PositionTargets(int64_t grid_h, int64_t grid_w, double sigma, TargetNorm norm) {
  std::vector<double> rows(grid_h * grid_h), cols(grid_w * grid_w);
  FillAxisTable(grid_h, sigma, norm, absl::MakeSpan(rows));
  FillAxisTable(grid_w, sigma, norm, absl::MakeSpan(cols));
  const int64_t cells = grid_h * grid_w;
  std::vector<double> map(cells * cells);
  for (int64_t i = 0; i < cells; ++i) {
    for (int64_t j = 0; j < cells; ++j) {
      map[i * cells + j] =
          rows[i / grid_w * grid_h + j / grid_w] * cols[i % grid_w * grid_w + j % grid_w];
    }
  }
  return map;
}

}  // namespace ops::droppos
