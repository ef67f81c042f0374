#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

// Copies rows [start, start + count) between a long (B, T, C) and a short
// (B, count, C) tensor.
template <typename F>
void ForEachRow(int64_t start, const graph::TensorType& longer, const graph::TensorType& shorter,
                F copy) {
  const int64_t cols = shorter.dim(2);
  for (int64_t b = 0; b < shorter.dim(0); ++b) {
    for (int64_t t = 0; t < shorter.dim(1); ++t) {
      for (int64_t i = 0; i < cols; ++i) {
        copy((b * longer.dim(1) + start + t) * cols + i, (b * shorter.dim(1) + t) * cols + i);
      }
    }
  }
}

void SliceRows(Call* c) {
  const std::vector<double> x = c->In(0);
  std::vector<double>& y = c->Out(0);
  ForEachRow(c->op.Int("start"), c->in_type(0), c->out_type(0),
             [&](int64_t from, int64_t to) { y[to] = x[from]; });
}

void PadRows(Call* c) {
  const std::vector<double> x = c->In(0);
  std::vector<double>& y = c->Out(0);
  ForEachRow(c->op.Int("start"), c->out_type(0), c->in_type(0),
             [&](int64_t to, int64_t from) { y[to] = x[from]; });
}

}  // namespace

void RegisterSliceRows(graph::KernelTable* table) {
  AddFunction(table, "SliceRows", SliceRows);
  AddFunction(table, "PadRows", PadRows);
}

}  // namespace backends::reference
