#include "models/data/scene_objects.h"

#include <algorithm>
#include <cmath>

#include "models/data/scene_texture.h"

namespace models {
namespace {

using Light = ObjectLight;
using Point = ObjectPoint;
using Sample = ObjectSample;

constexpr Color kBark = {0.22f, 0.15f, 0.09f};
constexpr Color kGlass = {0.10f, 0.13f, 0.17f};
constexpr Color kLamp = {2.2f, 1.6f, 0.7f};  // a lit window, whatever the daylight

float Clamp01(float x) { return std::min(std::max(x, 0.0f), 1.0f); }
float Fraction(float x) { return x - std::floor(x); }

// 1 inside (distance > 0), 0 outside, a ramp one pixel wide between.
float Cover(float distance, float pixel) { return Clamp01(distance / pixel + 0.5f); }

// Coverage of the box |s - center| < half, bottom < t < top.
float Box(const Point& p, float center, float half, float bottom, float top) {
  return Cover(half - std::fabs(p.s - center), p.pixel_s) *
         Cover(std::min(p.t - bottom, top - p.t), p.pixel_t);
}

Color Lit(Color albedo, const Light& light, float side, float up) {
  return albedo * (light.base + light.slope * side + light.top * up);
}

float Noise(TextureKind kind, const SceneObject& o, const Point& p, float texels) {
  return SceneTexture::Get(kind).Sample((p.s * 0.5f + o.seed) * texels,
                                        (p.t - o.seed) * texels * o.height / o.width,
                                        p.pixel_s * 0.5f * texels);
}

// A number in [0, 1) for a cell of a facade.
float Hash(int x, int y, float seed) {
  uint32_t h = static_cast<uint32_t>(x) * 0x9E3779B1u ^ static_cast<uint32_t>(y) * 0x85EBCA77u ^
               static_cast<uint32_t>(seed * 65536.0f);
  h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
  return static_cast<float>((h ^ (h >> 13)) & 0xFFFF) * (1.0f / 65536.0f);
}

// Leaves: a ball of light and dark blobs, lighter towards the light and the top.
Color Leaves(const SceneObject& o, const Light& l, float side, float up, float noise) {
  return Lit(o.color, l, side, up) * (0.35f + 1.1f * noise);
}

Sample Tree(const SceneObject& o, const Light& l, const Point& p) {
  const float noise = Noise(TextureKind::kPebbles, o, p, 60);
  const float y = (p.t - 0.62f) / 0.38f;
  const float radius2 = p.s * p.s + y * y;
  const float crown = Cover(1.0f - radius2 - 0.7f * (0.6f - noise), 2 * p.pixel_s);
  const float trunk = Box(p, 0, 0.09f, -1, 0.5f);
  return {Mix(Lit(kBark, l, p.s * 8, 0), Leaves(o, l, p.s, y, noise), crown),
          std::max(crown, trunk)};
}

Sample Conifer(const SceneObject& o, const Light& l, const Point& p) {
  const float noise = Noise(TextureKind::kGrass, o, p, 50);
  const float tier = Fraction(p.t * 5 + o.seed);
  const float half = (1 - p.t) * (1.05f - 0.4f * tier) * (0.75f + 0.5f * noise);
  const float crown = p.t > 0.08f ? Cover(half - std::fabs(p.s), p.pixel_s) : 0;
  const float trunk = Box(p, 0, 0.08f, -1, 0.2f);
  const float side = half > 0.02f ? std::max(-1.0f, std::min(1.0f, p.s / half)) : 0;
  return {Mix(Lit(kBark, l, 0, 0), Leaves(o, l, side, 0.3f - tier, noise), crown),
          std::max(crown, trunk)};
}

Sample Trunk(const SceneObject& o, const Light& l, const Point& p) {
  const float noise = Noise(TextureKind::kRipples, o, {p.t * 0.3f, p.s, p.pixel_t, p.pixel_s}, 90);
  const float half = 0.72f + 0.28f * std::max(0.0f, 1 - p.t * 12);
  return {Lit(o.color, l, p.s / half, 0) * (0.4f + noise), Cover(half - std::fabs(p.s), p.pixel_s)};
}

Sample Bush(const SceneObject& o, const Light& l, const Point& p) {
  const float noise = Noise(TextureKind::kPebbles, o, p, 50);
  const float radius2 = p.s * p.s + p.t * p.t;
  return {Leaves(o, l, p.s, p.t, noise),
          Cover(1.0f - radius2 - 0.8f * (0.6f - noise), 2 * p.pixel_s)};
}

Sample Palm(const SceneObject& o, const Light& l, const Point& p) {
  const float bend = 0.25f * (o.seed - 0.5f) * p.t * p.t;
  const float trunk = Box(p, bend, 0.06f, -1, 0.8f);
  const float x = p.s - bend, y = (p.t - 0.8f) * 2.6f;
  const float radius = std::sqrt(x * x + y * y);
  // Seven drooping leaves.
  const float angle = std::atan2(y + 0.5f * x * x, x);
  const float leaf = std::fabs(Fraction(angle * 1.114f + o.seed) - 0.5f);
  const float crown = Cover((0.34f - leaf) * radius, p.pixel_s) * Cover(0.95f - radius, p.pixel_s);
  return {Mix(Lit(kBark, l, p.s * 8, 0), Lit(o.color, l, x, y) * (0.6f + leaf * 2), crown),
          std::max(crown, trunk)};
}

Sample Cactus(const SceneObject& o, const Light& l, const Point& p) {
  const float stem = Box(p, 0, 0.24f, -1, 0.97f);
  const float side = o.seed < 0.5f ? -1.0f : 1.0f;
  const float arms = std::max(
      std::max(Box(p, 0.7f * side, 0.18f, 0.42f, 0.8f), Box(p, 0.4f * side, 0.45f, 0.38f, 0.48f)),
      std::max(Box(p, -0.7f * side, 0.17f, 0.55f, 0.9f), Box(p, -0.4f * side, 0.45f, 0.52f, 0.6f)));
  const float ribs = 0.75f + 0.5f * Fraction(p.s * 9);
  const float facing = stem > 0.5f ? p.s * 4 : Fraction(p.s * 2) * 2 - 1;
  return {Lit(o.color, l, facing, 0) * ribs, std::max(stem, arms)};
}

Sample Rock(const SceneObject& o, const Light& l, const Point& p) {
  const float noise = Noise(TextureKind::kClouds, o, p, 40);
  const float radius = p.s * p.s + p.t * p.t * (0.8f + 0.4f * o.seed);
  return {Lit(o.color, l, p.s, p.t) * (0.4f + 1.2f * noise),
          Cover(1 - radius - 0.9f * (0.5f - noise), 2 * p.pixel_s)};
}

Sample Haystack(const SceneObject& o, const Light& l, const Point& p) {
  const float noise = Noise(TextureKind::kGrass, o, p, 40);
  const float top = 1 - p.s * p.s * p.s * p.s;
  return {Lit(o.color, l, p.s, p.t * 0.6f) * (0.6f + 0.8f * noise), Cover(top - p.t, p.pixel_t)};
}

// A facade with `columns` x `rows` windows; far away they blend into an average.
Color Facade(const SceneObject& o, const Light& l, float s, const Point& p, float columns,
             float rows, Color wall) {
  const float x = (s * 0.5f + 0.5f) * columns, y = p.t * rows;
  const float fx = std::fabs(Fraction(x) - 0.5f), fy = std::fabs(Fraction(y) - 0.5f);
  const float pixel = std::max(p.pixel_s * 0.5f * columns, p.pixel_t * rows);
  const float sharp = Cover(0.28f - fx, pixel) * Cover(0.3f - fy, pixel);
  const float window = pixel > 1 ? 0.34f : sharp;
  const bool lamp = l.night && Hash(static_cast<int>(x), static_cast<int>(y), o.seed) < 0.4f;
  const Color glass = lamp ? kLamp : Mix(kGlass, o.second, 0.5f) * (l.base + l.top);
  return Mix(wall, glass, window);
}

Sample Building(const SceneObject& o, const Light& l, const Point& p) {
  // Two faces meet at an edge; each has its own share of the light.
  const float edge = o.seed - 0.5f;
  const bool right = p.s > edge;
  const float noise = Noise(TextureKind::kClouds, o, p, 30);
  Color wall = Lit(o.color, l, right ? 0.9f : -0.9f, 0) * (0.8f + 0.4f * noise);
  const float roof = Cover(p.t - 0.965f, p.pixel_t);
  wall = Mix(wall, wall * 0.55f, roof);
  const float floors = std::max(1.0f, std::floor(o.height / 3.2f));
  const float columns = std::max(2.0f, std::floor(o.width / 2.6f));
  const Color facade =
      roof > 0.5f ? wall : Facade(o, l, right ? p.s - edge : edge - p.s, p, columns, floors, wall);
  return {facade, Box(p, 0, 1, -1, 1)};
}

Sample House(const SceneObject& o, const Light& l, const Point& p) {
  const float eaves = 0.52f;
  const bool gable = o.seed < 0.4f;  // shows its gable, else its long side
  const float walls = Box(p, 0, 0.86f, -1, eaves);
  const float slope = (1 - p.t) / (1 - eaves);
  const float half = gable ? slope : 0.7f + 0.3f * slope;
  const float roof =
      p.t > eaves ? Cover(half - std::fabs(p.s), p.pixel_s) * Cover(1 - p.t, p.pixel_t) : 0;
  const Color wall = Lit(o.color, l, gable ? 0 : (o.seed - 0.7f) * 2, 0);
  Color color = Facade(o, l, p.s / 0.86f, p, gable ? 2.0f : 4.0f, 2.0f / eaves * 0.6f, wall);
  const float door = Box(p, (o.seed - 0.5f) * 0.8f, 0.1f, -1, 0.3f);
  color = Mix(color, Lit(o.second, l, 0, 0) * 0.6f, door);
  const float tiles = Noise(TextureKind::kRipples, o, p, 60);
  const float facing = gable ? (p.s > 0 ? 0.7f : -0.7f) : (o.seed - 0.7f) * 2;
  if (roof > 0 && !(gable && std::fabs(p.s) < half - 0.22f)) {
    color = Mix(color, Lit(o.second, l, facing, 0.8f) * (0.7f + 0.6f * tiles), roof);
  }
  return {color, std::max(walls, roof)};
}

Sample Tower(const SceneObject& o, const Light& l, const Point& p) {
  const float walls = Box(p, 0, 0.8f, -1, 0.66f);
  const float roof = p.t > 0.64f ? Cover((1 - p.t) / 0.36f - std::fabs(p.s), p.pixel_s) : 0.0f;
  const Color wall = Facade(o, l, p.s, p, 1, 8, Lit(o.color, l, p.s > 0 ? 0.6f : -0.6f, 0));
  return {Mix(wall, Lit(o.second, l, p.s * 2, 0.4f), roof), std::max(walls, roof)};
}

Sample Boat(const SceneObject& o, const Light& l, const Point& p) {
  const float hull = Box(p, 0, 0.55f + 2.2f * p.t, -1, 0.17f);
  const float mast = Box(p, 0, 0.025f, 0.1f, 1);
  const float side = o.seed < 0.5f ? p.s : -p.s;
  const float sail =
      p.t > 0.22f ? Cover(std::min(side - 0.04f, (1 - p.t) * 0.95f - side), p.pixel_s) : 0;
  const float jib =
      p.t > 0.2f ? Cover(std::min(-side - 0.05f, (0.8f - p.t) * 0.9f + side), p.pixel_s) : 0;
  const float cloth = std::max(sail, jib);
  Color color = Lit(o.color, l, p.s, 0) * (p.t > 0.13f ? 1.3f : 1.0f);
  color = Mix(color, Lit(kBark, l, 0, 0), mast);
  color = Mix(color, Lit(o.second, l, 0.3f - p.s, 0.3f), cloth);
  return {color, std::max(std::max(hull, mast), cloth)};
}

Sample Ship(const SceneObject& o, const Light& l, const Point& p) {
  const float hull = Box(p, 0, 0.85f + 0.4f * p.t, -1, 0.4f);
  const float side = o.seed < 0.5f ? p.s : -p.s;
  const float bridge = Box({side, p.t, p.pixel_s, p.pixel_t}, 0.6f, 0.22f, 0.3f, 0.95f);
  const float load = Box({side, p.t, p.pixel_s, p.pixel_t}, -0.15f, 0.5f, 0.3f, 0.62f);
  const float box = Hash(static_cast<int>(p.s * 9 + 20), static_cast<int>(p.t * 12), o.seed);
  Color color = Lit(o.color, l, p.s * 0.5f, 0) * (p.t < 0.1f ? 0.5f : 1.0f);
  color = Mix(color, Lit(Color{box, 0.9f - 0.7f * box, 0.3f}, l, 0, 0), load * (p.t > 0.4f));
  color = Mix(color, Facade(o, l, p.s * 3, p, 6, 10, Lit({0.8f, 0.8f, 0.78f}, l, 0, 0.2f)),
              bridge * (p.t > 0.4f));
  return {color, std::max(hull, std::max(bridge, load))};
}

Sample Crane(const SceneObject& o, const Light& l, const Point& p) {
  const float side = o.seed < 0.5f ? p.s : -p.s;
  const Point q = {side, p.t, p.pixel_s, p.pixel_t};
  const float legs = std::max(Box(q, -0.5f, 0.06f, -1, 0.75f), Box(q, -0.05f, 0.06f, -1, 0.75f));
  const float beam = std::max(Box(q, 0, 1, 0.7f, 0.77f), Box(q, -0.28f, 0.28f, 0.35f, 0.4f));
  const float top = std::max(Box(q, -0.28f, 0.05f, 0.7f, 1), Box(q, 0.7f, 0.02f, 0.4f, 0.7f));
  return {Lit(o.color, l, p.s, 0), std::max(legs, std::max(beam, top))};
}

Sample Pole(const SceneObject& o, const Light& l, const Point& p) {
  const float post = Box(p, 0, 0.09f, -1, 1);
  const float arm = std::max(Box(p, 0, 0.9f, 0.86f, 0.9f), Box(p, 0, 0.6f, 0.75f, 0.78f));
  return {Lit(o.color, l, p.s * 6, 0), std::max(post, arm)};
}

Sample Car(const SceneObject& o, const Light& l, const Point& p) {
  const float body = Box(p, 0, 0.98f, 0.14f, 0.62f);
  const float cabin = p.t > 0.55f ? Cover(0.78f - 0.35f * p.t - std::fabs(p.s), p.pixel_s) *
                                        Cover(1 - p.t, p.pixel_t)
                                  : 0.0f;
  const float wheels = Box(p, -0.7f, 0.16f, -1, 0.25f) + Box(p, 0.7f, 0.16f, -1, 0.25f);
  Color color = Lit(o.color, l, p.s, p.t);
  color = Mix(color, kGlass * (l.base + l.top), cabin * (p.t < 0.93f) * (p.t > 0.64f));
  if (l.night && p.t > 0.35f && p.t < 0.5f && std::fabs(p.s) > 0.7f) color = kLamp;
  return {Mix(color, {0.02f, 0.02f, 0.02f}, std::min(1.0f, wheels)),
          Clamp01(std::max(std::max(body, cabin), wheels))};
}

Sample Parasol(const SceneObject& o, const Light& l, const Point& p) {
  const float post = Box(p, 0, 0.05f, -1, 0.7f);
  const float y = (p.t - 0.62f) / 0.38f;
  const float cloth = y > 0 ? Cover(1 - p.s * p.s - y * y, 2 * p.pixel_s) : 0;
  const bool stripe = Fraction(p.s * 2.5f + 0.25f) < 0.5f;
  return {Mix(Lit(kBark, l, 0, 0), Lit(stripe ? o.color : o.second, l, p.s, y), cloth),
          std::max(post, cloth)};
}

}  // namespace

ObjectSample ShadeObject(const SceneObject& object, const ObjectLight& light, ObjectPoint point) {
  switch (object.kind) {
    case ObjectKind::kTree:
      return Tree(object, light, point);
    case ObjectKind::kConifer:
      return Conifer(object, light, point);
    case ObjectKind::kTrunk:
      return Trunk(object, light, point);
    case ObjectKind::kBush:
      return Bush(object, light, point);
    case ObjectKind::kPalm:
      return Palm(object, light, point);
    case ObjectKind::kCactus:
      return Cactus(object, light, point);
    case ObjectKind::kRock:
      return Rock(object, light, point);
    case ObjectKind::kHaystack:
      return Haystack(object, light, point);
    case ObjectKind::kBuilding:
      return Building(object, light, point);
    case ObjectKind::kHouse:
      return House(object, light, point);
    case ObjectKind::kTower:
      return Tower(object, light, point);
    case ObjectKind::kBoat:
      return Boat(object, light, point);
    case ObjectKind::kShip:
      return Ship(object, light, point);
    case ObjectKind::kCrane:
      return Crane(object, light, point);
    case ObjectKind::kPole:
      return Pole(object, light, point);
    case ObjectKind::kCar:
      return Car(object, light, point);
    case ObjectKind::kParasol:
      return Parasol(object, light, point);
  }
  return {{}, 0};
}

}  // namespace models
