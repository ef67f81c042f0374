// A position report for people and programs: table, text grid, picture, JSON.
#ifndef TOOLS_EVALUATION_POSITION_REPORT_H_
#define TOOLS_EVALUATION_POSITION_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/image.h"
#include "nlohmann/json.hpp"
#include "tools/evaluation/position_protocol.h"

namespace tools {

// One line for each pair of ratios, of 79 characters, and one with what guessing gives below them;
// the recipe's is marked. Pairs that drop no position are named below; then, if answers collapsed,
// one WARNING about the worst of them, wrapped at `columns`.
std::string PositionTable(const PositionReport& report, int columns);

// The share of wrong answers for every true cell, row by row; -1 if nothing was scored there.
std::vector<double> ErrorRates(const PositionScores& scores);

// ErrorRates in percent as rows of text below a line that says so, "." if nothing was scored; where
// `columns` are too few for them, a line that says where else they are.
std::string ErrorTable(const PositionResult& result, const Grid& grid, int columns);

// The box of a cell of the grid (row-major) in the picture.
models::PixelBox ErrorMapCell(const Grid& grid, int cell);

// The share of wrong answers by true cell: from pale yellow (0%) to dark red (100%), the same scale
// on every map, grey if nothing was scored. Cells that are large enough show the percentage. The
// `title` (the model) and `conditions` (what was asked) are above the map, the scale is below it.
absl::StatusOr<models::Image> DrawErrorMap(const PositionScores& scores, const Grid& grid,
                                           const std::string& title, const std::string& conditions);

// chance, collapsed, and a list `results`; docs/evaluation.md lists the fields.
nlohmann::ordered_json PositionJson(const PositionReport& report);

}  // namespace tools

#endif  // TOOLS_EVALUATION_POSITION_REPORT_H_
