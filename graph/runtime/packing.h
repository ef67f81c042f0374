// Places for pieces of memory whose lifetimes are known: no two that are alive at once
// overlap, and the highest end is low (offline dynamic storage allocation).
#ifndef GRAPH_RUNTIME_PACKING_H_
#define GRAPH_RUNTIME_PACKING_H_

#include <cstddef>
#include <vector>

namespace graph {

// Alive from `first` to `last`, both included; 0 <= first <= last. Offsets become sums
// of `bytes`, so they are multiples of whatever all `bytes` are multiples of. A piece of
// no bytes takes part in nothing and keeps its offset.
struct Piece {
  int first = 0;
  int last = 0;
  size_t bytes = 0;
  size_t offset = 0;
};

// Bytes alive at each time up to the last one of any piece.
std::vector<size_t> AliveBytes(const std::vector<Piece>& pieces);

// The largest sum of bytes alive at once: no packing is lower.
size_t PackingBound(const std::vector<Piece>& pieces);

// The highest end of any piece.
size_t PackingHeight(const std::vector<Piece>& pieces);

// Sets all offsets: greedily, then Repack to within a hundredth of the bound, or as near
// as it comes. Deterministic. Returns the height.
size_t Pack(std::vector<Piece>* pieces);

// Best fit, one after the other, in three orders; the best of them.
size_t PackGreedily(std::vector<Piece>* pieces);

// Lowers a packing without overlaps until its height is at most `goal`, or the effort,
// counted in steps and not in time, is spent. Never makes it higher. A step puts a
// piece that sticks out where it drives out the least, which then needs a place in its
// turn; who found none is harder to drive out from then on. (After Nagata and Bräysy,
// "A powerful route minimization heuristic", 2009, where the pieces are customers.)
size_t Repack(size_t goal, std::vector<Piece>* pieces);

}  // namespace graph

#endif  // GRAPH_RUNTIME_PACKING_H_
