#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

void MixImages(Call* c) {
  const std::vector<double> images = c->In(0), lam = c->In(2);
  const graph::TensorType& type = c->in_type(0);
  const int64_t batch = type.dim(0), channels = type.dim(1);
  const int64_t height = type.dim(2), width = type.dim(3);
  const int64_t group_size = batch / c->in_type(1).dim(0), size = channels * height * width;
  std::vector<int64_t> mode;
  if (!c->Ids(1, 2, &mode)) return;
  const std::vector<int64_t> box = c->Ints(3);
  std::vector<double>& y = c->Out(0);
  for (int64_t i = 0; i < batch * size; ++i) {
    const int64_t image = i / size, group = image / group_size;
    const int64_t partner = group * group_size + group_size - 1 - image % group_size;
    const double own = images[i], other = images[partner * size + i % size];
    const int64_t row = i / width % height, column = i % width;
    const int64_t* b = box.data() + 4 * group;
    const bool is_inside = row >= b[0] && row < b[1] && column >= b[2] && column < b[3];
    if (mode[group] == 1) {
      y[i] = is_inside ? other : own;
    } else {
      y[i] = own * lam[group] + other * (1.0 - lam[group]);
    }
  }
}

}  // namespace

void RegisterMixImages(graph::KernelTable* table) { AddFunction(table, "MixImages", MixImages); }

}  // namespace backends::reference
