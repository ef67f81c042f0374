#include "tools/vis/position_visualizer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/image_io.h"
#include "models/droppos/droppos_config.h"
#include "tools/evaluation/spread_dataset.h"
#include "tools/output/staged_output.h"
#include "tools/vis/sheet.h"

namespace tools {

absl::StatusOr<std::vector<PictureToAsk>> ChoosePictures(
    const models::Dataset& data, int count,
    const std::function<void(const std::string&)>& on_bad_image) {
  std::vector<PictureToAsk> pictures;
  const int64_t wanted = std::min<int64_t>(count, data.size());
  absl::Status bad;
  int64_t next = 0;  // earlier images are chosen, undecodable or skipped
  std::vector<int64_t> starts = SpreadIndices(data.size(), wanted);
  if (!starts.empty()) starts[0] = 0;  // so that none is skipped before the first
  for (const int64_t start : starts) {
    for (next = std::max(next, start); next < data.size();) {
      const int64_t at = next++;
      absl::StatusOr<models::Image> image = data.Load(at);
      if (image.ok()) {
        pictures.push_back({data.name(at), data.image_id(at), *std::move(image)});
        break;
      }
      bad = image.status();
      if (on_bad_image != nullptr) on_bad_image(std::string(bad.message()));
    }
  }
  if (!pictures.empty()) return pictures;
  return bad.ok() ? graph::InvalidArgument(data.description(), ": no images") : bad;
}

absl::StatusOr<std::unique_ptr<PositionVisualizer>> PositionVisualizer::Create(
    const models::ZooEntry& entry, const graph::CompileOptions& options,
    graph::Workspace* workspace, std::vector<PictureToAsk> pictures, uint64_t seed,
    const std::shared_ptr<graph::InputSlot>& inputs) {
  if (pictures.empty()) return graph::InvalidArgument("no images to draw predictions for");
  std::unique_ptr<PositionVisualizer> visualizer(new PositionVisualizer());
  // First, because it checks the ratios.
  const int batch = static_cast<int>(std::min<size_t>(pictures.size(), kPictureBatch));
  ASSIGN_OR_RETURN(visualizer->predictor_,
                   PositionPredictor::Create(entry, batch, options, workspace, inputs));
  const models::DropPosConfig& config = models::DropPosOf(entry);
  const int visible = config.num_visible(entry.model.num_patches());
  visualizer->name_ = entry.name;
  visualizer->wrong_positions_ = config.mask_token_type == "wrong_pos";
  visualizer->conditions_ =
      absl::StrCat(visible, " of ", entry.model.num_patches(), " patches visible, ",
                   visible - config.num_pos_kept(visible), " of them ",
                   visualizer->wrong_positions_ ? "with a wrong position" : "without position");
  visualizer->pictures_ = std::move(pictures);
  visualizer->seed_ = seed;
  return visualizer;
}

absl::StatusOr<std::vector<PositionAnswers>> PositionVisualizer::Answers() {
  return predictor_->Predict(pictures_, seed_);
}

absl::StatusOr<models::Image> PositionVisualizer::Draw(
    const std::string& title, const std::vector<PositionAnswers>& answers) const {
  return DrawSheet(absl::StrCat(title, ": ", conditions_), answers, wrong_positions_);
}

absl::Status PositionVisualizer::Write(const std::string& title, const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<PositionAnswers> answers, Answers());
  ASSIGN_OR_RETURN(const models::Image sheet, Draw(absl::StrCat(name_, ", ", title), answers));
  ASSIGN_OR_RETURN(StagedOutput output, StagedOutput::Choose("", path, StagedOutput::Kind::kFile,
                                                             /*overwrite=*/true));
  return output.Write([&](const std::string& staging) { return models::WritePng(staging, sheet); });
}

}  // namespace tools
