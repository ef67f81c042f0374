#include "tests/models/data/test_images.h"

#include <gtest/gtest.h>
#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "graph/base/random.h"
#include "graph/base/status.h"

namespace models {
namespace {

std::string Compress(const uint8_t* pixels, int width, int height, int format, int subsampling,
                     int quality) {
  tjhandle handle = tjInitCompress();
  CHECK(handle != nullptr);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  CHECK(tjCompress2(handle, pixels, width, 0, height, format, &data, &size, subsampling, quality,
                    TJFLAG_ACCURATEDCT) == 0);
  std::string bytes(reinterpret_cast<char*>(data), size);
  tjFree(data);
  tjDestroy(handle);
  return bytes;
}

std::string WritePngToMemory(const uint8_t* pixels, int width, int height, uint32_t format) {
  png_image png;
  std::memset(&png, 0, sizeof(png));
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(height);
  png.format = format;
  png_alloc_size_t size = 0;
  CHECK(png_image_write_to_memory(&png, nullptr, &size, 0, pixels, 0, nullptr));
  std::string bytes(size, '\0');
  CHECK(png_image_write_to_memory(&png, &bytes[0], &size, 0, pixels, 0, nullptr));
  bytes.resize(size);
  return bytes;
}

}  // namespace

Image GradientImage(int width, int height, int seed) {
  Image image = Image::Sized(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const double wave = std::sin(0.2 * (c + 1) * x + 0.13 * y + seed);
        const double value = 128 + 60 * wave + 60 * std::cos(0.07 * y * (3 - c) + 2 * seed);
        image.pixel(x, y)[c] = static_cast<uint8_t>(std::clamp(value, 0.0, 255.0));
      }
    }
  }
  return image;
}

std::string EncodeJpeg(const Image& image, int subsampling, int quality) {
  return Compress(image.rgb.data(), image.width, image.height, TJPF_RGB, subsampling, quality);
}

std::string EncodeCmykJpeg(const std::string& inks, int width, int height) {
  std::string inverted = inks;
  for (char& c : inverted) c = static_cast<char>(~c);
  return Compress(reinterpret_cast<const uint8_t*>(inverted.data()), width, height, TJPF_CMYK,
                  TJSAMP_444, 100);
}

std::string EncodePng(const Image& image) {
  return WritePngToMemory(image.rgb.data(), image.width, image.height, PNG_FORMAT_RGB);
}

std::string EncodeRgbaPng(const std::string& rgba, int width, int height) {
  return WritePngToMemory(reinterpret_cast<const uint8_t*>(rgba.data()), width, height,
                          PNG_FORMAT_RGBA);
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  CHECK(file.good());
}

std::string NewFolder(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

std::string Mutate(const std::string& bytes, uint64_t seed) {
  graph::RandomStream random(seed, graph::Purpose::kNoise);
  std::string out = bytes;
  const int changes = 1 + static_cast<int>(random.Below(6));
  for (int i = 0; i < changes && !out.empty(); ++i) {
    const size_t at = random.Below(out.size());
    const size_t run = 1 + random.Below(8);
    switch (random.Below(6)) {
      case 0:
        out[at] = static_cast<char>(out[at] ^ (1 << random.Below(8)));
        break;
      case 1:
        out[at] = static_cast<char>(random.Below(256));
        break;
      case 2:
        out[at] = random.Below(2) == 0 ? '\0' : '\xFF';
        break;
      case 3:
        out.insert(at, run, static_cast<char>(random.Below(256)));
        break;
      case 4:
        out.erase(at, run);
        break;
      default:
        if (random.Below(4) == 0) out.resize(at);
    }
  }
  return out;
}

int MaxDifference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.rgb.size() != b.rgb.size()) return 256;
  int worst = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) worst = std::max(worst, std::abs(a.rgb[i] - b.rgb[i]));
  return worst;
}

}  // namespace models
