// Draws a page of curves.
#ifndef TOOLS_CURVES_CURVE_SHEET_H_
#define TOOLS_CURVES_CURVE_SHEET_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/data/image.h"
#include "tools/curves/curves.h"

namespace tools {

// A legend, panels in a grid with one range of x, and remarks. Curves have one of seven colours
// that colour-blind people can tell apart, and one of four kinds of dashes. The same page gives the
// same picture. In an SVG, Cairo numbers clips through, so only the first drawing of each process
// is the same byte for byte.
absl::StatusOr<std::string> DrawCurvesSvg(const CurvePage& page);
// In pixels, two along each side of an SVG's pixel.
absl::StatusOr<models::Image> DrawCurves(const CurvePage& page);

}  // namespace tools

#endif  // TOOLS_CURVES_CURVE_SHEET_H_
