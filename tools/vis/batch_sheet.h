// A page of pictures with words below them: what a net gets, and what was done to it.
#ifndef TOOLS_VIS_BATCH_SHEET_H_
#define TOOLS_VIS_BATCH_SHEET_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/image.h"

namespace tools {

struct BatchPicture {
  models::Image image;               // 8-bit RGB
  std::string name;                  // bold, cut short where it is too long
  std::vector<std::string> phrases;  // below it, as many to a line as fit
};

// In page pixels. Each pixel of a picture is a square of `scale` pixels, so that a picture is at
// least 192 wide.
struct BatchSheetGeometry {
  int columns = 0;
  int scale = 0;
  int margin = 0;
  int column_width = 0;  // including the space to the next one

  int cell_x(int index) const { return margin + index % columns * column_width; }
};

// For `count` pictures of this size, at least one: a page that is wider than high.
BatchSheetGeometry PlanBatchSheet(int count, int width, int height);

// Draws the pictures, at least one and all of one size, in rows below the lines of `title`.
// InvalidArgument if the page is larger than a picture can be, RESOURCE_EXHAUSTED if it does not
// fit into memory.
absl::StatusOr<models::Image> DrawBatchSheet(const std::vector<std::string>& title,
                                             const std::vector<BatchPicture>& pictures);

}  // namespace tools

#endif  // TOOLS_VIS_BATCH_SHEET_H_
