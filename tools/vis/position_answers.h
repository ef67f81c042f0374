// Where a model puts the patches of one image: what tools/vis draws.
#ifndef TOOLS_VIS_POSITION_ANSWERS_H_
#define TOOLS_VIS_POSITION_ANSWERS_H_

#include <string>
#include <vector>

#include "models/data/image.h"

namespace tools {

// A patch that the model sees. Cells are row-major on the patch grid.
struct VisiblePatch {
  int cell = 0;               // where it is from
  bool has_position = false;  // the model is told so
  int predicted = 0;          // else: where the model puts it
  float confidence = 0;       // softmax probability of `predicted`
};

struct PositionAnswers {
  std::string name;     // of the image, for its caption
  models::Image image;  // as the model gets it, before normalisation
  int patch_size = 0;   // pixels; divides the image's sides
  // In order of their cells, each at most once.
  std::vector<VisiblePatch> patches;

  int grid_h() const { return image.height / patch_size; }
  int grid_w() const { return image.width / patch_size; }
  // Patches without position, and those of them that are put into their own cell.
  int asked() const;
  int right() const;
  // Mean over the patches without position of the distance between predicted and
  // true cell, in cells (Euclidean; 0 for right ones). 0 where none is asked.
  double mean_distance() const;
  // "7 of 12 right, mean distance 1.3 cells".
  std::string Summary() const;
};

}  // namespace tools

#endif  // TOOLS_VIS_POSITION_ANSWERS_H_
