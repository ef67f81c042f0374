// Where a model places the patches of images, and a picture of it.
#ifndef TOOLS_VIS_SHEET_H_
#define TOOLS_VIS_SHEET_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/image.h"

namespace tools {

// A patch that the model sees. Cells are row-major on the patch grid.
struct VisiblePatch {
  int cell = 0;               // its true cell
  bool has_position = false;  // the model is told its position
  int predicted = 0;          // otherwise the cell where the model places it
  float confidence = 0;       // softmax probability of `predicted`
};

struct PositionAnswers {
  std::string name;     // of the image, for its caption
  models::Image image;  // the model's input, before normalisation
  int patch_size = 0;   // pixels; divides the image's sides
  // In order of their cells, each at most once.
  std::vector<VisiblePatch> patches;

  int grid_h() const { return image.height / patch_size; }
  int grid_w() const { return image.width / patch_size; }
  // Patches without position, and how many of them are placed in their own cell.
  int asked() const;
  int right() const;
  // Mean distance between predicted and true cell over the patches without position, in cells
  // (Euclidean; 0 for right ones). 0 if there are none.
  double mean_distance() const;
  // "7 of 12 right, mean distance 1.3 cells".
  std::string Summary() const;
};

enum class SheetColumn { kImage, kInput, kAnswer, kTogether };

// 0xRRGGBB.
inline constexpr int kHiddenColor = 0xC4C4C4;      // patches the model does not see
inline constexpr int kEmptyColor = 0xF1F1F1;       // seen, but placed elsewhere
inline constexpr int kNoPositionColor = 0xCC79A7;  // frames: its position is withheld,
inline constexpr int kRightColor = 0x0072B2;       // placed in its own cell,
inline constexpr int kWrongColor = 0xE69F00;       // placed in another one

// Positions and sizes, in pixels.
struct SheetGeometry {
  int grid_h = 0, grid_w = 0;
  int cell = 0;  // side of a patch
  int frame = 0;
  int text = 0;  // em of captions
  int margin = 0;
  int column_width = 0, row_height = 0;  // including the space to the next one
  int first_panel_y = 0;
  int width = 0;

  models::PixelBox Panel(int row, SheetColumn column) const;
  // `cell` is row-major on the grid.
  models::PixelBox Cell(int row, SheetColumn column, int cell) const;
};

// For a sheet of images of this size: a cell is a whole number of patches and at least 24 pixels,
// if panels of at most 2,048 pixels allow that.
SheetGeometry PlanSheet(int grid_h, int grid_w, int patch_size);

// Draws one row per image, at least one, all of one size:
//
//   title
//   image               what the model gets       where it puts the patches
//   cat.jpg: 7 of 12 right, mean distance 1.3 cells
//   [the whole crop]    [visible patches; those   [patches without position at their
//                        without position framed,  predicted cells: right ones framed in
//                        hidden ones grey]         one colour, wrong ones in another, with
//                                                  an arrow to their true cell; the others
//                                                  dimmed; arrows that meet on one line
//                                                  pass each other on the right]
//   ...
//   legend
//
// and at the right of these "as put together": the third panel's patches alone, none dimmed.
//
// If several patches are placed in one cell, the one with the greatest confidence lies on top, and
// it alone has an arrow; a small number says how many there are. The more arrows, the thinner they
// are. Colours are Okabe and Ito's, which colour-blind people can tell apart.
//
// InvalidArgument if the sheet is higher than a picture can be, RESOURCE_EXHAUSTED if it does not
// fit into memory. `wrong_positions`: patches without their position were given wrong ones; the
// legend says so.
absl::StatusOr<models::Image> DrawSheet(const std::string& title,
                                        const std::vector<PositionAnswers>& rows,
                                        bool wrong_positions = false);

}  // namespace tools

#endif  // TOOLS_VIS_SHEET_H_
