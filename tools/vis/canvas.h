// A page to draw on, in pixels from its top left corner. Only this file uses Cairo.
#ifndef TOOLS_VIS_CANVAS_H_
#define TOOLS_VIS_CANVAS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/image.h"

namespace tools {

struct Color {
  double r = 0, g = 0, b = 0;  // in [0, 1]
  double opacity = 1;
};
// Color from 0xRRGGBB.
Color Rgb(int hex, double opacity = 1);

struct TextStyle {
  double size = 16;  // of an em, pixels
  bool bold = false;
  Color color;
};

struct Point {
  double x = 0, y = 0;
};

struct LineStyle {
  double thickness = 1;
  Color color;
  std::vector<double> dashes;  // lengths of strokes and gaps in turn; empty: one stroke
};

// Not thread-safe; canvases in several threads are fine.
class Canvas {
 public:
  // Larger sides, which Cairo cannot hold, are an error.
  static constexpr int kLargestSide = 32767;
  // A white page. RESOURCE_EXHAUSTED if it does not fit into memory. The image has `scale` pixels
  // along each side of a page's pixel.
  static absl::StatusOr<Canvas> Create(int width, int height, int scale = 1);
  // The same page as vector shapes.
  static absl::StatusOr<Canvas> CreateSvg(int width, int height);
  Canvas(Canvas&& other) noexcept;
  ~Canvas();

  void Fill(const models::PixelBox& box, const Color& color);
  // Drawn inside `box`.
  void Frame(const models::PixelBox& box, double thickness, const Color& color);
  // Draws an image at its own size.
  void Paint(const models::Image& image, int x, int y, double opacity = 1);
  // Draws from (x0, y0) to the tip at (x1, y1), in one colour without overlaps, with a thin `halo`
  // that sets it off from what lies below. Draws nothing if the points are equal.
  void Arrow(double x0, double y0, double x1, double y1, double thickness, const Color& color,
             const Color& halo);
  void Disc(double x, double y, double radius, const Color& color);
  // Through the points in turn. A point that is not finite interrupts the line; a point between two
  // such points is left out.
  void Line(const std::vector<Point>& points, const LineStyle& style);
  void Polygon(const std::vector<Point>& points, const Color& color);
  // Until Unclip(), drawing is cut off outside `box`. Not nested.
  void Clip(const models::PixelBox& box);
  void Unclip();
  // The baseline is at y, and the share `anchor` of the width lies left of x: 0 begins there, 1
  // ends there. Bytes that are not UTF-8 and control characters show as '?'.
  void Text(double x, double y, const std::string& text, const TextStyle& style, double anchor = 0);
  double TextWidth(const std::string& text, const TextStyle& style);
  // As much of `text` as is no wider than `width`, keeping both ends; "…" stands for the middle.
  std::string Fitted(const std::string& text, const TextStyle& style, double width);

  // For Create's canvas. Once.
  absl::StatusOr<models::Image> Finish();
  // The file's text, for CreateSvg's canvas. Once.
  absl::StatusOr<std::string> FinishSvg();

 private:
  struct Cairo;
  explicit Canvas(std::unique_ptr<Cairo> cairo);
  static absl::StatusOr<Canvas> Begin(std::unique_ptr<Cairo> cairo, int width, int height);

  std::unique_ptr<Cairo> cairo_;
};

}  // namespace tools

#endif  // TOOLS_VIS_CANVAS_H_
