#include <algorithm>
#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference {
namespace {

constexpr int64_t kUnlabelled = 255;

struct Dims {
  int64_t batch, grid_h, grid_w, height, width, classes;
};

// Of the operator, with pictures of `height` x `width`.
Dims DimsOf(const Call& c, int64_t height, int64_t width) {
  return {c.in_type(0).dim(0), c.op.Int("grid_h"), c.op.Int("grid_w"), height, width,
          c.in_type(0).cols()};
}

// Calls fn(pixel, cell, weight) for the four cells that each pixel is made of; both are numbers
// of rows of K.
template <typename Fn>
void ForEachWeight(const Dims& d, const Fn& fn) {
  for (int64_t b = 0; b < d.batch; ++b) {
    for (int64_t y = 0; y < d.height; ++y) {
      for (int64_t x = 0; x < d.width; ++x) {
        const double at_y = std::max(0.0, (y + 0.5) * d.grid_h / d.height - 0.5);
        const double at_x = std::max(0.0, (x + 0.5) * d.grid_w / d.width - 0.5);
        const int64_t top = static_cast<int64_t>(at_y), left = static_cast<int64_t>(at_x);
        for (int64_t down : {0, 1}) {
          for (int64_t right : {0, 1}) {
            const double weight_y = down == 1 ? at_y - top : 1 - (at_y - top);
            const double weight_x = right == 1 ? at_x - left : 1 - (at_x - left);
            const int64_t row = std::min(top + down, d.grid_h - 1);
            const int64_t col = std::min(left + right, d.grid_w - 1);
            fn((b * d.height + y) * d.width + x, (b * d.grid_h + row) * d.grid_w + col,
               weight_y * weight_x);
          }
        }
      }
    }
  }
}

std::vector<double> Resize(const Dims& d, const std::vector<double>& x) {
  std::vector<double> y(d.batch * d.height * d.width * d.classes);
  ForEachWeight(d, [&](int64_t pixel, int64_t cell, double weight) {
    for (int64_t k = 0; k < d.classes; ++k) {
      y[pixel * d.classes + k] += weight * x[cell * d.classes + k];
    }
  });
  return y;
}

std::vector<double> Transpose(const Dims& d, const std::vector<double>& dy) {
  std::vector<double> dx(d.batch * d.grid_h * d.grid_w * d.classes);
  ForEachWeight(d, [&](int64_t pixel, int64_t cell, double weight) {
    for (int64_t k = 0; k < d.classes; ++k) {
      dx[cell * d.classes + k] += weight * dy[pixel * d.classes + k];
    }
  });
  return dx;
}

void ResizeRows(Call* c) {
  c->Out(0) = Resize(DimsOf(*c, c->op.Int("height"), c->op.Int("width")), c->In(0));
}

void ResizeRowsGrad(Call* c) {
  c->Out(0) = Transpose(DimsOf(*c, c->in_type(0).dim(1), c->in_type(0).dim(2)), c->In(0));
}

void ResizedArgmax(Call* c) {
  const Dims d = DimsOf(*c, c->op.Int("height"), c->op.Int("width"));
  const std::vector<double> y = Resize(d, c->In(0));
  std::vector<int64_t>& classes = c->OutInts(0);
  for (size_t i = 0; i < classes.size(); ++i) {
    const double* row = y.data() + i * d.classes;
    classes[i] = std::max_element(row, row + d.classes) - row;
  }
}

// Of the pixels of resize(x): the sum of the losses, and with `dlogits` softmax - onehot; 0 where
// there is no label. False if a label is no class.
bool Losses(const Call& c, double* loss, int64_t* labelled, std::vector<double>* dlogits) {
  const Dims d = DimsOf(c, c.in_type(1).dim(1), c.in_type(1).dim(2));
  const std::vector<double> logits = Resize(d, c.In(0));
  const std::vector<int64_t> labels = c.Ints(1);
  dlogits->assign(logits.size(), 0.0);
  *loss = 0;
  *labelled = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const int64_t label = labels[i];
    if (label == kUnlabelled) continue;
    if (label >= d.classes) {
      return c.OutOfRange(1, i, static_cast<double>(label), -graph::kNoBound,
                          static_cast<double>(d.classes));
    }
    const double* row = logits.data() + i * d.classes;
    const double top = *std::max_element(row, row + d.classes);
    double sum = 0;
    for (int64_t k = 0; k < d.classes; ++k) sum += std::exp(row[k] - top);
    *loss += top + std::log(sum) - row[label];
    *labelled += 1;
    for (int64_t k = 0; k < d.classes; ++k) {
      (*dlogits)[i * d.classes + k] = std::exp(row[k] - top) / sum - (k == label ? 1 : 0);
    }
  }
  return true;
}

void ResizedCrossEntropy(Call* c) {
  double loss = 0;
  int64_t labelled = 0;
  std::vector<double> dlogits;
  if (!Losses(*c, &loss, &labelled, &dlogits)) return;
  c->Out(0)[0] = labelled == 0 ? 0.0 : loss / static_cast<double>(labelled);
  c->OutInts(1)[0] = labelled;
}

void ResizedCrossEntropyGrad(Call* c) {
  double loss = 0;
  int64_t labelled = 0;
  std::vector<double> dlogits;
  if (!Losses(*c, &loss, &labelled, &dlogits)) return;
  const int64_t given = c->Ints(2)[0];
  const double scale = given == 0 ? 0.0 : c->In(3)[0] / static_cast<double>(given);
  for (double& d : dlogits) d *= scale;
  c->Out(0) = Transpose(DimsOf(*c, c->in_type(1).dim(1), c->in_type(1).dim(2)), dlogits);
}

}  // namespace

void RegisterResizeRows(graph::KernelTable* table) {
  AddFunction(table, "ResizeRows", ResizeRows);
  AddFunction(table, "ResizeRowsGrad", ResizeRowsGrad);
  AddFunction(table, "ResizedArgmax", ResizedArgmax);
  AddFunction(table, "ResizedCrossEntropy", ResizedCrossEntropy);
  AddFunction(table, "ResizedCrossEntropyGrad", ResizedCrossEntropyGrad);
}

}  // namespace backends::reference
