// Scores predicted positions: from logits over the cells of a grid to numbers. Pure host code, no
// nets.
//
// A patch is scored if its position was dropped. Its answer is the cell with the largest logit, the
// lower cell if two are equal. Cells are numbered row by row; distances are between cell centres,
// in cells.
#ifndef TOOLS_EVALUATION_POSITION_SCORES_H_
#define TOOLS_EVALUATION_POSITION_SCORES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace tools {

struct Grid {
  int h = 0;
  int w = 0;
  int cells() const { return h * w; }
};

// The means in a report, and what guessing would give.
struct PositionNumbers {
  double top1 = 0;      // share of patches whose answer is the true cell
  double top5 = 0;      // share whose true cell is among the five largest logits
  double distance = 0;  // mean Euclidean distance from the answer to the true cell
  double within1 = 0;   // share of answers in the 3x3 cells around the true one:
                        // Chebyshev distance at most 1, the diagonals and the cell itself
};

// Expected numbers if every cell is guessed with the same probability and is the true one equally
// often: exact sums over all pairs of cells.
PositionNumbers UniformGuessing(const Grid& grid);

// Whether it is a collapse if `top_count` of `scored` answers name one cell of `cells`: the model
// answers the same whatever it is shown. The alarm is for a share that is surely above
// c = max(8 / cells, 10%), at most one half:
//
//   top_count > c n + 4 sqrt(c (1 - c) n) + 1       n = scored
//
// Four standard deviations plus one answer keep a few answers from raising it. 8 / cells is 12.5%
// on an 8x8 grid; from 80 cells on 10% applies, because a model that has begun to learn favours
// borders and corners. Never with a single cell.
bool IsCollapsed(int64_t top_count, int64_t scored, int cells);

struct PositionScores {
  PositionNumbers mean;  // zeros if nothing was scored
  int64_t scored = 0;
  int top_cell = -1;     // the commonest answer; on a tie the lower cell; -1: none
  double top_share = 0;  // of all answers
  bool collapsed = false;
  // By true cell, row by row.
  std::vector<int64_t> cell_scored;
  std::vector<int64_t> cell_wrong;
  std::vector<int64_t> cell_answers;  // how often each cell was the answer
};

class PositionCounter {
 public:
  explicit PositionCounter(const Grid& grid);

  // One image: `logits` (visible, cells), `true_cells` (visible), `dropped` (visible), nonzero if
  // the position was dropped. OUT_OF_RANGE if a scored row has a logit that is not finite,
  // INVALID_ARGUMENT for a cell off the grid; the counts are then unspecified.
  absl::Status Add(const float* logits, const int32_t* true_cells, const uint8_t* dropped,
                   int64_t visible);

  PositionScores Scores() const;

 private:
  Grid grid_;
  int64_t right_ = 0, among5_ = 0, within1_ = 0;
  std::vector<int64_t> distance_squared_;  // number of answers at each squared distance
  PositionScores counts_;                  // only its counts
};

}  // namespace tools

#endif  // TOOLS_EVALUATION_POSITION_SCORES_H_
