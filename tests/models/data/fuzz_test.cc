// Ten thousand damaged files of each kind that a run may be given: each ends as data or as
// an error in words, in bounded memory and time. Sums are mended after the damage, so that
// it reaches what stands behind them. (state.json: run_state_test, weights: safetensors_test.)
#include <sys/resource.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "gtest/gtest.h"
#include "models/data/augment.h"
#include "models/data/cifar10.h"
#include "models/data/file_util.h"
#include "models/data/image_folder.h"
#include "models/data/image_io.h"
#include "models/data/picture_limits.h"
#include "models/data/shard_dataset.h"
#include "tests/models/data/rare_images.h"
#include "tests/models/data/test_images.h"

#ifdef __SANITIZE_ADDRESS__
// Of sanitizer/allocator_interface.h, which GCC's runtime has without the header.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*,
                                                                           size_t),
                                                         void (*freed)(const volatile void*));
extern "C" size_t __sanitizer_get_allocated_size(const volatile void* memory);
#endif

namespace models {
namespace {

using graph::RandomStream;

constexpr int kFiles = 10'000;
// Of a picture at the limit of pixels: three values each, and what a decoder has beside
// them (coefficients, an alpha channel).
const int64_t kMostBytes = 16 * PictureLimits().max_pixels;

#ifdef __SANITIZE_ADDRESS__
// What is allocated, and the most that ever was.
std::atomic<int64_t> g_live{0}, g_most{0};
void CountNew(const volatile void*, size_t size) {
  const int64_t live = g_live += static_cast<int64_t>(size);
  if (live > g_most) g_most = live;
}
void CountFree(const volatile void* memory) {
  if (memory == nullptr) return;
  g_live -= static_cast<int64_t>(__sanitizer_get_allocated_size(memory));
}
#endif

class Fuzz : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
#ifdef __SANITIZE_ADDRESS__
    ASSERT_NE(__sanitizer_install_malloc_and_free_hooks(CountNew, CountFree), 0);
#else
    // No more address space than that for a file: a decoder that wants it is told so, and its
    // error is another than for bad input.
    std::ifstream statm("/proc/self/statm");
    int64_t pages = 0;
    ASSERT_TRUE(statm >> pages);
    const rlim_t bytes = static_cast<rlim_t>(pages * 4096 + kMostBytes);
    const rlimit limit = {bytes, bytes};
    ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
#endif
  }

  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    live_ = g_live;
    g_most = g_live.load();
#endif
  }
  void TearDown() override {
#ifdef __SANITIZE_ADDRESS__
    const int64_t most = g_most - live_;
    std::printf("at most %lld bytes\n", static_cast<long long>(most));
    EXPECT_LT(most, kMostBytes);
#endif
    std::printf("%d good, %d bad\n", good_, bad_);
  }

  // That `status` is of a kind that damaged data may give.
  void Count(const absl::Status& status) {
    (status.ok() ? good_ : bad_) += 1;
    if (status.ok()) return;
    EXPECT_FALSE(status.message().empty());
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsDataLoss(status)) << status;
  }

  int64_t live_ = 0;
  int good_ = 0, bad_ = 0;
};

// One to three changes of any kind: random bytes (Mutate), a number of two or four bytes that
// counts or measures something, a piece of another file, a piece twice.
std::string Damage(const std::vector<std::string>& files, uint64_t seed) {
  RandomStream random(seed, graph::Purpose::kNoise);
  std::string bytes = files[seed % files.size()];
  for (uint64_t n = 1 + random.Below(3); n > 0 && !bytes.empty(); --n) {
    const size_t at = random.Below(bytes.size());
    switch (random.Below(5)) {
      case 0:
        bytes = Mutate(bytes, random.Next());
        break;
      case 1: {  // in the first hundred bytes most numbers that matter
        const size_t place = random.Below(std::min<size_t>(bytes.size(), 100));
        static constexpr uint32_t kNumbers[] = {0,     1,       7,          255,        256,
                                                1000,  0x7fff,  0x8000,     0xffff,     0x10000,
                                                99999, 1 << 28, 0x7fffffff, 0x80000000, 0xffffffff};
        const uint32_t number = kNumbers[random.Below(15)];
        const size_t width = random.Below(2) == 0 ? 2 : 4;
        const bool big_end = random.Below(2) == 0;
        for (size_t i = 0; i < width && place + i < bytes.size(); ++i) {
          const size_t shift = 8 * (big_end ? width - 1 - i : i);
          bytes[place + i] = static_cast<char>(number >> shift);
        }
        break;
      }
      case 2: {
        const std::string& other = files[random.Below(files.size())];
        const size_t from = random.Below(other.size());
        const size_t run = 1 + random.Below(other.size() - from);
        bytes = bytes.substr(0, at) + other.substr(from, run) +
                (random.Below(2) == 0 ? bytes.substr(at) : "");
        break;
      }
      case 3:  // the same again, several times
        for (uint64_t i = 1 + random.Below(8); i > 0 && bytes.size() < 100'000; --i) {
          bytes.insert(at, bytes.substr(at, 1 + random.Below(200)));
        }
        break;
      default:
        bytes.resize(random.Below(2) == 0 ? at : bytes.size() + random.Below(600));
    }
  }
  return bytes;
}

uint32_t BigEnd(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

void MendPngSums(std::string* bytes) {
  for (size_t at = 8; at + 12 <= bytes->size();) {
    const uint64_t length = BigEnd(*bytes, at);
    if (at + 12 + length > bytes->size()) return;
    const auto* data = reinterpret_cast<const unsigned char*>(bytes->data()) + at + 4;
    const uLong sum = crc32(0, data, static_cast<uInt>(length + 4));
    for (size_t i = 0; i < 4; ++i) {
      (*bytes)[at + 8 + length + i] = static_cast<char>(sum >> (24 - 8 * i));
    }
    at += 12 + length;
  }
}

void MendRiffSize(std::string* bytes) {
  if (bytes->size() < 8) return;
  const size_t size = bytes->size() - 8;
  for (size_t i = 0; i < 4; ++i) (*bytes)[4 + i] = static_cast<char>(size >> (8 * i));
}

// Of every block that may be a header.
void MendTarSums(std::string* bytes) {
  for (size_t at = 0; at + 512 <= bytes->size(); at += 512) {
    if (bytes->compare(at + 257, 5, "ustar") != 0) continue;
    std::fill_n(bytes->begin() + static_cast<int64_t>(at) + 148, 8, ' ');
    unsigned sum = 0;
    for (size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>((*bytes)[at + i]);
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum & 0777777u);
    bytes->replace(at + 148, 7, text, 7);
  }
}

// The pixels of `image` are all there, as a net of `channels` takes them (PictureLimits::channels).
void ExpectWhole(int channels, Image* image) {
  const size_t pixels = size_t{1} * image->width * image->height;
  EXPECT_EQ(image->rgb.size(), image->is_deep() ? 0 : 3 * pixels);
  EXPECT_EQ(image->deep.size(), image->is_deep() ? image->channels * pixels : 0);
  if (channels == 0) {
    EXPECT_FALSE(image->is_deep());
    return;
  }
  ToChannels(channels, image);
  EXPECT_EQ(image->channels, channels);
}

// Half of the files whole, half in part and shrunk, for nets of any number of channels.
absl::Status Decode(const std::string& bytes, uint64_t seed) {
  RandomStream random(seed, graph::Purpose::kNoise);
  const bool whole = random.Below(2) == 0;
  static constexpr int kChannels[] = {0, 1, 3, 4};
  PictureLimits limits;
  limits.channels = kChannels[random.Below(4)];
  PicturePart part;
  const absl::Status status = DecodePart(
      bytes,
      [&](int width, int height) {
        PartRequest request = WholePicture(width, height);
        if (whole) return request;
        request.box.x = static_cast<int>(random.Below(static_cast<uint64_t>(width)));
        request.box.y = static_cast<int>(random.Below(static_cast<uint64_t>(height)));
        request.box.width -= request.box.x;
        request.box.height -= request.box.y;
        request.least_width = request.least_height = 1 + static_cast<int>(random.Below(16));
        return request;
      },
      &part, limits);
  if (status.ok()) {
    ExpectWhole(limits.channels, &part.image);
    EXPECT_LE(part.box.x1, part.image.width);
    EXPECT_LE(part.box.y1, part.image.height);
  }
  return status;
}

TEST_F(Fuzz, Jpeg) {
  std::vector<std::string> files;
  for (const bool progressive : {false, true}) {
    for (const int subsampling : {0, 2, 3}) {
      files.push_back(EncodeJpeg(GradientImage(32, 20), subsampling, 70, progressive));
    }
  }
  files.push_back(EncodeCmykJpeg(std::string(24 * 16 * 4, '\x55'), 24, 16));
  for (uint64_t i = 0; i < kFiles; ++i) Count(Decode(Damage(files, i), i));
  EXPECT_GT(good_, 200);
  EXPECT_GT(bad_, 3000);
}

std::string PngChunk(const std::string& type, const std::string& data) {
  CHECK(data.size() < 0x8000);
  const std::string size = {0, 0, char(data.size() >> 8), char(data.size())};
  return size + type + data + std::string(4, '\0');  // the sum is mended later
}

// 24 x 16 pixels of `bytes` each; `type` is a colour type of PNG.
std::string PlainPng(int bits, int type, size_t bytes, const std::string& before_pixels) {
  const std::string rows(16 * (1 + 24 * bytes), '\0');
  uLongf size = compressBound(rows.size());
  std::string packed(size, '\0');
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(&packed[0]), &size,
                     reinterpret_cast<const Bytef*>(rows.data()), rows.size()),
            Z_OK);
  packed.resize(size);
  std::string png = "\x89PNG\r\n\x1A\n" +
                    PngChunk("IHDR", {0, 0, 0, 24, 0, 0, 0, 16, char(bits), char(type), 0, 0, 0}) +
                    before_pixels + PngChunk("IDAT", packed) + PngChunk("IEND", "");
  MendPngSums(&png);
  return png;
}

TEST_F(Fuzz, Png) {
  const std::string clear = PngChunk("tRNS", std::string(6, '\0'));
  const std::string palette = PngChunk("PLTE", std::string(48, '\x70'));
  const std::vector<std::string> files = {
      EncodePng(GradientImage(24, 16)),
      EncodePng(PhotographLike(32, 32, 3)),
      EncodeRgbaPng(std::string(24 * 16 * 4, '\x55'), 24, 16),
      PlainPng(16, 0, 2, ""),
      PlainPng(16, 6, 8, ""),
      PlainPng(8, 2, 3, clear),
      PlainPng(8, 2, 3, clear + palette),  // of which libpng takes the transparency back
      PlainPng(8, 3, 1, palette + PngChunk("tRNS", "\x01\x02")),
  };
  for (const std::string& file : files) {
    EXPECT_TRUE(DecodeImage(file).ok()) << DecodeImage(file).status();
  }
  for (uint64_t i = 0; i < kFiles; ++i) {
    std::string bytes = Damage(files, i);
    if (i % 4 != 0) MendPngSums(&bytes);
    Count(Decode(bytes, i));
  }
  EXPECT_GT(good_, 200);
  EXPECT_GT(bad_, 3000);
}

TEST_F(Fuzz, Webp) {
  const std::vector<std::string> files = {EncodeWebp(GradientImage(24, 16)),
                                          EncodeWebp(PhotographLike(32, 24, 3), 80),
                                          EncodeRgbaWebp(std::string(24 * 16 * 4, '\x55'), 24, 16),
                                          EncodeWebpAnimation(GradientImage(8, 6), 4, 2, 20, 10)};
  for (uint64_t i = 0; i < kFiles; ++i) {
    std::string bytes = Damage(files, i);
    if (i % 4 != 0) MendRiffSize(&bytes);
    Count(Decode(bytes, i));
  }
  EXPECT_GT(good_, 200);
  EXPECT_GT(bad_, 3000);
}

TEST_F(Fuzz, Tiff) {
  const Image small = GradientImage(24, 16);
  std::vector<std::string> files;
  for (const uint16_t compression :
       {1, 5, 8, 32773, 50000}) {  // none, LZW, deflate, PackBits, zstd
    files.push_back(EncodeTiff(small, compression));
  }
  TiffKind kind;
  kind.width = 24;
  kind.height = 16;
  kind.tile = 16;
  kind.compression = 5;
  files.push_back(EncodeTiff(kind, std::string(small.rgb.begin(), small.rgb.end())));
  kind.tile = 0;
  kind.photometric = 6;  // YCbCr
  kind.compression = 7;  // JPEG
  files.push_back(EncodeTiff(kind, std::string(small.rgb.begin(), small.rgb.end())));
  kind.samples = kind.bits = 1;
  kind.photometric = 0;                           // 0 is white
  for (const uint16_t compression : {2, 3, 4}) {  // fax
    kind.compression = compression;
    files.push_back(EncodeTiff(kind, std::string(3 * 16, '\x5A')));
  }
  kind.bits = 4;
  kind.photometric = 3;  // a palette
  kind.compression = 1;
  files.push_back(EncodeTiff(kind, std::string(12 * 16, '\x5A')));
  for (const uint16_t photometric : {0, 1, 2}) {
    for (const uint16_t bits : {8, 16}) {
      kind.photometric = photometric;
      kind.bits = bits;
      kind.samples = 4;
      kind.orientation = 6;  // turned
      files.push_back(EncodeTiff(kind, std::string(size_t{24} * 16 * 4 * bits / 8, '\x5A')));
    }
  }
  for (uint64_t i = 0; i < kFiles; ++i) Count(Decode(Damage(files, i), i));
  EXPECT_GT(good_, 200);
  EXPECT_GT(bad_, 3000);
}

TEST_F(Fuzz, Gif) {
  std::vector<uint8_t> indices;
  for (int i = 0; i < 24 * 16; ++i) indices.push_back(static_cast<uint8_t>(i * i / 5 % 16));
  GifKind kind = {24, 16, 0, 0, 24, 16};
  std::vector<std::string> files = {EncodeGif(kind, indices)};
  kind.interlaced = kind.local_palette = true;
  kind.transparent = 3;
  kind.canvas_width = 40;
  files.push_back(EncodeGif(kind, indices));
  for (uint64_t i = 0; i < kFiles; ++i) Count(Decode(Damage(files, i), i));
  EXPECT_GT(good_, 200);
  EXPECT_GT(bad_, 3000);
}

TEST_F(Fuzz, Bmp) {
  const std::string colours = EncodeBmp(GradientImage(24, 16));
  std::string palette = colours;  // read as one of 8 bits: the rows begin where they did
  palette[28] = 8;
  const std::vector<std::string> files = {colours, palette};
  for (uint64_t i = 0; i < kFiles; ++i) Count(Decode(Damage(files, i), i));
  EXPECT_GT(good_, 200);
  EXPECT_GT(bad_, 2000);
}

TEST_F(Fuzz, Tar) {
  const std::string root = NewFolder("fuzz_tar");
  std::vector<std::string> files;
  for (const char* name :
       {"plain.tar", "gnu_long.tar", "pax_long.tar", "links.tar", "packed.tar.gz"}) {
    const auto bytes = ReadFile(absl::StrCat("tests/models/data/shards/", name), 1 << 20);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    // The first members: what comes after would only dilute the damage.
    const bool packed = bytes->substr(0, 2) == "\x1f\x8b";
    files.push_back(packed ? *bytes : bytes->substr(0, 6 * 1024));
  }
  int64_t images = 0;
  for (uint64_t i = 0; i < kFiles; ++i) {
    std::string bytes = Damage(files, i);
    if (i % 5 != 0) MendTarSums(&bytes);
    std::remove((root + "/x.tar").c_str());  // a new file need not wait for the disk
    WriteFile(root + "/x.tar", bytes);
    ShardDataset::Report report;
    const auto data = ShardDataset::Open(root, {"x.tar"}, &report);
    Count(data.status());
    if (!data.ok()) continue;
    for (int64_t k = 0; k < std::min<int64_t>((*data)->size(), 20); ++k) {
      EXPECT_FALSE((*data)->name(k).empty());
      images += (*data)->Load(k).ok();
    }
  }
  EXPECT_GT(good_, 500);
  EXPECT_GT(bad_, 500);
  EXPECT_GT(images, 500);
}

TEST_F(Fuzz, List) {
  const std::vector<std::string> files = {"cat/1.jpg 3\ndog/2 3.jpg 10\nz.jpg 12\n",
                                          "a.png 0\r\n\r\n b/\xc3\xa9.png 1000000\r\n",
                                          "../x 4\n/y.png 0\nx 99999999999999999999\n"};
  for (uint64_t i = 0; i < kFiles; ++i) {
    const auto items = ParseList(Damage(files, i), "train.txt", "train");
    Count(items.status());
    if (!items.ok()) continue;
    for (const auto& item : *items) {
      EXPECT_TRUE(item.label >= 0 && item.label <= 1'000'000) << item.label;
      EXPECT_EQ(item.path.rfind("train/", 0), 0u) << item.path;
    }
  }
  EXPECT_GT(good_, 200);
  EXPECT_GT(bad_, 3000);
}

TEST_F(Fuzz, Cifar) {
  const std::string path = NewFolder("fuzz_cifar") + "/data_batch_1.bin";
  std::vector<std::string> files;
  for (const int records : {1, 2}) {
    files.emplace_back();
    for (int i = 0; i < records; ++i) files.back() += '\x03' + std::string(3072, '\x80');
  }
  for (uint64_t i = 0; i < kFiles; ++i) {
    std::string bytes = Damage(files, i);
    if (i % 2 != 0) bytes.resize((bytes.size() + 3072) / 3073 * 3073);  // whole records
    std::remove(path.c_str());
    WriteFile(path, bytes);
    const auto data = Cifar10Dataset::Open({path});
    Count(data.status());
    if (!data.ok()) continue;
    for (int64_t k = 0; k < (*data)->size(); ++k) {
      EXPECT_TRUE((*data)->Load(k).ok());
      EXPECT_TRUE((*data)->label(k) >= 0 && (*data)->label(k) < 10);
    }
  }
  EXPECT_GT(good_, 200);
  EXPECT_GT(bad_, 3000);
}

}  // namespace
}  // namespace models
