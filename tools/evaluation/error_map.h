// A picture of where a model puts patches wrongly.
#ifndef TOOLS_EVALUATION_ERROR_MAP_H_
#define TOOLS_EVALUATION_ERROR_MAP_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/data/image.h"
#include "tools/evaluation/position_scores.h"

namespace tools {

// Where a cell of the grid (row-major) lies in the picture.
models::PixelBox ErrorMapCell(const Grid& grid, int cell);

// The share of wrong answers by true cell: from pale yellow (0%) to dark red (100%), the
// same on every map, grey where nothing was scored. The percent stands in each cell where
// cells are large enough. Above it the `title` (the model) and `conditions` (what was
// asked), below it the scale.
absl::StatusOr<models::Image> DrawErrorMap(const PositionScores& scores, const Grid& grid,
                                           const std::string& title, const std::string& conditions);

}  // namespace tools

#endif  // TOOLS_EVALUATION_ERROR_MAP_H_
