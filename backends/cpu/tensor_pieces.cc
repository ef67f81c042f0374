#include "backends/cpu/tensor_pieces.h"

#include <utility>

namespace backends::cpu {

TensorPieces::TensorPieces(std::vector<int64_t> elements, int64_t piece, int threads)
    : elements_(std::move(elements)), piece_(piece), threads_(threads) {
  for (int64_t n : elements_) total_ += n;
  const int64_t share = std::max<int64_t>(1, CeilDiv(total_, threads_));
  Piece next = {0, 0, 0, 0};
  shares_.push_back(next);
  int64_t before = 0;  // elements
  for (size_t i = 0; i < elements_.size(); ++i) {
    for (int64_t begin = 0; begin < elements_[i]; begin += piece_) {
      if (before >= share * static_cast<int64_t>(shares_.size())) {
        shares_.push_back({next.index, static_cast<int>(i), begin, 0});
      }
      before += std::min(piece_, elements_[i] - begin);
      ++next.index;
    }
  }
  // With few pieces some threads have none.
  const size_t ends = static_cast<size_t>(threads_) + 1;
  const Piece end = {next.index, static_cast<int>(elements_.size()), 0, 0};
  while (shares_.size() < ends) shares_.push_back(end);
}

}  // namespace backends::cpu
