// One parallel loop over the pieces of several tensors: for operators that do the same to
// each of many tensors, most of them too small for a team of threads of their own.
#ifndef BACKENDS_CPU_TENSOR_PIECES_H_
#define BACKENDS_CPU_TENSOR_PIECES_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

// Every tensor is cut at multiples of `piece` elements from its own start, so results that
// are computed by pieces and combined in index order depend neither on the other tensors
// nor on the number of threads. Each thread takes neighbouring pieces with about the same
// number of elements. Immutable.
class TensorPieces {
 public:
  struct Piece {
    int64_t index;  // among the pieces of all tensors, in order
    int tensor;
    int64_t begin;  // element of the tensor
    int64_t count;  // elements: `piece`, or fewer in a tensor's last piece
  };

  // `elements` has the size of each tensor; a tensor of size 0 has no pieces.
  TensorPieces(std::vector<int64_t> elements, int64_t piece, int threads);

  // The number of pieces of all tensors.
  int64_t size() const { return shares_.back().index; }

  // Calls `fn(piece)` for each, in order within a thread's share. Allocates nothing.
  template <typename Function>
  void ForEach(const Function& fn) const {
    ParallelFor(threads_, threads_, CeilDiv(total_, threads_), [&](int64_t share) {
      Piece p = shares_[share];
      const int64_t end = shares_[share + 1].index;
      for (; p.index < end; ++p.index) {
        while (p.begin >= elements_[p.tensor]) {
          ++p.tensor;
          p.begin = 0;
        }
        p.count = std::min(piece_, elements_[p.tensor] - p.begin);
        fn(static_cast<const Piece&>(p));
        p.begin += piece_;
      }
    });
  }

 private:
  std::vector<int64_t> elements_;
  int64_t piece_;
  int threads_;
  int64_t total_ = 0;          // elements
  std::vector<Piece> shares_;  // first piece of each share, and the end
};

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_TENSOR_PIECES_H_
