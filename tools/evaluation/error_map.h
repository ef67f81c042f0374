// Draws where a model places patches wrongly.
#ifndef TOOLS_EVALUATION_ERROR_MAP_H_
#define TOOLS_EVALUATION_ERROR_MAP_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/data/image.h"
#include "tools/evaluation/position_scores.h"

namespace tools {

// The box of a cell of the grid (row-major) in the picture.
models::PixelBox ErrorMapCell(const Grid& grid, int cell);

// The share of wrong answers by true cell: from pale yellow (0%) to dark red (100%), the same scale
// on every map, grey if nothing was scored. Cells that are large enough show the percentage. The
// `title` (the model) and `conditions` (what was asked) are above the map, the scale is below it.
absl::StatusOr<models::Image> DrawErrorMap(const PositionScores& scores, const Grid& grid,
                                           const std::string& title, const std::string& conditions);

}  // namespace tools

#endif  // TOOLS_EVALUATION_ERROR_MAP_H_
