#include "tests/models/data/golden_augment.h"

#include "absl/types/span.h"
#include "graph/base/status.h"

namespace models {

GoldenAugment::GoldenAugment()
    : file_(*SafetensorsReader::Open("tests/models/data/testdata/augment_pillow.safetensors")) {}

nlohmann::json GoldenAugment::Metadata(const std::string& name) const {
  return nlohmann::json::parse(file_.metadata().at(name));
}

Image GoldenAugment::Picture(const std::string& tensor) const {
  const StoredTensor stored = *file_.Find(tensor);
  CHECK(stored.dtype == "U8" && stored.shape.size() == 3 && stored.shape[2] == 3);
  Image image = Image::Sized(static_cast<int>(stored.shape[1]), static_cast<int>(stored.shape[0]));
  CHECK(file_.Read(stored.begin, absl::MakeSpan(image.rgb)).ok());
  return image;
}

}  // namespace models
