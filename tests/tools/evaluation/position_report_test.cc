#include "tools/evaluation/position_report.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Grid kGrid = {2, 3};

// Cell 5 is never asked for; cell 0 is always right, cell 4 never.
PositionReport Example() {
  PositionReport report;
  report.grid = kGrid;
  report.chance = UniformGuessing(kGrid);
  report.images = 10;
  PositionResult result;
  result.ratios = {0.5, 0.75, true};
  result.visible = 3;
  result.dropped = 3;
  PositionScores& s = result.scores;
  s.scored = 30;
  s.mean = {0.5, 0.9, 0.7, 0.8};
  s.cell_scored = {6, 6, 8, 5, 5, 0};
  s.cell_wrong = {0, 3, 4, 3, 5, 0};
  s.cell_answers = {9, 5, 5, 5, 3, 3};
  s.top_cell = 0;
  s.top_share = 0.3;
  report.results.push_back(result);
  return report;
}

TEST(PositionReport, TableHasChanceBelowEachNumber) {
  PositionReport report = Example();
  EXPECT_EQ(PositionTable(report, 80),
            "mask   pos                                                            commonest\n"
            "ratio  ratio  dropped       scored   top-1    top-5 distance within 1    answer\n"
            "0.5    0.75 * 3 of 3            30  50.00%   90.00%    0.700   80.00%    30.00%\n"
            "chance                              16.67%   83.33%    1.174   77.78%    16.67%\n");
  report.results[0].scores.collapsed = true;
  report.results[0].scores.top_cell = 4;
  PositionResult nothing;
  nothing.ratios = {0.9, 0.1, false};
  nothing.visible = 1;
  report.results.push_back(nothing);
  const std::string table = PositionTable(report, 1000);
  EXPECT_THAT(table, HasSubstr("WARNING: collapsed: 30.0% of the answers are the cell at row 1, "
                               "column 1 (a cell's share is 16.67%) with mask_ratio"));
  EXPECT_THAT(table, HasSubstr("1 of the 1 lines are like that")) << "a skipped pair has no line";
  EXPECT_THAT(table, HasSubstr("skipped mask_ratio 0.9, pos_mask_ratio 0.1: all 1 visible"));
  const size_t warning = table.find("WARNING");
  EXPECT_EQ(std::count(table.begin() + warning, table.end(), '\n'), 1);
}

// The largest numbers that a model of the zoo can have.
TEST(PositionReport, TableFitsANarrowScreen) {
  PositionReport report;
  report.grid = {24, 24};
  report.chance = UniformGuessing(report.grid);
  PositionResult result;
  result.ratios = {0.75, 0.75, true};
  result.visible = result.dropped = 576;
  result.scores.scored = 28'800'000;
  result.scores.mean = {1, 1, 33.941, 1};
  result.scores.top_share = 1;
  result.scores.collapsed = true;
  report.results.push_back(result);
  const std::string table = PositionTable(report, 80);
  EXPECT_THAT(table, HasSubstr("576 of 576  28800000 100.00%  100.00%   33.941  100.00%"));
  size_t begin = 0;
  for (size_t end; (end = table.find('\n', begin)) != std::string::npos; begin = end + 1) {
    EXPECT_LE(end - begin, 80u) << table.substr(begin, end - begin);
  }
  EXPECT_THAT(table, HasSubstr("\n         ")) << "the warning is wrapped";
}

TEST(PositionReport, ErrorRatesAreByTrueCell) {
  const PositionReport report = Example();
  EXPECT_THAT(ErrorRates(report.results[0].scores), ElementsAre(0, 0.5, 0.5, 0.6, 1, -1));
  const std::string about = "Wrong answers by true cell in percent (mask ratio 0.5, pos ratio 0.75):";
  EXPECT_EQ(ErrorTable(report.results[0], kGrid, 12), about +
                                                          "\n"
                                                          "   0  50  50\n"
                                                          "  60 100   .\n");
  EXPECT_THAT(ErrorTable(report.results[0], kGrid, 11), HasSubstr("--error_map=FILE.png"))
      << "what has no room is somewhere else";
  EXPECT_THAT(ErrorTable(report.results[0], kGrid, 11), Not(HasSubstr("60 100")));
}

TEST(PositionReport, JsonHoldsTheNumbersAndTheMap) {
  PositionReport report = Example();
  PositionResult nothing;
  nothing.ratios = {0.9, 0.1, false};
  report.results.push_back(nothing);
  const nlohmann::ordered_json json = PositionJson(report);
  EXPECT_EQ(json["images"], 10);
  EXPECT_EQ(json["collapsed"], false);
  EXPECT_EQ(json["grid"], nlohmann::ordered_json({2, 3}));
  EXPECT_EQ(json["chance"]["top1"], 1.0 / 6);
  ASSERT_EQ(json["results"].size(), 2);
  const auto& row = json["results"][0];
  EXPECT_EQ(row["mask_ratio"], 0.5);
  EXPECT_EQ(row["recipe"], true);
  EXPECT_EQ(row["scored"], 30);
  EXPECT_EQ(row["top5"], 0.9);
  EXPECT_EQ(row["distance"], 0.7);
  EXPECT_EQ(row["within1"], 0.8);
  EXPECT_EQ(row["top_cell"], nlohmann::ordered_json({0, 0}));
  EXPECT_EQ(row["error_map"].dump(), "[[0.0,0.5,0.5],[0.6,1.0,null]]");
  EXPECT_EQ(row["answers"].dump(), "[[9,5,5],[5,3,3]]");
  EXPECT_EQ(json["results"][1]["scored"], 0);
  EXPECT_FALSE(json["results"][1].contains("top1"));
  report.results[0].scores.collapsed = true;
  EXPECT_EQ(PositionJson(report)["collapsed"], true);
}

}  // namespace
}  // namespace tools
