// Where a model places the patches of one image, for drawing in tools/vis.
#ifndef TOOLS_VIS_POSITION_ANSWERS_H_
#define TOOLS_VIS_POSITION_ANSWERS_H_

#include <string>
#include <vector>

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

}  // namespace tools

#endif  // TOOLS_VIS_POSITION_ANSWERS_H_
