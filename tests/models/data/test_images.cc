#include "tests/models/data/test_images.h"

#include <gtest/gtest.h>
#include <jpeglib.h>
#include <png.h>
#include <turbojpeg.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include <algorithm>
#include <cmath>
#include <cstdio>  // jpeglib.h needs it
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "graph/base/random.h"
#include "graph/base/status.h"

namespace models {
namespace {

std::string Compress(const uint8_t* pixels, int width, int height, int format, int subsampling,
                     int quality, bool progressive = false) {
  tjhandle handle = tjInitCompress();
  CHECK(handle != nullptr);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  CHECK(tjCompress2(handle, pixels, width, 0, height, format, &data, &size, subsampling, quality,
                    TJFLAG_ACCURATEDCT | (progressive ? TJFLAG_PROGRESSIVE : 0)) == 0);
  std::string bytes(reinterpret_cast<char*>(data), size);
  tjFree(data);
  tjDestroy(handle);
  return bytes;
}

std::string WritePngToMemory(const uint8_t* pixels, int width, int height, uint32_t format,
                             const std::vector<uint8_t>& palette = {}) {
  png_image png;
  std::memset(&png, 0, sizeof(png));
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(height);
  png.format = format;
  png.colormap_entries = static_cast<png_uint_32>(palette.size() / 3);
  png_alloc_size_t size = 0;
  CHECK(png_image_write_to_memory(&png, nullptr, &size, 0, pixels, 0, palette.data()));
  std::string bytes(size, '\0');
  CHECK(png_image_write_to_memory(&png, &bytes[0], &size, 0, pixels, 0, palette.data()));
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

Image PhotographLike(int width, int height, uint64_t seed) {
  graph::RandomStream random(seed, graph::Purpose::kNoise);
  Image image = Image::Sized(width, height);
  std::vector<double> values(image.rgb.size(), 0.0);
  const auto at = [&](int x, int y, int c) -> double& {
    return values[3 * (size_t{1} * y * width + x) + c];
  };
  // Octaves of random lattices, interpolated; colour varies less than brightness.
  double amplitude = 45;
  for (int cell = 128; cell >= 2; cell /= 2, amplitude *= 0.62) {
    const int columns = width / cell + 2, rows = height / cell + 2;
    std::vector<double> lattice(size_t{3} * columns * rows);
    for (size_t i = 0; i < lattice.size(); i += 3) {
      const double grey = random.Uniform(-1, 1);
      for (int c = 0; c < 3; ++c) lattice[i + c] = grey + 0.4 * random.Uniform(-1, 1);
    }
    for (int y = 0; y < height; ++y) {
      const int j = y / cell;
      const double v = double(y % cell) / cell;
      for (int x = 0; x < width; ++x) {
        const int i = x / cell;
        const double u = double(x % cell) / cell;
        for (int c = 0; c < 3; ++c) {
          const auto l = [&](int a, int b) { return lattice[3 * ((j + b) * columns + i + a) + c]; };
          at(x, y, c) += amplitude * ((l(0, 0) * (1 - u) + l(1, 0) * u) * (1 - v) +
                                      (l(0, 1) * (1 - u) + l(1, 1) * u) * v);
        }
      }
    }
  }
  // Discs of one colour before it.
  for (int disc = 0; disc < 6; ++disc) {
    const double cx = random.Uniform(0, width), cy = random.Uniform(0, height);
    const double radius = random.Uniform(0.03, 0.2) * std::min(width, height);
    const double colour[3] = {random.Uniform(-90, 90), random.Uniform(-90, 90),
                              random.Uniform(-90, 90)};
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        if (std::hypot(x - cx, y - cy) > radius) continue;
        for (int c = 0; c < 3; ++c) at(x, y, c) = 0.3 * at(x, y, c) + colour[c];
      }
    }
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = 128 + values[i] + random.Uniform(-3, 3);
    image.rgb[i] = static_cast<uint8_t>(std::clamp(value, 0.0, 255.0));
  }
  return image;
}

std::string EncodeJpeg(const Image& image, int subsampling, int quality, bool progressive) {
  return Compress(image.rgb.data(), image.width, image.height, TJPF_RGB, subsampling, quality,
                  progressive);
}

Image DecodeJpegByTurbo(const std::string& bytes) {
  tjhandle handle = tjInitDecompress();
  CHECK(handle != nullptr);
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = 0, colorspace = 0;
  // Fails for sampling factors it has no name for, after it has read the size.
  tjDecompressHeader3(handle, data, bytes.size(), &width, &height, &subsampling, &colorspace);
  Image image = Image::Sized(width, height);
  CHECK(tjDecompress2(handle, data, bytes.size(), image.rgb.data(), width, 0, height, TJPF_RGB,
                      TJFLAG_ACCURATEDCT) == 0);
  tjDestroy(handle);
  return image;
}

namespace {

std::string EncodeWebpPicture(const uint8_t* pixels, int width, int height, bool alpha,
                              int quality) {
  WebPConfig config;
  CHECK(WebPConfigInit(&config));
  config.lossless = quality == 0;
  config.exact = 1;
  config.quality = static_cast<float>(quality == 0 ? 50 : quality);
  WebPPicture picture;
  CHECK(WebPPictureInit(&picture));
  picture.width = width;
  picture.height = height;
  picture.use_argb = config.lossless;
  CHECK(alpha ? WebPPictureImportRGBA(&picture, pixels, 4 * width)
              : WebPPictureImportRGB(&picture, pixels, 3 * width));
  WebPMemoryWriter writer;
  WebPMemoryWriterInit(&writer);
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &writer;
  CHECK(WebPEncode(&config, &picture));
  std::string bytes(reinterpret_cast<char*>(writer.mem), writer.size);
  WebPMemoryWriterClear(&writer);
  WebPPictureFree(&picture);
  return bytes;
}

}  // namespace

std::string EncodeWebp(const Image& image, int quality) {
  return EncodeWebpPicture(image.rgb.data(), image.width, image.height, false, quality);
}

std::string EncodeRgbaWebp(const std::string& rgba, int width, int height) {
  return EncodeWebpPicture(reinterpret_cast<const uint8_t*>(rgba.data()), width, height, true, 0);
}

std::string EncodeWebpAnimation(const Image& first, int x, int y, int width, int height) {
  WebPMux* mux = WebPMuxNew();
  CHECK(mux != nullptr);
  CHECK(WebPMuxSetCanvasSize(mux, width, height) == WEBP_MUX_OK);
  const std::string frames[] = {EncodeWebp(first), EncodeWebp(Image::Sized(width, height))};
  for (int i = 0; i < 2; ++i) {
    WebPMuxFrameInfo frame = {};
    frame.bitstream = {reinterpret_cast<const uint8_t*>(frames[i].data()), frames[i].size()};
    frame.x_offset = i == 0 ? x : 0;
    frame.y_offset = i == 0 ? y : 0;
    frame.duration = 100;
    frame.id = WEBP_CHUNK_ANMF;
    CHECK(WebPMuxPushFrame(mux, &frame, 1) == WEBP_MUX_OK);
  }
  const WebPMuxAnimParams params = {0xFFFFFFFF, 0};  // a white background, which nobody shows
  CHECK(WebPMuxSetAnimationParams(mux, &params) == WEBP_MUX_OK);
  WebPData data = {};
  CHECK(WebPMuxAssemble(mux, &data) == WEBP_MUX_OK);
  std::string bytes(reinterpret_cast<const char*>(data.bytes), data.size);
  WebPDataClear(&data);
  WebPMuxDelete(mux);
  return bytes;
}

std::string EncodeSampledJpeg(const Image& image, int h, int v, bool interleaved) {
  jpeg_compress_struct codec;
  jpeg_error_mgr errors;
  codec.err = jpeg_std_error(&errors);
  jpeg_create_compress(&codec);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&codec, &data, &size);
  codec.image_width = static_cast<unsigned>(image.width);
  codec.image_height = static_cast<unsigned>(image.height);
  codec.input_components = 3;
  codec.in_color_space = JCS_RGB;
  jpeg_set_defaults(&codec);
  codec.comp_info[0].h_samp_factor = h;
  codec.comp_info[0].v_samp_factor = v;
  jpeg_scan_info scans[3] = {};
  for (int i = 0; i < 3; ++i) {
    scans[i].comps_in_scan = 1;
    scans[i].component_index[0] = i;
    scans[i].Se = 63;
  }
  if (!interleaved) {
    codec.scan_info = scans;
    codec.num_scans = 3;
  }
  codec.restart_interval = 5;
  jpeg_start_compress(&codec, TRUE);
  std::vector<uint8_t> pixels = image.rgb;
  while (codec.next_scanline < codec.image_height) {
    JSAMPROW row = &pixels[size_t{3} * image.width * codec.next_scanline];
    jpeg_write_scanlines(&codec, &row, 1);
  }
  jpeg_finish_compress(&codec);
  jpeg_destroy_compress(&codec);
  std::string bytes(reinterpret_cast<char*>(data), size);
  std::free(data);
  return bytes;
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

std::string EncodePalettePng(const std::string& numbers, int width, int height, int entries) {
  std::vector<uint8_t> palette;
  for (int i = 0; i < entries; ++i) {
    for (int value : {255 - i, i / 2, 7}) palette.push_back(static_cast<uint8_t>(value));
  }
  return WritePngToMemory(reinterpret_cast<const uint8_t*>(numbers.data()), width, height,
                          PNG_FORMAT_RGB_COLORMAP, palette);
}

std::string EncodeGreyPng(const std::string& values, int width, int height) {
  return WritePngToMemory(reinterpret_cast<const uint8_t*>(values.data()), width, height,
                          PNG_FORMAT_GRAY);
}

std::string ClaimPngSize(std::string png, uint32_t width, uint32_t height) {
  const auto put = [&png](size_t at, uint32_t value) {
    for (int i = 0; i < 4; ++i) png[at + i] = static_cast<char>(value >> (24 - 8 * i));
  };
  put(16, width);
  put(20, height);
  uint32_t crc = 0xFFFFFFFF;  // of the chunk's type and data, as the format wants it
  for (size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<unsigned char>(png[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  put(29, ~crc);
  return png;
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
