// How the images of a batch are mixed in pairs: mixup and cutmix as timm 0.3.2 draws them in its
// mode batch, there once for a GPU's batch and here once for a group of images. The operators
// MixImages (ops/mix_images.h) and SoftmaxCrossEntropy apply what is drawn.
#ifndef MODELS_DATA_MIXING_H_
#define MODELS_DATA_MIXING_H_

#include <array>
#include <cstdint>

#include "graph/base/random.h"

namespace models {

// timm's Mixup arguments. Mixing is off where mixup and cutmix are both 0.
struct MixingOptions {
  // λ ~ Beta(mixup, mixup), Beta(cutmix, cutmix); at least 0, and 0: never.
  double mixup = 0, cutmix = 0;
  double prob = 1;           // that a group is mixed at all
  double switch_prob = 0.5;  // that it is a cutmix where both are on
};

// What happens to one group, and its row of the operators' inputs mode, lam and box.
struct GroupMixing {
  int32_t mode = 0;  // 0 mixup, 1 cutmix
  // The image's own share of the targets; of mixup of the pixels, too. 1: not mixed.
  double lam = 1;
  std::array<int32_t, 4> box = {};  // of cutmix: top, bottom, left, right; of mixup zeros
};

// λ ~ Beta(alpha, alpha), alpha > 0: two gamma variates (Marsaglia and Tsang, "A Simple Method for
// Generating Gamma Variables", 2000), by their logarithms, so that small ones do not vanish. In
// [0, 1].
double SampleSymmetricBeta(double alpha, graph::RandomStream* random);

// The cutmix of a drawn λ around a drawn centre within a picture of that height and width: a box of
// √(1 - λ) of each side, whose odd pixel is lost (timm 1.0 keeps it), cut at the borders; and the
// λ that it leaves.
GroupMixing CutMixing(double lam, int centre_y, int centre_x, int height, int width);

// The mixing of the group at `place` in the order of `epoch`: the first group of an epoch has 0,
// whatever micro-batches and steps groups are dealt to. A pure function.
GroupMixing SampleMixing(const MixingOptions& options, uint64_t seed, uint64_t epoch,
                         uint64_t place, int height, int width);

}  // namespace models

#endif  // MODELS_DATA_MIXING_H_
