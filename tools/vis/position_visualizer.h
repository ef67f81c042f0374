// Asks a DropPos model for the positions of images' patches, and draws its answers.
#ifndef TOOLS_VIS_POSITION_VISUALIZER_H_
#define TOOLS_VIS_POSITION_VISUALIZER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/compiler/compiler.h"
#include "graph/runtime/workspace.h"
#include "models/data/augment.h"
#include "models/data/dataset.h"
#include "models/data/image.h"
#include "models/training/forward_net.h"
#include "models/zoo/config.h"
#include "tools/vis/sheet.h"

namespace tools {

// An image to ask about.
struct PictureToAsk {
  std::string name;  // for its caption
  uint64_t id = 0;   // determines its masks: models::Dataset::image_id
  models::Image image;
};

// `count` images spread over `data` (SpreadIndices, so that classes which repeat in step do not
// give one class only), or all if it has fewer. An image that cannot be decoded is replaced by the
// next one that can, after `on_bad_image` got a line that names it; an error if none can.
absl::StatusOr<std::vector<PictureToAsk>> ChoosePictures(
    const models::Dataset& data, int count,
    const std::function<void(const std::string&)>& on_bad_image = nullptr);

// A forward net. Not thread-safe.
class PositionPredictor {
 public:
  // `entry` has the ratios to ask at; settings of its loss are ignored, so these may be ratios at
  // which it cannot be trained. Parameters are found by name in `workspace`, which must outlive
  // this: a session's, or an empty one that models::LoadParameters then fills. The net takes
  // `batch_size` images at a time. `inputs`: as for models::ForwardNet::Compile.
  static absl::StatusOr<std::unique_ptr<PositionPredictor>> Create(
      const models::ZooEntry& entry, int batch_size, const models::TransformOptions& transform,
      const graph::CompileOptions& options, graph::Workspace* workspace,
      const std::shared_ptr<graph::InputSlot>& inputs = nullptr);

  // The net that Create compiles in a session's workspace, for plans.
  static absl::StatusOr<graph::Net> Net(const models::ZooEntry& entry, int batch_size,
                                        const graph::SchemaRegistry& registry);

  // One answer per picture. Masks are those of an evaluation with `seed` (graph::SampleKey at epoch
  // 0). A patch goes into the cell of its largest logit, on a tie the first one. OUT_OF_RANGE if a
  // logit is not finite.
  absl::StatusOr<std::vector<PositionAnswers>> Predict(const std::vector<PictureToAsk>& pictures,
                                                       uint64_t seed);

  const std::vector<models::Parameter>& parameters() const { return net_->parameters(); }

 private:
  PositionPredictor(const models::ModelConfig& model, const models::TransformOptions& transform,
                    int batch_size)
      : model_(model),
        transform_(model.input_w, model.input_h, transform),
        batch_size_(batch_size) {}

  models::ModelConfig model_;
  models::ImageTransform transform_;
  int batch_size_;
  models::Batch batch_;
  std::unique_ptr<models::ForwardNet> net_;
};

// Images per run of the net, if there are that many.
inline constexpr int kPictureBatch = 4;

// Pictures of one model while it learns: always the same images with the same masks.
class PositionVisualizer {
 public:
  // Arguments as for PositionPredictor::Create. At least one picture.
  static absl::StatusOr<std::unique_ptr<PositionVisualizer>> Create(
      const models::ZooEntry& entry, const graph::CompileOptions& options,
      graph::Workspace* workspace, std::vector<PictureToAsk> pictures, uint64_t seed,
      const models::TransformOptions& transform,
      const std::shared_ptr<graph::InputSlot>& inputs = nullptr);

  // The answers of the current parameters. Call between steps only: the nets share an arena.
  absl::StatusOr<std::vector<PositionAnswers>> Answers();
  // Draws them under `title` ("droppos_tiny, step 1200") and what was asked.
  absl::StatusOr<models::Image> Draw(const std::string& title,
                                     const std::vector<PositionAnswers>& answers) const;
  // Writes Draw() of Answers(), with the model's name before the title, to the PNG file `path`,
  // whose folder must exist. Replaces an earlier file at once; on an error it stays. Errors name
  // the path.
  absl::Status Write(const std::string& title, const std::string& path);

  // What one sees on every sheet: "where droppos_tiny puts the patches of
  // 2 images (cat.jpg, dog.jpg): 16 of 64 patches visible, ...".
  std::string Shows() const;

  const std::vector<models::Parameter>& parameters() const { return predictor_->parameters(); }

 private:
  PositionVisualizer() = default;

  std::string name_;  // of the model
  bool wrong_positions_ = false;
  std::string conditions_;
  std::vector<PictureToAsk> pictures_;
  uint64_t seed_ = 0;
  std::unique_ptr<PositionPredictor> predictor_;
};

}  // namespace tools

#endif  // TOOLS_VIS_POSITION_VISUALIZER_H_
