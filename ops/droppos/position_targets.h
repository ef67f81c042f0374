// The smoothed position targets: what SmoothedPositionCE asks the network to
// predict for a patch at cell i of an H x W grid.
//
//   T[i][j] = exp(-d(i,j)^2 / sigma^2) / sum over j'
//
// d is the Euclidean distance of the cells, in cells; sigma = 0 is one-hot,
// sigma = infinity uniform. The Gaussian is separable,
//   T[i][j] = Y[row i][row j] * X[col i][col j],
// so kernels use the two axis tables and never hold the L x L map.
//
// Source: paper section 3.2 (position smoothing).
#ifndef OPS_DROPPOS_POSITION_TARGETS_H_
#define OPS_DROPPOS_POSITION_TARGETS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace ops::droppos {

// InvalidArgument unless sigma >= 0 (NaN fails).
absl::Status CheckSigma(double sigma);

// Fills `table`, n x n row-major: row i is exp(-(i-j)^2 / sigma^2) normalised
// over j. Any sigma that CheckSigma accepts gives finite entries. Allocates
// nothing. The same numbers on every backend.
void FillAxisTable(int64_t n, double sigma, absl::Span<double> table);

// The whole map (L, L), row-major, L = grid_h * grid_w, from the axis tables.
// For tests and comparisons; quadratic in L.
std::vector<double> PositionTargets(int64_t grid_h, int64_t grid_w, double sigma);

}  // namespace ops::droppos

#endif  // OPS_DROPPOS_POSITION_TARGETS_H_
