#include "tools/vis/canvas.h"

#include <cairo/cairo-svg.h>
#include <cairo/cairo.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include "graph/base/status.h"

namespace tools {
namespace {

constexpr char kFont[] = "DejaVu Sans";

// Bytes of the UTF-8 character at text[i], 0 if it is none: after a text that is not UTF-8 Cairo
// refuses to draw anything.
size_t CharacterBytes(const std::string& text, size_t i) {
  const uint8_t first = text[i];
  if (first < 0x20 || first == 0x7f) return 0;
  if (first < 0x80) return 1;
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || i + bytes > text.size()) return 0;
  for (size_t k = 1; k < bytes; ++k) {
    if ((static_cast<uint8_t>(text[i + k]) & 0xc0) != 0x80) return 0;
  }
  const uint8_t second = text[i + 1];
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool beyond = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : bytes;
}

std::string Printable(const std::string& text) {
  std::string printable;
  for (size_t i = 0; i < text.size();) {
    const size_t bytes = CharacterBytes(text, i);
    printable += bytes == 0 ? "?" : text.substr(i, bytes);
    i += std::max<size_t>(bytes, 1);
  }
  return printable;
}

struct SurfaceFreer {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using Surface = std::unique_ptr<cairo_surface_t, SurfaceFreer>;

// (H, W) words of 0x00RRGGBB, rows `stride` bytes apart.
Surface SurfaceOf(const models::Image& image) {
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, image.width, image.height));
  cairo_surface_flush(surface.get());
  uint8_t* data = cairo_image_surface_get_data(surface.get());
  if (data == nullptr) return surface;  // the surface is in error, which its user will see
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const uint8_t* rgb = image.pixel(x, y);
      const uint32_t word = uint32_t{rgb[0]} << 16 | uint32_t{rgb[1]} << 8 | rgb[2];
      std::memcpy(data + size_t{4} * x + static_cast<size_t>(y) * stride, &word, sizeof(word));
    }
  }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

absl::Status DrawingStatus(cairo_status_t status) {
  if (status == CAIRO_STATUS_SUCCESS) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("drawing failed: ", cairo_status_to_string(status)));
}

}  // namespace

Color Rgb(int hex, double opacity) {
  return {(hex >> 16 & 255) / 255.0, (hex >> 8 & 255) / 255.0, (hex & 255) / 255.0, opacity};
}

struct Canvas::Cairo {
  std::string svg;  // what `surface` has written, if it is an SVG
  Surface surface;
  cairo_t* context = nullptr;

  ~Cairo() {
    if (context != nullptr) cairo_destroy(context);
  }
  void SetColor(const Color& c) { cairo_set_source_rgba(context, c.r, c.g, c.b, c.opacity); }
  void SetFont(const TextStyle& style) {
    cairo_select_font_face(context, kFont, CAIRO_FONT_SLANT_NORMAL,
                           style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(context, style.size);
  }
};

Canvas::Canvas(std::unique_ptr<Cairo> cairo) : cairo_(std::move(cairo)) {}
Canvas::Canvas(Canvas&& other) noexcept = default;
Canvas::~Canvas() = default;

absl::StatusOr<Canvas> Canvas::Create(int width, int height, int scale) {
  if (width < 1 || height < 1 || width > kLargestSide / scale || height > kLargestSide / scale) {
    return graph::InvalidArgument("a picture of ", width, "x", height,
                                  " pixels: a side is at most ", kLargestSide / scale);
  }
  auto cairo = std::make_unique<Cairo>();
  cairo->surface.reset(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, width * scale, height * scale));
  cairo_surface_set_device_scale(cairo->surface.get(), scale, scale);
  return Begin(std::move(cairo), width, height);
}

absl::StatusOr<Canvas> Canvas::CreateSvg(int width, int height) {
  auto cairo = std::make_unique<Cairo>();
  const auto append = [](void* svg, const unsigned char* data, unsigned int length) {
    static_cast<std::string*>(svg)->append(reinterpret_cast<const char*>(data), length);
    return CAIRO_STATUS_SUCCESS;
  };
  cairo->surface.reset(cairo_svg_surface_create_for_stream(append, &cairo->svg, width, height));
  cairo_svg_surface_set_document_unit(cairo->surface.get(), CAIRO_SVG_UNIT_PX);
  return Begin(std::move(cairo), width, height);
}

absl::StatusOr<Canvas> Canvas::Begin(std::unique_ptr<Cairo> cairo, int width, int height) {
  cairo->context = cairo_create(cairo->surface.get());
  if (cairo_status(cairo->context) != CAIRO_STATUS_SUCCESS) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot make a picture of ", width, "x", height,
                     " pixels: ", cairo_status_to_string(cairo_status(cairo->context))));
  }
  // Letters look the same whatever the machine's screen settings.
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(cairo->context, options);
  cairo_font_options_destroy(options);
  cairo_set_line_join(cairo->context, CAIRO_LINE_JOIN_ROUND);
  cairo->SetColor(Rgb(0xFFFFFF));
  cairo_paint(cairo->context);
  return Canvas(std::move(cairo));
}

void Canvas::Fill(const models::PixelBox& box, const Color& color) {
  cairo_->SetColor(color);
  cairo_rectangle(cairo_->context, box.x, box.y, box.width, box.height);
  cairo_fill(cairo_->context);
}

void Canvas::Frame(const models::PixelBox& box, double thickness, const Color& color) {
  cairo_->SetColor(color);
  cairo_set_line_width(cairo_->context, thickness);
  cairo_set_line_join(cairo_->context, CAIRO_LINE_JOIN_MITER);
  cairo_rectangle(cairo_->context, box.x + thickness / 2, box.y + thickness / 2,
                  box.width - thickness, box.height - thickness);
  cairo_stroke(cairo_->context);
  cairo_set_line_join(cairo_->context, CAIRO_LINE_JOIN_ROUND);
}

void Canvas::Paint(const models::Image& image, int x, int y, double opacity) {
  const Surface surface = SurfaceOf(image);
  cairo_set_source_surface(cairo_->context, surface.get(), x, y);
  cairo_paint_with_alpha(cairo_->context, opacity);
}

void Canvas::Arrow(double x0, double y0, double x1, double y1, double thickness, const Color& color,
                   const Color& halo) {
  const double length = std::hypot(x1 - x0, y1 - y0);
  if (length == 0) return;
  const double head = std::min(4.5 * thickness, 0.7 * length);
  const double half_head = head * 0.45, half = std::min(thickness / 2, half_head);
  cairo_t* c = cairo_->context;
  cairo_save(c);
  cairo_translate(c, x0, y0);
  cairo_rotate(c, std::atan2(y1 - y0, x1 - x0));
  cairo_move_to(c, 0, -half);
  cairo_line_to(c, length - head, -half);
  cairo_line_to(c, length - head, -half_head);
  cairo_line_to(c, length, 0);
  cairo_line_to(c, length - head, half_head);
  cairo_line_to(c, length - head, half);
  cairo_line_to(c, 0, half);
  cairo_close_path(c);
  cairo_->SetColor(halo);
  cairo_set_line_width(c, 0.7 * thickness);
  cairo_stroke_preserve(c);
  cairo_->SetColor(color);
  cairo_fill(c);
  cairo_restore(c);
}

void Canvas::Disc(double x, double y, double radius, const Color& color) {
  cairo_->SetColor(color);
  cairo_new_sub_path(cairo_->context);
  cairo_arc(cairo_->context, x, y, radius, 0, 2 * M_PI);
  cairo_fill(cairo_->context);
}

void Canvas::Line(const std::vector<Point>& points, const LineStyle& style) {
  cairo_t* c = cairo_->context;
  bool drawing = false;
  for (const Point& point : points) {
    const bool finite = std::isfinite(point.x) && std::isfinite(point.y);
    if (finite && drawing) cairo_line_to(c, point.x, point.y);
    if (finite && !drawing) cairo_move_to(c, point.x, point.y);
    drawing = finite;
  }
  cairo_->SetColor(style.color);
  cairo_set_line_width(c, style.thickness);
  cairo_set_dash(c, style.dashes.data(), static_cast<int>(style.dashes.size()), 0);
  cairo_stroke(c);
  cairo_set_dash(c, nullptr, 0, 0);
}

void Canvas::Polygon(const std::vector<Point>& points, const Color& color) {
  for (const Point& point : points) cairo_line_to(cairo_->context, point.x, point.y);
  cairo_close_path(cairo_->context);
  cairo_->SetColor(color);
  cairo_fill(cairo_->context);
}

void Canvas::Clip(const models::PixelBox& box) {
  cairo_rectangle(cairo_->context, box.x, box.y, box.width, box.height);
  cairo_clip(cairo_->context);
}

void Canvas::Unclip() { cairo_reset_clip(cairo_->context); }

void Canvas::Text(double x, double y, const std::string& text, const TextStyle& style,
                  double anchor) {
  if (anchor > 0) x -= anchor * TextWidth(text, style);
  cairo_->SetFont(style);
  cairo_->SetColor(style.color);
  cairo_move_to(cairo_->context, x, y);
  cairo_show_text(cairo_->context, Printable(text).c_str());
  cairo_new_path(cairo_->context);
}

double Canvas::TextWidth(const std::string& text, const TextStyle& style) {
  cairo_->SetFont(style);
  cairo_text_extents_t extents;
  cairo_text_extents(cairo_->context, Printable(text).c_str(), &extents);
  return extents.x_advance;
}

std::string Canvas::Fitted(const std::string& text, const TextStyle& style, double width) {
  if (TextWidth(text, style) <= width) return text;
  // Does not cut within a UTF-8 character.
  const auto inside = [&](size_t i) { return i < text.size() && (text[i] & 0xc0) == 0x80; };
  for (size_t kept = text.size(); kept > 0; --kept) {
    size_t head = kept / 2, tail = text.size() - (kept - kept / 2);
    while (head > 0 && inside(head)) --head;
    while (inside(tail)) ++tail;
    const std::string shorter = text.substr(0, head) + "…" + text.substr(tail);
    if (TextWidth(shorter, style) <= width) return shorter;
  }
  return "…";
}

absl::StatusOr<models::Image> Canvas::Finish() {
  RETURN_IF_ERROR(DrawingStatus(cairo_status(cairo_->context)));
  cairo_surface_t* surface = cairo_->surface.get();
  cairo_surface_flush(surface);
  const uint8_t* data = cairo_image_surface_get_data(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  models::Image image = models::Image::Sized(cairo_image_surface_get_width(surface),
                                             cairo_image_surface_get_height(surface));
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      uint32_t word;
      std::memcpy(&word, data + size_t{4} * x + static_cast<size_t>(y) * stride, sizeof(word));
      uint8_t* rgb = image.pixel(x, y);
      rgb[0] = word >> 16 & 255;
      rgb[1] = word >> 8 & 255;
      rgb[2] = word & 255;
    }
  }
  return image;
}

absl::StatusOr<std::string> Canvas::FinishSvg() {
  cairo_surface_finish(cairo_->surface.get());
  RETURN_IF_ERROR(DrawingStatus(cairo_surface_status(cairo_->surface.get())));
  return std::move(cairo_->svg);
}

}  // namespace tools
