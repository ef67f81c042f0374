// Shared by all scenes of the embedded data set: dice, palettes, a camera and a light.
#ifndef MODELS_DATA_SCENE_STYLE_H_
#define MODELS_DATA_SCENE_STYLE_H_

#include <cmath>
#include <cstdint>

#include "graph/base/random.h"
#include "models/data/scene.h"

namespace models {

// Dice with float results.
class Dice {
 public:
  explicit Dice(uint64_t key) : stream_(key, graph::Purpose::kScene) {}
  float In(float low, float high) { return static_cast<float>(stream_.Uniform(low, high)); }
  // Uniform in the logarithm.
  float Scale(float low, float high) { return low * std::exp2(In(0, std::log2(high / low))); }
  bool Chance(float p) { return stream_.Uniform() < p; }
  int Int(int low, int high) { return low + static_cast<int>(stream_.Below(high - low + 1)); }
  float Sign() { return Chance(0.5f) ? 1.0f : -1.0f; }
  // Varies every channel of `color` and its brightness.
  Color Vary(Color color, float amount) {
    const float all = std::exp2(In(-amount, amount));
    return color * all *
           Color{std::exp2(In(-amount, amount) * 0.6f), std::exp2(In(-amount, amount) * 0.6f),
                 std::exp2(In(-amount, amount) * 0.6f)};
  }
  template <typename T, size_t n>
  const T& Pick(const T (&choices)[n]) {
    return choices[stream_.Below(n)];
  }

 private:
  graph::RandomStream stream_;
};

// Albedos.
inline constexpr Color kGrass[] = {
    {0.13f, 0.24f, 0.06f}, {0.25f, 0.34f, 0.10f}, {0.42f, 0.36f, 0.16f}};
inline constexpr Color kLeaves[] = {{0.10f, 0.22f, 0.06f},
                                    {0.17f, 0.27f, 0.07f},
                                    {0.30f, 0.30f, 0.07f},
                                    {0.45f, 0.22f, 0.06f},
                                    {0.08f, 0.16f, 0.09f}};
inline constexpr Color kNeedles[] = {
    {0.05f, 0.13f, 0.08f}, {0.09f, 0.18f, 0.10f}, {0.13f, 0.20f, 0.08f}};
inline constexpr Color kSand[] = {
    {0.72f, 0.60f, 0.40f}, {0.62f, 0.50f, 0.34f}, {0.62f, 0.34f, 0.18f}, {0.82f, 0.78f, 0.68f}};
inline constexpr Color kSoil[] = {
    {0.26f, 0.18f, 0.11f}, {0.36f, 0.27f, 0.17f}, {0.18f, 0.14f, 0.11f}};
inline constexpr Color kPaving[] = {
    {0.16f, 0.16f, 0.17f}, {0.30f, 0.29f, 0.28f}, {0.48f, 0.46f, 0.42f}};
inline constexpr Color kRock[] = {
    {0.32f, 0.31f, 0.30f}, {0.42f, 0.36f, 0.30f}, {0.25f, 0.26f, 0.30f}};
inline constexpr Color kWalls[] = {{0.80f, 0.76f, 0.68f}, {0.62f, 0.45f, 0.34f},
                                   {0.45f, 0.42f, 0.40f}, {0.72f, 0.60f, 0.42f},
                                   {0.35f, 0.38f, 0.44f}, {0.85f, 0.84f, 0.82f}};
inline constexpr Color kRoofs[] = {
    {0.50f, 0.18f, 0.10f}, {0.28f, 0.16f, 0.12f}, {0.24f, 0.25f, 0.28f}, {0.42f, 0.30f, 0.18f}};
inline constexpr Color kPaints[] = {{0.62f, 0.10f, 0.08f}, {0.10f, 0.22f, 0.50f},
                                    {0.80f, 0.80f, 0.78f}, {0.08f, 0.09f, 0.10f},
                                    {0.75f, 0.60f, 0.10f}, {0.10f, 0.35f, 0.22f}};
inline constexpr Color kSnow = {0.86f, 0.88f, 0.93f};

SceneCamera MakeCamera(Dice* dice);
// One of eight kinds of weather, varied.
SceneLight MakeLight(Dice* dice);

}  // namespace models

#endif  // MODELS_DATA_SCENE_STYLE_H_
