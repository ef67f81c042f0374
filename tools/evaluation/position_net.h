// The models that have positions to measure and draw, and the net that asks for them.
#ifndef TOOLS_EVALUATION_POSITION_NET_H_
#define TOOLS_EVALUATION_POSITION_NET_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/training/forward_net.h"
#include "models/zoo/config.h"

namespace tools {

// OK if `entry` is a model that predicts positions; else InvalidArgument says what it is and what
// can be measured instead.
absl::Status CheckPredictsPositions(const models::ZooEntry& entry);

// The entry's name, and in the words of the command line what it does, where a flag says that.
std::string NameAndMethod(const models::ZooEntry& entry);

// The patches per image that a model that predicts positions sees, and those of them without
// position.
int VisiblePatches(const models::ZooEntry& entry);
int DroppedPositions(const models::ZooEntry& entry);

// Builds the forward pass up to the answers, without what concerns only the loss.
std::function<models::ForwardNet::Outputs(models::ModelBuilder*)> PositionForward(
    const models::ZooEntry& entry, int batch_size);

struct PositionOutputs {
  std::vector<int32_t> ids_keep;  // (B, V): the cells of the visible patches
  std::vector<uint8_t> mask_pos;  // (B, V): nonzero without position
  std::vector<float> logits;      // (B, V, cells)
};

// Runs a net of PositionForward.
absl::StatusOr<PositionOutputs> RunPositions(const models::Batch& batch, models::ForwardNet* net);

}  // namespace tools

#endif  // TOOLS_EVALUATION_POSITION_NET_H_
