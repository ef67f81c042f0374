#include "tools/evaluation/position_report.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/training/screen_text.h"
#include "tools/vis/canvas.h"

namespace tools {
namespace {

std::string Percent(double value) { return absl::StrFormat("%.2f%%", 100 * value); }

std::string Ratios(const PositionRatios& ratios) {
  return absl::StrFormat("mask_ratio %g, pos_mask_ratio %g", ratios.mask_ratio,
                         ratios.pos_mask_ratio);
}

// One number per cell as rows of the grid; null for negative ones.
template <typename T>
nlohmann::ordered_json Rows(const std::vector<T>& cells, const Grid& grid) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (int y = 0; y < grid.h; ++y) {
    nlohmann::ordered_json row = nlohmann::ordered_json::array();
    for (int x = 0; x < grid.w; ++x) {
      const T value = cells[y * grid.w + x];
      row.push_back(value < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(value));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

void AddNumbers(const PositionNumbers& numbers, nlohmann::ordered_json* json) {
  (*json)["top1"] = numbers.top1;
  (*json)["top5"] = numbers.top5;
  (*json)["distance"] = numbers.distance;
  (*json)["within1"] = numbers.within1;
}

// Of the picture, in pixels.
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

std::string PositionTable(const PositionReport& report, int columns) {
  // The shares of hidden patches and of dropped positions; patches; numbers.
  const absl::ParsedFormat<'s', 's', 's', 's', 's', 's', 's', 's', 's'> line(
      "%-7s%-7s%-10s %9s%8s%9s%9s%9s%10s\n");
  std::string text =
      absl::StrCat(absl::StrFormat(line, "mask", "pos", "", "", "", "", "", "", "commonest"),
                   absl::StrFormat(line, "ratio", "ratio", "dropped", "scored", "top-1", "top-5",
                                   "distance", "within 1", "answer"));
  std::string skipped, warning;
  const PositionResult* worst = nullptr;  // of those that collapsed
  int lines = 0, collapsed = 0;
  const PositionNumbers& chance = report.chance;
  const double cell_share = 1.0 / report.grid.cells();
  for (const PositionResult& r : report.results) {
    if (r.dropped == 0) {
      absl::StrAppend(&skipped, "skipped ", Ratios(r.ratios), ": all ", r.visible,
                      " visible patches keep their position\n");
      continue;
    }
    ++lines;
    const PositionScores& s = r.scores;
    absl::StrAppendFormat(
        &text, line, absl::StrFormat("%g", r.ratios.mask_ratio),
        absl::StrFormat("%g%s", r.ratios.pos_mask_ratio, r.ratios.recipe ? " *" : ""),
        absl::StrFormat("%d of %d", r.dropped, r.visible), absl::StrCat(s.scored),
        Percent(s.mean.top1), Percent(s.mean.top5), absl::StrFormat("%.3f", s.mean.distance),
        Percent(s.mean.within1), Percent(s.top_share));
    if (!s.collapsed) continue;
    ++collapsed;
    if (worst == nullptr || s.top_share > worst->scores.top_share) worst = &r;
  }
  if (lines > 0) {
    absl::StrAppendFormat(&text, line, "chance", "", "", "", Percent(chance.top1),
                          Percent(chance.top5), absl::StrFormat("%.3f", chance.distance),
                          Percent(chance.within1), Percent(cell_share));
  }
  if (report.recipe() != nullptr && report.results.size() > 1) {
    absl::StrAppend(&text, "* the ratios of the run\n");
  }
  if (worst != nullptr) {
    models::AppendWrapped(
        absl::StrFormat(
            "WARNING: collapsed: %.1f%% of the answers are the cell at row %d, column %d (a cell's "
            "share is %.2f%%) with %s, and %d of the %d lines are like that: the model has hardly "
            "learned, or answers alike whatever it is shown",
            100 * worst->scores.top_share, worst->scores.top_cell / report.grid.w,
            worst->scores.top_cell % report.grid.w, 100 * cell_share, Ratios(worst->ratios),
            collapsed, lines),
        9, columns, &warning);
  }
  return absl::StrCat(text, skipped, warning);
}

std::vector<double> ErrorRates(const PositionScores& scores) {
  std::vector<double> rates(scores.cell_scored.size(), -1.0);
  for (size_t cell = 0; cell < rates.size(); ++cell) {
    if (scores.cell_scored[cell] == 0) continue;
    rates[cell] = static_cast<double>(scores.cell_wrong[cell]) /
                  static_cast<double>(scores.cell_scored[cell]);
  }
  return rates;
}

std::string ErrorTable(const PositionResult& result, const Grid& grid, int columns) {
  std::string text = absl::StrFormat(
      "Wrong answers by true cell in percent (mask ratio %g, pos ratio %g):",
      result.ratios.mask_ratio, result.ratios.pos_mask_ratio);
  if (4 * grid.w > columns) {
    return models::WrappedLines(
        absl::StrCat(text, " ", grid.h, "x", grid.w, " of them are too many for ", columns,
                     " columns; --error_map=FILE.png draws them, --json=FILE lists them\n"),
        columns);
  }
  text += '\n';
  const std::vector<double> rates = ErrorRates(result.scores);
  for (int y = 0; y < grid.h; ++y) {
    for (int x = 0; x < grid.w; ++x) {
      const double rate = rates[y * grid.w + x];
      absl::StrAppend(&text, rate < 0 ? "   ." : absl::StrFormat("%4.0f", 100 * rate));
    }
    text += '\n';
  }
  return text;
}

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

nlohmann::ordered_json PositionJson(const PositionReport& report) {
  nlohmann::ordered_json json;
  json["images"] = report.images;
  json["grid"] = {report.grid.h, report.grid.w};
  AddNumbers(report.chance, &json["chance"]);
  json["collapsed"] = report.collapsed();
  json["results"] = nlohmann::ordered_json::array();
  for (const PositionResult& r : report.results) {
    nlohmann::ordered_json row;
    row["mask_ratio"] = r.ratios.mask_ratio;
    row["pos_mask_ratio"] = r.ratios.pos_mask_ratio;
    row["recipe"] = r.ratios.recipe;
    row["visible"] = r.visible;
    row["dropped"] = r.dropped;
    row["scored"] = r.scores.scored;
    if (r.scores.scored > 0) {
      AddNumbers(r.scores.mean, &row);
      row["top_cell"] = {r.scores.top_cell / report.grid.w, r.scores.top_cell % report.grid.w};
      row["top_cell_share"] = r.scores.top_share;
      row["collapsed"] = r.scores.collapsed;
      row["error_map"] = Rows(ErrorRates(r.scores), report.grid);
      row["answers"] = Rows(r.scores.cell_answers, report.grid);
    }
    json["results"].push_back(std::move(row));
  }
  return json;
}

}  // namespace tools
