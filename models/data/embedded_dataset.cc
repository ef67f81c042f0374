#include "models/data/embedded_dataset.h"

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/scene.h"

namespace models {

EmbeddedDataset::EmbeddedDataset(SceneSplit split, int width, int height)
    : split_(split), width_(width), height_(height) {
  CHECK(width > 0 && height > 0);
}

std::string EmbeddedDataset::name(int64_t i) const {
  return absl::StrCat(split_ == SceneSplit::kTrain ? "embedded/train/" : "embedded/held_out/", i);
}

int EmbeddedDataset::label(int64_t i) const { return static_cast<int>(i % kSceneClasses); }

int EmbeddedDataset::num_classes() const { return kSceneClasses; }

absl::StatusOr<Image> EmbeddedDataset::Load(int64_t i) const {
  return DrawScene(ComposeScene(static_cast<SceneClass>(label(i)), image_id(i)), width_, height_);
}

std::string EmbeddedDataset::description() const {
  return absl::StrCat(size(), " scenes of ", height_, "x", width_, ", ", kSceneClasses, " classes");
}

}  // namespace models
