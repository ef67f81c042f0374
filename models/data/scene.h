// The pictures of the embedded data set: small landscapes, each composed from a key and drawn.
//
// A scene is a camera (horizon at 15 to 75% of the height, roll up to 15 degrees, random focal
// length and eye height) over a plane with a material, a sky with a sun, hills, perhaps water that
// reflects them, and things that stand on the plane. A single patch must not tell where it is:
// light, colours, exposure and a gradient of random direction vary strongly from scene to scene,
// and textures repeat. Patches together do tell: they share one horizon, perspective, sky gradient
// and light.
//
// Lengths in the picture are fractions of its height, so a scene can be drawn at any resolution.
#ifndef MODELS_DATA_SCENE_H_
#define MODELS_DATA_SCENE_H_

#include <cstdint>
#include <vector>

#include "models/data/image.h"

namespace models {

enum class SceneClass {
  kCity,
  kForest,
  kBeach,
  kMountains,
  kDesert,
  kField,
  kLake,
  kRoad,
  kVillage,
  kHarbour,
};
inline constexpr int kSceneClasses = 10;

struct Color {
  float r = 0, g = 0, b = 0;
};
inline Color operator+(Color a, Color b) { return {a.r + b.r, a.g + b.g, a.b + b.b}; }
inline Color operator*(Color a, Color b) { return {a.r * b.r, a.g * b.g, a.b * b.b}; }
inline Color operator*(Color a, float s) { return {a.r * s, a.g * s, a.b * s}; }
inline Color Mix(Color a, Color b, float t) { return a * (1 - t) + b * t; }

// Lengths on the ground are metres. (u, v) are picture coordinates turned upright: the origin is on
// the horizon, v is positive below it. A ground point at depth z and side x is seen at
// u = focal * x / z, v = focal * eye_height / z.
struct SceneCamera {
  float horizon;  // height of the horizon at the middle of the picture, 0 top, 1 bottom
  float cos_roll, sin_roll;
  float focal, eye_height;
};

struct SceneLight {
  Color zenith, horizon;  // of the sky
  Color sun;              // colour times intensity
  Color ambient;
  float sun_u, sun_v;  // position in the picture, or outside it
  float glow;          // brightness of the sky around it
  float sky_height;    // how fast the sky turns from horizon to zenith
  float cloud_cover;   // 0 none, 1 overcast
  float cloud_scale, cloud_x, cloud_z;
  float cloud_brightness;
  float haze;  // per metre
  bool night;  // windows are lit
  // Applied to the finished picture: gain per channel; change of brightness and warmth (red against
  // blue) across it, per picture height; saturation, contrast, grain in grey levels.
  Color gain;
  float brighter_x, brighter_y;
  float warmer_x, warmer_y;
  float saturation, contrast, grain;
  uint32_t grain_seed;  // per scene: the same grain everywhere would reveal positions
};

// Silhouettes against the sky, nearest first.
struct HillLayer {
  float base, amplitude;  // height above the horizon: base + amplitude * noise
  float frequency, offset;
  float roughness;  // share of fine noise: trees, rocks
  float snow_line;  // height above which it is white; large: none
  Color color;      // including light and haze
};

struct Ground {
  Color dark, light;
  int texture;
  float texels_per_metre;
  float patch_contrast;  // of large patches of lighter and darker ground
  float offset_x, offset_z;
  // Crop rows or dune crests: brightness waves across `row_direction`.
  float row_contrast = 0, row_period = 1, row_cos = 1, row_sin = 0;
  // A road or path: |x - (x0 + bend * z)| < half width.
  float road_half_width = 0, road_x = 0, road_bend = 0;
  Color road_color;
  bool road_marks = false;
};

// Water where low(x) < z * cos + x * sin < high(x), wobbling by `wobble` metres.
struct Water {
  bool present = false;
  float low = 0, high = 0, cosine = 1, sine = 0, wobble = 0;
  Color color;
  float waves = 0;  // how much the surface breaks the reflection
  bool foam = false;
};

enum class ObjectKind {
  kTree,
  kConifer,
  kTrunk,
  kBush,
  kPalm,
  kCactus,
  kRock,
  kHaystack,
  kBuilding,
  kHouse,
  kTower,
  kBoat,
  kShip,
  kCrane,
  kPole,
  kCar,
  kParasol,
};

// Something flat that stands upright on the ground and faces the camera.
struct SceneObject {
  ObjectKind kind;
  float x, z;              // of its foot, metres
  float width, height;     // metres
  Color color, second;     // body; roof, windows, sail
  float seed;              // shifts its textures
  bool reflected = false;  // stands in or behind water
};

struct Scene {
  SceneClass scene_class;
  SceneCamera camera;
  SceneLight light;
  std::vector<HillLayer> hills;
  Ground ground;
  Water water;
  std::vector<SceneObject> objects;  // farthest first
};

// Both are pure functions and thread-safe.
Scene ComposeScene(SceneClass scene_class, uint64_t key);
// At width x height pixels, both at least 1.
Image DrawScene(const Scene& scene, int width, int height);

}  // namespace models

#endif  // MODELS_DATA_SCENE_H_
