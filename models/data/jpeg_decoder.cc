#include "models/data/jpeg_decoder.h"

// After <cstdio>, which they need.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/data/picture_error.h"

namespace models {
namespace {

// A progressive file may hold thousands of scans of a few bytes, each of which costs a pass over
// the whole picture. So all passes together may cover this many pixels (half a second); but every
// picture may have twice as many scans as programs write.
constexpr int64_t kMostPixels = 2'000'000'000;
constexpr int64_t kMinScans = 20, kMaxScans = 500;
constexpr int kRowsAtOnce = 16;

// Whether a warning leaves the pixels as they are: it concerns the file, not a scan's bits. Bytes
// before a restart marker are bits of the scan that it lost count of; before any other marker they
// stand between segments, or after the last row.
bool IsHarmless(const jpeg_error_mgr& warning) {
  switch (warning.msg_code) {
    case JWRN_EXTRANEOUS_DATA:
      return warning.msg_parm.i[1] < JPEG_RST0 || warning.msg_parm.i[1] > JPEG_RST0 + 7;
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
      return true;
    default:
      return false;
  }
}

// The kind that its frame's marker tells: "a lossless JPEG".
std::string KindOfFrame(int marker) {
  switch (marker) {
    case 0xC3:
      return "a lossless JPEG";
    case 0xC5:
    case 0xC6:
    case 0xC7:
    case 0xDE:
      return "a hierarchical JPEG";
    case 0xF7:
      return "a JPEG-LS picture";
    default:
      return absl::StrFormat("a JPEG of a rare kind (marker %02X)", marker);
  }
}

// The library reports an error by a jump, which leaves ReadHeader(), Try() or ReadRows(). They hold
// nothing that needs destruction, and neither does the library's C code between them and the jump.
class JpegReader {
 public:
  explicit JpegReader(absl::string_view bytes) : bytes_(bytes) {
    codec_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = &Fail;
    errors_.manager.emit_message = &Emit;
    codec_.client_data = &errors_;
    errors_.progress.progress_monitor = &WatchScans;
  }
  ~JpegReader() { jpeg_destroy_decompress(&codec_); }  // fine before jpeg_create, too
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  // Each returns false on an error, described by message(); only destruction may follow.
  bool ReadHeader();
  // Runs `step`, calls of the library.
  template <typename Step>
  bool Try(const Step& step) {
    if (setjmp(errors_.way_out) != 0) return false;
    step();
    return true;
  }
  bool ReadRows(unsigned end, uint8_t* out, size_t stride);

  // Whether the data from here on hold the picture's end: the rest of a scan, in which 0xFF never
  // comes before 0xD9, plus anything after it. The same is checked after the last row was read, so
  // that what is refused does not depend on the part.
  bool EndFollows();

  jpeg_decompress_struct* codec() { return &codec_; }
  // The error, prefixed by `what`: "bad JPEG data: ".
  absl::Status Error(absl::string_view what) const;

 private:
  struct Errors {
    jpeg_error_mgr manager;
    jpeg_progress_mgr progress;
    std::jmp_buf way_out;
    bool too_many_scans;
    char message[JMSG_LENGTH_MAX];
  };
  static Errors* ErrorsOf(j_common_ptr codec) { return static_cast<Errors*>(codec->client_data); }
  [[noreturn]] static void Fail(j_common_ptr codec) {
    Errors* errors = ErrorsOf(codec);
    codec->err->format_message(codec, errors->message);
    std::longjmp(errors->way_out, 1);
  }
  static void Emit(j_common_ptr codec, int level) {
    if (level < 0 && !IsHarmless(*codec->err)) Fail(codec);
  }
  static void WatchScans(j_common_ptr codec) {
    const auto* decompress = reinterpret_cast<j_decompress_ptr>(codec);
    if (decompress->input_scan_number <=
        MostJpegScans(decompress->image_width, decompress->image_height))
      return;
    Errors* errors = ErrorsOf(codec);
    errors->too_many_scans = true;
    std::longjmp(errors->way_out, 1);
  }

  const absl::string_view bytes_;
  jpeg_decompress_struct codec_ = {};
  Errors errors_ = {};
};

bool JpegReader::ReadHeader() {
  if (setjmp(errors_.way_out) != 0) return false;
  jpeg_create_decompress(&codec_);
  codec_.client_data = &errors_;
  codec_.progress = &errors_.progress;
  jpeg_mem_src(&codec_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
  jpeg_read_header(&codec_, TRUE);
  return true;
}

bool JpegReader::ReadRows(unsigned end, uint8_t* out, size_t stride) {
  if (setjmp(errors_.way_out) != 0) return false;
  const unsigned begin = codec_.output_scanline;
  while (codec_.output_scanline < end) {
    JSAMPROW rows[kRowsAtOnce];
    const unsigned count = std::min<unsigned>(kRowsAtOnce, end - codec_.output_scanline);
    for (unsigned i = 0; i < count; ++i) {
      rows[i] = out + stride * (codec_.output_scanline - begin + i);
    }
    jpeg_read_scanlines(&codec_, rows, count);
  }
  return true;
}

absl::Status JpegReader::Error(absl::string_view what) const {
  if (errors_.too_many_scans) {
    return UnsupportedPicture(absl::StrCat(
        "a JPEG of ", codec_.image_width, "x", codec_.image_height, " pixels in more than ",
        MostJpegScans(codec_.image_width, codec_.image_height), " scans"));
  }
  const std::string reason = absl::StrCat(what, errors_.message);
  const int parameter = errors_.manager.msg_parm.i[0];
  switch (errors_.manager.msg_code) {
    case JERR_OUT_OF_MEMORY:
      return NoMemoryForPicture();
    case JWRN_JPEG_EOF:
    case JERR_INPUT_EOF:
    case JERR_INPUT_EMPTY:
      return BrokenOffPicture(reason);
    case JERR_BAD_PRECISION:
      return parameter == 12 ? UnsupportedPicture("a JPEG of 12 bits a sample")
                             : DamagedPicture(reason);
    case JERR_SOF_UNSUPPORTED:
      return UnsupportedPicture(KindOfFrame(parameter));
    case JERR_UNKNOWN_MARKER:
      return parameter == 0xDE || parameter == 0xF7 ? UnsupportedPicture(KindOfFrame(parameter))
                                                    : DamagedPicture(reason);
    case JERR_ARITH_NOTIMPL:
      return UnsupportedPicture("an arithmetic-coded JPEG");
    case JERR_EMPTY_IMAGE:
      return codec_.image_width > 0 && codec_.num_components > 0
                 ? UnsupportedPicture("a JPEG whose height follows its rows (DNL)")
                 : DamagedPicture(reason);
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_IMAGE_TOO_BIG:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_WIDTH_OVERFLOW:
      return UnsupportedPicture(
          absl::StrCat("a JPEG that libjpeg does not read (", errors_.message, ")"));
    default:
      return DamagedPicture(reason);
  }
}

bool JpegReader::EndFollows() {
  if (codec_.unread_marker == JPEG_EOI || jpeg_input_complete(&codec_)) return true;
  const absl::string_view rest(reinterpret_cast<const char*>(codec_.src->next_input_byte),
                               codec_.src->bytes_in_buffer);
  return rest.find("\xFF\xD9") != absl::string_view::npos;
}

// a * b / 255, rounded as Pillow's MULDIV255.
int MulDiv255(int a, int b) {
  const int t = a * b + 128;
  return ((t >> 8) + t) >> 8;
}

// `cmyk` holds inverted inks, as Adobe writes them: 255 is no ink.
void InvertedCmykToRgb(const std::vector<uint8_t>& cmyk, std::vector<uint8_t>* rgb) {
  for (size_t i = 0; i * 4 < cmyk.size(); ++i) {
    const int white = cmyk[4 * i + 3];
    for (int c = 0; c < 3; ++c) {
      const int ink = 255 - cmyk[4 * i + c];
      (*rgb)[3 * i + c] = static_cast<uint8_t>(std::max(0, white - MulDiv255(ink, white)));
    }
  }
}

// How far the request lets the picture shrink: 1, 2, 4 or 8.
int ChooseShrink(const PartRequest& request) {
  if (request.least_width < 1 || request.least_height < 1) return 1;
  int shrink = 1;
  while (shrink < 8 && request.box.width / (2 * shrink) >= request.least_width &&
         request.box.height / (2 * shrink) >= request.least_height) {
    shrink *= 2;
  }
  return shrink;
}

// The range [begin, end) of an axis to decode so that the pixels of [from, to) equal those of the
// whole: smooth upsampling looks one block (`step` pixels) to either side.
struct Span {
  unsigned begin, end;
};
Span WithMargin(double from, double to, int step, unsigned size) {
  const int block = static_cast<int>(from) / step;
  const double end = to + step;
  return {static_cast<unsigned>(std::max(0, block - 1) * step),
          end >= size ? size : static_cast<unsigned>(end) + 1};
}

}  // namespace

int64_t MostJpegScans(int64_t width, int64_t height) {
  return std::clamp(kMostPixels / (width * height), kMinScans, kMaxScans);
}

absl::Status DecodeJpeg(absl::string_view bytes, const PartPlan& plan, const PictureLimits& limits,
                        PicturePart* part) {
  JpegReader reader(bytes);
  if (!reader.ReadHeader()) return reader.Error("bad JPEG header: ");
  jpeg_decompress_struct* codec = reader.codec();
  if (codec->jpeg_color_space == JCS_UNKNOWN) {
    return UnsupportedPicture(absl::StrCat("a JPEG of ", codec->num_components, " components"));
  }
  const int width = static_cast<int>(codec->image_width);
  const int height = static_cast<int>(codec->image_height);
  const PartRequest request = plan(width, height);
  // The coefficients of all scans are kept, except for a single scan, which is decoded row by row.
  // The bound is that of the largest part that the request could ask for, so that what is refused
  // does not depend on the part.
  PartRequest largest = request;
  largest.box = {0, 0, width, height};
  RETURN_IF_ERROR(CheckPictureSize(width, height, limits,
                                   jpeg_has_multiple_scans(codec) ? 1 : ChooseShrink(largest)));
  const PixelBox& box = request.box;
  CHECK(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0);
  CHECK(box.x + box.width <= width && box.y + box.height <= height);

  const auto bad_data = [&reader] { return reader.Error("bad JPEG data: "); };
  const bool cmyk = codec->jpeg_color_space == JCS_CMYK || codec->jpeg_color_space == JCS_YCCK;
  const int channels = cmyk ? 4 : 3;
  part->shrunk = ChooseShrink(request);
  codec->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  codec->dct_method = JDCT_ISLOW;
  codec->scale_num = 1;
  codec->scale_denom = static_cast<unsigned>(part->shrunk);
  if (!reader.Try([&] { jpeg_start_decompress(codec); })) return bad_data();

  const double shrunk = part->shrunk;
  const int block = codec->min_DCT_scaled_size;
  Span across = WithMargin(box.x / shrunk, (box.x + box.width) / shrunk,
                           codec->max_h_samp_factor * block, codec->output_width);
  Span down = WithMargin(box.y / shrunk, (box.y + box.height) / shrunk,
                         codec->max_v_samp_factor * block, codec->output_height);
  // Nothing is computed below the box: rows come out one by one.
  down.end =
      std::min(codec->output_height,
               static_cast<unsigned>((box.y + box.height + part->shrunk - 1) / part->shrunk));
  unsigned columns = across.end - across.begin;
  const bool at_begin = reader.Try([&] {
    if (columns < codec->output_width) jpeg_crop_scanline(codec, &across.begin, &columns);
    if (down.begin > 0) jpeg_skip_scanlines(codec, down.begin);
  });
  if (!at_begin) return bad_data();
  const unsigned rows = down.end - down.begin;
  part->image.SetSize(static_cast<int>(columns), static_cast<int>(rows));
  std::vector<uint8_t> inks(cmyk ? size_t{4} * columns * rows : 0);
  uint8_t* const out = cmyk ? inks.data() : part->image.rgb.data();
  if (!reader.ReadRows(down.end, out, size_t{1} * channels * columns)) return bad_data();
  if (!reader.EndFollows()) {
    return BrokenOffPicture("bad JPEG data: Premature end of JPEG file");
  }
  if (cmyk) InvertedCmykToRgb(inks, &part->image.rgb);
  part->box = {box.x / shrunk - across.begin, box.y / shrunk - down.begin,
               (box.x + box.width) / shrunk - across.begin,
               (box.y + box.height) / shrunk - down.begin};
  return absl::OkStatus();
}

}  // namespace models
