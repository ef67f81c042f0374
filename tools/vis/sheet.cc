#include "tools/vis/sheet.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/data/resize.h"
#include "tools/vis/canvas.h"

namespace tools {
namespace {

using models::Image;
using models::PixelBox;

constexpr int kTextColor = 0x222222;
constexpr int kArrowEdgeColor = 0x3A2800;
constexpr double kDimmed = 0.4;  // opacity of patches that keep their position
constexpr const char* kHeadings[] = {"image", "what the model gets", "where it puts the patches",
                                     "as put together"};

Point Center(const PixelBox& box) { return {box.x + box.width / 2.0, box.y + box.height / 2.0}; }

// Of captions and the legend.
TextStyle Style(const SheetGeometry& g, bool bold = false) {
  return {static_cast<double>(g.text), bold, Rgb(kTextColor)};
}

// A small number in the upper right corner of a cell.
void DrawCount(const PixelBox& cell, const std::string& count, bool right, Canvas* canvas) {
  const int height = std::clamp(cell.width * 2 / 5, std::min(11, cell.width), 20);
  const TextStyle style{height * 0.85, true, Rgb(0xFFFFFF)};
  const double text = canvas->TextWidth(count, style);
  const int width = std::max(height, static_cast<int>(std::ceil(text)) + 4);
  const PixelBox box{cell.x + cell.width - width, cell.y, width, height};
  canvas->Fill(box, Rgb(right ? kRightColor : kTextColor));
  canvas->Text(box.x + (width - text) / 2, box.y + height * 0.81, count, style);
}

// One image's four panels.
class RowPainter {
 public:
  RowPainter(const SheetGeometry& geometry, int row, const PositionAnswers& answers, Canvas* canvas)
      : g_(geometry), row_(row), answers_(answers), canvas_(*canvas) {
    for (const VisiblePatch& patch : answers.patches) {
      // Each patch by itself: what the model does not see must not bleed in at the edges.
      const int p = answers.patch_size;
      const PixelBox box{patch.cell % g_.grid_w * p, patch.cell / g_.grid_w * p, p, p};
      Image tile;
      resizer_.Resize(models::ImageView(answers.image, box), g_.cell, g_.cell, &tile);
      tiles_.push_back(std::move(tile));
    }
    put_.resize(static_cast<size_t>(g_.grid_h) * g_.grid_w);
    for (size_t i = 0; i < tiles_.size(); ++i) {
      const VisiblePatch& patch = answers.patches[i];
      if (!patch.has_position) put_[patch.predicted].push_back(i);
    }
    for (std::vector<size_t>& here : put_) {
      std::stable_sort(here.begin(), here.end(), [&](size_t a, size_t b) {
        return answers.patches[a].confidence > answers.patches[b].confidence;
      });
    }
  }

  void DrawImage() {
    const PixelBox panel = g_.Panel(row_, SheetColumn::kImage);
    Image whole;
    resizer_.Resize(models::ImageView(answers_.image), panel.width, panel.height, &whole);
    canvas_.Paint(whole, panel.x, panel.y);
  }

  void DrawInput() {
    DrawHidden(SheetColumn::kInput);
    for (size_t i = 0; i < tiles_.size(); ++i) {
      const VisiblePatch& patch = answers_.patches[i];
      const PixelBox box = g_.Cell(row_, SheetColumn::kInput, patch.cell);
      canvas_.Paint(tiles_[i], box.x, box.y);
      if (!patch.has_position) DrawFrame(box, kNoPositionColor);
    }
  }

  void DrawAnswer() {
    DrawHidden(SheetColumn::kAnswer);
    for (size_t i = 0; i < tiles_.size(); ++i) {
      const VisiblePatch& patch = answers_.patches[i];
      const PixelBox box = g_.Cell(row_, SheetColumn::kAnswer, patch.cell);
      canvas_.Fill(box, Rgb(kEmptyColor));
      if (patch.has_position) {
        canvas_.Paint(tiles_[i], box.x, box.y, kDimmed);
      } else {
        canvas_.Frame(box, 1, Rgb(kHiddenColor));
      }
    }
    for (size_t cell = 0; cell < put_.size(); ++cell) {
      if (put_[cell].empty()) continue;
      const size_t top = put_[cell].front();
      const PixelBox box = g_.Cell(row_, SheetColumn::kAnswer, static_cast<int>(cell));
      canvas_.Paint(tiles_[top], box.x, box.y);
      const bool right = answers_.patches[top].cell == static_cast<int>(cell);
      DrawFrame(box, right ? kRightColor : kWrongColor);
    }
    DrawArrows();
    for (size_t cell = 0; cell < put_.size(); ++cell) {
      if (put_[cell].size() < 2) continue;
      const bool right = std::any_of(put_[cell].begin(), put_[cell].end(), [&](size_t i) {
        return answers_.patches[i].cell == static_cast<int>(cell);
      });
      DrawCount(g_.Cell(row_, SheetColumn::kAnswer, static_cast<int>(cell)),
                std::to_string(put_[cell].size()), right, &canvas_);
    }
  }

  void DrawTogether() {
    DrawHidden(SheetColumn::kTogether);
    const auto paint = [this](int cell, size_t tile) {
      const PixelBox box = g_.Cell(row_, SheetColumn::kTogether, cell);
      canvas_.Paint(tiles_[tile], box.x, box.y);
    };
    for (size_t i = 0; i < tiles_.size(); ++i) {
      if (answers_.patches[i].has_position) paint(answers_.patches[i].cell, i);
    }
    for (size_t cell = 0; cell < put_.size(); ++cell) {
      if (!put_[cell].empty()) paint(static_cast<int>(cell), put_[cell].front());
    }
  }

 private:
  void DrawHidden(SheetColumn column) {
    canvas_.Fill(g_.Panel(row_, column), Rgb(kHiddenColor));
    // A faint grid, so that cells can be counted.
    for (int cell = 0; cell < g_.grid_h * g_.grid_w; ++cell) {
      PixelBox box = g_.Cell(row_, column, cell);
      if (cell % g_.grid_w > 0) canvas_.Fill({box.x, box.y, 1, box.height}, Rgb(0xFFFFFF, 0.5));
      if (cell / g_.grid_w > 0) canvas_.Fill({box.x, box.y, box.width, 1}, Rgb(0xFFFFFF, 0.5));
    }
  }

  void DrawFrame(const PixelBox& box, int color) {
    const int f = g_.frame;
    canvas_.Frame(box, f, Rgb(color));
    // Sets the frame off from a patch of the same colour.
    canvas_.Frame({box.x + f, box.y + f, box.width - 2 * f, box.height - 2 * f}, 1,
                  Rgb(0xFFFFFF, 0.7));
  }

  // Whether an arrow in the opposite direction lies on a part of this one's line.
  bool MeetsAnother(const VisiblePatch& one, const std::vector<VisiblePatch>& moved) const {
    const auto x = [this](int cell) { return cell % g_.grid_w; };
    const auto y = [this](int cell) { return cell / g_.grid_w; };
    const int dx = x(one.cell) - x(one.predicted), dy = y(one.cell) - y(one.predicted);
    // How far along the arrow a cell is, and how far aside, both times its length.
    const auto along = [&](int cell) {
      return dx * (x(cell) - x(one.predicted)) + dy * (y(cell) - y(one.predicted));
    };
    const auto aside = [&](int cell) {
      return dx * (y(cell) - y(one.predicted)) - dy * (x(cell) - x(one.predicted));
    };
    return std::any_of(moved.begin(), moved.end(), [&](const VisiblePatch& other) {
      if (aside(other.cell) != 0 || aside(other.predicted) != 0) return false;
      const int tip = along(other.cell), tail = along(other.predicted);
      return tip < tail && std::max(tip, 0) < std::min(tail, along(one.cell));
    });
  }

  // From the edge of the predicted cell to the middle of the true one. Of the patch on top alone:
  // those below are not seen, and a cell that takes in fifteen would be the middle of a star.
  void DrawArrows() {
    std::vector<VisiblePatch> moved;
    for (const std::vector<size_t>& here : put_) {
      if (here.empty()) continue;
      const VisiblePatch& top = answers_.patches[here.front()];
      if (top.predicted != top.cell) moved.push_back(top);
    }
    const double crowd = std::clamp((static_cast<double>(moved.size()) - 4) / 12, 0.0, 1.0);
    const double thickness = std::clamp(g_.cell / 14.0, 1.5, 4.0) * (1 - 0.5 * crowd);
    const double opacity = 1 - 0.4 * crowd;
    for (const VisiblePatch& patch : moved) {
      const Point from = Center(g_.Cell(row_, SheetColumn::kAnswer, patch.predicted));
      const Point to = Center(g_.Cell(row_, SheetColumn::kAnswer, patch.cell));
      const double dx = to.x - from.x, dy = to.y - from.y;
      const double edge = 0.5 * g_.cell / std::max(std::fabs(dx), std::fabs(dy));
      // Each keeps to its right, as on a road, if another comes the other way.
      const double aside = MeetsAnother(patch, moved) ? 2.8 * thickness / std::hypot(dx, dy) : 0;
      const double sx = -dy * aside, sy = dx * aside;
      canvas_.Arrow(from.x + edge * dx + sx, from.y + edge * dy + sy, to.x + sx, to.y + sy,
                    thickness, Rgb(kWrongColor, opacity),
                    Rgb(kArrowEdgeColor, opacity * (1 - 0.4 * crowd)));
    }
  }

  const SheetGeometry& g_;
  const int row_;
  const PositionAnswers& answers_;
  Canvas& canvas_;
  models::BicubicResizer resizer_;
  std::vector<Image> tiles_;  // the visible patches, as large as a cell
  // By cell: the patches placed there, the most confident first.
  std::vector<std::vector<size_t>> put_;
};

// The legend's entries flow from left to right and wrap.
class Legend {
 public:
  Legend(const SheetGeometry& geometry, bool wrong_positions, Canvas* canvas)
      : g_(geometry), canvas_(*canvas) {
    if (wrong_positions) entries_[1].text = "seen, given a wrong position";
    int x = g_.margin;
    for (Entry& entry : entries_) {
      const double text = canvas_.TextWidth(entry.text, Style(g_));
      const int width = TextAt(entry) + static_cast<int>(std::ceil(text));
      if (x > g_.margin && x + width > g_.width - g_.margin) {
        x = g_.margin;
        ++lines_;
      }
      entry.x = x, entry.y = (lines_ - 1) * LineHeight();
      x += width + 2 * g_.text;
    }
  }

  int Height() const { return lines_ * LineHeight(); }

  void Draw(int top) {
    for (const Entry& entry : entries_) {
      const PixelBox box{entry.x, top + entry.y, Side(), Side()};
      DrawSwatch(entry.kind, box);
      canvas_.Text(box.x + TextAt(entry), box.y + Side() * 0.5 + g_.text * 0.36, entry.text,
                   Style(g_));
    }
  }

 private:
  enum class Kind { kHidden, kNoPosition, kPosition, kRight, kWrong, kSeveral };
  struct Entry {
    Kind kind;
    const char* text;
    int x = 0, y = 0;  // from the left, and from the top of the legend
  };
  Entry entries_[6] = {
      {Kind::kHidden, "hidden"},
      {Kind::kNoPosition, "seen, position withheld"},
      {Kind::kPosition, "seen with its position, dimmed beside the arrows"},
      {Kind::kRight, "put into its own cell"},
      {Kind::kWrong, "put elsewhere, arrow to its own cell"},
      {Kind::kSeveral,
       "so many put into one cell, the surest on top, with its arrow (blue: one is right)"}};

  int Side() const { return g_.text * 3 / 2; }
  int LineHeight() const { return g_.text * 9 / 4; }
  int TextAt(const Entry& entry) const {
    return (entry.kind == Kind::kWrong ? 2 : 1) * Side() + g_.text / 2;
  }

  void DrawSwatch(Kind kind, const PixelBox& box) {
    if (kind == Kind::kHidden) return canvas_.Fill(box, Rgb(kHiddenColor));
    canvas_.Fill(box, Rgb(0x8FA9A0));  // some patch
    const int frame = 3;
    if (kind == Kind::kNoPosition) canvas_.Frame(box, frame, Rgb(kNoPositionColor));
    if (kind == Kind::kRight) canvas_.Frame(box, frame, Rgb(kRightColor));
    if (kind == Kind::kWrong) {
      canvas_.Frame(box, frame, Rgb(kWrongColor));
      const PixelBox own{box.x + box.width, box.y, box.width, box.height};
      canvas_.Fill(own, Rgb(kEmptyColor));
      canvas_.Frame(own, 1, Rgb(kHiddenColor));
      const Point tip = Center(own);
      canvas_.Arrow(own.x, tip.y, tip.x + box.width * 0.2, tip.y, box.width / 10.0,
                    Rgb(kWrongColor), Rgb(kArrowEdgeColor));
    }
    if (kind == Kind::kSeveral) DrawCount(box, "2", false, &canvas_);
  }

  const SheetGeometry& g_;
  Canvas& canvas_;
  int lines_ = 1;
};

void DrawCaption(const SheetGeometry& g, int row, const PositionAnswers& answers, Canvas* canvas) {
  const PixelBox panel = g.Panel(row, SheetColumn::kImage);
  const double y = panel.y - g.text * 0.55;
  const std::string summary = ": " + answers.Summary();
  const double room = g.width - 2 * g.margin - canvas->TextWidth(summary, Style(g));
  const std::string name = canvas->Fitted(answers.name, Style(g, true), room);
  canvas->Text(g.margin, y, name, Style(g, true));
  canvas->Text(g.margin + canvas->TextWidth(name, Style(g, true)), y, summary, Style(g));
}

}  // namespace

int PositionAnswers::asked() const {
  int asked = 0;
  for (const VisiblePatch& patch : patches) asked += !patch.has_position;
  return asked;
}

int PositionAnswers::right() const {
  int right = 0;
  for (const VisiblePatch& patch : patches) {
    right += !patch.has_position && patch.predicted == patch.cell;
  }
  return right;
}

double PositionAnswers::mean_distance() const {
  double sum = 0;
  for (const VisiblePatch& patch : patches) {
    if (patch.has_position) continue;
    sum += std::hypot(patch.predicted / grid_w() - patch.cell / grid_w(),
                      patch.predicted % grid_w() - patch.cell % grid_w());
  }
  return sum == 0 ? 0 : sum / asked();
}

std::string PositionAnswers::Summary() const {
  return absl::StrFormat("%d of %d right, mean distance %.1f cells", right(), asked(),
                         mean_distance());
}

PixelBox SheetGeometry::Panel(int row, SheetColumn column) const {
  return {margin + static_cast<int>(column) * column_width, first_panel_y + row * row_height,
          grid_w * cell, grid_h * cell};
}

PixelBox SheetGeometry::Cell(int row, SheetColumn column, int index) const {
  const PixelBox panel = Panel(row, column);
  return {panel.x + index % grid_w * cell, panel.y + index / grid_w * cell, cell, cell};
}

SheetGeometry PlanSheet(int grid_h, int grid_w, int patch_size) {
  constexpr int kPanel = 448, kLargestPanel = 2048, kSmallestCell = 24, kLargestCell = 112;
  const int longest = std::max(grid_h, grid_w);
  SheetGeometry g;
  g.grid_h = grid_h;
  g.grid_w = grid_w;
  const int wanted = std::clamp(kPanel / longest, kSmallestCell, kLargestCell);
  // Whole pixels become whole squares.
  g.cell = std::max(1, (wanted + patch_size / 2) / patch_size) * patch_size;
  while (g.cell < kSmallestCell) g.cell += patch_size;
  if (g.cell * longest > kLargestPanel) g.cell = std::max(2, kLargestPanel / longest);
  g.frame = std::clamp(g.cell / 12, 1, 6);
  g.text = std::clamp(grid_w * g.cell / 24, 14, 32);
  g.margin = g.text * 5 / 4;
  g.column_width = std::max(grid_w * g.cell, g.text * 16) + g.margin;
  g.first_panel_y = g.margin + g.text * 11 / 2;  // title, headings, caption
  g.row_height = grid_h * g.cell + g.text * 5 / 2;
  g.width = 4 * g.column_width + g.margin;
  return g;
}

absl::StatusOr<Image> DrawSheet(const std::string& title, const std::vector<PositionAnswers>& rows,
                                bool wrong_positions) {
  CHECK(!rows.empty());
  const PositionAnswers& first = rows.front();
  const SheetGeometry g = PlanSheet(first.grid_h(), first.grid_w(), first.patch_size);

  // The height of the legend depends on its letters.
  ASSIGN_OR_RETURN(Canvas scratch, Canvas::Create(1, 1));
  const int64_t legend_y =
      g.first_panel_y + static_cast<int64_t>(rows.size()) * g.row_height - g.text;
  const int64_t height = legend_y + Legend(g, wrong_positions, &scratch).Height() + g.margin / 2;
  if (height > Canvas::kLargestSide) {
    return graph::InvalidArgument("a sheet of ", rows.size(), " images would be ", height,
                                  " pixels high, at most ", Canvas::kLargestSide,
                                  " are possible; give fewer images");
  }
  ASSIGN_OR_RETURN(Canvas canvas, Canvas::Create(g.width, static_cast<int>(height)));
  const double title_y = g.margin + g.text * 0.9;
  canvas.Text(g.margin, title_y, canvas.Fitted(title, Style(g), g.width - 2 * g.margin), Style(g));
  for (const SheetColumn column :
       {SheetColumn::kImage, SheetColumn::kInput, SheetColumn::kAnswer, SheetColumn::kTogether}) {
    canvas.Text(g.Panel(0, column).x, title_y + g.text * 2, kHeadings[static_cast<int>(column)],
                Style(g, true));
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].grid_h() == g.grid_h && rows[i].grid_w() == g.grid_w);
    const int row = static_cast<int>(i);
    DrawCaption(g, row, rows[i], &canvas);
    RowPainter painter(g, row, rows[i], &canvas);
    painter.DrawImage();
    painter.DrawInput();
    painter.DrawAnswer();
    painter.DrawTogether();
  }
  Legend(g, wrong_positions, &canvas).Draw(static_cast<int>(legend_y));
  return canvas.Finish();
}

}  // namespace tools
