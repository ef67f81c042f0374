#include "models/data/label_mask.h"

#include <algorithm>

#include "graph/base/status.h"
#include "models/data/image_io.h"

namespace models {
namespace {

// For each of `count` pixels across [begin, end), the one of `size` that lies under its centre.
std::vector<int> Nearest(double begin, double end, int count, int size) {
  std::vector<int> from(count);
  const double step = (end - begin) / count;
  for (int i = 0; i < count; ++i) {
    from[i] = std::clamp(static_cast<int>(begin + (i + 0.5) * step), 0, size - 1);
  }
  return from;
}

}  // namespace

absl::StatusOr<LabelMask> ReadMask(const std::string& path, const PictureLimits& limits) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadPicture(path, limits));
  LabelMask mask;
  const absl::Status decoded = DecodeMask(bytes, limits, &mask);
  if (!decoded.ok()) return CannotDecode(path, decoded);
  return mask;
}

void ResizeMask(const LabelMask& mask, const ImageArea& area, int width, int height, bool flip,
                uint8_t* out) {
  std::vector<int> columns = Nearest(area.x0, area.x1, width, mask.width);
  if (flip) std::reverse(columns.begin(), columns.end());
  for (const int row : Nearest(area.y0, area.y1, height, mask.height)) {
    const uint8_t* from = mask.classes.data() + size_t{1} * mask.width * row;
    for (const int column : columns) *out++ = from[column];
  }
}

}  // namespace models
