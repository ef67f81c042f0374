#include <algorithm>
#include <cmath>
#include <vector>

#include "graph/base/status.h"
#include "models/data/scene.h"
#include "models/data/scene_objects.h"
#include "models/data/scene_texture.h"

namespace models {
namespace {

// Ground beyond this depth is drawn at this depth: the haze hides it anyway.
constexpr float kFarthest = 4000.0f;

float Clamp01(float x) { return std::min(std::max(x, 0.0f), 1.0f); }
float Smooth(float x) {
  x = Clamp01(x);
  return x * x * (3 - 2 * x);
}
// The share that haze hides at a depth: close to 1 - exp(-x), and cheap.
float HazeShare(float x) { return x / (1 + x); }

class Painter {
 public:
  Painter(const Scene& scene, int width, int height)
      : scene_(scene),
        width_(width),
        height_(height),
        pixel_(1.0f / height),
        clouds_(SceneTexture::Get(TextureKind::kClouds)),
        ripples_(SceneTexture::Get(TextureKind::kRipples)),
        soil_(SceneTexture::Get(static_cast<TextureKind>(scene.ground.texture))),
        colors_(size_t{1} * width * height) {
    const SceneLight& light = scene.light;
    // A surface that faces up sees the sky and, in proportion to its height, the sun.
    const float sun_height = Clamp01(-light.sun_v * 1.5f + 0.25f);
    ground_light_ = light.ambient + light.sun * sun_height;
    object_light_.base = light.ambient + light.sun * 0.45f;
    object_light_.slope = light.sun * (0.4f * std::clamp(light.sun_u * 1.5f, -1.0f, 1.0f));
    object_light_.top = light.sun * (0.3f * sun_height) + light.ambient * 0.15f;
    object_light_.night = light.night;
  }

  Image Draw() {
    DrawBackground();
    for (const SceneObject& object : scene_.objects) {
      if (object.reflected) DrawObject(object, /*mirrored=*/true);
    }
    for (const SceneObject& object : scene_.objects) {
      DrawShadow(object);
      DrawObject(object, /*mirrored=*/false);
    }
    return Develop();
  }

 private:
  struct Upright {
    float u, v;
  };
  // Picture coordinates (fractions of the height, from the middle) made upright.
  Upright ToUpright(float x, float y) const {
    const SceneCamera& c = scene_.camera;
    return {x * c.cos_roll + y * c.sin_roll, y * c.cos_roll - x * c.sin_roll - (c.horizon - 0.5f)};
  }
  Upright UprightOfPixel(int x, int y) const {
    return ToUpright((x + 0.5f - 0.5f * width_) * pixel_, (y + 0.5f) * pixel_ - 0.5f);
  }

  Color Sky(float u, float elevation) const {
    const SceneLight& light = scene_.light;
    const float up = elevation / (elevation + light.sky_height);
    Color color = Mix(light.horizon, light.zenith, up);
    const float du = u - light.sun_u, dv = -elevation - light.sun_v;
    const float distance2 = du * du + dv * dv;
    color = color + light.sun * (light.glow / (1 + 14 * distance2));
    if (distance2 < 0.0014f) color = color + light.sun * 2.0f;
    if (light.cloud_cover > 0) {
      // A layer of clouds over the plane: smaller and closer towards the horizon.
      const float depth = 1.0f / (elevation + 0.07f);
      const float scale = light.cloud_scale;
      const float density =
          clouds_.Sample((u * depth + light.cloud_x) * scale, (depth + light.cloud_z) * scale,
                         scale * depth * depth * pixel_ * 0.7f);
      const float cover = Smooth((density - (0.85f - 0.7f * light.cloud_cover)) * 5.0f);
      const float shade = light.cloud_brightness * (1.25f - 0.6f * density);
      const Color cloud = (light.ambient + light.sun * 0.5f) * shade;
      color = Mix(color, cloud, cover * Clamp01(elevation * 9 + 0.15f));
    }
    return color;
  }

  // Sky and hills at `elevation` above the horizon.
  Color Distance(float u, float elevation) const {
    for (const HillLayer& hill : scene_.hills) {
      const float x = u * hill.frequency + hill.offset;
      if (elevation > hill.base + hill.amplitude + pixel_) continue;
      const float coarse = clouds_.Sample(x, hill.offset, pixel_ * hill.frequency);
      const float fine = soil_.Sample(x * 9, hill.offset, pixel_ * hill.frequency * 9);
      const float noise = coarse + hill.roughness * (fine - 0.5f);
      const float crest = hill.base + hill.amplitude * noise;
      const float cover = Clamp01((crest - elevation) * height_ + 0.5f);
      if (cover <= 0) continue;
      // Slopes: the same noise at another height stands in for the shape of the land.
      const float slope =
          clouds_.Sample(x * 1.7f + elevation * 90, hill.offset + elevation * 160, pixel_ * 200);
      Color color = hill.color * (0.55f + 0.9f * slope);
      const float snow = Smooth((elevation - hill.snow_line + 0.12f * (slope - 0.5f)) * 25);
      color = Mix(color, (ground_light_ + scene_.light.ambient) * (0.45f + 0.6f * slope), snow);
      if (cover >= 1) return color;
      return Mix(SkyBehind(u, elevation, &hill), color, cover);
    }
    return Sky(u, elevation);
  }

  // What the edge of a hill is blended with.
  Color SkyBehind(float u, float elevation, const HillLayer* hill) const {
    const HillLayer* next = hill + 1;
    if (next != scene_.hills.data() + scene_.hills.size() &&
        elevation < next->base + 0.4f * next->amplitude) {
      return next->color;
    }
    return Sky(u, elevation);
  }

  Color WaterColor(float u, float v, float x, float z) const {
    const Water& water = scene_.water;
    const float footprint = z / scene_.camera.focal * pixel_;
    const float wave = ripples_.Sample(x * 6, z * 6, footprint * 6) - 0.5f;
    const float swell = ripples_.Sample(x * 0.7f, z * 0.7f, footprint * 0.7f) - 0.5f;
    const float broken = water.waves * (0.6f * wave + 0.4f * swell);
    const float elevation = std::max(0.0f, v * (1 + 1.2f * broken) + 0.05f * broken);
    const Color mirrored = Distance(u + 0.1f * broken, elevation);
    // A flat view of the water shows the sky, a steep one its depth.
    const float fresnel = 0.25f + 0.65f / (1 + 14 * v * v);
    return Mix(water.color * ground_light_ * (1 + broken), mirrored * (1 + 0.6f * broken), fresnel);
  }

  Color GroundColor(float u, float v) const {
    const Ground& ground = scene_.ground;
    const SceneCamera& camera = scene_.camera;
    const float z = std::min(kFarthest, camera.focal * camera.eye_height / std::max(v, 1e-5f));
    const float x = u * z / camera.focal;
    const float side_pixel = z / camera.focal * pixel_;
    const float depth_pixel = std::min(kFarthest, z * pixel_ / std::max(v, pixel_));
    const float pixel = std::sqrt(side_pixel * depth_pixel);

    const float wobble = scene_.water.present || ground.road_half_width > 0
                             ? clouds_.Sample(x * 0.8f + 40, z * 0.8f, pixel * 0.8f) - 0.5f
                             : 0.0f;
    Color color;
    float water_cover = 0, foam = 0, wet = 0;
    if (scene_.water.present) {
      const Water& water = scene_.water;
      const float across = z * water.cosine + x * water.sine + water.wobble * wobble;
      const float blur = std::max(0.3f, depth_pixel * std::fabs(water.cosine) + side_pixel);
      water_cover = Clamp01(std::min(across - water.low, water.high - across) / blur + 0.5f);
      const float shore = std::fabs(across - water.low);
      if (water.foam) {
        foam = Clamp01(1.2f - shore / (0.02f * water.low + blur)) * 0.8f;
      }
      wet = Clamp01(1 - (water.low - across) / (0.15f * water.low + 1.0f));
    }
    if (water_cover >= 1 && foam <= 0) {
      color = WaterColor(u, v, x, z);
    } else {
      color = SoilColor(x, z, pixel, side_pixel, wobble);
      if (scene_.water.present) color = color * (1 - 0.4f * wet);
      color = color * ground_light_;
      if (water_cover > 0) color = Mix(color, WaterColor(u, v, x, z), water_cover);
      color = Mix(color, ground_light_ * 0.95f, foam);
    }
    return Mix(color, scene_.light.horizon, HazeShare(z * scene_.light.haze));
  }

  // Albedo of dry ground at (x, z).
  Color SoilColor(float x, float z, float pixel, float side_pixel, float wobble) const {
    const Ground& ground = scene_.ground;
    const float t = ground.texels_per_metre;
    const float fine =
        soil_.Sample((x + ground.offset_x) * t, (z + ground.offset_z) * t, pixel * t);
    const float patch = clouds_.Sample((x + ground.offset_z) * t * 0.11f,
                                       (z + ground.offset_x) * t * 0.11f, pixel * t * 0.11f);
    float mix = fine + ground.patch_contrast * (patch - 0.5f);
    if (ground.row_contrast > 0) {
      const float across = (x * ground.row_cos + z * ground.row_sin) / ground.row_period;
      const float wave = std::fabs(across - std::floor(across) - 0.5f) * 4 - 1;
      const float across_pixel =
          (side_pixel * std::fabs(ground.row_cos) + pixel * std::fabs(ground.row_sin)) /
          ground.row_period;
      mix += ground.row_contrast * wave * Clamp01(1.5f - 2 * across_pixel);
    }
    Color color = Mix(ground.dark, ground.light, std::min(std::max(mix, -0.1f), 1.2f));
    if (ground.road_half_width > 0) {
      const float from_middle = x - ground.road_x - ground.road_bend * z + 0.3f * wobble;
      const float half = ground.road_half_width;
      const float road = Clamp01((half - std::fabs(from_middle)) / side_pixel + 0.5f);
      Color surface = ground.road_color * (0.8f + 0.4f * fine);
      if (ground.road_marks) {
        const float dash = (z * (1 / 9.0f) - std::floor(z * (1 / 9.0f))) < 0.45f ? 1.0f : 0.0f;
        const float blur = Clamp01(0.2f / side_pixel);
        const float middle = Clamp01((0.12f - std::fabs(from_middle)) / side_pixel + 0.5f) * dash;
        const float edge =
            Clamp01((0.12f - std::fabs(std::fabs(from_middle) - 0.92f * half)) / side_pixel + 0.5f);
        surface = Mix(surface, {0.8f, 0.8f, 0.75f}, std::max(middle, edge) * blur);
      }
      color = Mix(color, surface, road);
    }
    return color;
  }

  void DrawBackground() {
    for (int y = 0; y < height_; ++y) {
      for (int x = 0; x < width_; ++x) {
        const Upright at = UprightOfPixel(x, y);
        Color& out = colors_[size_t{1} * y * width_ + x];
        const float below = at.v * height_ + 0.5f;  // share of the pixel under the horizon
        if (below >= 1) {
          out = GroundColor(at.u, at.v);
        } else if (below <= 0) {
          out = Distance(at.u, -at.v);
        } else {
          out = Mix(Distance(at.u, 0.5f * pixel_), GroundColor(at.u, 0.5f * pixel_), below);
        }
      }
    }
  }

  struct Bounds {
    int x0, y0, x1, y1;
  };
  // Pixels that may show the upright rectangle.
  Bounds PixelsOf(float u0, float v0, float u1, float v1) const {
    const SceneCamera& c = scene_.camera;
    float left = 1e9f, right = -1e9f, top = 1e9f, bottom = -1e9f;
    for (float u : {u0, u1}) {
      for (float v : {v0, v1}) {
        const float w = v + c.horizon - 0.5f;
        const float x = (u * c.cos_roll - w * c.sin_roll) * height_ + 0.5f * width_;
        const float y = (u * c.sin_roll + w * c.cos_roll + 0.5f) * height_;
        left = std::min(left, x);
        right = std::max(right, x);
        top = std::min(top, y);
        bottom = std::max(bottom, y);
      }
    }
    const auto clip = [](float x, int limit) {
      return static_cast<int>(std::clamp(x, 0.0f, static_cast<float>(limit)));
    };
    return {clip(left - 1, width_), clip(top - 1, height_), clip(right + 2, width_),
            clip(bottom + 2, height_)};
  }

  struct Placed {
    float u, v, half_width, height;  // of the foot, in the picture
  };
  Placed Place(const SceneObject& object) const {
    const float scale = scene_.camera.focal / object.z;
    return {object.x * scale, scene_.camera.eye_height * scale, 0.5f * object.width * scale,
            object.height * scale};
  }

  void DrawObject(const SceneObject& object, bool mirrored) {
    const Placed at = Place(object);
    if (at.height < 0.7f * pixel_) return;
    const float up = mirrored ? 1.0f : -1.0f;
    const Bounds box =
        PixelsOf(at.u - at.half_width, at.v, at.u + at.half_width, at.v + up * at.height);
    const float haze = HazeShare(object.z * scene_.light.haze);
    const Color haze_color = scene_.light.horizon * haze;
    const float inverse_width = 1 / at.half_width, inverse_height = 1 / at.height;
    for (int y = box.y0; y < box.y1; ++y) {
      for (int x = box.x0; x < box.x1; ++x) {
        const Upright p = UprightOfPixel(x, y);
        ObjectPoint point = {(p.u - at.u) * inverse_width, (p.v - at.v) * up * inverse_height,
                             pixel_ * inverse_width, pixel_ * inverse_height};
        if (mirrored) {
          const float wave = ripples_.Sample(p.u * 90, p.v * 400, pixel_ * 90) - 0.5f;
          point.s += wave * scene_.water.waves * 0.8f;
        }
        // Half a pixel more on every side, for soft edges.
        if (std::fabs(point.s) > 1 + 0.5f * point.pixel_s || point.t < -0.5f * point.pixel_t ||
            point.t > 1 + 0.5f * point.pixel_t) {
          continue;
        }
        ObjectSample sample = ShadeObject(object, object_light_, point);
        sample.cover *= Clamp01(point.t / point.pixel_t + 0.5f);
        if (mirrored) sample.cover *= 0.55f * (1 - 0.5f * point.t);
        if (sample.cover <= 0) continue;
        Color& out = colors_[size_t{1} * y * width_ + x];
        out = Mix(out, sample.color * (1 - haze) + haze_color, sample.cover);
      }
    }
  }

  // A soft patch of shade on the ground, away from the sun.
  void DrawShadow(const SceneObject& object) {
    const float strength =
        0.55f * scene_.light.sun.g / (scene_.light.sun.g + scene_.light.ambient.g + 1e-3f);
    const Placed at = Place(object);
    if (object.reflected || at.half_width < pixel_ || strength < 0.05f) return;
    const float away = scene_.light.sun_u > 0 ? -1.0f : 1.0f;
    const float half_u = at.half_width * 1.5f,
                half_v = 0.35f * at.half_width * at.v + 0.5f * pixel_;
    const float u = at.u + away * 0.6f * at.half_width;
    const Bounds box = PixelsOf(u - half_u, at.v - half_v, u + half_u, at.v + half_v);
    for (int y = box.y0; y < box.y1; ++y) {
      for (int x = box.x0; x < box.x1; ++x) {
        const Upright p = UprightOfPixel(x, y);
        const float du = (p.u - u) / half_u, dv = (p.v - at.v) / half_v;
        const float shade = 1 - du * du - dv * dv;
        if (shade <= 0 || p.v <= 0) continue;
        Color& out = colors_[size_t{1} * y * width_ + x];
        out = out * (1 - strength * std::min(1.0f, 1.6f * shade));
      }
    }
  }

  // From light to bytes: gain, gradient, saturation, tone, contrast, grain.
  Image Develop() const {
    const SceneLight& light = scene_.light;
    Image image = Image::Sized(width_, height_);
    std::vector<float> values(size_t{3} * width_), grains(size_t{3} * width_);
    // How brightness and warmth change across the picture is an exponential of x and
    // y, so a step means the same ratio everywhere and the two factors separate.
    const auto growth = [](float brighter, float warmer) {
      return Color{std::exp(brighter + warmer), std::exp(brighter), std::exp(brighter - warmer)};
    };
    std::vector<Color> column_gains(width_);
    for (int x = 0; x < width_; ++x) {
      const float px = (x + 0.5f - 0.5f * width_) * pixel_;
      column_gains[x] = light.gain * growth(light.brighter_x * px, light.warmer_x * px);
    }
    uint32_t noise = light.grain_seed;
    for (int y = 0; y < height_; ++y) {
      const float py = (y + 0.5f) * pixel_ - 0.5f;
      const Color row_gain = growth(light.brighter_y * py, light.warmer_y * py);
      for (int x = 0; x < width_; ++x) {
        const Color c = colors_[size_t{1} * y * width_ + x] * column_gains[x] * row_gain;
        const float grey = 0.3f * c.r + 0.59f * c.g + 0.11f * c.b;
        values[3 * x] = grey + light.saturation * (c.r - grey);
        values[3 * x + 1] = grey + light.saturation * (c.g - grey);
        values[3 * x + 2] = grey + light.saturation * (c.b - grey);
        noise = noise * 1664525u + 1013904223u;
        const float grain = (static_cast<float>(noise >> 16) * (1 / 32768.0f) - 1) * light.grain;
        grains[3 * x] = grains[3 * x + 1] = grains[3 * x + 2] = grain;
      }
      uint8_t* out = image.pixel(0, y);
      for (int i = 0; i < 3 * width_; ++i) {  // separate loops vectorise
        // A film's shoulder keeps bright skies from turning white; the root is the screen's gamma.
        const float value = std::max(0.0f, values[i]);
        const float tone = std::sqrt(value * (1 + 0.05f * value) / (1 + 0.75f * value));
        const float level = 128 + light.contrast * (255 * tone - 128) + grains[i];
        out[i] = static_cast<uint8_t>(static_cast<int>(std::min(std::max(level, 0.0f), 255.0f)));
      }
    }
    return image;
  }

  const Scene& scene_;
  const int width_, height_;
  const float pixel_;  // a pixel's side as a fraction of the height
  const SceneTexture& clouds_;
  const SceneTexture& ripples_;
  const SceneTexture& soil_;
  std::vector<Color> colors_;
  Color ground_light_;
  ObjectLight object_light_;
};

}  // namespace

Image DrawScene(const Scene& scene, int width, int height) {
  CHECK(width > 0 && height > 0);
  return Painter(scene, width, height).Draw();
}

}  // namespace models
