#include <vector>

#include "backends/reference/droppos/kernels.h"
#include "backends/reference/kernels.h"
#include "graph/base/status.h"

namespace backends::reference::droppos {
namespace {

absl::Status EmbeddingDrop(Call* c) {
  const std::vector<double> tokens = c->In(0), table = c->In(1), mask_token = c->In(2);
  const int64_t dim = c->in_type(0).cols(), rows = c->in_type(0).rows();
  std::vector<int64_t> ids;
  RETURN_IF_ERROR(c->Ids(3, c->in_type(1).rows(), &ids));
  const std::vector<int64_t> mask_pos = c->Ints(4);
  const bool zeros = c->op.Str("kind") == "zeros";
  std::vector<double>& y = c->Out(0);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t d = 0; d < dim; ++d) {
      double position = table[ids[r] * dim + d];
      if (mask_pos[r] != 0) position = zeros ? 0.0 : mask_token[d];
      y[r * dim + d] = tokens[r * dim + d] + position;
    }
  }
  return absl::OkStatus();
}

absl::Status EmbeddingDropGrad(Call* c) {
  const std::vector<double> dy = c->In(0);
  const std::vector<int64_t> mask_pos = c->Ints(1);
  const int64_t dim = c->in_type(0).cols(), rows = c->in_type(0).rows();
  std::vector<double>& d_mask_token = c->Out(0);
  for (int64_t r = 0; r < rows; ++r) {
    if (mask_pos[r] == 0) continue;
    for (int64_t d = 0; d < dim; ++d) d_mask_token[d] += dy[r * dim + d];
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterEmbeddingDrop(graph::KernelTable* table) {
  AddFunction(table, "EmbeddingDrop", EmbeddingDrop);
  AddFunction(table, "EmbeddingDropGrad", EmbeddingDropGrad);
}

}  // namespace backends::reference::droppos
