#include "models/data/whole_picture.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "models/data/augment.h"

namespace models {

PlacedSize PlaceWhole(int width, int height, int input_width, int input_height) {
  const double scale = std::min(
      {1.0, static_cast<double>(input_width) / width, static_cast<double>(input_height) / height});
  // Rounding cannot exceed a side that made the scale.
  return {std::max(1, static_cast<int>(std::lround(width * scale))),
          std::max(1, static_cast<int>(std::lround(height * scale)))};
}

void PlaceImage(const Image& image, const std::vector<double>& mean, int input_width,
                int input_height, BicubicResizer* resizer, Image* out) {
  const PlacedSize size = PlaceWhole(image.width, image.height, input_width, input_height);
  Image placed;
  resizer->Resize(ImageView(image), size.width, size.height, &placed);
  ToChannels(static_cast<int>(mean.size()), &placed);
  const auto fill = [&](auto* row, int from, double white) {
    for (int x = from; x < input_width; ++x) {
      for (size_t c = 0; c < mean.size(); ++c) {
        row[mean.size() * x + c] = static_cast<std::decay_t<decltype(*row)>>(
            std::lround(std::clamp(mean[c], 0.0, 1.0) * white));
      }
    }
  };
  if (placed.is_deep()) {
    out->SetDeepSize(input_width, input_height, placed.channels);
  } else {
    out->SetSize(input_width, input_height);
  }
  for (int y = 0; y < input_height; ++y) {
    const int known = y < size.height ? size.width : 0;
    if (placed.is_deep()) {
      std::copy_n(placed.deep_row(std::min(y, size.height - 1)), known * placed.channels,
                  out->deep_row(y));
      fill(out->deep_row(y), known, 65535.0);
    } else {
      std::copy_n(placed.pixel(0, std::min(y, size.height - 1)), known * 3, out->pixel(0, y));
      fill(out->pixel(0, y), known, 255.0);
    }
  }
}

void PlaceMask(const LabelMask& mask, int input_width, int input_height, uint8_t* out) {
  const PlacedSize size = PlaceWhole(mask.width, mask.height, input_width, input_height);
  std::vector<uint8_t> placed(size_t{1} * size.width * size.height);
  ResizeMask(mask, {0, 0, double(mask.width), double(mask.height)}, size.width, size.height,
             /*flip=*/false, placed.data());
  std::fill_n(out, size_t{1} * input_width * input_height, kUnlabelled);
  for (int y = 0; y < size.height; ++y) {
    std::copy_n(placed.data() + size_t{1} * size.width * y, size.width,
                out + size_t{1} * input_width * y);
  }
}

}  // namespace models
