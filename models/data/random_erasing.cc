#include "models/data/random_erasing.h"

#include <algorithm>

#include "graph/base/random.h"
#include "graph/base/status.h"

namespace models {
namespace {

// Standard normals in single precision, two for each word of the stream (Box-Muller): a picture
// needs tens of thousands.
class Normals {
 public:
  explicit Normals(uint64_t key) : random_(key, graph::Purpose::kErasedValues) {}

  float Next() {
    has_second_ = !has_second_;
    if (!has_second_) return second_;
    const uint64_t word = random_.Next();
    // In (0, 1], so that the logarithm is finite, and in [0, 1).
    const float u = static_cast<float>((word >> 40) + 1) * 0x1p-24f;
    const float v = static_cast<float>(word & 0xFFFFFF) * 0x1p-24f;
    const float radius = std::sqrt(-2.0f * std::log(u));
    const float angle = static_cast<float>(2 * M_PI) * v;
    second_ = radius * std::sin(angle);
    return radius * std::cos(angle);
  }

 private:
  graph::RandomStream random_;
  bool has_second_ = false;
  float second_ = 0;
};

}  // namespace

EraseMode ErasingOptions::Mode(absl::string_view name) {
  if (name == "pixel") return EraseMode::kPixel;
  if (name == "const") return EraseMode::kConst;
  CHECK(name == "rand");
  return EraseMode::kRand;
}

std::vector<PixelBox> DrawErased(const ErasingOptions& options, int width, int height,
                                 uint64_t key) {
  std::vector<PixelBox> boxes;
  if (options.probability == 0) return boxes;
  graph::RandomStream random(key, graph::Purpose::kErase);
  if (random.Uniform() >= options.probability) return boxes;
  const int count = 1 + static_cast<int>(random.Below(static_cast<uint64_t>(options.count)));
  for (int i = 0; i < count; ++i) {
    const absl::optional<PixelBox> box = SampleErased(width, height, count, &random);
    if (box) boxes.push_back(*box);
  }
  return boxes;
}

void Erase(const std::vector<PixelBox>& boxes, EraseMode mode, uint64_t key, int channels,
           int width, int height, float* picture) {
  Normals normals(key);
  for (const PixelBox& box : boxes) {
    for (int c = 0; c < channels; ++c) {
      const float value = mode == EraseMode::kRand ? normals.Next() : 0.0f;
      for (int y = box.y; y < box.y + box.height; ++y) {
        float* const row = picture + (int64_t{c} * height + y) * width + box.x;
        if (mode == EraseMode::kPixel) {
          std::generate_n(row, box.width, [&normals] { return normals.Next(); });
        } else {
          std::fill_n(row, box.width, value);
        }
      }
    }
  }
}

}  // namespace models
