// What the page shows, asked pixel by pixel, and that its SVG is whole.
#include "tools/curves/curve_sheet.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"

namespace tools {
namespace {

using models::Image;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;

constexpr int kBlue = 0x0072B2, kOrange = 0xD55E00;

// One panel of one curve for each list of numbers.
CurvePage Page(const std::vector<std::vector<double>>& curves) {
  CurvePage page;
  page.x_label = "epoch";
  page.remarks = {"remark"};
  Panel panel;
  panel.metric = "loss";
  panel.title = "Loss";
  size_t longest = 1;
  for (const std::vector<double>& ys : curves) {
    Curve curve;
    curve.look = static_cast<int>(page.legend.size());
    for (size_t i = 0; i < ys.size(); ++i) {
      curve.line.push_back({static_cast<double>(i), ys[i]});
    }
    longest = std::max(longest, ys.size());
    page.legend.push_back(absl::StrCat("run ", page.legend.size()));
    panel.curves.push_back(curve);
  }
  page.panels = {panel};
  page.x_high = std::max<double>(1, static_cast<double>(longest) - 1);
  return page;
}

Image Drawn(const CurvePage& page) {
  absl::StatusOr<Image> image = DrawCurves(page);
  EXPECT_TRUE(image.ok()) << image.status();
  // For a person to look at.
  if (const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR")) {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    EXPECT_TRUE(
        models::WritePng(fs::path(folder) / (std::string(test->name()) + ".png"), *image).ok());
  }
  return *image;
}

std::string Svg(const CurvePage& page) {
  absl::StatusOr<std::string> svg = DrawCurvesSvg(page);
  EXPECT_TRUE(svg.ok()) << svg.status();
  return *svg;
}

// Pixels of exactly that colour, below `from_y`.
int Count(const Image& image, int color, int from_y = 0) {
  int count = 0;
  for (int y = from_y; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const uint8_t* p = image.pixel(x, y);
      count += (p[0] << 16 | p[1] << 8 | p[2]) == color;
    }
  }
  return count;
}

// Below the legend's first line.
constexpr int kBelowLegend = 2 * 45;

TEST(CurveSheet, DrawsEveryCurveInItsColor) {
  const Image one = Drawn(Page({{4, 3, 2, 1}}));
  EXPECT_GT(Count(one, kBlue, kBelowLegend), 500);
  EXPECT_EQ(Count(one, kOrange), 0);
  const Image two = Drawn(Page({{4, 3, 2, 1}, {1, 2, 3, 4}}));
  EXPECT_GT(Count(two, kBlue, kBelowLegend), 500);
  EXPECT_GT(Count(two, kOrange, kBelowLegend), 300) << "dashed";
  EXPECT_LT(Count(two, kOrange, kBelowLegend), Count(two, kBlue, kBelowLegend));
}

TEST(CurveSheet, TheLegendShowsEachLine) {
  const CurvePage page = Page({{4, 3}, {3, 2}});
  const Image image = Drawn(page);
  EXPECT_GT(Count(image, kBlue) - Count(image, kBlue, kBelowLegend), 100);
  EXPECT_GT(Count(image, kOrange) - Count(image, kOrange, kBelowLegend), 50);
}

TEST(CurveSheet, GapsStayEmpty) {
  std::vector<double> whole(101, 1), broken = whole;
  for (int i = 25; i < 75; ++i) broken[i] = std::nan("");
  const int all = Count(Drawn(Page({whole})), kBlue, kBelowLegend);
  const int half = Count(Drawn(Page({broken})), kBlue, kBelowLegend);
  EXPECT_NEAR(half, all / 2, all / 20);
}

// What leads from the end of a short run to its last value does not look like more of the run.
TEST(CurveSheet, AShortRunEndsWhereItEnds) {
  const Image image = Drawn(Page({{4, 3, 2, 1}, {4, 3.5}}));
  constexpr int kLeft = 2 * 66, kWidth = 2 * 270;  // of the plot
  const auto oranges = [&image](int from_x, int to_x) {
    int count = 0;
    for (int y = kBelowLegend; y < image.height; ++y) {
      for (int x = from_x; x < to_x; ++x) {
        const uint8_t* p = image.pixel(x, y);
        count += p[0] > p[2] + 20;  // also where it is faint
      }
    }
    return count;
  };
  constexpr int kEnd = kLeft + kWidth / 3;
  EXPECT_GT(oranges(kLeft, kEnd), 100);
  EXPECT_EQ(oranges(kEnd + 8, kLeft + kWidth), 0);
  EXPECT_GT(oranges(kLeft + kWidth, image.width), 20) << "its last value";
}

TEST(CurveSheet, AValueBetweenGapsIsSeen) {
  const double nan = std::nan("");
  const int without = Count(Drawn(Page({{1, 2, nan, nan, nan, 1, 2}})), kBlue, kBelowLegend);
  EXPECT_GT(Count(Drawn(Page({{1, 2, nan, 1.5, nan, 1, 2}})), kBlue, kBelowLegend), without + 20);
}

TEST(CurveSheet, OddNumbers) {
  const double nan = std::nan("");
  for (const std::vector<double>& ys : std::vector<std::vector<double>>{{},
                                                                        {nan},
                                                                        {nan, nan},
                                                                        {0},
                                                                        {0, 0},
                                                                        {5},
                                                                        {-1e300, 1e300},
                                                                        {1e-300, 2e-300},
                                                                        {1e15, 1e15}}) {
    const CurvePage page = Page({ys});
    Drawn(page);
    const std::string svg = Svg(page);
    EXPECT_FALSE(absl::StrContains(svg, "nan")) << "a place that is none";
    EXPECT_FALSE(absl::StrContains(svg, "inf"));
  }
}

// Equal factors are equal distances.
TEST(CurveSheet, LogarithmicAxis) {
  CurvePage page = Page({{1000, 100, 10, 1}});
  // How far down the curve is after a third of the way, as a share of all the way.
  const auto fallen = [&page] {
    const Image image = Drawn(page);
    const auto height = [&image](int x) {
      double sum = 0;
      int count = 0;
      for (int y = kBelowLegend; y < image.height; ++y) {
        const uint8_t* p = image.pixel(x, y);
        if ((p[0] << 16 | p[1] << 8 | p[2]) == kBlue) sum += y, ++count;
      }
      return sum / count;
    };
    constexpr int kLeft = 2 * 66, kWidth = 2 * 270;  // of the plot
    const double first = height(kLeft + 4), last = height(kLeft + kWidth - 4);
    return (height(kLeft + kWidth / 3) - first) / (last - first);
  };
  EXPECT_NEAR(fallen(), 0.9, 0.03);
  page.panels[0].log_y = true;
  EXPECT_NEAR(fallen(), 1.0 / 3, 0.03);
  page.panels[0].curves[0].line[0].y = std::nan("");
  Drawn(page);
  page = Page({{std::nan("")}});
  page.panels[0].log_y = true;
  Drawn(page);
}

TEST(CurveSheet, ChanceIsDotted) {
  CurvePage page = Page({{0.1, 0.5}});
  page.panels[0].percent = page.panels[0].from_zero = true;
  const int without = Count(Drawn(page), 0x666666);
  page.panels[0].chances = {0.25};
  EXPECT_GT(Count(Drawn(page), 0x666666), without + 50);
}

TEST(CurveSheet, MillionsOfStepsStaySmall) {
  std::vector<double> many(200000);
  for (size_t i = 0; i < many.size(); ++i)
    many[i] = std::sin(1e-4 * static_cast<double>(i * i % 9973));
  EXPECT_LT(Svg(Page({many})).size(), 100000u);
}

TEST(CurveSheet, SvgIsAWholeFile) {
  CurvePage page = Page({{4, 3, 2}, {1, 2, 3}});
  page.panels[0].curves[0].low = {3, 2, 1};
  page.panels[0].curves[0].high = {5, 4, 3};
  page.panels[0].curves[1].raw = page.panels[0].curves[1].line;
  const std::string svg = Svg(page);
  EXPECT_THAT(svg, StartsWith("<?xml"));
  EXPECT_THAT(svg, HasSubstr("<svg"));
  EXPECT_THAT(svg, EndsWith("</svg>\n"));
  EXPECT_THAT(svg, HasSubstr("stroke-dasharray"));
}

// Every look differs from every other in colour or dashes.
TEST(CurveSheet, LooksDiffer) {
  std::set<std::string> looks;
  for (int look = 0; look < kMostCurves; ++look) {
    CurvePage page = Page({{2, 1}});
    page.panels[0].curves[0].look = look;
    const std::string svg = Svg(page);
    // The curve itself, in its thickness.
    const size_t at = svg.find("stroke-width:1.7;");
    ASSERT_NE(at, std::string::npos) << look;
    EXPECT_TRUE(looks.insert(svg.substr(at, svg.find(" d=", at) - at)).second) << look;
  }
}

TEST(CurveSheet, LongNamesAndMany) {
  CurvePage page = Page(std::vector<std::vector<double>>(kMostCurves, {2, 1}));
  page.legend[0] = std::string(300, 'x');
  page.legend[1] = std::string("\xff\x01 not UTF-8");
  for (int i = 0; i < 150; ++i) absl::StrAppend(&page.legend[2], "ü");
  const Image image = Drawn(page);
  EXPECT_LT(image.width, 2000) << "names are shortened";
  page.panels.resize(7, page.panels[0]);
  Drawn(page);
  EXPECT_FALSE(DrawCurves(CurvePage()).ok());
}

}  // namespace
}  // namespace tools
