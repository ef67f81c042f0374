// Of the rows of B, padded with zeros (pack_weights.cc).
#include "backends/reference/kernels.h"

namespace backends::reference::cpu {
namespace {

void PackedProduct(Call* c) {
  const std::vector<double> packed = c->In(1);
  const int64_t k = c->in_type(0).cols(), n = c->out_type(0).cols();
  const int64_t pitch = c->in_type(1).cols();
  std::vector<double> dense;
  for (int64_t i = 0; i < k; ++i) {
    dense.insert(dense.end(), packed.begin() + i * pitch, packed.begin() + i * pitch + n);
  }
  std::vector<double>& y = c->Out(0);
  y = Multiply(c->In(0), dense, c->in_type(0).rows(), k, n, /*trans_w=*/false);
  if (c->num_inputs() == 2) return;
  const std::vector<double> third = c->In(2);
  const bool linear = c->op.type == "PackedLinear";
  const bool gelu = linear && c->op.Str("activation") == "gelu";
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = linear ? y[i] + third[i % third.size()] : y[i] * third[i];
    if (gelu) y[i] = Gelu(y[i]);
  }
}

}  // namespace

void RegisterPackedProduct(graph::KernelTable* table) {
  AddFunction(table, "PackedMatMul", PackedProduct);
  AddFunction(table, "PackedLinear", PackedProduct);
}

}  // namespace backends::reference::cpu
