#include "models/training/position_table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

// Rough, so that every weight counts.
std::vector<float> Table(int64_t cells, int64_t channels) {
  std::vector<float> table;
  for (int64_t i = 0; i < cells; ++i) {
    for (int64_t j = 0; j < channels; ++j) {
      table.push_back(static_cast<float>((7 * i + 3 * j * j + i * i * (j + 1)) % 11) / 8.0f);
    }
  }
  return table;
}

// The numbers are those of PyTorch 2.15:
//   x = table.reshape(1, h, w, 2).permute(0, 3, 1, 2)
//   torch.nn.functional.interpolate(x, size=to, mode="bicubic", align_corners=False)
void ExpectResized(PatchGrid from, PatchGrid to, const std::vector<float>& expected) {
  EXPECT_THAT(ResizePositionTable(Table(from.cells(), 2), 2, 0, from, to),
              Pointwise(FloatNear(1e-6f), expected))
      << from.ToString() << " -> " << to.ToString();
}

TEST(PositionTable, EqualsPyTorch) {
  ExpectResized({3, 3}, {4, 4},
                {-0.15385866f, 0.33975533f,  0.67934287f, 0.11819291f,  1.1329691f,  0.15616253f,
                 0.88010824f,  0.42630082f,  0.77258313f, 0.89539313f,  0.3612788f,  0.82653487f,
                 0.31926253f,  0.47525126f,  0.67681396f, 0.094700128f, 0.82714105f, 1.1220629f,
                 0.45119476f,  1.1949521f,   0.46445397f, 0.65020424f,  0.85736334f, -0.11960006f,
                 -0.02950266f, 0.8564117f,   0.88429141f, 0.95793939f,  1.4639094f,  0.55493909f,
                 1.2916409f,   -0.062161177f});
  ExpectResized({3, 3}, {2, 5}, {0.21199615f, 0.57541406f, 0.43570906f, 0.46870106f, 0.72949219f,
                                 0.32763672f, 0.80442768f, 0.28834969f, 0.8028087f,  0.2864297f,
                                 0.30336726f, 0.96030486f, 0.56872278f, 1.0169275f,  0.93164062f,
                                 0.93408203f, 1.075711f,   0.35263282f, 1.1157346f,  -0.10412105f});
  ExpectResized({4, 4}, {3, 2},
                {0.48497188f, 0.25281218f, 0.88973904f, 0.8031776f, 0.45898438f, 0.5f, 0.45898438f,
                 0.84179688f, 0.88973898f, 0.22519724f, 0.48497203f, 1.0761633f});
  ExpectResized({1, 1}, {2, 2}, {0, 0.375f, 0, 0.375f, 0, 0.375f, 0, 0.375f});
}

TEST(PositionTable, SameGridIsExact) {
  const std::vector<float> table = Table(1 + 15, 3);
  EXPECT_EQ(ResizePositionTable(table, 3, 1, {3, 5}, {3, 5}), table);
}

TEST(PositionTable, ExtraRowsAreCopied) {
  const std::vector<float> table = Table(2 + 9, 2);
  const std::vector<float> resized = ResizePositionTable(table, 2, 2, {3, 3}, {4, 4});
  EXPECT_EQ(std::vector<float>(resized.begin(), resized.begin() + 4),
            std::vector<float>(table.begin(), table.begin() + 4));
  const absl::Span<const float> cells = absl::MakeConstSpan(table).subspan(4);
  EXPECT_EQ(std::vector<float>(resized.begin() + 4, resized.end()),
            ResizePositionTable(cells, 2, 0, {3, 3}, {4, 4}));
}

TEST(PositionTable, Grids) {
  EXPECT_EQ(SquareGrid(196), (PatchGrid{14, 14}));
  EXPECT_EQ(SquareGrid(1), (PatchGrid{1, 1}));
  for (const int64_t cells : {-4, 0, 2, 195, 197}) EXPECT_FALSE(SquareGrid(cells)) << cells;
  EXPECT_EQ(ParsePatchGrid("8x18"), (PatchGrid{8, 18}));
  for (const char* text : {"", "8", "8x", "x8", "8x18x1", "0x4", "-2x-2", "8 by 18", "9999999x1"}) {
    EXPECT_FALSE(ParsePatchGrid(text)) << text;
  }
}

}  // namespace
}  // namespace models
