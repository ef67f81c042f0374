#include "tools/curves/curve_sheet.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "graph/base/status.h"
#include "tools/curves/ticks.h"
#include "tools/vis/canvas.h"

namespace tools {
namespace {

using models::PixelBox;

// Pixels.
constexpr int kMargin = 20;
constexpr int kPlotWidth = 270, kPlotHeight = 190;
constexpr int kLeft = 46;    // of a plot: numbers of its axis
constexpr int kRight = 54;   // last values
constexpr int kTop = 34;     // title
constexpr int kBottom = 38;  // numbers, and what they are
constexpr int kPanelWidth = kLeft + kPlotWidth + kRight;
constexpr int kPanelHeight = kTop + kPlotHeight + kBottom;
constexpr int kLegendLine = 20;
constexpr int kSample = 30;  // of a line in the legend
constexpr int kLabelGap = 12;
constexpr int kRemarks = 22;

// Okabe and Ito's colours, except their yellow, which is invisible on white paper.
constexpr int kColors[] = {0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0x000000};
constexpr int kTextColor = 0x333333, kFaintColor = 0x808080, kGridColor = 0xE8E8E8;
constexpr int kAxisColor = 0x999999, kChanceColor = 0x666666;

Color ColorOf(int look, double opacity = 1) { return Rgb(kColors[look % 7], opacity); }

// For text, which is thinner than a line.
Color Darker(Color color) {
  for (double* c : {&color.r, &color.g, &color.b}) *c *= 0.75;
  return color;
}

// Four kinds and seven colours: no two of 28 looks are equal.
std::vector<double> DashesOf(int look) {
  switch (look % 4) {
    case 1:
      return {7, 3};
    case 2:
      return {9, 3, 2, 3};
    case 3:
      return {4, 2};
    default:
      return {};
  }
}

const TextStyle kTitle{13, true, Rgb(kTextColor)};
const TextStyle kText{11, false, Rgb(kTextColor)};
const TextStyle kFaint{10, false, Rgb(kFaintColor)};

// The range of y.
struct Range {
  double low = 0, high = 1;
};

Range RangeOf(const Panel& panel) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  const auto take = [&](double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value), high = std::max(high, value);
  };
  std::vector<double> raw;
  for (const Curve& curve : panel.curves) {
    for (const CurvePoint& point : curve.line) take(point.y);
    for (const double value : curve.low) take(value);
    for (const double value : curve.high) take(value);
    for (const CurvePoint& point : curve.raw) {
      if (std::isfinite(point.y)) raw.push_back(point.y);
    }
  }
  // A few outliers of the faint raw line do not flatten the rest.
  if (!raw.empty()) {
    std::sort(raw.begin(), raw.end());
    take(raw[raw.size() / 100]);
    take(raw[raw.size() - 1 - raw.size() / 100]);
  }
  for (const double chance : panel.chances) take(chance);
  if (panel.from_zero) take(0);
  if (!(low <= high)) return {};  // nothing finite
  if (panel.log_y) {
    const double room = std::max(std::pow(high / low, 0.04), 1.001);
    return {low / room, high * room};
  }
  double room = 0.05 * (high - low);
  if (room < 1e-9 * std::abs(high)) room = 0.05 * std::abs(high);
  if (room == 0) room = panel.percent ? 0.005 : 0.05;
  return {panel.from_zero && low == 0 ? 0 : low - room, high + room};
}

// At most two of many points per pixel: the lowest and the highest, in their order.
std::vector<Point> Thin(const std::vector<Point>& points) {
  if (points.size() < 3 * kPlotWidth / 2) return points;
  std::vector<Point> thin;
  for (size_t begin = 0, end; begin < points.size(); begin = end) {
    size_t low = begin, high = begin;
    const bool finite = std::isfinite(points[begin].y);
    end = begin + 1;
    for (; end < points.size() && std::isfinite(points[end].y) == finite &&
           points[end].x - points[begin].x < 1;
         ++end) {
      if (points[end].y < points[low].y) low = end;
      if (points[end].y > points[high].y) high = end;
    }
    thin.push_back(points[std::min(low, high)]);
    if (low != high) thin.push_back(points[std::max(low, high)]);
  }
  return thin;
}

// Rounds to eighths of a pixel, which are invisible and short in a file.
Point Rounded(Point point) { return {std::round(8 * point.x) / 8, std::round(8 * point.y) / 8}; }

class PanelDrawing {
 public:
  PanelDrawing(const CurvePage& page, const Panel& panel, int x, int y, Canvas* canvas)
      : page_(page),
        panel_(panel),
        range_(RangeOf(panel)),
        plot_{x + kLeft, y + kTop, kPlotWidth, kPlotHeight},
        canvas_(*canvas) {}

  void Draw() {
    canvas_.Text(plot_.x, plot_.y - 14, panel_.title, kTitle);
    if (panel_.title != panel_.metric) {
      const double width = canvas_.TextWidth(panel_.metric, kFaint);
      const double after = canvas_.TextWidth(panel_.title, kTitle) + 8;
      if (after + width <= plot_.width + kRight) {
        canvas_.Text(plot_.x + after, plot_.y - 14, panel_.metric, kFaint);
      }
    }
    Axes();
    canvas_.Clip({plot_.x, plot_.y - 3, plot_.width + 3, plot_.height + 6});
    for (const double chance : panel_.chances) {
      canvas_.Line({{double(plot_.x), Y(chance)}, {double(plot_.x + plot_.width), Y(chance)}},
                   {1.3, Rgb(kChanceColor), {1.3, 3}});
    }
    for (const Curve& curve : panel_.curves) Below(curve);
    for (const Curve& curve : panel_.curves) Line(curve);
    canvas_.Unclip();
    LastValues();
  }

 private:
  double X(double x) const { return plot_.x + plot_.width * x / page_.x_high; }
  double Y(double y) const {
    const double share = panel_.log_y
                             ? std::log(y / range_.low) / std::log(range_.high / range_.low)
                             : (y - range_.low) / (range_.high - range_.low);
    return plot_.y + plot_.height * (1 - share);
  }
  Point At(const CurvePoint& point) const { return Rounded({X(point.x), Y(point.y)}); }

  std::vector<Point> Points(const std::vector<CurvePoint>& points) const {
    std::vector<Point> drawn;
    drawn.reserve(points.size());
    for (const CurvePoint& point : points) drawn.push_back(At(point));
    return Thin(drawn);
  }

  void Axes() {
    const double left = plot_.x, right = plot_.x + plot_.width, bottom = plot_.y + plot_.height;
    const std::vector<Tick> ys = panel_.log_y
                                     ? LogTicks(range_.low, range_.high, panel_.percent)
                                     : LinearTicks(range_.low, range_.high, 5, panel_.percent);
    for (const Tick& tick : ys) {
      const double y = Y(tick.value);
      canvas_.Line({{left, y}, {right, y}}, {1, Rgb(kGridColor), {}});
      canvas_.Text(left - 6, y + 3.5, tick.label, kFaint, /*anchor=*/1);
    }
    canvas_.Line({{left, bottom}, {right, bottom}}, {1, Rgb(kAxisColor), {}});
    for (const Tick& tick : LinearTicks(0, page_.x_high, 5, false)) {
      const double x = X(tick.value);
      canvas_.Line({{x, bottom}, {x, bottom + 4}}, {1, Rgb(kAxisColor), {}});
      canvas_.Text(x, bottom + 16, tick.label, kFaint, /*anchor=*/0.5);
    }
    canvas_.Text((left + right) / 2, bottom + 29, page_.x_label, kFaint, /*anchor=*/0.5);
  }

  // Draws the band, and the raw values of a smoothed line.
  void Below(const Curve& curve) {
    // The more raw values there are, the fainter, so that the lines on top stay visible.
    const double opacity = 0.3 * std::min(1.0, 4.0 / static_cast<double>(panel_.curves.size()));
    canvas_.Line(Points(curve.raw), {0.8, ColorOf(curve.look, opacity), {}});
    if (curve.low.empty()) return;
    for (size_t begin = 0, end; begin < curve.line.size(); begin = end + 1) {
      for (end = begin; end < curve.line.size() && std::isfinite(curve.low[end]); ++end) {
      }
      std::vector<Point> low, high;
      for (size_t i = begin; i < end; ++i) {
        low.push_back(At({curve.line[i].x, curve.low[i]}));
        high.push_back(At({curve.line[i].x, curve.high[i]}));
      }
      low = Thin(low), high = Thin(high);
      low.insert(low.end(), high.rbegin(), high.rend());
      if (!low.empty()) canvas_.Polygon(low, ColorOf(curve.look, 0.16));
    }
  }

  void Line(const Curve& curve) {
    const std::vector<Point> points = Points(curve.line);
    canvas_.Line(points, {1.7, ColorOf(curve.look), DashesOf(curve.look)});
    // A value between two gaps is drawn as a point; otherwise it would be invisible.
    constexpr size_t kMostMarks = 60;
    const bool marks = panel_.evaluation && points.size() <= kMostMarks;
    for (size_t i = 0; i < points.size(); ++i) {
      const auto gap = [&](size_t k) { return k >= points.size() || !std::isfinite(points[k].y); };
      const bool alone = (i == 0 || gap(i - 1)) && gap(i + 1);
      if (!gap(i) && (marks || alone)) {
        canvas_.Disc(points[i].x, points[i].y, 2.4, ColorOf(curve.look));
      }
    }
  }

  // Draws the last values beside the ends of the curves, without overlaps.
  void LastValues() {
    struct Label {
      double y;
      Point end;
      int look;
      std::string text;
    };
    std::vector<Label> labels;
    for (const Curve& curve : panel_.curves) {
      for (auto point = curve.line.rbegin(); point != curve.line.rend(); ++point) {
        if (!std::isfinite(point->y)) continue;
        labels.push_back(
            {Y(point->y), At(*point), curve.look, ShortNumber(point->y, panel_.percent)});
        break;
      }
    }
    const double right = plot_.x + plot_.width;
    const bool equal = std::all_of(labels.begin(), labels.end(), [&](const Label& label) {
      return label.text == labels[0].text && label.end.x == labels[0].end.x;
    });
    if (equal && labels.size() > 1) {  // one number for all, in neutral colour
      canvas_.Text(right + 9, labels[0].y + 3.7, labels[0].text, {10.5, false, Rgb(kTextColor)});
      return;
    }
    if (static_cast<int>(labels.size() * kLabelGap) > plot_.height + kLabelGap) return;
    std::stable_sort(labels.begin(), labels.end(),
                     [](const Label& a, const Label& b) { return a.y < b.y; });
    // Pushes them down from the top, and back up if the last ones have left the plot.
    for (size_t i = 1; i < labels.size(); ++i) {
      labels[i].y = std::max(labels[i].y, labels[i - 1].y + kLabelGap);
    }
    double limit = plot_.y + plot_.height;
    for (size_t i = labels.size(); i-- > 0; limit = labels[i].y - kLabelGap) {
      labels[i].y = std::min(labels[i].y, limit);
    }
    for (const Label& label : labels) {
      // Leads from the end of the curve to its number. It is dotted and grey, so that it does not
      // look like more of the curve, and where there is much of it, a point marks the curve's end.
      if (right - label.end.x > 4 || std::abs(label.y - label.end.y) > 2) {
        canvas_.Line({label.end, {right + 3, label.y}, {right + 7, label.y}},
                     {0.7, Rgb(kAxisColor), {0.7, 2.3}});
      }
      if (right - label.end.x > 4) {
        canvas_.Disc(label.end.x, label.end.y, 2.4, ColorOf(label.look));
      }
      canvas_.Text(right + 9, label.y + 3.7, label.text,
                   {10.5, false, Darker(ColorOf(label.look))});
    }
  }

  const CurvePage& page_;
  const Panel& panel_;
  const Range range_;
  const PixelBox plot_;
  Canvas& canvas_;
};

struct Entry {
  int look = 0;
  double x = 0;
  int line = 0;
  std::string text;
};

// Arranges the entries side by side, on as many lines as needed.
std::vector<Entry> Legend(const CurvePage& page, double width, Canvas* canvas) {
  std::vector<Entry> entries;
  double x = 0;
  int line = 0;
  for (size_t i = 0; i < page.legend.size(); ++i) {
    const std::string text = canvas->Fitted(page.legend[i], kText, width - kSample - 8);
    const double needs = kSample + 8 + canvas->TextWidth(text, kText);
    if (x > 0 && x + needs > width) x = 0, ++line;
    entries.push_back({static_cast<int>(i), x, line, text});
    x += needs + 24;
  }
  return entries;
}

struct Layout {
  int columns = 1, width = 0, height = 0, first_panel_y = 0;
  std::vector<Entry> legend;
};

absl::StatusOr<Layout> LayOut(const CurvePage& page) {
  if (page.panels.empty()) return absl::InternalError("a page without panels");
  Layout layout;
  const int panels = static_cast<int>(page.panels.size());
  layout.columns = panels == 4 ? 2 : std::min(panels, 3);
  layout.width = 2 * kMargin + layout.columns * kPanelWidth;
  // Used only to measure letters.
  ASSIGN_OR_RETURN(Canvas ruler, Canvas::Create(1, 1));
  layout.legend = Legend(page, layout.width - 2 * kMargin - kLeft, &ruler);
  const int lines = layout.legend.empty() ? 0 : layout.legend.back().line + 1;
  layout.first_panel_y = kMargin + lines * kLegendLine + 6;
  const int rows = (panels + layout.columns - 1) / layout.columns;
  layout.height = layout.first_panel_y + rows * kPanelHeight + kRemarks;
  return layout;
}

void DrawPage(const CurvePage& page, const Layout& layout, Canvas* canvas) {
  const int left = kMargin + kLeft;
  for (const Entry& entry : layout.legend) {
    const double x = left + entry.x, y = kMargin + kLegendLine * (entry.line + 0.5);
    canvas->Line({{x, y}, {x + kSample, y}}, {2.2, ColorOf(entry.look), DashesOf(entry.look)});
    canvas->Text(x + kSample + 8, y + 4, entry.text, kText);
  }
  for (size_t i = 0; i < page.panels.size(); ++i) {
    const int column = static_cast<int>(i) % layout.columns;
    const int row = static_cast<int>(i) / layout.columns;
    PanelDrawing(page, page.panels[i], kMargin + column * kPanelWidth,
                 layout.first_panel_y + row * kPanelHeight, canvas)
        .Draw();
  }
  canvas->Text(left, layout.height - 12, absl::StrJoin(page.remarks, "  ·  "), kFaint);
}

}  // namespace

absl::StatusOr<std::string> DrawCurvesSvg(const CurvePage& page) {
  ASSIGN_OR_RETURN(const Layout layout, LayOut(page));
  ASSIGN_OR_RETURN(Canvas canvas, Canvas::CreateSvg(layout.width, layout.height));
  DrawPage(page, layout, &canvas);
  return canvas.FinishSvg();
}

absl::StatusOr<models::Image> DrawCurves(const CurvePage& page) {
  ASSIGN_OR_RETURN(const Layout layout, LayOut(page));
  ASSIGN_OR_RETURN(Canvas canvas, Canvas::Create(layout.width, layout.height, /*scale=*/2));
  DrawPage(page, layout, &canvas);
  return canvas.Finish();
}

}  // namespace tools
