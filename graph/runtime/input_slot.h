// The inputs of a net: what the host writes before a run.
#ifndef GRAPH_RUNTIME_INPUT_SLOT_H_
#define GRAPH_RUNTIME_INPUT_SLOT_H_

#include "graph/ir/net.h"
#include "graph/runtime/named_tensors.h"

namespace graph {

// Nets that are bound to one slot share the inputs that have one name, so these have one type
// there. A net has a slot of its own unless it is given one, and may change it between runs
// (Executable::Use), so that the next inputs are there already.
class InputSlot : public NamedTensors {
 public:
  using NamedTensors::NamedTensors;

  // Whether `net` can be bound to it: it has no input of the net under another type.
  bool Fits(const Net& net) const {
    for (BlobId input : net.inputs) {
      const absl::StatusOr<ConstTensor> tensor = Find(net.blob(input).name);
      if (tensor.ok() && tensor->type != net.type(input)) return false;
    }
    return true;
  }
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_INPUT_SLOT_H_
