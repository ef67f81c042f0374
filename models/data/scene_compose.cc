#include "models/data/scene_compose.h"

#include <algorithm>
#include <cmath>

#include "graph/base/random.h"
#include "models/data/scene_texture.h"

namespace models {
namespace {

// Dice with float results.
class Dice {
 public:
  explicit Dice(uint64_t key) : stream_(key, graph::Purpose::kScene) {}
  float In(float low, float high) { return static_cast<float>(stream_.Uniform(low, high)); }
  // Even in the logarithm.
  float Scale(float low, float high) { return low * std::exp2(In(0, std::log2(high / low))); }
  bool Chance(float p) { return stream_.Uniform() < p; }
  int Int(int low, int high) { return low + static_cast<int>(stream_.Below(high - low + 1)); }
  float Sign() { return Chance(0.5f) ? 1.0f : -1.0f; }
  // `color` with every channel and the whole varied.
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

constexpr Color kGrass[] = {{0.13f, 0.24f, 0.06f}, {0.25f, 0.34f, 0.10f}, {0.42f, 0.36f, 0.16f}};
constexpr Color kLeaves[] = {{0.10f, 0.22f, 0.06f},
                             {0.17f, 0.27f, 0.07f},
                             {0.30f, 0.30f, 0.07f},
                             {0.45f, 0.22f, 0.06f},
                             {0.08f, 0.16f, 0.09f}};
constexpr Color kNeedles[] = {{0.05f, 0.13f, 0.08f}, {0.09f, 0.18f, 0.10f}, {0.13f, 0.20f, 0.08f}};
constexpr Color kSand[] = {
    {0.72f, 0.60f, 0.40f}, {0.62f, 0.50f, 0.34f}, {0.62f, 0.34f, 0.18f}, {0.82f, 0.78f, 0.68f}};
constexpr Color kSoil[] = {{0.26f, 0.18f, 0.11f}, {0.36f, 0.27f, 0.17f}, {0.18f, 0.14f, 0.11f}};
constexpr Color kPaving[] = {{0.16f, 0.16f, 0.17f}, {0.30f, 0.29f, 0.28f}, {0.48f, 0.46f, 0.42f}};
constexpr Color kRock[] = {{0.32f, 0.31f, 0.30f}, {0.42f, 0.36f, 0.30f}, {0.25f, 0.26f, 0.30f}};
constexpr Color kWalls[] = {{0.80f, 0.76f, 0.68f}, {0.62f, 0.45f, 0.34f}, {0.45f, 0.42f, 0.40f},
                            {0.72f, 0.60f, 0.42f}, {0.35f, 0.38f, 0.44f}, {0.85f, 0.84f, 0.82f}};
constexpr Color kRoofs[] = {
    {0.50f, 0.18f, 0.10f}, {0.28f, 0.16f, 0.12f}, {0.24f, 0.25f, 0.28f}, {0.42f, 0.30f, 0.18f}};
constexpr Color kPaints[] = {{0.62f, 0.10f, 0.08f}, {0.10f, 0.22f, 0.50f}, {0.80f, 0.80f, 0.78f},
                             {0.08f, 0.09f, 0.10f}, {0.75f, 0.60f, 0.10f}, {0.10f, 0.35f, 0.22f}};
constexpr Color kSnow = {0.86f, 0.88f, 0.93f};

struct Weather {
  Color zenith, horizon, sun, ambient;
  float cloud_low, cloud_high, haze;
};
constexpr Weather kWeathers[] = {
    // clear day
    {{.16f, .34f, .78f}, {.62f, .76f, .92f}, {.95f, .90f, .80f}, {.30f, .36f, .46f}, -.4f, .8f, 1},
    // milky sky
    {{.48f, .56f, .68f}, {.86f, .85f, .80f}, {.60f, .56f, .48f}, {.46f, .47f, .48f}, -.2f, .6f, 4},
    // overcast: brightest overhead
    {{.78f, .79f, .80f}, {.45f, .47f, .50f}, {.08f, .08f, .08f}, {.62f, .62f, .63f}, .5f, 1, 4},
    // storm
    {{.10f, .12f, .16f}, {.50f, .50f, .44f}, {.30f, .29f, .25f}, {.26f, .28f, .30f}, .6f, 1, 2},
    // sunset
    {{.20f, .20f, .44f}, {1.1f, .50f, .18f}, {.80f, .38f, .14f}, {.24f, .20f, .26f}, -.4f, .9f, 2},
    // dawn
    {{.48f, .42f, .62f}, {1.0f, .74f, .66f}, {.60f, .46f, .40f}, {.36f, .32f, .38f}, -.4f, .7f, 5},
    // dusk, almost night
    {{.03f, .05f, .13f}, {.16f, .17f, .28f}, {.07f, .08f, .11f}, {.06f, .07f, .11f}, -.6f, .6f, 1},
    // green evening
    {{.08f, .22f, .34f}, {.72f, .74f, .44f}, {.42f, .36f, .18f}, {.20f, .24f, .24f}, -.4f, .6f, 2},
};
constexpr int kDusk = 6;

SceneCamera MakeCamera(Dice* dice) {
  SceneCamera camera;
  camera.horizon = dice->In(0.15f, 0.75f);
  const float roll = dice->In(-15, 15) * dice->In(0.2f, 1) * static_cast<float>(M_PI / 180);
  camera.cos_roll = std::cos(roll);
  camera.sin_roll = std::sin(roll);
  camera.focal = dice->Scale(0.7f, 1.7f);
  camera.eye_height = dice->Scale(1.5f, 7.0f);
  return camera;
}

SceneLight MakeLight(Dice* dice) {
  SceneLight light;
  const int kind = dice->Int(0, 7);
  const Weather& weather = kWeathers[kind];
  light.zenith = dice->Vary(weather.zenith, 0.45f);
  light.horizon = dice->Vary(weather.horizon, 0.45f);
  light.sun = dice->Vary(weather.sun, 0.4f);
  light.ambient = dice->Vary(weather.ambient, 0.4f);
  light.sun_u = dice->In(-1.3f, 1.3f);
  light.sun_v = -dice->In(-0.05f, 0.9f);
  light.glow = dice->In(0.1f, 1.0f);
  light.sky_height = dice->Scale(0.08f, 0.6f);
  light.cloud_cover = dice->In(weather.cloud_low, weather.cloud_high);
  light.cloud_scale = dice->Scale(5, 16);
  light.cloud_x = dice->In(0, 100);
  light.cloud_z = dice->In(0, 100);
  light.cloud_brightness = dice->In(0.5f, 1.2f);
  light.haze = weather.haze * dice->Scale(0.0002f, 0.003f);
  light.night = kind == kDusk;

  // The camera's automatic exposure, roughly, and its errors.
  const float level = 0.5f * (light.horizon.g + light.ambient.g + 0.4f * light.sun.g) + 0.02f;
  const float exposure = 0.6f * std::pow(level, -0.8f) * std::exp2(dice->In(-1, 1));
  light.gain = dice->Vary({exposure, exposure, exposure}, 0.3f);
  const float angle = dice->In(0, static_cast<float>(2 * M_PI)), strength = dice->In(0, 1.1f);
  light.gradient_u = strength * std::cos(angle);
  light.gradient_v = strength * std::sin(angle);
  light.saturation = dice->Chance(0.1f) ? 0 : dice->In(0.6f, 1.6f);
  light.contrast = dice->In(0.75f, 1.4f);
  light.grain = dice->In(0, 4);
  light.grain_seed = static_cast<uint32_t>(dice->Int(0, 1 << 30));
  return light;
}

class Composer {
 public:
  Composer(SceneClass scene_class, uint64_t key) : dice_(key) {
    scene_.scene_class = scene_class;
    scene_.camera = MakeCamera(&dice_);
    scene_.light = MakeLight(&dice_);
    snow_ = dice_.Chance(0.14f);
  }

  Scene Compose() {
    switch (scene_.scene_class) {
      case SceneClass::kCity:
        City();
        break;
      case SceneClass::kForest:
        Forest();
        break;
      case SceneClass::kBeach:
        Beach();
        break;
      case SceneClass::kMountains:
        Mountains();
        break;
      case SceneClass::kDesert:
        Desert();
        break;
      case SceneClass::kField:
        Field();
        break;
      case SceneClass::kLake:
        Lake();
        break;
      case SceneClass::kRoad:
        Road();
        break;
      case SceneClass::kVillage:
        Village();
        break;
      case SceneClass::kHarbour:
        Harbour();
        break;
    }
    std::stable_sort(scene_.objects.begin(), scene_.objects.end(),
                     [](const SceneObject& a, const SceneObject& b) { return a.z > b.z; });
    return std::move(scene_);
  }

 private:
  // --- parts that several classes share

  void SetGround(Color color, TextureKind texture, float texels_per_metre) {
    Ground& ground = scene_.ground;
    const Color base = dice_.Vary(color, 0.35f);
    ground.dark = base * dice_.In(0.35f, 0.75f);
    ground.light = base * dice_.In(1.15f, 1.6f);
    ground.texture = static_cast<int>(texture);
    ground.texels_per_metre = texels_per_metre * dice_.Scale(0.7f, 1.4f);
    ground.patch_contrast = dice_.In(0.2f, 1.2f);
    ground.offset_x = dice_.In(0, 500);
    ground.offset_z = dice_.In(0, 500);
  }

  void Meadow() {
    if (snow_) {
      SetGround(kSnow, TextureKind::kClouds, dice_.Scale(4, 12));
    } else {
      SetGround(dice_.Pick(kGrass), TextureKind::kGrass, dice_.Scale(9, 24));
    }
  }

  void Hill(float base, float amplitude, float frequency, float roughness, Color color,
            float distance, float snow_line) {
    const SceneLight& light = scene_.light;
    const float thickness = 0.2f * distance * light.haze;  // air is thinner up there
    const float haze = 0.85f * thickness / (1 + thickness);
    const Color lit = dice_.Vary(color, 0.25f) * (light.ambient + light.sun * 0.55f);
    scene_.hills.push_back({base, amplitude, frequency, dice_.In(0, 1000), roughness, snow_line,
                            Mix(lit, light.horizon, haze)});
  }

  void LowHills() {
    if (dice_.Chance(0.6f)) {
      Hill(0, dice_.In(0.01f, 0.05f), dice_.In(60, 160), 0.9f, dice_.Pick(kLeaves), 500, 9);
    }
    if (dice_.Chance(0.6f)) {
      Hill(0.01f, dice_.In(0.05f, 0.2f), dice_.In(15, 40), 0.15f,
           snow_ ? kSnow : dice_.Pick(kGrass), 2000, 9);
    }
  }

  SceneObject& Add(ObjectKind kind, float x, float z, float width, float height, Color color,
                   Color second = {}) {
    SceneObject object{};
    object.kind = kind;
    object.x = x;
    object.z = z;
    object.width = width;
    object.height = height;
    object.color = color;
    object.second = second;
    object.seed = dice_.In(0, 1);
    scene_.objects.push_back(object);
    return scene_.objects.back();
  }

  float VisibleSide(float z) const { return 0.75f * z / scene_.camera.focal; }

  void AddTree(float x, float z, float size) {
    const bool conifer = dice_.Chance(conifer_share_);
    const float height = size * dice_.In(0.7f, 1.3f);
    Color color = conifer ? dice_.Pick(kNeedles) : dice_.Pick(kLeaves);
    if (snow_) color = Mix(color, kSnow, 0.45f);
    Add(conifer ? ObjectKind::kConifer : ObjectKind::kTree, x, z,
        height * (conifer ? dice_.In(0.35f, 0.5f) : dice_.In(0.6f, 0.95f)), height,
        dice_.Vary(color, 0.25f));
  }

  void Trees(int count, float near, float far, float size) {
    for (int i = 0; i < count; ++i) {
      const float z = dice_.Scale(near, far);
      AddTree(dice_.In(-1, 1) * VisibleSide(z), z, size);
    }
  }

  // Same kind and colour in a row: alike patches at different depths.
  void Row(ObjectKind kind, float x, float near, float far, float step, float width, float height,
           Color color) {
    for (float z = near; z < far; z *= 1 + step / z) Add(kind, x, z, width, height, color);
  }

  // --- the classes

  void City() {
    scene_.camera.eye_height = dice_.Scale(1.7f, 14);
    SetGround(dice_.Pick(kPaving), TextureKind::kPebbles, 12);
    Ground& ground = scene_.ground;
    ground.road_half_width = dice_.In(3.5f, 8);
    ground.road_x = dice_.In(-6, 6);
    ground.road_color = dice_.Vary(kPaving[0], 0.3f);
    ground.road_marks = true;
    Hill(0.0f, dice_.In(0.05f, 0.2f), dice_.In(100, 300), 1.6f, dice_.Pick(kWalls), 900, 9);
    for (float side : {-1.0f, 1.0f}) {
      float z = dice_.In(9, 22);
      while (z < 220) {
        const float width = dice_.In(9, 22), height = dice_.Scale(8, 55);
        const float x =
            ground.road_x + side * (ground.road_half_width + dice_.In(3, 6) + width / 2);
        Add(ObjectKind::kBuilding, x, z, width, height, dice_.Vary(dice_.Pick(kWalls), 0.25f),
            dice_.Pick(kPaints));
        z += dice_.In(0.8f, 1.5f) * width;
      }
      if (dice_.Chance(0.6f)) {
        Row(ObjectKind::kPole, ground.road_x + side * (ground.road_half_width + 1), dice_.In(6, 12),
            120, 18, 2.2f, 8, {0.2f, 0.2f, 0.2f});
      }
    }
    for (int i = dice_.Int(0, 5); i > 0; --i) {
      const float x = ground.road_x + dice_.Sign() * 0.5f * ground.road_half_width;
      Add(ObjectKind::kCar, x, dice_.Scale(8, 70), 1.9f, 1.5f,
          dice_.Vary(dice_.Pick(kPaints), .2f));
    }
    for (int i = dice_.Int(2, 9); i > 0; --i) {
      const float z = dice_.Scale(200, 700);
      Add(ObjectKind::kBuilding, dice_.In(-1, 1) * VisibleSide(z), z, dice_.In(15, 45),
          dice_.Scale(30, 160), dice_.Vary(dice_.Pick(kWalls), 0.25f), dice_.Pick(kPaints));
    }
  }

  void Forest() {
    conifer_share_ = dice_.Chance(0.5f) ? dice_.In(0, 0.2f) : dice_.In(0.8f, 1);
    if (snow_) {
      SetGround(kSnow, TextureKind::kClouds, 8);
    } else {
      SetGround(dice_.Chance(0.5f) ? dice_.Pick(kSoil) : dice_.Pick(kGrass), TextureKind::kPebbles,
                dice_.Scale(8, 20));
    }
    if (dice_.Chance(0.35f)) Path();
    Hill(0.02f, dice_.In(0.08f, 0.2f), dice_.In(120, 260), 1.2f,
         conifer_share_ > 0.5f ? dice_.Pick(kNeedles) : dice_.Pick(kLeaves), 150, 9);
    Trees(dice_.Int(18, 34), 18, 130, dice_.In(9, 17));
    const Color bark = dice_.Vary({0.25f, 0.19f, 0.14f}, 0.5f);
    for (int i = dice_.Int(2, 6); i > 0; --i) {
      const float z = dice_.Scale(5, 18), width = dice_.In(0.3f, 0.7f);
      Add(ObjectKind::kTrunk, dice_.In(-1, 1) * VisibleSide(z), z, width, 25, bark);
    }
    for (int i = dice_.Int(0, 8); i > 0; --i) {
      const float z = dice_.Scale(6, 40), width = dice_.In(0.8f, 2.5f);
      Add(ObjectKind::kBush, dice_.In(-1, 1) * VisibleSide(z), z, width, width * 0.6f,
          dice_.Vary(dice_.Pick(kLeaves), 0.3f));
    }
  }

  void Path() {
    scene_.ground.road_half_width = dice_.In(0.8f, 2);
    scene_.ground.road_x = dice_.In(-3, 3);
    scene_.ground.road_bend = dice_.In(-0.2f, 0.2f);
    scene_.ground.road_color = dice_.Vary(dice_.Pick(kSoil), 0.3f);
  }

  void SetWater(float low, float high, float wobble) {
    Water& water = scene_.water;
    water.present = true;
    water.low = low;
    water.high = high;
    water.wobble = wobble;
    constexpr Color kWaters[] = {{.02f, .10f, .16f}, {.03f, .16f, .16f}, {.08f, .09f, .07f}};
    water.color = dice_.Vary(dice_.Pick(kWaters), 0.5f);
    water.waves = dice_.Scale(0.15f, 1.2f);
  }

  void Beach() {
    SetGround(dice_.Pick(kSand), TextureKind::kGrass, dice_.Scale(6, 14));
    const float eye = scene_.camera.eye_height * scene_.camera.focal;
    SetWater(eye * dice_.Scale(2.2f, 9), 1e9f, eye * dice_.In(0.4f, 2));
    const float turn = dice_.In(-0.9f, 0.9f);
    scene_.water.cosine = std::cos(turn);
    scene_.water.sine = std::sin(turn);
    scene_.water.foam = true;
    if (dice_.Chance(0.4f)) {
      Hill(0, dice_.In(0.02f, 0.12f), dice_.In(12, 30), 0.2f, dice_.Pick(kRock), 2500, 9);
    }
    const float shore = scene_.water.low;
    const Color cloth = dice_.Vary(dice_.Pick(kPaints), 0.2f);
    for (int i = dice_.Int(0, 8); i > 0; --i) {
      const float z = dice_.Scale(5, std::max(8.0f, 0.9f * shore));
      Add(ObjectKind::kParasol, dice_.In(-1, 1) * VisibleSide(z), z, 2.2f, 2.2f, cloth, kSnow);
    }
    if (dice_.Chance(0.5f)) {
      const float side = scene_.water.sine > 0 ? -1.0f : 1.0f;
      for (int i = dice_.Int(1, 5); i > 0; --i) {
        const float z = dice_.Scale(8, 40), height = dice_.In(6, 11);
        Add(ObjectKind::kPalm, side * dice_.In(0.2f, 1) * VisibleSide(z), z, height * 0.7f, height,
            dice_.Vary(dice_.Pick(kLeaves), 0.3f));
      }
    }
    Boats(dice_.Int(0, 4), shore * 2.5f, shore * 12);
  }

  void Boats(int count, float near, float far) {
    for (int i = 0; i < count; ++i) {
      const float z = dice_.Scale(near, far), height = dice_.In(5, 10);
      Add(ObjectKind::kBoat, dice_.In(-1, 1) * VisibleSide(z), z, height * 0.7f, height,
          dice_.Vary(dice_.Pick(kPaints), 0.3f), dice_.Vary(kSnow, 0.2f))
          .reflected = true;
    }
  }

  void Mountains() {
    Meadow();
    const Color rock = dice_.Pick(kRock);
    const float snow_line = dice_.In(0.05f, 0.4f);
    if (dice_.Chance(0.6f)) {
      Hill(0.0f, dice_.In(0.08f, 0.18f), dice_.In(14, 30), 0.25f,
           snow_ ? kSnow : dice_.Pick(kNeedles), 1500, 9);
    }
    Hill(0.02f, dice_.In(0.3f, 0.6f), dice_.In(20, 50), 0.3f, rock, 2500, snow_line);
    Hill(0.1f, dice_.In(0.5f, 0.9f), dice_.In(16, 40), 0.25f, rock, 5000, snow_line);
    conifer_share_ = 0.9f;
    Trees(dice_.Int(0, 16), 15, 200, dice_.In(7, 14));
    for (int i = dice_.Int(0, 8); i > 0; --i) {
      const float z = dice_.Scale(5, 60), width = dice_.In(0.6f, 3);
      Add(ObjectKind::kRock, dice_.In(-1, 1) * VisibleSide(z), z, width, width * 0.6f,
          dice_.Vary(rock, 0.2f));
    }
  }

  void Desert() {
    const Color sand = dice_.Pick(kSand);
    SetGround(sand, TextureKind::kRipples, dice_.Scale(5, 16));
    Ground& ground = scene_.ground;
    ground.row_contrast = dice_.In(0.2f, 0.7f);
    ground.row_period = dice_.Scale(2, 14);
    const float turn = dice_.In(0.3f, 2.8f);
    ground.row_cos = std::cos(turn);
    ground.row_sin = std::sin(turn);
    Hill(0, dice_.In(0.03f, 0.14f), dice_.In(8, 24), 0.02f, sand, 600, 9);
    if (dice_.Chance(0.7f)) {
      Hill(0.02f, dice_.In(0.08f, 0.25f), dice_.In(6, 18), dice_.In(0, 0.15f),
           dice_.Chance(0.5f) ? sand : dice_.Pick(kRock), 2500, 9);
    }
    const bool cacti = dice_.Chance(0.6f);
    for (int i = dice_.Int(2, 14); i > 0; --i) {
      const float z = dice_.Scale(6, 120), height = dice_.In(1.5f, 5);
      if (cacti && dice_.Chance(0.7f)) {
        Add(ObjectKind::kCactus, dice_.In(-1, 1) * VisibleSide(z), z, height * 0.5f, height,
            dice_.Vary({0.15f, 0.26f, 0.12f}, 0.3f));
      } else {
        Add(ObjectKind::kRock, dice_.In(-1, 1) * VisibleSide(z), z, height * 0.9f, height * 0.5f,
            dice_.Vary(dice_.Chance(0.5f) ? sand * 0.7f : dice_.Pick(kRock), 0.2f));
      }
    }
  }

  void Field() {
    constexpr Color kCrops[] = {
        {.22f, .34f, .08f}, {.62f, .50f, .18f}, {.70f, .62f, .12f}, {.30f, .20f, .12f}};
    const Color crop = snow_ ? kSnow : dice_.Pick(kCrops);
    SetGround(crop, TextureKind::kGrass, dice_.Scale(8, 20));
    Ground& ground = scene_.ground;
    ground.row_contrast = dice_.In(0.45f, 1.0f);
    ground.row_period = dice_.Scale(0.7f, 4);
    const float turn = dice_.In(-0.7f, 0.7f);
    ground.row_cos = std::cos(turn);
    ground.row_sin = std::sin(turn);
    LowHills();
    if (dice_.Chance(0.6f)) {
      const float size = dice_.In(1.5f, 3);
      const Color hay = dice_.Vary({0.65f, 0.52f, 0.22f}, 0.25f);
      for (int i = dice_.Int(3, 12); i > 0; --i) {
        const float z = dice_.Scale(9, 140);
        Add(ObjectKind::kHaystack, dice_.In(-1, 1) * VisibleSide(z), z, size, size * 0.75f, hay);
      }
    }
    Trees(dice_.Int(0, 6), 40, 220, dice_.In(7, 13));
    if (dice_.Chance(0.3f)) House(dice_.In(-20, 20), dice_.In(70, 180));
  }

  void Lake() {
    Meadow();
    const float eye = scene_.camera.eye_height * scene_.camera.focal;
    SetWater(eye * dice_.Scale(1.6f, 5), eye * dice_.Scale(18, 80), eye * dice_.In(0.5f, 2.5f));
    const float turn = dice_.In(-0.4f, 0.4f);
    scene_.water.cosine = std::cos(turn);
    scene_.water.sine = std::sin(turn);
    conifer_share_ = dice_.Chance(0.5f) ? 0.9f : 0.1f;
    Hill(0.0f, dice_.In(0.03f, 0.09f), dice_.In(90, 200), 1.5f,
         conifer_share_ > 0.5f ? dice_.Pick(kNeedles) : dice_.Pick(kLeaves), 400, 9);
    if (dice_.Chance(0.75f)) {
      Hill(0.02f, dice_.In(0.1f, 0.4f), dice_.In(10, 28), 0.25f,
           snow_                ? kSnow
           : dice_.Chance(0.5f) ? dice_.Pick(kRock)
                                : dice_.Pick(kNeedles),
           3000, dice_.In(0.1f, 0.6f));
    }
    for (int i = dice_.Int(3, 14); i > 0; --i) {
      const float z = scene_.water.high * dice_.In(1.1f, 1.5f);
      AddTree(dice_.In(-1, 1) * VisibleSide(z), z, dice_.In(8, 16));
      scene_.objects.back().reflected = true;
    }
    Trees(dice_.Int(0, 4), 6, std::max(8.0f, scene_.water.low), dice_.In(4, 10));
    Boats(dice_.Int(0, 3), scene_.water.low * 1.6f, scene_.water.high * 0.6f);
  }

  void Road() {
    Meadow();
    Ground& ground = scene_.ground;
    ground.road_half_width = dice_.In(2.6f, 6);
    ground.road_x = dice_.In(-4, 4);
    ground.road_bend = dice_.In(-0.35f, 0.35f);
    ground.road_color = dice_.Vary(dice_.Pick(kPaving), 0.3f);
    ground.road_marks = true;
    LowHills();
    if (dice_.Chance(0.75f)) {
      const float side = dice_.Sign();
      const float step = dice_.In(15, 40), height = dice_.In(5, 9);
      for (float z = dice_.In(6, 15); z < 300; z += step) {
        const float x =
            ground.road_x + ground.road_bend * z + side * (ground.road_half_width + 2.5f);
        Add(ObjectKind::kPole, x, z, 1.8f, height, {0.22f, 0.17f, 0.13f});
      }
    }
    if (dice_.Chance(0.5f)) {  // an avenue
      const float step = dice_.In(10, 25), size = dice_.In(6, 12);
      for (float z = dice_.In(10, 20); z < 180; z += step) {
        for (float side : {-1.0f, 1.0f}) {
          AddTree(ground.road_x + ground.road_bend * z + side * (ground.road_half_width + 5), z,
                  size);
        }
      }
    } else {
      Trees(dice_.Int(0, 8), 30, 250, dice_.In(6, 12));
    }
    for (int i = dice_.Int(0, 4); i > 0; --i) {
      const float z = dice_.Scale(9, 150);
      const float x =
          ground.road_x + ground.road_bend * z + dice_.Sign() * 0.5f * ground.road_half_width;
      Add(ObjectKind::kCar, x, z, 1.9f, 1.5f, dice_.Vary(dice_.Pick(kPaints), 0.2f));
    }
  }

  void House(float x, float z) {
    const float height = dice_.In(5, 9);
    Add(ObjectKind::kHouse, x, z, height * dice_.In(1.0f, 1.8f), height,
        dice_.Vary(dice_.Pick(kWalls), 0.25f),
        snow_ ? kSnow : dice_.Vary(dice_.Pick(kRoofs), 0.25f));
  }

  void Village() {
    Meadow();
    if (dice_.Chance(0.7f)) Path();
    LowHills();
    for (int i = dice_.Int(7, 16); i > 0; --i) {
      const float z = dice_.Scale(18, 150);
      House(dice_.In(-1, 1) * VisibleSide(z), z);
    }
    if (dice_.Chance(0.65f)) {
      const float z = dice_.In(50, 140);
      const float x = dice_.In(-0.8f, 0.8f) * VisibleSide(z), height = dice_.In(16, 28);
      Add(ObjectKind::kTower, x, z, height * 0.25f, height, dice_.Vary(kWalls[0], 0.25f),
          dice_.Vary(dice_.Pick(kRoofs), 0.25f));
    }
    Trees(dice_.Int(3, 12), 14, 160, dice_.In(5, 10));
  }

  void Harbour() {
    scene_.camera.eye_height = dice_.Scale(2, 10);
    SetGround(dice_.Pick(kPaving), TextureKind::kPebbles, 10);
    const float eye = scene_.camera.eye_height * scene_.camera.focal;
    SetWater(dice_.Chance(0.5f) ? 0 : eye * dice_.In(1.3f, 2.5f), eye * dice_.Scale(12, 45), 0);
    const float turn = dice_.In(-0.25f, 0.25f);
    scene_.water.cosine = std::cos(turn);
    scene_.water.sine = std::sin(turn);
    LowHills();
    const float quay = scene_.water.high * 1.25f;
    for (int i = dice_.Int(5, 14); i > 0; --i) {
      const float z = quay * dice_.In(1, 1.6f);
      Add(ObjectKind::kBuilding, dice_.In(-1, 1) * VisibleSide(z), z, dice_.In(0.12f, 0.4f) * quay,
          dice_.In(0.08f, 0.25f) * quay, dice_.Vary(dice_.Pick(kWalls), 0.3f), dice_.Pick(kPaints))
          .reflected = true;
    }
    const Color steel = dice_.Vary(dice_.Pick(kPaints), 0.3f);
    for (int i = dice_.Int(0, 4); i > 0; --i) {
      const float z = quay * dice_.In(1, 1.2f), height = dice_.In(0.3f, 0.5f) * quay;
      Add(ObjectKind::kCrane, dice_.In(-1, 1) * VisibleSide(z), z, height * 0.8f, height, steel)
          .reflected = true;
    }
    for (int i = dice_.Int(0, 2); i > 0; --i) {
      const float z = scene_.water.high * dice_.In(0.5f, 0.9f), width = dice_.In(0.3f, 0.6f) * z;
      Add(ObjectKind::kShip, dice_.In(-0.8f, 0.8f) * VisibleSide(z), z, width, width * 0.35f,
          dice_.Vary(dice_.Pick(kPaints), 0.3f))
          .reflected = true;
    }
    Boats(dice_.Int(2, 8), std::max(12.0f, 1.5f * scene_.water.low), scene_.water.high * 0.9f);
  }

  Dice dice_;
  Scene scene_;
  bool snow_ = false;
  float conifer_share_ = 0.3f;
};

}  // namespace

Scene ComposeScene(SceneClass scene_class, uint64_t key) {
  return Composer(scene_class, key).Compose();
}

const char* SceneClassName(SceneClass scene_class) {
  constexpr const char* kNames[kSceneClasses] = {"city",    "forest", "beach", "mountains",
                                                 "desert",  "field",  "lake",  "road",
                                                 "village", "harbour"};
  return kNames[static_cast<int>(scene_class)];
}

}  // namespace models
