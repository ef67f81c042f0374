#include "models/data/rand_augment.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "graph/base/quoted.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/pillow_operations.h"

namespace models {
namespace {

constexpr double kMaxLevel = 10;
constexpr double kApplied = 0.5;  // probability of a drawn operation
constexpr int kMostOperations = 100;

// What level and sign become.
enum class Severity {
  kNone,
  kSigned,          // +- scale * level / 10
  kAroundOne,       // 1 +- scale * level / 10
  kWhole,           // scale * level / 10, rounded down
  kWholeDecreasing  // scale - that
};

struct Operation {
  absl::string_view name;
  Severity severity;
  double scale;             // at level 10
  absl::string_view label;  // for people
};

constexpr Operation kOperations[kAugmentOps] = {
    {"AutoContrast", Severity::kNone, 0, ""},
    {"Equalize", Severity::kNone, 0, ""},
    {"Invert", Severity::kNone, 0, ""},
    {"Rotate", Severity::kSigned, 30, " %+.1f°"},
    {"PosterizeIncreasing", Severity::kWholeDecreasing, 4, " to %.0f bits"},
    {"SolarizeIncreasing", Severity::kWholeDecreasing, 256, " from %.0f"},
    {"SolarizeAdd", Severity::kWhole, 110, " %+.0f"},
    {"ColorIncreasing", Severity::kAroundOne, 0.9, " ×%.2f"},
    {"ContrastIncreasing", Severity::kAroundOne, 0.9, " ×%.2f"},
    {"BrightnessIncreasing", Severity::kAroundOne, 0.9, " ×%.2f"},
    {"SharpnessIncreasing", Severity::kAroundOne, 0.9, " ×%.2f"},
    {"ShearX", Severity::kSigned, 0.3, " %+.2f"},
    {"ShearY", Severity::kSigned, 0.3, " %+.2f"},
    {"TranslateXRel", Severity::kSigned, 0.45, " %+.2f"},
    {"TranslateYRel", Severity::kSigned, 0.45, " %+.2f"},
};

const Operation& Of(AugmentOp op) { return kOperations[static_cast<int>(op)]; }

// Takes the letters in front off `section`.
absl::string_view TakeLetters(absl::string_view* section) {
  size_t n = 0;
  while (n < section->size() && absl::ascii_isalpha(static_cast<unsigned char>((*section)[n]))) ++n;
  const absl::string_view letters = section->substr(0, n);
  section->remove_prefix(n);
  return letters;
}

absl::Status SetSection(absl::string_view section, RandAugmentPolicy* policy) {
  absl::string_view number = section;
  const absl::string_view name = TakeLetters(&number);
  const auto out_of_bounds = [&](const char* bounds) {
    return graph::InvalidArgument(graph::Quoted(section), ": ", name, " must be ", bounds);
  };
  if (name == "m") {
    int magnitude = 0;
    if (!absl::SimpleAtoi(number, &magnitude) || magnitude < 0 || magnitude > kMaxLevel) {
      return out_of_bounds("a whole number from 0 to 10");
    }
    policy->magnitude = magnitude;
  } else if (name == "n") {
    if (!absl::SimpleAtoi(number, &policy->operations) || policy->operations < 1 ||
        policy->operations > kMostOperations) {
      return out_of_bounds("a whole number from 1 to 100");
    }
  } else if (name == "mstd") {
    double& deviation = policy->deviation;
    if (!absl::SimpleAtod(number, &deviation) || !(deviation >= 0 && deviation <= kMaxLevel)) {
      return out_of_bounds("a number from 0 to 10");
    }
  } else if (name == "inc") {
    if (number == "1") return absl::OkStatus();
    return graph::InvalidArgument(graph::Quoted(section),
                                  ": there are only the operations of increasing severity; write "
                                  "inc1");
  } else {
    return graph::InvalidArgument(graph::Quoted(section), " is none of mX, nY, mstdZ and inc1");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RandAugmentPolicy> ParseRandAugment(absl::string_view text) {
  RandAugmentPolicy policy;
  if (text == "none") return policy;
  const std::vector<absl::string_view> sections = absl::StrSplit(text, '-');
  if (sections[0] != "rand") {
    return graph::InvalidArgument("there is no policy ", graph::Quoted(sections[0]),
                                  "; there are none and RandAugment's, as rand-m9-mstd0.5-inc1");
  }
  policy.operations = 2;
  std::set<absl::string_view> names;
  for (size_t i = 1; i < sections.size(); ++i) {
    absl::string_view rest = sections[i];
    if (!names.insert(TakeLetters(&rest)).second) {
      return graph::InvalidArgument(graph::Quoted(sections[i]), " says again what is said before");
    }
    RETURN_IF_ERROR(SetSection(sections[i], &policy));
  }
  if (names.count("inc") == 0) {
    return graph::InvalidArgument(
        "without -inc1 timm takes other operations, which are not there; write ", text, "-inc1");
  }
  return policy;
}

absl::string_view AugmentOpName(AugmentOp op) { return Of(op).name; }

double OpDraw::Argument() const {
  const Operation& operation = Of(op);
  const double severity = level / kMaxLevel * operation.scale;
  const double with_sign = negative ? -severity : severity;
  switch (operation.severity) {
    case Severity::kNone:
      return 0;
    case Severity::kSigned:
      return with_sign;
    case Severity::kAroundOne:
      return 1.0 + with_sign;
    case Severity::kWhole:
      return std::floor(severity);
    case Severity::kWholeDecreasing:
      return operation.scale - std::floor(severity);
  }
  return 0;
}

std::string OpDraw::ToString() const {
  const Operation& operation = Of(op);
  std::string text(operation.name);
  if (operation.severity == Severity::kNone) return text;
  const auto format = absl::ParsedFormat<'f'>::New(operation.label);
  CHECK(format != nullptr);
  return text + absl::StrFormat(*format, Argument());
}

std::vector<OpDraw> DrawOperations(const RandAugmentPolicy& policy, uint64_t key) {
  std::vector<OpDraw> draws;
  graph::RandomStream random(key, graph::Purpose::kRandAugment);
  for (int i = 0; i < policy.operations; ++i) {
    OpDraw draw;
    draw.op = static_cast<AugmentOp>(random.Below(kAugmentOps));
    const bool apply = random.Uniform() < kApplied;
    draw.level = std::clamp(policy.magnitude + policy.deviation * random.Normal(), 0.0, kMaxLevel);
    draw.negative = random.Uniform() < 0.5;
    if (apply) draws.push_back(draw);
  }
  return draws;
}

void RandAugmenter::Apply(const OpDraw& draw, Image* image) {
  CHECK(!image->is_deep() && image->channels == 3);
  const double argument = draw.Argument();
  const int whole = static_cast<int>(argument);
  switch (draw.op) {
    case AugmentOp::kAutoContrast:
      return AutoContrast(image);
    case AugmentOp::kEqualize:
      return Equalize(image);
    case AugmentOp::kInvert:
      return Invert(image);
    case AugmentOp::kRotate:
      return Rotate(argument, &copy_, image);
    case AugmentOp::kPosterize:
      return Posterize(whole, image);
    case AugmentOp::kSolarize:
      return Solarize(whole, image);
    case AugmentOp::kSolarizeAdd:
      return SolarizeAdd(whole, image);
    case AugmentOp::kColor:
      return Saturate(argument, image);
    case AugmentOp::kContrast:
      return Contrast(argument, image);
    case AugmentOp::kBrightness:
      return Brightness(argument, image);
    case AugmentOp::kSharpness:
      return Sharpness(argument, &copy_, image);
    case AugmentOp::kShearX:
      return Affine({1, argument, 0, 0, 1, 0}, &copy_, image);
    case AugmentOp::kShearY:
      return Affine({1, 0, 0, argument, 1, 0}, &copy_, image);
    case AugmentOp::kTranslateX:
      return Affine({1, 0, argument * image->width, 0, 1, 0}, &copy_, image);
    case AugmentOp::kTranslateY:
      return Affine({1, 0, 0, 0, 1, argument * image->height}, &copy_, image);
  }
}

}  // namespace models
