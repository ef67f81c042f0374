// The pieces of several tensors as one parallel loop: for operators that do the same to
// each of many tensors, most of them too small for a team of threads of their own.
#ifndef BACKENDS_CPU_TENSOR_PIECES_H_
#define BACKENDS_CPU_TENSOR_PIECES_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

// Every tensor is cut at multiples of `piece` elements from its own start, whatever
// the other tensors and the number of threads are: what is computed a piece at a time,
// and put together in index order, has the same bits in any company. Threads take
// neighbouring pieces, shares of about equally many elements. Immutable.
class TensorPieces {
 public:
  struct Piece {
    int64_t index;  // among all pieces, in order of tensors
    int tensor;
    int64_t begin;  // element of the tensor
    int64_t count;  // elements: `piece`, less for the last of a tensor
  };

  // `elements` of each tensor; none has pieces where that is 0.
  TensorPieces(std::vector<int64_t> elements, int64_t piece, int threads);

  // All pieces.
  int64_t size() const { return shares_.back().index; }

  // `fn(piece)` for each, in order within a thread's share. Allocates nothing.
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
  std::vector<Piece> shares_;  // where each begins, and the end
};

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_TENSOR_PIECES_H_
