// TIFF, GIF and BMP files for the tests of models/data.
#ifndef TESTS_MODELS_DATA_RARE_IMAGES_H_
#define TESTS_MODELS_DATA_RARE_IMAGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "models/data/image.h"

namespace models {

struct TiffKind {
  int width = 1, height = 1;
  uint16_t photometric = 2, bits = 8, samples = 3;  // as the tags have them
  uint16_t compression = 1;
  uint16_t orientation = 1;
  int tile = 0;  // its side, a multiple of 16; 0: strips
  bool big_endian = false, big_tiff = false;
  uint16_t format = 1;  // of samples; 1: without sign
  uint16_t extra = 0;   // what the last sample beyond colour is; those before it mean nothing
  bool by_planes = false;
};
// `rows` are the samples, packed row by row, those of 16 bits in this machine's order. A palette
// is of 16 bits a colour: (257 i, 65535 - 257 i, 256 i) for index i.
std::string EncodeTiff(const TiffKind& kind, const std::string& rows);
// RGB in strips.
std::string EncodeTiff(const Image& image, uint16_t compression);

struct GifKind {
  int canvas_width = 0, canvas_height = 0;
  int x = 0, y = 0, width = 0, height = 0;  // of the frame
  bool interlaced = false, local_palette = false;
  int transparent = -1;
  int frames = 1;  // those after the first show index 0
};
// The frame's `indices`, row by row, of 16 colours: (16 i, 255 - i, 7 i) for index i.
std::string EncodeGif(const GifKind& kind, const std::vector<uint8_t>& indices);

// 24 bits, rows from the bottom.
std::string EncodeBmp(const Image& image);

}  // namespace models

#endif  // TESTS_MODELS_DATA_RARE_IMAGES_H_
