// A position report for people and programs: table, text grid, JSON (its picture: error_map.h).
#ifndef TOOLS_EVALUATION_POSITION_REPORT_H_
#define TOOLS_EVALUATION_POSITION_REPORT_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/evaluation/position_protocol.h"

namespace tools {

// One line for each pair of ratios, with chance in brackets beside each number; the recipe's is
// marked. Pairs that drop no position are named below; then, if answers collapsed, one WARNING line
// about the worst of them.
std::string PositionTable(const PositionReport& report);

// The share of wrong answers for every true cell, row by row; -1 if nothing was scored there.
std::vector<double> ErrorRates(const PositionScores& scores);

// ErrorRates in percent as rows of text, "." if nothing was scored.
std::string ErrorGrid(const PositionScores& scores, const Grid& grid);

// chance, collapsed, and a list `results`; docs/evaluation.md lists the fields.
nlohmann::ordered_json PositionJson(const PositionReport& report);

}  // namespace tools

#endif  // TOOLS_EVALUATION_POSITION_REPORT_H_
