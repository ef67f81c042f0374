#include "backends/reference/kernels.h"

namespace backends::reference::cuda {
namespace {

void LinearGelu(Call* c) {
  const std::vector<double> b = c->In(2);
  std::vector<double>&y = c->Out(0), &pre = c->Out(1);
  pre = Multiply(c->In(0), c->In(1), c->in_type(0).rows(), c->in_type(0).cols(),
                 c->out_type(0).cols(), /*trans_w=*/true);
  for (size_t i = 0; i < y.size(); ++i) {
    pre[i] += b[i % b.size()];
    y[i] = Gelu(pre[i]);
  }
}

void MatMulGeluGrad(Call* c) {
  const std::vector<double> pre = c->In(2);
  std::vector<double>& dx = c->Out(0);
  dx = Multiply(c->In(0), c->In(1), c->in_type(0).rows(), c->in_type(0).cols(),
                c->out_type(0).cols(), c->op.Int("trans_w") == 1);
  for (size_t i = 0; i < dx.size(); ++i) dx[i] *= GeluDerivative(pre[i]);
}

}  // namespace

void RegisterLinearGelu(graph::KernelTable* table) {
  AddFunction(table, "LinearGelu", LinearGelu);
  AddFunction(table, "MatMulGeluGrad", MatMulGeluGrad);
}

}  // namespace backends::reference::cuda
