#include "models/data/mixing.h"

#include <algorithm>
#include <cmath>

namespace models {
namespace {

using graph::RandomStream;

// A natural logarithm of a uniform number in (0, 1].
double LogUniform(RandomStream* random) { return std::log(1.0 - random->Uniform()); }

// The logarithm of a Gamma(alpha, 1) variate.
double LogGammaVariate(double alpha, RandomStream* random) {
  if (alpha < 1) {
    const double of_more = LogGammaVariate(alpha + 1, random);
    return of_more + LogUniform(random) / alpha;
  }
  const double d = alpha - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = random->Normal();
    if (1.0 + c * x <= 0) continue;
    const double v = std::pow(1.0 + c * x, 3);
    if (LogUniform(random) < 0.5 * x * x + d * (1.0 - v + std::log(v))) return std::log(d * v);
  }
}

// The ends of a side of the box.
std::array<int32_t, 2> Side(double ratio, int centre, int size) {
  const int half = static_cast<int>(size * ratio) / 2;
  return {std::clamp(centre - half, 0, size), std::clamp(centre + half, 0, size)};
}

}  // namespace

double SampleSymmetricBeta(double alpha, RandomStream* random) {
  const double a = LogGammaVariate(alpha, random);
  const double b = LogGammaVariate(alpha, random);
  return 1.0 / (1.0 + std::exp(b - a));
}

GroupMixing CutMixing(double lam, int centre_y, int centre_x, int height, int width) {
  const double ratio = std::sqrt(1.0 - lam);
  const auto [top, bottom] = Side(ratio, centre_y, height);
  const auto [left, right] = Side(ratio, centre_x, width);
  const double area = static_cast<double>(bottom - top) * (right - left);
  return {1, 1.0 - area / (static_cast<double>(height) * width), {top, bottom, left, right}};
}

GroupMixing SampleMixing(const MixingOptions& options, uint64_t seed, uint64_t epoch,
                         uint64_t place, int height, int width) {
  if (options.mixup <= 0 && options.cutmix <= 0) return {};
  RandomStream random(graph::SampleKey(seed, epoch, place), graph::Purpose::kMixing);
  if (random.Uniform() >= options.prob) return {};
  const bool is_cutmix =
      options.cutmix > 0 && (options.mixup <= 0 || random.Uniform() < options.switch_prob);
  const double lam = SampleSymmetricBeta(is_cutmix ? options.cutmix : options.mixup, &random);
  if (!is_cutmix) return {0, lam, {}};
  const int centre_y = static_cast<int>(random.Below(height));
  const int centre_x = static_cast<int>(random.Below(width));
  return CutMixing(lam, centre_y, centre_x, height, width);
}

}  // namespace models
