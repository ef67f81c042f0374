#include "models/training/update_hold.h"

#include <algorithm>
#include <limits>

namespace models {

bool SpoilUpdate(const graph::Net& net, graph::OpId op, absl::Span<const graph::Tensor> outputs) {
  if (net.ops[op].type != "ClipFactors") return false;
  const absl::Span<float> factors = outputs[0].as<float>();
  std::fill(factors.begin(), factors.end(), std::numeric_limits<float>::quiet_NaN());
  return true;
}

void UpdateHold::BeforeOp(const graph::Net& net, graph::OpId op) {
  if (next_ != nullptr) next_->BeforeOp(net, op);
}

void UpdateHold::AfterOp(const graph::Net& net, graph::OpId op,
                         absl::Span<const graph::Tensor> outputs) {
  if (next_ != nullptr) next_->AfterOp(net, op, outputs);
  const std::vector<graph::BlobId>& blobs = net.ops[op].outputs;
  for (size_t i = 0; i < blobs.size() && !wanted_; ++i) {
    if (net.blob(blobs[i]).name == loss_) wanted_ = hold_(double{outputs[i].as<float>()[0]});
  }
  if (wanted_ && SpoilUpdate(net, op, outputs)) held_ = true;
}

}  // namespace models
