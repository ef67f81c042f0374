// RandAugment as timm draws it: a few of fifteen operations in turn, each at a random severity.
#ifndef MODELS_DATA_RAND_AUGMENT_H_
#define MODELS_DATA_RAND_AUGMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/image.h"

namespace models {

// In timm's order, which the draws index.
enum class AugmentOp {
  kAutoContrast,
  kEqualize,
  kInvert,
  kRotate,
  kPosterize,
  kSolarize,
  kSolarizeAdd,
  kColor,
  kContrast,
  kBrightness,
  kSharpness,
  kShearX,
  kShearY,
  kTranslateX,
  kTranslateY,
};
inline constexpr int kAugmentOps = 15;

struct RandAugmentPolicy {
  int operations = 0;     // drawn for a picture, each applied by half; 0: none
  double magnitude = 10;  // mean of the level, in [0, 10]
  double deviation = 0;   // of the level, at least 0
};

// "none", or timm's "rand-mX-nY-mstdZ-inc1": magnitude X (a whole number; 10 without it), Y
// operations (2), deviation Z (0). The severity always increases with the level, which inc1 says.
// InvalidArgument names the section that is not of this grammar.
absl::StatusOr<RandAugmentPolicy> ParseRandAugment(absl::string_view text);

// An operation that is applied.
struct OpDraw {
  AugmentOp op = AugmentOp::kAutoContrast;
  double level = 0;  // in [0, 10]
  bool negative = false;

  // What timm makes of level and sign: degrees, bits kept, a threshold, an amount, a blending
  // factor, a slope, a share of the width or height; 0 where the operation has no severity.
  double Argument() const;
  // "Rotate -27.1°", for people.
  std::string ToString() const;
};

// timm's name: "Rotate", "PosterizeIncreasing".
absl::string_view AugmentOpName(AugmentOp op);

// Those of the picture with this key (graph::SampleKey), in their order.
std::vector<OpDraw> DrawOperations(const RandAugmentPolicy& policy, uint64_t key);

// Keeps a buffer between calls: use one per thread.
class RandAugmenter {
 public:
  // Changes `image`, which has 8-bit RGB; its size stays. Byte for byte as Pillow 13 does it.
  void Apply(const OpDraw& draw, Image* image);

 private:
  std::vector<uint8_t> copy_;
};

}  // namespace models

#endif  // MODELS_DATA_RAND_AUGMENT_H_
