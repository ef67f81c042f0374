// The smoothed position targets: what SmoothedPositionCE trains the network to
// predict for a patch at cell i of an H x W grid.
//
//   paper     T[i][j] = k(i,j) / sum over j' of k(i,j')
//   official  T[i][j] = k(i,j) / sum over i' of k(i',j)
//   k(i,j) = exp(-d(i,j)^2 / sigma^2)
//
// d is the Euclidean distance of the cells, in cells. sigma = 0 gives one-hot
// targets, sigma = infinity uniform ones. "official" normalises columns, as the
// published script does (_get_label_smoothing_map in engine_pretrain.py: weight /
// weight.sum(-1) broadcasts over the last dimension), so rows need not sum to 1.
//
// The Gaussian is separable, and so are both sums:
//   T[i][j] = Y[row i][row j] * X[col i][col j],
// so kernels use two tables, one for each axis, and never hold the L x L map.
//
// Source: paper section 3.2 (position smoothing).
#ifndef OPS_DROPPOS_POSITION_TARGETS_H_
#define OPS_DROPPOS_POSITION_TARGETS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace ops::droppos {

// Whether rows or columns of the map sum to 1.
enum class TargetNorm { kRows, kColumns };

// Fills `table`, n x n row-major: entry (i, j) is exp(-(i-j)^2 / sigma^2) divided by
// the sum over its row (kRows) or its column (kColumns). Entries are finite for any
// sigma >= 0 and the same on every backend. Allocates nothing.
void FillAxisTable(int64_t n, double sigma, TargetNorm norm, absl::Span<double> table);

// The whole map (L, L), row-major, L = grid_h * grid_w, from the axis tables.
// For tests and comparisons; quadratic in L.
std::vector<double> PositionTargets(int64_t grid_h, int64_t grid_w, double sigma,
                                    TargetNorm norm = TargetNorm::kRows);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_POSITION_TARGETS_H_
