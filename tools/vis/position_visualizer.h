// Pictures of one model while it learns: the same images with the same masks, again
// and again.
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

// `count` images spread over `data` (SpreadIndices, so that classes which repeat in
// step with them do not give one class only), all where it has fewer. One that cannot
// be decoded gives way to the next that can, after `on_bad_image` got a line that names it;
// an error when none can.
absl::StatusOr<std::vector<PictureToAsk>> ChoosePictures(
    const models::Dataset& data, int count,
    const std::function<void(const std::string&)>& on_bad_image = nullptr);

// Images that the net takes at a time, where there are so many.
inline constexpr int kPictureBatch = 4;

class PositionVisualizer {
 public:
  // Holds its images and a PositionPredictor in `workspace` (the session's: the
  // parameters being trained), which must outlive it. `entry` is a DropPos model
  // with the ratios to ask at.
  static absl::StatusOr<std::unique_ptr<PositionVisualizer>> Create(
      const models::ZooEntry& entry, const graph::CompileOptions& options,
      graph::Workspace* workspace, std::vector<PictureToAsk> pictures, uint64_t seed,
      const std::shared_ptr<graph::InputSlot>& inputs = nullptr);

  // The answers of the parameters as they are now. Between steps only: the nets
  // share an arena.
  absl::StatusOr<std::vector<PositionAnswers>> Answers();
  // Draws them under `title` ("droppos_tiny, step 1200") and what was asked.
  absl::StatusOr<models::Image> Draw(const std::string& title,
                                     const std::vector<PositionAnswers>& answers) const;
  // Both, with the model's name before the title, into the PNG file `path`, whose folder must
  // exist. An earlier file is replaced at once; on an error it stays. Errors name the path.
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
