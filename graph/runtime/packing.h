// Finds places for pieces of memory whose lifetimes are known, so that pieces alive at the same
// time do not overlap and the highest end is low (offline dynamic storage allocation).
#ifndef GRAPH_RUNTIME_PACKING_H_
#define GRAPH_RUNTIME_PACKING_H_

#include <cstddef>
#include <vector>

namespace graph {

// Alive from `first` to `last`, both included; 0 <= first <= last. Offsets become sums
// of `bytes`, so every divisor that all `bytes` share divides them, too. A piece of no
// bytes is ignored and keeps its offset.
struct Piece {
  int first = 0;
  int last = 0;
  size_t bytes = 0;
  size_t offset = 0;
};

// Bytes alive at each time up to the last one of any piece.
std::vector<size_t> AliveBytes(const std::vector<Piece>& pieces);

// The largest sum of bytes alive at one time: no packing is lower.
size_t PackingBound(const std::vector<Piece>& pieces);

// The highest end of any piece.
size_t PackingHeight(const std::vector<Piece>& pieces);

// Sets all offsets: PackGreedily, then Repack to within a hundredth of the bound or as near
// as possible. Deterministic. Returns the height.
size_t Pack(std::vector<Piece>* pieces);

// Places one piece after the other by best fit, in three orders, and keeps the best.
size_t PackGreedily(std::vector<Piece>* pieces);

// Lowers a packing without overlaps until its height is at most `goal` or a fixed number
// of steps is spent. Never makes it higher. A step moves a piece that ends above the goal
// to where it evicts the least; evicted pieces then need new places. A piece that found
// no free place gets a higher eviction cost. (After Nagata and Bräysy, "A powerful route
// minimization heuristic", 2009, where the pieces are customers.)
size_t Repack(size_t goal, std::vector<Piece>* pieces);

}  // namespace graph

#endif  // GRAPH_RUNTIME_PACKING_H_
