#include "models/training/position_table.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "graph/base/status.h"

namespace models {
namespace {

// The four cells of a line that contribute to a new cell, and their weights.
struct Taps {
  std::array<int64_t, 4> cell;
  std::array<double, 4> weight;
};

// The cubic convolution kernel at distance `x`.
double Cubic(double x) {
  constexpr double a = -0.75;
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

std::vector<Taps> MakeTaps(int64_t from, int64_t to) {
  std::vector<Taps> taps(to);
  for (int64_t i = 0; i < to; ++i) {
    // Centres of cells lie at half integers in both grids.
    const double at = (i + 0.5) * from / to - 0.5;
    const double before = std::floor(at);
    for (int k = 0; k < 4; ++k) {
      const int64_t cell = static_cast<int64_t>(before) + k - 1;
      taps[i].cell[k] = std::clamp<int64_t>(cell, 0, from - 1);
      taps[i].weight[k] = Cubic(at - (before + k - 1));
    }
  }
  return taps;
}

}  // namespace

std::string PatchGrid::ToString() const { return absl::StrCat(h, "x", w); }

absl::optional<PatchGrid> ParsePatchGrid(absl::string_view text) {
  constexpr int64_t kMaxSide = int64_t{1} << 20;
  const std::vector<absl::string_view> sides = absl::StrSplit(text, 'x');
  PatchGrid grid;
  if (sides.size() != 2 || !absl::SimpleAtoi(sides[0], &grid.h) ||
      !absl::SimpleAtoi(sides[1], &grid.w) || std::min(grid.h, grid.w) < 1 ||
      std::max(grid.h, grid.w) > kMaxSide) {
    return absl::nullopt;
  }
  return grid;
}

absl::optional<PatchGrid> SquareGrid(int64_t cells) {
  if (cells < 1) return absl::nullopt;
  const int64_t side = std::llround(std::sqrt(static_cast<double>(cells)));
  if (side * side != cells) return absl::nullopt;
  return PatchGrid{side, side};
}

std::vector<float> ResizePositionTable(absl::Span<const float> table, int64_t channels,
                                       int64_t extra_rows, PatchGrid from, PatchGrid to) {
  CHECK(static_cast<int64_t>(table.size()) == (extra_rows + from.cells()) * channels);
  std::vector<float> resized((extra_rows + to.cells()) * channels);
  std::copy_n(table.begin(), extra_rows * channels, resized.begin());
  const float* in = table.data() + extra_rows * channels;
  float* out = resized.data() + extra_rows * channels;
  const std::vector<Taps> rows = MakeTaps(from.h, to.h);
  const std::vector<Taps> cols = MakeTaps(from.w, to.w);
  for (int64_t y = 0; y < to.h; ++y) {
    for (int64_t x = 0; x < to.w; ++x) {
      for (int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (int i = 0; i < 4; ++i) {
          const float* row = in + rows[y].cell[i] * from.w * channels + c;
          double line = 0;
          for (int j = 0; j < 4; ++j) {
            line += cols[x].weight[j] * row[cols[x].cell[j] * channels];
          }
          sum += rows[y].weight[i] * line;
        }
        *out++ = static_cast<float>(sum);
      }
    }
  }
  return resized;
}

}  // namespace models
