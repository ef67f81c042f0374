#include <algorithm>
#include <cmath>
#include <utility>

#include "models/data/scene.h"
#include "models/data/scene_style.h"
#include "models/data/scene_texture.h"

namespace models {
namespace {

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
    scene_.objects.push_back({kind, x, z, width, height, color, second, dice_.In(0, 1)});
    return scene_.objects.back();
  }

  float VisibleSide(float z) const { return 0.75f * z / scene_.camera.focal; }
  float AnySide(float z) { return dice_.In(-1, 1) * VisibleSide(z); }

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
      AddTree(AnySide(z), z, size);
    }
  }

  // Objects of the same kind and colour in a row: similar patches at different depths.
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
      while (z < 150) {
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
      Add(ObjectKind::kBuilding, AnySide(z), z, dice_.In(15, 45), dice_.Scale(30, 160),
          dice_.Vary(dice_.Pick(kWalls), 0.25f), dice_.Pick(kPaints));
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
    Trees(dice_.Int(14, 26), 18, 130, dice_.In(9, 17));
    const Color bark = dice_.Vary({0.25f, 0.19f, 0.14f}, 0.5f);
    for (int i = dice_.Int(2, 6); i > 0; --i) {
      const float z = dice_.Scale(5, 18), width = dice_.In(0.3f, 0.7f);
      Add(ObjectKind::kTrunk, AnySide(z), z, width, 25, bark);
    }
    for (int i = dice_.Int(0, 8); i > 0; --i) {
      const float z = dice_.Scale(6, 40), width = dice_.In(0.8f, 2.5f);
      Add(ObjectKind::kBush, AnySide(z), z, width, width * 0.6f,
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
      Add(ObjectKind::kParasol, AnySide(z), z, 2.2f, 2.2f, cloth, kSnow);
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
      Add(ObjectKind::kBoat, AnySide(z), z, height * 0.7f, height,
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
      Add(ObjectKind::kRock, AnySide(z), z, width, width * 0.6f, dice_.Vary(rock, 0.2f));
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
        Add(ObjectKind::kCactus, AnySide(z), z, height * 0.5f, height,
            dice_.Vary({0.15f, 0.26f, 0.12f}, 0.3f));
      } else {
        Add(ObjectKind::kRock, AnySide(z), z, height * 0.9f, height * 0.5f,
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
        Add(ObjectKind::kHaystack, AnySide(z), z, size, size * 0.75f, hay);
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
      AddTree(AnySide(z), z, dice_.In(8, 16));
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
      House(AnySide(z), z);
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
    for (int i = dice_.Int(4, 9); i > 0; --i) {
      const float z = quay * dice_.In(1, 1.6f);
      Add(ObjectKind::kBuilding, AnySide(z), z, dice_.In(0.12f, 0.4f) * quay,
          dice_.In(0.08f, 0.25f) * quay, dice_.Vary(dice_.Pick(kWalls), 0.3f), dice_.Pick(kPaints))
          .reflected = true;
    }
    const Color steel = dice_.Vary(dice_.Pick(kPaints), 0.3f);
    for (int i = dice_.Int(0, 4); i > 0; --i) {
      const float z = quay * dice_.In(1, 1.2f), height = dice_.In(0.3f, 0.5f) * quay;
      Add(ObjectKind::kCrane, AnySide(z), z, height * 0.8f, height, steel).reflected = true;
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

}  // namespace models
