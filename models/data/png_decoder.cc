#include <png.h>

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/label_mask.h"
#include "models/data/picture_decoders.h"
#include "models/data/picture_error.h"

namespace models {
namespace {

constexpr size_t kSignatureBytes = 8;
constexpr size_t kChunkFrame = 12;  // length, type and sum

// As in jpeg_decoder.cc, the library reports an error by a jump: only the functions that say so may
// be left by one, and neither they nor the library's code between hold anything that needs
// destruction.
class PngReader {
 public:
  explicit PngReader(absl::string_view bytes) : rest_(bytes) {}
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }  // fine with null, too
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  // Each returns false on an error; only destruction may follow.
  bool ReadHeader(int channels);  // may be left by a jump; PictureLimits::channels
  bool ReadMaskHeader();          // may be left by a jump; of a picture of numbers, not of colours
  // May be left by a jump. `first` is the first of as many rows as the header says.
  bool ReadPixels(png_bytep first, size_t row_bytes);

  int width() const { return static_cast<int>(png_get_image_width(png_, info_)); }
  int height() const { return static_cast<int>(png_get_image_height(png_, info_)); }
  int deep_channels() const { return deep_channels_; }  // of Image::deep; 0: 8-bit RGB
  bool has_numbers() const { return has_numbers_; }     // false: ReadMaskHeader() found colours
  bool no_memory() const { return no_memory_; }
  const char* message() const { return message_; }

 private:
  bool ReadInfo(bool transparency);  // may be left by a jump
  // After the transformations are set, of which a pixel has that many bytes.
  void BeginRows(size_t pixel_bytes);  // may be left by a jump

  [[noreturn]] static void Fail(png_structp png, png_const_charp message) {
    auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(reader->message_, sizeof(reader->message_), "%s", message);
    std::longjmp(reader->way_out_, 1);
  }
  // Ignores warnings about what the pixels do not need.
  static void Warn(png_structp, png_const_charp) {}
  static png_voidp Allocate(png_structp png, png_alloc_size_t size) {
    void* const memory = std::malloc(size);
    if (memory == nullptr) static_cast<PngReader*>(png_get_mem_ptr(png))->no_memory_ = true;
    return memory;
  }
  static void Free(png_structp, png_voidp memory) { std::free(memory); }
  static void Read(png_structp png, png_bytep out, size_t size) {
    absl::string_view& rest = static_cast<PngReader*>(png_get_io_ptr(png))->rest_;
    if (size > rest.size()) png_error(png, "the file ends too early");
    std::memcpy(out, rest.data(), size);
    rest.remove_prefix(size);
  }

  absl::string_view rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
  int deep_channels_ = 0;
  bool has_numbers_ = false;
  bool no_memory_ = false;
  std::jmp_buf way_out_;
  char message_[256] = {};
};

bool PngReader::ReadInfo(bool transparency) {
  png_ =
      png_create_read_struct_2(PNG_LIBPNG_VER_STRING, this, &Fail, &Warn, this, &Allocate, &Free);
  if (png_ == nullptr) return false;
  info_ = png_create_info_struct(png_);
  if (info_ == nullptr) return false;
  png_set_read_fn(png_, this, &Read);
  // Some writers claim a smaller window than their data need.
  png_set_option(png_, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
  // Ignores all ancillary chunks and, unless it is asked for, transparency.
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  if (!transparency) {
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER,
                                reinterpret_cast<png_const_bytep>("tRNS"), 1);
  }
  png_read_info(png_, info_);
  return true;
}

bool PngReader::ReadHeader(int channels) {
  if (setjmp(way_out_) != 0) return false;
  if (!ReadInfo(/*transparency=*/channels == 4)) return false;
  const int type = png_get_color_type(png_, info_);
  const int depth = png_get_bit_depth(png_, info_);
  // A chunk that libpng took back leaves its flag and no entries.
  int entries = 0;
  const bool transparent =
      png_get_tRNS(png_, info_, nullptr, &entries, nullptr) != 0 && entries > 0;
  const bool fourth = channels == 4 && (transparent || (type & PNG_COLOR_MASK_ALPHA) != 0);
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
  if (fourth || (channels != 0 && depth == 16)) {
    const bool grey = (type & PNG_COLOR_MASK_COLOR) == 0;
    deep_channels_ = fourth ? 4 : grey ? 1 : 3;
    if (transparent) png_set_tRNS_to_alpha(png_);
    if (!fourth) png_set_strip_alpha(png_);
    if (fourth && grey) png_set_gray_to_rgb(png_);
    png_set_expand_16(png_);
    png_set_swap(png_);  // to the order of this machine
    BeginRows(size_t{2} * deep_channels_);
    return true;
  }
  if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png_);
  if (depth == 16 && type == PNG_COLOR_TYPE_GRAY) png_set_scale_16(png_);
  if (depth == 16 && type != PNG_COLOR_TYPE_GRAY) png_set_strip_16(png_);
  if ((type & PNG_COLOR_MASK_ALPHA) != 0) png_set_strip_alpha(png_);
  if ((type & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png_);
  BeginRows(3);
  return true;
}

bool PngReader::ReadMaskHeader() {
  if (setjmp(way_out_) != 0) return false;
  if (!ReadInfo(/*transparency=*/false)) return false;
  const int type = png_get_color_type(png_, info_), depth = png_get_bit_depth(png_, info_);
  has_numbers_ = depth <= 8 && (type == PNG_COLOR_TYPE_PALETTE || type == PNG_COLOR_TYPE_GRAY);
  if (!has_numbers_) return true;
  if (depth < 8) png_set_packing(png_);
  BeginRows(1);
  return true;
}

void PngReader::BeginRows(size_t pixel_bytes) {
  passes_ = png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
  if (png_get_rowbytes(png_, info_) != pixel_bytes * png_get_image_width(png_, info_)) {
    png_error(png_, "its chunks contradict each other");
  }
}

bool PngReader::ReadPixels(png_bytep first, size_t row_bytes) {
  if (setjmp(way_out_) != 0) return false;
  for (int pass = 0; pass < passes_; ++pass) {
    for (int y = 0; y < height(); ++y) png_read_row(png_, first + row_bytes * y, nullptr);
  }
  return true;
}

uint32_t BigEndian(absl::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// The error for what libpng refused for `reason`, judged by the chunks: the library's errors have
// no codes.
absl::Status Refused(absl::string_view bytes, const std::string& reason) {
  size_t at = kSignatureBytes;
  while (at + kChunkFrame <= bytes.size()) {
    const uint64_t length = BigEndian(bytes, at);
    const absl::string_view type = bytes.substr(at + 4, 4);
    if (type == "IEND") return DamagedPicture(reason);
    if (length > bytes.size() - at - kChunkFrame) break;
    if (type == "CgBI") return UnsupportedPicture("a PNG of Apple's own kind (CgBI)");
    const bool critical = type[0] >= 'A' && type[0] <= 'Z';
    const bool letters = type.find_first_not_of(
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz") == absl::string_view::npos;
    if (critical && letters && type != "IHDR" && type != "PLTE" && type != "IDAT") {
      return UnsupportedPicture(absl::StrCat("a PNG with the critical chunk ", type));
    }
    at += kChunkFrame + length;
  }
  return BrokenOffPicture(reason);
}

// OK unless the header claims more pixels than a picture may have.
absl::Status CheckSize(absl::string_view bytes, const PictureLimits& limits) {
  // IHDR comes first: length, type, width, height.
  if (bytes.size() < kSignatureBytes + 16 || bytes.substr(kSignatureBytes + 4, 4) != "IHDR") {
    return absl::OkStatus();  // libpng says what is wrong
  }
  const uint32_t width = BigEndian(bytes, kSignatureBytes + 8);
  const uint32_t height = BigEndian(bytes, kSignatureBytes + 12);
  RETURN_IF_ERROR(CheckPictureSize(width, height, limits));
  if (width > PNG_USER_WIDTH_MAX || height > PNG_USER_HEIGHT_MAX) {
    return UnsupportedPicture(absl::StrCat("a PNG of ", width, "x", height,
                                           " pixels, more than libpng's ", PNG_USER_WIDTH_MAX,
                                           " in one direction"));
  }
  return absl::OkStatus();
}

// The error for what the reader refused while it did `what`.
absl::Status RefusedBy(const PngReader& reader, absl::string_view bytes, const char* what) {
  if (reader.no_memory()) return NoMemoryForPicture();
  return Refused(bytes, absl::StrCat(what, reader.message()));
}

constexpr char kBadHeader[] = "bad PNG header: ";
constexpr char kBadData[] = "bad PNG data: ";

}  // namespace

absl::Status DecodePng(absl::string_view bytes, const PictureLimits& limits, Image* image) {
  RETURN_IF_ERROR(CheckSize(bytes, limits));
  PngReader reader(bytes);
  if (!reader.ReadHeader(limits.channels)) return RefusedBy(reader, bytes, kBadHeader);
  const int channels = reader.deep_channels();
  if (channels > 0) {
    image->SetDeepSize(reader.width(), reader.height(), channels);
  } else {
    image->SetSize(reader.width(), reader.height());
  }
  const bool read = channels > 0
                        ? reader.ReadPixels(reinterpret_cast<png_bytep>(image->deep.data()),
                                            size_t{2} * channels * reader.width())
                        : reader.ReadPixels(image->rgb.data(), size_t{3} * reader.width());
  return read ? absl::OkStatus() : RefusedBy(reader, bytes, kBadData);
}

absl::Status DecodeMask(absl::string_view bytes, const PictureLimits& limits, LabelMask* mask) {
  if (bytes.substr(0, kSignatureBytes) != "\x89PNG\r\n\x1a\n") {
    return absl::InvalidArgumentError("it is no PNG; save class numbers as a palette or grey PNG");
  }
  RETURN_IF_ERROR(CheckSize(bytes, limits));
  PngReader reader(bytes);
  if (!reader.ReadMaskHeader()) return RefusedBy(reader, bytes, kBadHeader);
  if (!reader.has_numbers()) {
    return absl::InvalidArgumentError(
        "it holds colours or 16-bit samples, not class numbers; save these as a palette or grey "
        "PNG of 8 bits");
  }
  mask->width = reader.width();
  mask->height = reader.height();
  mask->classes.resize(size_t{1} * mask->width * mask->height);
  if (reader.ReadPixels(mask->classes.data(), static_cast<size_t>(mask->width))) {
    return absl::OkStatus();
  }
  return RefusedBy(reader, bytes, kBadData);
}

}  // namespace models
