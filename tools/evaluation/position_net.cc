#include "tools/evaluation/position_net.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/droppos/droppos.h"

namespace tools {

absl::Status CheckPredictsPositions(const models::ZooEntry& entry) {
  const std::unique_ptr<models::Model> model = entry.make(entry, 2);  // a classifier's classes
  if (dynamic_cast<const models::DropPos*>(model.get()) != nullptr) return absl::OkStatus();
  return graph::InvalidArgument(entry.name,
                                " predicts no positions, which takes a DropPos model; evaluate "
                                "--protocol=knn measures its features");
}

std::string NameAndMethod(const models::ZooEntry& entry) {
  const models::DropPosConfig* config = models::FindDropPos(entry);
  if (config == nullptr) return entry.name;
  return absl::StrCat(entry.name, " with --drop_pos_type=", config->drop_pos_type);
}

int VisiblePatches(const models::ZooEntry& entry) {
  return models::DropPosOf(entry).num_visible(entry.model.num_patches());
}

int DroppedPositions(const models::ZooEntry& entry) {
  const int visible = VisiblePatches(entry);
  return visible - models::DropPosOf(entry).num_pos_kept(visible);
}

std::function<models::ForwardNet::Outputs(models::ModelBuilder*)> PositionForward(
    const models::ZooEntry& entry, int batch_size) {
  const models::ModelConfig model = entry.model;
  const models::DropPosConfig config = models::PositionsOnly(models::DropPosOf(entry));
  return [=](models::ModelBuilder* b) -> models::ForwardNet::Outputs {
    const models::DropPosBlobs blobs =
        models::BuildDropPos(b, model, config, batch_size, models::NoiseSource::kKeys);
    return {{"ids_keep", blobs.ids_keep}, {"mask_pos", blobs.mask_pos}, {"logits", blobs.logits}};
  };
}

absl::StatusOr<PositionOutputs> RunPositions(const models::Batch& batch, models::ForwardNet* net) {
  RETURN_IF_ERROR(net->Feed(batch));
  RETURN_IF_ERROR(net->Run());
  PositionOutputs outputs;
  ASSIGN_OR_RETURN(outputs.ids_keep, net->Read<int32_t>("ids_keep"));
  ASSIGN_OR_RETURN(outputs.mask_pos, net->Read<uint8_t>("mask_pos"));
  ASSIGN_OR_RETURN(outputs.logits, net->Read<float>("logits"));
  return outputs;
}

}  // namespace tools
