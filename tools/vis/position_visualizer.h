// Pictures of one model while it learns: always the same images with the same masks.
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
#include "models/data/dataset.h"
#include "models/data/image.h"
#include "models/zoo/config.h"
#include "tools/vis/predictions.h"

namespace tools {

// `count` images spread over `data` (SpreadIndices, so that classes which repeat in step do not
// give one class only), or all if it has fewer. An image that cannot be decoded is replaced by the
// next one that can, after `on_bad_image` got a line that names it; an error if none can.
absl::StatusOr<std::vector<PictureToAsk>> ChoosePictures(
    const models::Dataset& data, int count,
    const std::function<void(const std::string&)>& on_bad_image = nullptr);

// Images per run of the net, if there are that many.
inline constexpr int kPictureBatch = 4;

class PositionVisualizer {
 public:
  // Keeps its images and a PositionPredictor in `workspace` (the session's, with the parameters
  // being trained), which must outlive it. `entry` is a DropPos model with the ratios to ask at.
  static absl::StatusOr<std::unique_ptr<PositionVisualizer>> Create(
      const models::ZooEntry& entry, const graph::CompileOptions& options,
      graph::Workspace* workspace, std::vector<PictureToAsk> pictures, uint64_t seed,
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
