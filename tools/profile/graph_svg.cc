#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "absl/strings/str_format.h"
#include "tools/dump/dot_parts.h"
#include "tools/profile/graph_parts.h"
#include "tools/profile/summary.h"
#include "tools/profile/write_profile.h"

namespace tools {
namespace {

// Pixels.
constexpr int kMargin = 24;
constexpr int kBoxWidth = 340;
constexpr int kColumnGap = 110;
constexpr int kRowGap = 26;
constexpr int kHeader = 26;
constexpr int kLine = 17;
constexpr int kPageHeader = 116;

// Light yellow to dark red (ColorBrewer's YlOrRd).
constexpr int kScale[][3] = {{255, 255, 255}, {255, 237, 160}, {254, 178, 76},
                             {252, 78, 42},   {189, 0, 38},    {110, 0, 30}};
constexpr int kSteps = 5;

struct Fill {
  std::string color, text;
};

class Drawing {
 public:
  explicit Drawing(const Profile& profile)
      : profile_(profile), parts_(PartsOf(profile)), step_ms_(profile.step_ms()) {
    for (const GraphBox& box : parts_.boxes) {
      if (box.role != Role::kOptimizer) column_[box.role] = 0;
      for (const GraphLine& line : box.lines) {
        darkest_ = std::max(darkest_, Share(line.totals.ms));
      }
    }
    int columns = 0;
    for (auto& [role, column] : column_) column = columns++;
    width_ = 2 * kMargin + std::max(2, columns) * (kBoxWidth + kColumnGap);
    std::vector<int> heights(parts_.rows, 0);
    for (const GraphBox& box : parts_.boxes) {
      heights[box.row] = std::max(heights[box.row], Height(box));
    }
    int y = kPageHeader;
    for (int height : heights) {
      row_y_.push_back(y);
      if (height > 0) y += height + kRowGap;
    }
    height_ = y + kMargin;
  }

  std::string Draw() const {
    std::string text = absl::StrFormat(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
        "viewBox=\"0 0 %d %d\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n"
        "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
        "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#666\"/></marker>"
        "</defs>\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
        width_, height_, width_, height_);
    Header(&text);
    for (const auto& [from, to] : parts_.edges) Edge(from, to, &text);
    for (const GraphBox& box : parts_.boxes) Box(box, &text);
    return text + "</svg>\n";
  }

 private:
  double Share(double ms) const { return step_ms_ > 0 ? ms / step_ms_ : 0; }
  static int Height(const GraphBox& box) {
    return kHeader + kLine * static_cast<int>(box.lines.size());
  }
  int X(const GraphBox& box) const {
    const int column = box.role == Role::kOptimizer ? 0 : column_.at(box.role);
    return kMargin + kColumnGap / 2 + column * (kBoxWidth + kColumnGap);
  }
  int Y(const GraphBox& box) const { return row_y_[box.row]; }

  // By the square root of the share, so that small shares are distinguishable.
  Fill FillOf(double share) const {
    const double at = darkest_ > 0 ? std::min(1.0, std::sqrt(share / darkest_)) * kSteps : 0;
    const int i = std::min(kSteps - 1, static_cast<int>(at));
    int rgb[3];
    for (int c = 0; c < 3; ++c) {
      rgb[c] = static_cast<int>(
          std::lround(kScale[i][c] + (at - i) * (kScale[i + 1][c] - kScale[i][c])));
    }
    return {absl::StrFormat("#%02x%02x%02x", rgb[0], rgb[1], rgb[2]), at > 3 ? "white" : "#222"};
  }

  static std::string Text(int x, int y, const std::string& text, const std::string& more = "") {
    return absl::StrFormat("<text x=\"%d\" y=\"%d\" %s>%s</text>\n", x, y, more, EscapeHtml(text));
  }

  static std::string Rect(int x, int y, int width, int height, const std::string& look) {
    return absl::StrFormat("<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" %s/>\n", x, y, width,
                           height, look);
  }
  static std::string Filled(const std::string& color) {
    return absl::StrCat("fill=\"", color, "\"");
  }

  void Header(std::string* text) const {
    const graph::Net& net = profile_.executables.back()->net();
    absl::StrAppend(text,
                    Text(kMargin, 34, absl::StrFormat("%s: %.2f ms a step", net.name, step_ms_),
                         "font-size=\"22\" font-weight=\"bold\""),
                    Text(kMargin, 56,
                         absl::StrFormat("mean of %d steps; %d operators; times are of a step",
                                         profile_.steps.size(), net.ops.size()),
                         "fill=\"#555\""));
    // One sentence, broken into lines that fit.
    std::string line;
    int y = 74;
    const size_t fits = static_cast<size_t>(width_ - 330) / 6;
    const std::string sentence = DominantSentence(profile_);
    for (size_t at = 0; at < sentence.size();) {
      const size_t space = std::min(sentence.find(' ', at), sentence.size());
      if (!line.empty() && line.size() + space - at > fits) {
        *text += Text(kMargin, y, line, "fill=\"#555\"");
        line.clear();
        y += 15;
      }
      absl::StrAppend(&line, sentence.substr(at, space - at), " ");
      at = space + 1;
    }
    *text += Text(kMargin, y, line, "fill=\"#555\"");
    Legend(text);
  }

  void Legend(std::string* text) const {
    constexpr int kWidth = 200, kParts = 40;
    const int x = width_ - kMargin - kWidth;
    *text += Text(x, 30, "share of the step, one line", "fill=\"#222\"");
    for (int i = 0; i < kParts; ++i) {
      const double at = (i + 0.5) / kParts;
      *text += Rect(x + i * kWidth / kParts, 38, kWidth / kParts, 14,
                    Filled(FillOf(at * at * darkest_).color));
    }
    *text += Rect(x, 38, kWidth, 14, "fill=\"none\" stroke=\"#888\"");
    *text += Text(x, 66, "0");
    *text += Text(x + kWidth / 2, 66, absl::StrFormat("%.1f%%", 25 * darkest_),
                  "text-anchor=\"middle\"");
    *text += Text(x + kWidth, 66, absl::StrFormat("%.1f%%", 100 * darkest_), "text-anchor=\"end\"");
    *text += Text(x, 86, "full line: a value handed on", "fill=\"#555\"");
    *text += Text(x, 101, "dashed: kept for another pass", "fill=\"#555\"");
  }

  std::string Tooltip(const std::string& name, const Totals& t) const {
    std::string text = absl::StrFormat(
        "%s\n%.4g calls a step, %.3f ms, %.1f%% of the step\n%.1f GFLOP/s, %.1f GB/s", name,
        t.calls, t.ms, 100 * Share(t.ms), t.gflops_per_s(), t.gb_per_s());
    if (t.roofline_ms > 0) {
      absl::StrAppendFormat(&text, "\n%.0f%% of the roofline, the limit is %s",
                            100 * t.roofline_share(), t.compute_bound() ? "compute" : "memory");
    }
    return absl::StrCat("<title>", EscapeHtml(text), "</title>");
  }

  void Box(const GraphBox& box, std::string* text) const {
    const int x = X(box), y = Y(box);
    std::string name = box.name;
    if (box.role == Role::kGuide) name = absl::StrCat("guide ", name);
    if (box.role == Role::kBackward) name = absl::StrCat("backward ", name);
    if (box.blocks.size() > 1) absl::StrAppend(&name, " × ", box.blocks.size());
    absl::StrAppend(text, "<g>", Tooltip(name, box.totals),
                    Rect(x, y, kBoxWidth, kHeader, Filled("#eef1f4")),
                    Text(x + 8, y + 17, name, "font-weight=\"bold\""),
                    Text(x + kBoxWidth - 8, y + 17, Times(box.totals),
                         "text-anchor=\"end\" font-weight=\"bold\""),
                    "</g>\n");
    int line_y = y + kHeader;
    for (const GraphLine& line : box.lines) {
      const Fill fill = FillOf(Share(line.totals.ms));
      const std::string full = absl::StrCat(box.name, box.blocks.empty() ? " " : ".* ", line.name);
      absl::StrAppend(text, "<g ", Filled(fill.text), ">",
                      Tooltip(absl::StrCat(full, " (", line.type, ")"), line.totals),
                      Rect(x, line_y, kBoxWidth, kLine, Filled(fill.color)));
      // The type in italics after the name, if there is room beside the times.
      constexpr size_t kFits = 36;
      const std::string name = line.name == line.type ? "" : line.name + "  ";
      const std::string shown = name.size() <= kFits ? name : name.substr(0, kFits);
      absl::StrAppendFormat(text,
                            "<text x=\"%d\" y=\"%d\" xml:space=\"preserve\">%s<tspan "
                            "font-style=\"italic\">%s</tspan></text>\n",
                            x + 8, line_y + 13, EscapeHtml(shown),
                            EscapeHtml(line.type.substr(0, kFits - shown.size())));
      absl::StrAppend(
          text, Text(x + kBoxWidth - 8, line_y + 13, Times(line.totals), "text-anchor=\"end\""),
          "</g>\n");
      line_y += kLine;
    }
    *text += Rect(x, y, kBoxWidth, Height(box), "fill=\"none\" stroke=\"#555\" rx=\"3\"");
  }

  std::string Times(const Totals& t) const {
    return absl::StrFormat("%.3f ms  %.1f%%", t.ms, 100 * Share(t.ms));
  }

  void Edge(int from_box, int to_box, std::string* text) const {
    const GraphBox& from = parts_.boxes[from_box];
    const GraphBox& to = parts_.boxes[to_box];
    const int direction = to.row > from.row ? 1 : -1;
    std::string path, style = "stroke=\"#666\"";
    if (from.role == to.role && !Between(from, to)) {
      const int x = X(from) + kBoxWidth / 2;
      path = direction > 0 ? absl::StrFormat("M%d %dV%d", x, Y(from) + Height(from), Y(to) - 2)
                           : absl::StrFormat("M%d %dV%d", x, Y(from), Y(to) + Height(to) + 2);
      style = "stroke=\"#666\" stroke-width=\"1.6\"";
    } else if (from.role == to.role) {
      // Goes around the boxes between, on the outer side.
      const bool right = from.role == Role::kBackward;
      const int x = X(from) + (right ? kBoxWidth : 0);
      const int out =
          x + (right ? 1 : -1) * std::min(kColumnGap / 2, 14 + 6 * std::abs(from.row - to.row));
      const int a = Y(from) + kHeader / 2 + 4, b = Y(to) + kHeader / 2 - 4;
      path = absl::StrFormat("M%d %dC%d %d %d %d %d %d", x, a, out, a, out, b, x, b);
    } else {
      const bool right = X(to) > X(from);
      const int x1 = X(from) + (right ? kBoxWidth : 0), x2 = X(to) + (right ? 0 : kBoxWidth);
      const int middle = (x1 + x2) / 2;
      const int a = Y(from) + kHeader / 2, b = Y(to) + kHeader / 2;
      path = absl::StrFormat("M%d %dC%d %d %d %d %d %d", x1, a, middle, a, middle, b, x2, b);
      style = "stroke=\"#99a\" stroke-dasharray=\"4 3\"";
    }
    absl::StrAppendFormat(text, "<path d=\"%s\" fill=\"none\" %s marker-end=\"url(#head)\"/>\n",
                          path, style);
  }

  // Whether a box of the same pass is between the two.
  bool Between(const GraphBox& a, const GraphBox& b) const {
    const int low = std::min(a.row, b.row), high = std::max(a.row, b.row);
    return std::any_of(parts_.boxes.begin(), parts_.boxes.end(), [&](const GraphBox& box) {
      return box.role == a.role && box.row > low && box.row < high;
    });
  }

  const Profile& profile_;
  const GraphParts parts_;
  const double step_ms_;
  double darkest_ = 0;  // the largest share of a line
  std::map<Role, int> column_;
  std::vector<int> row_y_;
  int width_ = 0, height_ = 0;
};

}  // namespace

std::string GraphSvg(const Profile& profile) { return Drawing(profile).Draw(); }

}  // namespace tools
