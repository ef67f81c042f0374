#include "ops/droppos/pixel_loss.h"

#include <cmath>
#include <vector>

#include "backends/reference/kernels.h"

namespace backends::reference::droppos {
namespace {

using Args = ops::droppos::PixelLossArgs;

// Shared by forward and gradient: all targets, laid out like pred.
struct Problem {
  int64_t batch, patches, size;  // size = p * p * 3
  std::vector<double> pred, targets;
  std::vector<int64_t> mask;
  int64_t masked = 0;

  explicit Problem(const Call& c)
      : batch(c.in_type(Args::kPred).dim(0)),
        patches(c.in_type(Args::kPred).dim(1)),
        size(c.in_type(Args::kPred).dim(2)),
        pred(c.In(Args::kPred)),
        targets(pred.size()),
        mask(c.Ints(Args::kMask)) {
    const int64_t p = c.op.Int("patch");
    const int64_t height = c.in_type(Args::kImages).dim(2), width = c.in_type(Args::kImages).dim(3);
    const std::vector<double> images = c.In(Args::kImages);
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t channel = 0; channel < 3; ++channel) {
        for (int64_t y = 0; y < height; ++y) {
          for (int64_t x = 0; x < width; ++x) {
            const int64_t patch = y / p * (width / p) + x / p;
            const int64_t place = (y % p * p + x % p) * 3 + channel;
            targets[(b * patches + patch) * size + place] =
                images[((b * 3 + channel) * height + y) * width + x];
          }
        }
      }
    }
    for (int64_t r = 0; r < batch * patches; ++r) {
      if (c.op.Int("norm_pix_loss") == 1) Normalise(targets.data() + r * size);
      masked += mask[r] != 0;
    }
  }

  void Normalise(double* t) const {
    const auto n = static_cast<double>(size);
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < size; ++j) mean += t[j] / n;
    for (int64_t j = 0; j < size; ++j) variance += (t[j] - mean) * (t[j] - mean) / (n - 1);
    for (int64_t j = 0; j < size; ++j) {
      t[j] = (t[j] - mean) / std::sqrt(variance + ops::droppos::kPixelVarianceEps);
    }
  }
};

void PixelLoss(Call* c) {
  const Problem p(*c);
  std::vector<double>& per_image = c->Out(Args::kPerImage);
  double loss = 0;
  for (int64_t b = 0; b < p.batch; ++b) {
    double sum = 0;
    int64_t masked = 0;
    for (int64_t r = b * p.patches; r < (b + 1) * p.patches; ++r) {
      if (p.mask[r] == 0) continue;
      ++masked;
      double error = 0;
      for (int64_t j = r * p.size; j < (r + 1) * p.size; ++j) {
        error += (p.pred[j] - p.targets[j]) * (p.pred[j] - p.targets[j]);
      }
      sum += error / static_cast<double>(p.size);
    }
    per_image[b] = masked == 0 ? 0 : sum / static_cast<double>(masked);
    loss += sum;
  }
  c->Out(Args::kLoss)[0] = p.masked == 0 ? 0 : loss / static_cast<double>(p.masked);
}

void PixelLossGrad(Call* c) {
  const Problem p(*c);
  const double dloss = c->In(Args::kDLoss)[0];
  std::vector<double>& dpred = c->Out(0);
  for (int64_t r = 0; r < p.batch * p.patches; ++r) {
    if (p.mask[r] == 0) continue;
    for (int64_t j = r * p.size; j < (r + 1) * p.size; ++j) {
      dpred[j] = dloss * 2 * (p.pred[j] - p.targets[j]) / static_cast<double>(p.masked) /
                 static_cast<double>(p.size);
    }
  }
}

}  // namespace

void RegisterPixelLoss(graph::KernelTable* table) {
  AddFunction(table, "PixelLoss", PixelLoss);
  AddFunction(table, "PixelLossGrad", PixelLossGrad);
}

}  // namespace backends::reference::droppos
