#include "tools/vis/batch_sheet.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "tools/vis/canvas.h"

namespace tools {
namespace {

using models::Image;

constexpr int kLeastWidth = 192;  // of a picture on the page: room for words
constexpr int kText = 12;         // em
constexpr int kLine = 16;
constexpr int kMargin = 16;

TextStyle Style(bool bold = false) { return {kText, bold, Rgb(0x222222)}; }

// Each pixel as a square of `scale`.
Image Enlarged(const Image& image, int scale) {
  Image large = Image::Sized(image.width * scale, image.height * scale);
  for (int y = 0; y < large.height; ++y) {
    for (int x = 0; x < large.width; ++x) {
      std::memcpy(large.pixel(x, y), image.pixel(x / scale, y / scale), 3);
    }
  }
  return large;
}

// The phrases with commas between them, as many to a line as fit.
std::vector<std::string> Lines(const std::vector<std::string>& phrases, double width,
                               Canvas* canvas) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < phrases.size(); ++i) {
    const std::string phrase = phrases[i] + (i + 1 < phrases.size() ? "," : "");
    const std::string joined = lines.empty() ? phrase : absl::StrCat(lines.back(), " ", phrase);
    if (lines.empty() || canvas->TextWidth(joined, Style()) > width) {
      lines.push_back(canvas->Fitted(phrase, Style(), width));
    } else {
      lines.back() = joined;
    }
  }
  return lines;
}

}  // namespace

BatchSheetGeometry PlanBatchSheet(int count, int width, int height) {
  CHECK(count > 0 && width > 0 && height > 0);
  constexpr double kShape = 1.4;     // the page's width by its height, about
  constexpr int kWords = 5 * kLine;  // below a picture, about
  BatchSheetGeometry g;
  g.scale = (kLeastWidth + width - 1) / width;
  g.margin = kMargin;
  g.column_width = width * g.scale + kMargin;
  const double row = height * g.scale + kWords;
  g.columns = std::clamp(
      static_cast<int>(std::lround(std::sqrt(count * kShape * row / g.column_width))), 1, count);
  return g;
}

absl::StatusOr<Image> DrawBatchSheet(const std::vector<std::string>& title,
                                     const std::vector<BatchPicture>& pictures) {
  CHECK(!pictures.empty());
  const int count = static_cast<int>(pictures.size());
  const int w = pictures.front().image.width, h = pictures.front().image.height;
  const BatchSheetGeometry g = PlanBatchSheet(count, w, h);
  const double room = g.column_width - kMargin / 2;  // for words

  // How high a row is depends on its words.
  ASSIGN_OR_RETURN(Canvas scratch, Canvas::Create(1, 1));
  std::vector<std::vector<std::string>> words;
  std::vector<int64_t> row_y;
  int64_t y = kMargin + kLine * static_cast<int64_t>(title.size() + 1) - kLine / 2;
  for (int first = 0; first < count; first += g.columns) {
    row_y.push_back(y);
    size_t most = 0;
    for (int i = first; i < std::min(count, first + g.columns); ++i) {
      CHECK(pictures[i].image.width == w && pictures[i].image.height == h);
      words.push_back(Lines(pictures[i].phrases, room, &scratch));
      most = std::max(most, words.back().size());
    }
    y += h * g.scale + kLine * static_cast<int64_t>(most + 1) + kMargin;
  }
  const int64_t width = kMargin + int64_t{g.columns} * g.column_width;
  if (width > Canvas::kLargestSide || y > Canvas::kLargestSide) {
    return graph::InvalidArgument("a page of ", count, " pictures of ", w, "x", h, " would have ",
                                  width, "x", y, " pixels, at most ", Canvas::kLargestSide,
                                  " along each side are possible; give fewer pictures");
  }
  ASSIGN_OR_RETURN(Canvas canvas, Canvas::Create(static_cast<int>(width), static_cast<int>(y)));
  for (size_t i = 0; i < title.size(); ++i) {
    canvas.Text(kMargin, kMargin + kLine * (static_cast<double>(i) + 0.7),
                canvas.Fitted(title[i], Style(i == 0), static_cast<double>(width) - 2 * kMargin),
                Style(i == 0));
  }
  for (int i = 0; i < count; ++i) {
    const int x = g.cell_x(i), top = static_cast<int>(row_y[i / g.columns]);
    canvas.Paint(Enlarged(pictures[i].image, g.scale), x, top);
    double baseline = top + h * g.scale + kLine * 0.9;
    canvas.Text(x, baseline, canvas.Fitted(pictures[i].name, Style(true), room), Style(true));
    for (const std::string& line : words[i]) canvas.Text(x, baseline += kLine, line, Style());
  }
  return canvas.Finish();
}

}  // namespace tools
