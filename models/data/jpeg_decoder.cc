#include "models/data/jpeg_decoder.h"

#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>  // jpeglib.h needs it
#include <string>
#include <vector>

#include "graph/base/status.h"
#include "models/data/picture_limits.h"

namespace models {
namespace {

using graph::InvalidArgument;

// A progressive file may hold thousands of scans of a few bytes, each of which costs a
// walk over the whole picture.
constexpr int kMaxScans = 500;
constexpr int kRowsAtOnce = 16;

// The library's way out of an error is a jump. Only the functions of this class that
// say so may be left by one; they hold nothing that needs destruction, and neither
// does the library's C code between them and the jump.
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

  // Each false on an error, which message() tells; nothing but destruction may follow.
  bool ReadHeader();                                         // may be left by a jump
  bool Start();                                              // may be left by a jump
  bool Crop(unsigned* x, unsigned* width);                   // may be left by a jump
  bool SkipTo(unsigned row);                                 // may be left by a jump
  bool ReadRows(unsigned end, uint8_t* out, size_t stride);  // may be left by a jump
  bool Finish();                                             // may be left by a jump

  // Whether the data from here on hold the picture's end.
  bool EndFollows();

  jpeg_decompress_struct* codec() { return &codec_; }
  const char* message() const { return errors_.message; }

 private:
  struct Errors {
    jpeg_error_mgr manager;
    jpeg_progress_mgr progress;
    std::jmp_buf way_out;
    char message[JMSG_LENGTH_MAX];
  };
  static Errors* ErrorsOf(j_common_ptr codec) { return static_cast<Errors*>(codec->client_data); }
  [[noreturn]] static void Fail(j_common_ptr codec) {
    Errors* errors = ErrorsOf(codec);
    codec->err->format_message(codec, errors->message);
    std::longjmp(errors->way_out, 1);
  }
  static void Emit(j_common_ptr codec, int level) {
    if (level < 0) Fail(codec);  // a warning
  }
  static void WatchScans(j_common_ptr codec) {
    if (codec->is_decompressor &&
        reinterpret_cast<j_decompress_ptr>(codec)->input_scan_number > kMaxScans) {
      Errors* errors = ErrorsOf(codec);
      std::snprintf(errors->message, sizeof(errors->message), "more than %d scans", kMaxScans);
      std::longjmp(errors->way_out, 1);
    }
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

bool JpegReader::Start() {
  if (setjmp(errors_.way_out) != 0) return false;
  jpeg_start_decompress(&codec_);
  return true;
}

bool JpegReader::Crop(unsigned* x, unsigned* width) {
  if (setjmp(errors_.way_out) != 0) return false;
  jpeg_crop_scanline(&codec_, x, width);
  return true;
}

bool JpegReader::SkipTo(unsigned row) {
  if (setjmp(errors_.way_out) != 0) return false;
  if (row > codec_.output_scanline) jpeg_skip_scanlines(&codec_, row - codec_.output_scanline);
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

bool JpegReader::Finish() {
  if (setjmp(errors_.way_out) != 0) return false;
  jpeg_finish_decompress(&codec_);
  return true;
}

// What is left are a scan's bits, in which 0xFF never stands before 0xD9.
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

// [begin, end) of an axis that is decoded so that the pixels of [from, to) come out as
// from the whole: smooth upsampling looks one block (`step` pixels) to either side.
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

absl::Status DecodeJpeg(absl::string_view bytes, const PartPlan& plan, PicturePart* part) {
  JpegReader reader(bytes);
  if (!reader.ReadHeader()) return InvalidArgument("bad JPEG header: ", reader.message());
  jpeg_decompress_struct* codec = reader.codec();
  RETURN_IF_ERROR(CheckPictureSize(codec->image_width, codec->image_height));
  const int width = static_cast<int>(codec->image_width);
  const int height = static_cast<int>(codec->image_height);
  const PartRequest request = plan(width, height);
  const PixelBox& box = request.box;
  CHECK(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0);
  CHECK(box.x + box.width <= width && box.y + box.height <= height);

  const auto bad_data = [&reader] { return InvalidArgument("bad JPEG data: ", reader.message()); };
  const bool cmyk = codec->jpeg_color_space == JCS_CMYK || codec->jpeg_color_space == JCS_YCCK;
  const int channels = cmyk ? 4 : 3;
  part->shrunk = ChooseShrink(request);
  codec->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  codec->dct_method = JDCT_ISLOW;
  codec->scale_num = 1;
  codec->scale_denom = static_cast<unsigned>(part->shrunk);
  if (!reader.Start()) return bad_data();

  const double shrunk = part->shrunk;
  const int block = codec->min_DCT_scaled_size;
  Span across = WithMargin(box.x / shrunk, (box.x + box.width) / shrunk,
                           codec->max_h_samp_factor * block, codec->output_width);
  Span down = WithMargin(box.y / shrunk, (box.y + box.height) / shrunk,
                         codec->max_v_samp_factor * block, codec->output_height);
  // Below the box nothing is computed: rows come out one by one.
  down.end =
      std::min(codec->output_height,
               static_cast<unsigned>((box.y + box.height + part->shrunk - 1) / part->shrunk));
  unsigned columns = across.end - across.begin;
  if (columns < codec->output_width && !reader.Crop(&across.begin, &columns)) return bad_data();
  if (!reader.SkipTo(down.begin)) return bad_data();
  const unsigned rows = down.end - down.begin;
  part->image.width = static_cast<int>(columns);
  part->image.height = static_cast<int>(rows);
  part->image.rgb.resize(size_t{3} * columns * rows);
  std::vector<uint8_t> inks(cmyk ? size_t{4} * columns * rows : 0);
  uint8_t* const out = cmyk ? inks.data() : part->image.rgb.data();
  if (!reader.ReadRows(down.end, out, size_t{1} * channels * columns)) return bad_data();
  if (down.end == codec->output_height) {
    if (!reader.Finish()) return bad_data();
  } else if (!reader.EndFollows()) {
    return InvalidArgument("bad JPEG data: Premature end of JPEG file");
  }
  if (cmyk) InvertedCmykToRgb(inks, &part->image.rgb);
  part->box = {box.x / shrunk - across.begin, box.y / shrunk - down.begin,
               (box.x + box.width) / shrunk - across.begin,
               (box.y + box.height) / shrunk - down.begin};
  return absl::OkStatus();
}

}  // namespace models
