#include "tools/evaluation/error_map.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "tools/evaluation/position_report.h"
#include "tools/vis/canvas.h"

namespace tools {
namespace {

constexpr int kMargin = 16, kText = 14, kTop = kMargin + 5 * kText;
constexpr int kScaleWidth = 202, kScaleHeight = 14, kBottom = 7 * kText / 2;
constexpr int kSmallestWithText = 22;  // smallest side of a cell with room for "100"
constexpr int kTextColor = 0x222222, kGrey = 0xA0A0A0;
constexpr char kAbout[] = "wrong answers by true cell, in percent";

// A sequential scale, light to dark; `t` in [0, 1].
Color ScaleColor(double t) {
  static const Color kStops[] = {Rgb(0xFFF7CC), Rgb(0xFED976), Rgb(0xFD8D3C), Rgb(0xE31A1C),
                                 Rgb(0x67001F)};
  constexpr int kLast = 4;
  const double at = std::clamp(t, 0.0, 1.0) * kLast;
  const int low = std::min(static_cast<int>(at), kLast - 1);
  const Color &a = kStops[low], &b = kStops[low + 1];
  const double share = at - low;
  return {a.r + share * (b.r - a.r), a.g + share * (b.g - a.g), a.b + share * (b.b - a.b), 1};
}

int CellSide(const Grid& grid) { return std::max(4, 448 / std::max(grid.h, grid.w)); }

void DrawCell(const models::PixelBox& box, double rate, Canvas* canvas) {
  canvas->Fill(box, rate < 0 ? Rgb(kGrey) : ScaleColor(rate));
  if (rate < 0 || box.width < kSmallestWithText) return;
  const std::string percent = absl::StrFormat("%.0f", 100 * rate);
  const TextStyle style{std::min(box.width * 0.42, 20.0), false,
                        Rgb(rate > 0.6 ? 0xFFFFFF : kTextColor)};
  canvas->Text(box.x + box.width / 2.0, box.y + box.height / 2.0 + style.size * 0.36, percent,
               style, /*anchor=*/0.5);
}

void DrawScale(int y, Canvas* canvas) {
  const TextStyle style{kText, false, Rgb(kTextColor)};
  for (int x = 0; x < kScaleWidth; ++x) {
    canvas->Fill({kMargin + x, y, 1, kScaleHeight}, ScaleColor(x / (kScaleWidth - 1.0)));
  }
  const double below = y + kScaleHeight + kText * 1.3;
  canvas->Text(kMargin, below, "0%", style);
  canvas->Text(kMargin + kScaleWidth / 2, below, "50%", style, /*anchor=*/0.5);
  canvas->Text(kMargin + kScaleWidth, below, "100%", style, /*anchor=*/1);
  const int grey = kMargin + kScaleWidth + 2 * kText;
  canvas->Fill({grey, y, kScaleHeight, kScaleHeight}, Rgb(kGrey));
  canvas->Text(grey + kScaleHeight + 6, y + kText * 0.86, "never asked", style);
}

}  // namespace

models::PixelBox ErrorMapCell(const Grid& grid, int cell) {
  const int side = CellSide(grid);
  return {kMargin + cell % grid.w * side, kTop + cell / grid.w * side, side, side};
}

absl::StatusOr<models::Image> DrawErrorMap(const PositionScores& scores, const Grid& grid,
                                           const std::string& title,
                                           const std::string& conditions) {
  const TextStyle bold{kText, true, Rgb(kTextColor)}, plain{kText, false, Rgb(kTextColor)};
  ASSIGN_OR_RETURN(Canvas scratch, Canvas::Create(1, 1));
  const double text = std::max({scratch.TextWidth(title, bold), scratch.TextWidth(kAbout, plain),
                                scratch.TextWidth(conditions, plain), kScaleWidth + 140.0});
  const int side = CellSide(grid);
  const int width = std::max(grid.w * side, static_cast<int>(std::ceil(text))) + 2 * kMargin;
  const int scale_y = kTop + grid.h * side + kText;
  ASSIGN_OR_RETURN(Canvas canvas,
                   Canvas::Create(std::min(width, Canvas::kLargestSide), scale_y + kBottom));
  canvas.Text(kMargin, kMargin + kText, title, bold);
  canvas.Text(kMargin, kMargin + 2.5 * kText, kAbout, plain);
  canvas.Text(kMargin, kMargin + 4 * kText, conditions, plain);
  const std::vector<double> rates = ErrorRates(scores);
  for (int cell = 0; cell < grid.cells(); ++cell) {
    DrawCell(ErrorMapCell(grid, cell), rates[cell], &canvas);
  }
  DrawScale(scale_y, &canvas);
  return canvas.Finish();
}

}  // namespace tools
