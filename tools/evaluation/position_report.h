// A position report for people and programs: table, text grid, JSON (its picture: error_map.h).
#ifndef TOOLS_EVALUATION_POSITION_REPORT_H_
#define TOOLS_EVALUATION_POSITION_REPORT_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/evaluation/position_protocol.h"

namespace tools {

// One line for each pair of ratios, chance in brackets beside each number, the
// recipe's marked; pairs that drop no position are named below; then one WARNING
// line where answers collapsed, about the worst of them.
std::string PositionTable(const PositionReport& report);

// Of every true cell the share of wrong answers, row by row; -1 where none was scored.
std::vector<double> ErrorRates(const PositionScores& scores);

// They in percent as rows of text, "." where nothing was scored.
std::string ErrorGrid(const PositionScores& scores, const Grid& grid);

// chance, collapsed, and a list `results`; docs/evaluation.md names the fields.
nlohmann::ordered_json PositionJson(const PositionReport& report);

}  // namespace tools

#endif  // TOOLS_EVALUATION_POSITION_REPORT_H_
