#include "models/data/scene_texture.h"

#include <algorithm>
#include <cmath>

#include "graph/base/random.h"

namespace models {
namespace {

constexpr uint64_t kTextureKey = 0x5ce7e7e87u;
constexpr int kSide = SceneTexture::kSide;
using Field = std::vector<float>;

// Smooth noise of `cells_x` x `cells_y` random values over the torus.
void AddNoise(uint64_t key, int cells_x, int cells_y, float amplitude, Field* field) {
  graph::RandomStream random(graph::MixKeys(kTextureKey, key), graph::Purpose::kScene);
  std::vector<float> lattice(cells_x * cells_y);
  for (float& v : lattice) v = static_cast<float>(random.Uniform(-1, 1));
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const float gx = float(x) * cells_x / kSide, gy = float(y) * cells_y / kSide;
      const int x0 = static_cast<int>(gx), y0 = static_cast<int>(gy);
      const int x1 = (x0 + 1) % cells_x, y1 = (y0 + 1) % cells_y;
      float fx = gx - x0, fy = gy - y0;
      fx = fx * fx * (3 - 2 * fx);
      fy = fy * fy * (3 - 2 * fy);
      const float top = lattice[y0 * cells_x + x0] * (1 - fx) + lattice[y0 * cells_x + x1] * fx;
      const float low = lattice[y1 * cells_x + x0] * (1 - fx) + lattice[y1 * cells_x + x1] * fx;
      (*field)[y * kSide + x] += amplitude * (top + fy * (low - top));
    }
  }
}

// Distance to the nearest of `points` random points on the torus, in texels.
void AddCells(uint64_t key, int points, float amplitude, Field* field) {
  graph::RandomStream random(graph::MixKeys(kTextureKey, key), graph::Purpose::kScene);
  std::vector<float> px(points), py(points);
  for (int i = 0; i < points; ++i) {
    px[i] = static_cast<float>(random.Uniform(0, kSide));
    py[i] = static_cast<float>(random.Uniform(0, kSide));
  }
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      float nearest = 1e9f;
      for (int i = 0; i < points; ++i) {
        float dx = std::fabs(px[i] - x), dy = std::fabs(py[i] - y);
        dx = std::min(dx, kSide - dx);
        dy = std::min(dy, kSide - dy);
        nearest = std::min(nearest, dx * dx + dy * dy);
      }
      (*field)[y * kSide + x] -= amplitude * std::sqrt(nearest);
    }
  }
}

}  // namespace

SceneTexture::SceneTexture(TextureKind kind) {
  Field field(kSide * kSide, 0.0f);
  switch (kind) {
    case TextureKind::kClouds:
      for (int octave = 0; octave < 5; ++octave) {
        AddNoise(10 + octave, 4 << octave, 4 << octave, std::pow(0.55f, octave), &field);
      }
      break;
    case TextureKind::kGrass:
      AddNoise(20, 64, 32, 1.0f, &field);
      AddNoise(21, 128, 64, 0.8f, &field);
      AddNoise(22, 8, 8, 0.5f, &field);
      break;
    case TextureKind::kPebbles:
      AddCells(30, 180, 0.25f, &field);
      AddNoise(31, 64, 64, 0.4f, &field);
      break;
    case TextureKind::kRipples:
      AddNoise(40, 8, 32, 1.0f, &field);
      AddNoise(41, 16, 64, 0.7f, &field);
      break;
  }
  const auto [low, high] = std::minmax_element(field.begin(), field.end());
  const float bottom = *low, range = *high - *low;
  levels_[0].resize(kSide * kSide);
  for (int i = 0; i < kSide * kSide; ++i) {
    levels_[0][i] = static_cast<uint8_t>(255.0f * (field[i] - bottom) / range + 0.5f);
  }
  for (int level = 1; level < kLevels; ++level) {
    const int side = kSide >> level;
    const std::vector<uint8_t>& finer = levels_[level - 1];
    levels_[level].resize(side * side);
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const uint8_t* p = &finer[(2 * y) * (2 * side) + 2 * x];
        levels_[level][y * side + x] =
            static_cast<uint8_t>((p[0] + p[1] + p[2 * side] + p[2 * side + 1] + 2) / 4);
      }
    }
  }
}

const SceneTexture& SceneTexture::Get(TextureKind kind) {
  static const SceneTexture* const textures[] = {
      new SceneTexture(TextureKind::kClouds), new SceneTexture(TextureKind::kGrass),
      new SceneTexture(TextureKind::kPebbles), new SceneTexture(TextureKind::kRipples)};
  return *textures[static_cast<int>(kind)];
}

}  // namespace models
