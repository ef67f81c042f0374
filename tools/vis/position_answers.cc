#include "tools/vis/position_answers.h"

#include <cmath>

#include "absl/strings/str_format.h"

namespace tools {

int PositionAnswers::asked() const {
  int asked = 0;
  for (const VisiblePatch& patch : patches) asked += !patch.has_position;
  return asked;
}

int PositionAnswers::right() const {
  int right = 0;
  for (const VisiblePatch& patch : patches) {
    right += !patch.has_position && patch.predicted == patch.cell;
  }
  return right;
}

double PositionAnswers::mean_distance() const {
  double sum = 0;
  for (const VisiblePatch& patch : patches) {
    if (patch.has_position) continue;
    sum += std::hypot(patch.predicted / grid_w() - patch.cell / grid_w(),
                      patch.predicted % grid_w() - patch.cell % grid_w());
  }
  return sum == 0 ? 0 : sum / asked();
}

std::string PositionAnswers::Summary() const {
  return absl::StrFormat("%d of %d right, mean distance %.1f cells", right(), asked(),
                         mean_distance());
}

}  // namespace tools
