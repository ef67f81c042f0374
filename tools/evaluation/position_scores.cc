#include "tools/evaluation/position_scores.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "graph/base/status.h"

namespace tools {

PositionNumbers UniformGuessing(const Grid& grid) {
  const double pairs = static_cast<double>(grid.cells()) * grid.cells();
  PositionNumbers chance;
  chance.top1 = 1.0 / grid.cells();
  chance.top5 = std::min(5, grid.cells()) / static_cast<double>(grid.cells());
  // Pairs of cells `dy` rows and `dx` columns apart: (h - dy) (w - dx), doubled for each of the two
  // that is not zero.
  for (int dy = 0; dy < grid.h; ++dy) {
    for (int dx = 0; dx < grid.w; ++dx) {
      const double share = static_cast<double>(grid.h - dy) * (grid.w - dx) * (dy > 0 ? 2 : 1) *
                           (dx > 0 ? 2 : 1) / pairs;
      chance.distance += share * std::sqrt(static_cast<double>(dy * dy + dx * dx));
      if (dy <= 1 && dx <= 1) chance.within1 += share;
    }
  }
  return chance;
}

bool IsCollapsed(int64_t top_count, int64_t scored, int cells) {
  if (cells < 2 || scored < 1) return false;
  const double share = std::min(0.5, std::max(8.0 / cells, 0.1));
  const double n = static_cast<double>(scored);
  return static_cast<double>(top_count) > share * n + 4 * std::sqrt(share * (1 - share) * n) + 1;
}

PositionCounter::PositionCounter(const Grid& grid)
    : grid_(grid),
      distance_squared_((grid.h - 1) * (grid.h - 1) + (grid.w - 1) * (grid.w - 1) + 1) {
  counts_.cell_scored = counts_.cell_wrong = counts_.cell_answers =
      std::vector<int64_t>(grid.cells());
}

absl::Status PositionCounter::Add(const float* logits, const int32_t* true_cells,
                                  const uint8_t* dropped, int64_t visible) {
  const int cells = grid_.cells();
  for (int64_t v = 0; v < visible; ++v) {
    if (!dropped[v]) continue;
    const float* row = logits + v * cells;
    const int truth = true_cells[v];
    if (truth < 0 || truth >= cells) {
      return graph::InvalidArgument("cell ", truth, " of a grid of ", cells);
    }
    if (!std::all_of(row, row + cells, [](float x) { return std::isfinite(x); })) {
      return absl::OutOfRangeError("the logits are not finite: the parameters hold NaN or inf");
    }
    const int answer = static_cast<int>(std::max_element(row, row + cells) - row);
    // Cells that rank before the true one.
    const float score = row[truth];
    const auto before = std::count_if(row, row + truth, [=](float x) { return x >= score; }) +
                        std::count_if(row + truth, row + cells, [=](float x) { return x > score; });
    const int dy = std::abs(answer / grid_.w - truth / grid_.w);
    const int dx = std::abs(answer % grid_.w - truth % grid_.w);
    ++counts_.scored;
    right_ += answer == truth;
    among5_ += before < 5;
    within1_ += std::max(dy, dx) <= 1;
    ++distance_squared_[dy * dy + dx * dx];
    ++counts_.cell_scored[truth];
    counts_.cell_wrong[truth] += answer != truth;
    ++counts_.cell_answers[answer];
  }
  return absl::OkStatus();
}

PositionScores PositionCounter::Scores() const {
  PositionScores scores = counts_;
  if (scores.scored == 0) return scores;
  const double n = static_cast<double>(scores.scored);
  scores.mean.top1 = static_cast<double>(right_) / n;
  scores.mean.top5 = static_cast<double>(among5_) / n;
  scores.mean.within1 = static_cast<double>(within1_) / n;
  double sum = 0;
  for (size_t d2 = 0; d2 < distance_squared_.size(); ++d2) {
    sum += static_cast<double>(distance_squared_[d2]) * std::sqrt(static_cast<double>(d2));
  }
  scores.mean.distance = sum / n;
  const auto top = std::max_element(scores.cell_answers.begin(), scores.cell_answers.end());
  scores.top_cell = static_cast<int>(top - scores.cell_answers.begin());
  scores.top_share = static_cast<double>(*top) / n;
  scores.collapsed = IsCollapsed(*top, scores.scored, grid_.cells());
  return scores;
}

}  // namespace tools
