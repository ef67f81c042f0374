// Resizes position tables from one grid of patches to another.
#ifndef MODELS_TRAINING_POSITION_TABLE_H_
#define MODELS_TRAINING_POSITION_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

namespace models {

// The grid of an image's patches, top to bottom and left to right.
struct PatchGrid {
  int64_t h = 0;
  int64_t w = 0;

  int64_t cells() const { return h * w; }
  std::string ToString() const;  // "14x14"

  friend bool operator==(const PatchGrid& a, const PatchGrid& b) {
    return a.h == b.h && a.w == b.w;
  }
  friend bool operator!=(const PatchGrid& a, const PatchGrid& b) { return !(a == b); }
};

// "14x14" -> {14, 14}; nullopt for anything else, and for sides below 1 or above 2^20.
absl::optional<PatchGrid> ParsePatchGrid(absl::string_view text);

// The square grid with this many cells, if there is one.
absl::optional<PatchGrid> SquareGrid(int64_t cells);

// `table` is row-major (extra_rows + from.cells(), channels); the result is (extra_rows +
// to.cells(), channels). The extra rows (class token) are copied. Each channel of the other rows is
// resized bicubically as an image, as the official interpolate_pos_embed does, that is
// torch.nn.functional.interpolate(mode="bicubic", align_corners=False): a = -0.75, no antialiasing,
// rows and columns beyond the edge repeat it. Computed in double, so it may differ from PyTorch's
// float by an ulp or two.
std::vector<float> ResizePositionTable(absl::Span<const float> table, int64_t channels,
                                       int64_t extra_rows, PatchGrid from, PatchGrid to);

}  // namespace models

#endif  // MODELS_TRAINING_POSITION_TABLE_H_
