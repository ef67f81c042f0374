#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

void GatherRows(Call* c) {
  const std::vector<double> x = c->In(0);
  const int64_t rows = c->in_type(0).dim(1), cols = c->in_type(0).dim(2);
  const int64_t count = c->out_type(0).dim(1);
  std::vector<int64_t> ids;
  if (!c->Ids(1, rows, &ids)) return;
  std::vector<double>& y = c->Out(0);
  for (size_t i = 0; i < y.size(); ++i) {
    const int64_t row = i / cols, image = row / count;
    y[i] = x[(image * rows + ids[row]) * cols + i % cols];
  }
}

void ScatterRows(Call* c) {
  const std::vector<double> x = c->In(0);
  const int64_t count = c->in_type(0).dim(1), cols = c->in_type(0).dim(2);
  const int64_t rows = c->out_type(0).dim(1);
  std::vector<int64_t> ids;
  if (!c->Ids(1, rows, &ids)) return;
  std::vector<double>& y = c->Out(0);
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t row = i / cols, image = row / count;
    y[(image * rows + ids[row]) * cols + i % cols] += x[i];
  }
}

}  // namespace

void RegisterGatherRows(graph::KernelTable* table) {
  AddFunction(table, "GatherRows", GatherRows);
  AddFunction(table, "ScatterRows", ScatterRows);
}

}  // namespace backends::reference
