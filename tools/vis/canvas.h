// A page to draw on, in pixels from its top left corner. The one place that knows
// Cairo.
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
  // Sides that Cairo cannot hold are an error.
  static constexpr int kLargestSide = 32767;
  // A page filled with `background`. RESOURCE_EXHAUSTED without the memory for it. The image has
  // `scale` pixels a side of each of the page's.
  static absl::StatusOr<Canvas> Create(int width, int height, const Color& background,
                                       int scale = 1);
  // The same page as shapes.
  static absl::StatusOr<Canvas> CreateSvg(int width, int height, const Color& background);
  Canvas(Canvas&& other) noexcept;
  ~Canvas();

  void Fill(const models::PixelBox& box, const Color& color);
  // Drawn inside `box`.
  void Frame(const models::PixelBox& box, double thickness, const Color& color);
  // An image at its own size.
  void Paint(const models::Image& image, int x, int y, double opacity = 1);
  // From (x0, y0) to the tip at (x1, y1), in one colour without overlaps, with a
  // thin `halo` that sets it off from what lies below. Nothing where both points
  // are one.
  void Arrow(double x0, double y0, double x1, double y1, double thickness, const Color& color,
             const Color& halo);
  void Disc(double x, double y, double radius, const Color& color);
  // Through the points in turn. A point that is not finite interrupts it; a point between two
  // such is left out.
  void Line(const std::vector<Point>& points, const LineStyle& style);
  void Polygon(const std::vector<Point>& points, const Color& color);
  // What is drawn until Unclip() is cut off outside `box`. Not nested.
  void Clip(const models::PixelBox& box);
  void Unclip();
  // The first letter begins at x, letters stand on y. Bytes that are not UTF-8 and
  // control characters show as '?'.
  void Text(double x, double y, const std::string& text, const TextStyle& style);
  double TextWidth(const std::string& text, const TextStyle& style);

  // Of Create's canvas. Once.
  absl::StatusOr<models::Image> Finish();
  // The file's text, of CreateSvg's canvas. Once.
  absl::StatusOr<std::string> FinishSvg();

 private:
  struct Cairo;
  explicit Canvas(std::unique_ptr<Cairo> cairo);
  static absl::StatusOr<Canvas> Begin(std::unique_ptr<Cairo> cairo, int width, int height,
                                      const Color& background);

  std::unique_ptr<Cairo> cairo_;
};

}  // namespace tools

#endif  // TOOLS_VIS_CANVAS_H_
