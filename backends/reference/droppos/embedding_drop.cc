#include <string>
#include <vector>

#include "backends/reference/kernels.h"

namespace backends::reference::droppos {
namespace {

// For each token whose position is dropped, the table row that it gets instead; false if an
// input is a fault.
bool WrongPositions(Call* c, const std::vector<int64_t>& mask_pos, std::vector<int64_t>* wrong) {
  const int64_t batch = c->in_type(0).dim(0), visible = c->in_type(0).dim(1);
  const int64_t dropped = c->in_type(5).dim(1);
  std::vector<int64_t> ids_dropped, order;
  if (!c->Ids(5, c->in_type(1).rows(), &ids_dropped) || !c->Ids(6, dropped, &order)) return false;
  wrong->resize(mask_pos.size());
  for (int64_t b = 0; b < batch; ++b) {
    int64_t i = 0;
    for (int64_t r = b * visible; r < (b + 1) * visible; ++r) {
      if (mask_pos[r] == 0) continue;
      if (i < dropped) (*wrong)[r] = ids_dropped[b * dropped + order[b * dropped + i]];
      ++i;
    }
    if (i != dropped) {
      return c->OutOfRange(4, b * visible, static_cast<double>(i), static_cast<double>(dropped),
                           static_cast<double>(dropped + 1));
    }
  }
  return true;
}

void EmbeddingDrop(Call* c) {
  const std::vector<double> tokens = c->In(0), table = c->In(1), mask_token = c->In(2);
  const int64_t dim = c->in_type(0).cols(), rows = c->in_type(0).rows();
  std::vector<int64_t> ids;
  if (!c->Ids(3, c->in_type(1).rows(), &ids)) return;
  const std::vector<int64_t> mask_pos = c->Ints(4);
  const std::string& kind = c->op.Str("kind");
  std::vector<int64_t> wrong;
  if (kind == "wrong_pos" && !WrongPositions(c, mask_pos, &wrong)) return;
  std::vector<double>& y = c->Out(0);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t d = 0; d < dim; ++d) {
      double position = table[ids[r] * dim + d];
      if (mask_pos[r] != 0) {
        position = kind == "param"   ? mask_token[d]
                   : kind == "zeros" ? 0.0
                                     : table[wrong[r] * dim + d];
      }
      y[r * dim + d] = tokens[r * dim + d] + position;
    }
  }
}

void EmbeddingDropGrad(Call* c) {
  const std::vector<double> dy = c->In(0);
  const std::vector<int64_t> mask_pos = c->Ints(1);
  const int64_t dim = c->in_type(0).cols(), rows = c->in_type(0).rows();
  std::vector<double>& d_mask_token = c->Out(0);
  for (int64_t r = 0; r < rows; ++r) {
    if (mask_pos[r] == 0) continue;
    for (int64_t d = 0; d < dim; ++d) d_mask_token[d] += dy[r * dim + d];
  }
}

}  // namespace

void RegisterEmbeddingDrop(graph::KernelTable* table) {
  AddFunction(table, "EmbeddingDrop", EmbeddingDrop);
  AddFunction(table, "EmbeddingDropGrad", EmbeddingDropGrad);
}

}  // namespace backends::reference::droppos
