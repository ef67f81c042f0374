#include "models/data/scene_style.h"

#include <cmath>

namespace models {
namespace {

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

}  // namespace

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
  light.glow = dice->In(0.2f, 1.2f);
  light.sky_height = dice->Scale(0.08f, 0.6f);
  light.cloud_cover = dice->In(weather.cloud_low, weather.cloud_high);
  light.cloud_scale = dice->Scale(5, 16);
  light.cloud_x = dice->In(0, 100);
  light.cloud_z = dice->In(0, 100);
  light.cloud_brightness = dice->In(0.5f, 1.2f);
  light.haze = weather.haze * dice->Scale(0.0002f, 0.003f);
  light.night = kind == kDusk;

  // The camera's automatic exposure, roughly, including its errors.
  const float level = 0.5f * (light.horizon.g + light.ambient.g + 0.4f * light.sun.g) + 0.02f;
  const float exposure = 0.7f * std::pow(level, -0.8f) * std::exp2(dice->In(-1, 1));
  light.gain = dice->Vary({exposure, exposure, exposure}, 0.3f);
  // Brightness changes in one direction, warmth in another: the scene's light is a frame of
  // reference that no single patch shows.
  const float angle = dice->In(0, static_cast<float>(2 * M_PI));
  const float turned = angle + dice->Sign() * dice->In(1.1f, 2.0f);
  const float brighter = dice->In(1.0f, 2.4f), warmer = dice->In(0.8f, 1.7f);
  light.brighter_x = brighter * std::cos(angle);
  light.brighter_y = brighter * std::sin(angle);
  light.warmer_x = warmer * std::cos(turned);
  light.warmer_y = warmer * std::sin(turned);
  light.saturation = dice->Chance(0.05f) ? 0 : dice->In(0.7f, 1.6f);
  light.contrast = dice->In(0.75f, 1.4f);
  light.grain = dice->In(0, 2.5f);
  light.grain_seed = static_cast<uint32_t>(dice->Int(0, 1 << 30));
  return light;
}

}  // namespace models
