// The embedded data set: scenes drawn on demand at the model's input size. Nothing is stored; image
// i of a split is the same in every run.
#ifndef MODELS_DATA_EMBEDDED_DATASET_H_
#define MODELS_DATA_EMBEDDED_DATASET_H_

#include <string>

#include "models/data/dataset.h"

namespace models {

enum class SceneSplit { kTrain, kHeldOut };

inline constexpr int64_t kEmbeddedTrainImages = 12800;
inline constexpr int64_t kEmbeddedHeldOutImages = 2'000;

// Labels are kinds of scene (models/data/scene.h), i % 10: all equally frequent.
class EmbeddedDataset : public Dataset {
 public:
  // Scenes of width x height pixels, both at least 1.
  EmbeddedDataset(SceneSplit split, int width, int height);

  int64_t size() const override {
    return split_ == SceneSplit::kTrain ? kEmbeddedTrainImages : kEmbeddedHeldOutImages;
  }
  // "embedded/train/17", "embedded/held_out/17".
  std::string name(int64_t i) const override;
  int label(int64_t i) const override;
  int num_classes() const override;
  // Never fails.
  absl::StatusOr<Image> Load(int64_t i) const override;
  std::string description() const override;

 private:
  SceneSplit split_;
  int width_, height_;
};

}  // namespace models

#endif  // MODELS_DATA_EMBEDDED_DATASET_H_
