// Small repeating textures for the embedded data set: grey noise of several kinds, each a torus of
// 128x128 texels with mip levels. So a scene shows the same material at any distance without
// aliasing, and similar patches in many places.
#ifndef MODELS_DATA_SCENE_TEXTURE_H_
#define MODELS_DATA_SCENE_TEXTURE_H_

#include <cstdint>
#include <cstring>
#include <vector>

namespace models {

enum class TextureKind { kClouds, kGrass, kPebbles, kRipples };

class SceneTexture {
 public:
  static constexpr int kSide = 128;
  static constexpr int kLevels = 8;  // 128, 64, ..., 1

  // Drawn at first use from a fixed key; the same in every process. Thread-safe.
  static const SceneTexture& Get(TextureKind kind);

  // Bilinear; coordinates in texels of level 0, any finite value of moderate size. `footprint`:
  // texels of level 0 that one pixel covers, positive. Result in [0, 1].
  float Sample(float x, float y, float footprint) const {
    // The exponent of the footprint: one level for each doubling above 1.
    uint32_t bits;
    std::memcpy(&bits, &footprint, sizeof(bits));
    const int doublings = static_cast<int>(bits >> 23) - 126;
    const int level = doublings < 0 ? 0 : doublings > kLevels - 1 ? kLevels - 1 : doublings;
    const float scale = kScale[level];
    x *= scale;
    y *= scale;
    const float floor_x = __builtin_floorf(x), floor_y = __builtin_floorf(y);
    const float fx = x - floor_x, fy = y - floor_y;
    const int side = kSide >> level, mask = side - 1;
    const int x0 = static_cast<int>(floor_x) & mask, x1 = (x0 + 1) & mask;
    const int y0 = static_cast<int>(floor_y) & mask, y1 = (y0 + 1) & mask;
    const uint8_t* texels = levels_[level].data();
    const float top =
        texels[y0 * side + x0] + fx * (texels[y0 * side + x1] - texels[y0 * side + x0]);
    const float low =
        texels[y1 * side + x0] + fx * (texels[y1 * side + x1] - texels[y1 * side + x0]);
    return (top + fy * (low - top)) * (1.0f / 255.0f);
  }

 private:
  explicit SceneTexture(TextureKind kind);

  static constexpr float kScale[kLevels] = {1.0f,      1.0f / 2,  1.0f / 4,  1.0f / 8,
                                            1.0f / 16, 1.0f / 32, 1.0f / 64, 1.0f / 128};
  std::vector<uint8_t> levels_[kLevels];
};

}  // namespace models

#endif  // MODELS_DATA_SCENE_TEXTURE_H_
