// The inputs of a net: what the host writes before a run.
#ifndef GRAPH_RUNTIME_INPUT_SLOT_H_
#define GRAPH_RUNTIME_INPUT_SLOT_H_

#include <map>
#include <string>

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

  // Copies `from` to the input `name`, as NamedTensors does. On a device that the host cannot reach
  // the copy goes through page-locked memory and runs beside what the device does: it waits for
  // the runs that were submitted and read the slot, and runs that are submitted afterwards wait for
  // it. `from` is free when the call returns.
  template <typename T>
  absl::Status Write(absl::string_view name, absl::Span<const T> from) {
    ASSIGN_OR_RETURN(const Tensor tensor, Find(name));
    const size_t elements = static_cast<size_t>(tensor.type.elements());
    if (device().host_accessible() || from.size() != elements) {
      return tensor.Write(from);
    }
    CHECK(tensor.type.dtype == DTypeOf<T>::value);
    return StartWrite(std::string(name), tensor, from.data());
  }

  // Around the start of a run that reads the slot.
  absl::Status BeginRead();
  absl::Status EndRead();

 private:
  // What a write leaves in the host's memory until it is copied.
  struct Mirror {
    Block memory;
    Event copied;
  };
  absl::Status StartWrite(const std::string& name, const Tensor& tensor, const void* from);

  std::map<std::string, Mirror> mirrors_;
  Event read_;               // what was submitted last has read the slot
  bool is_written_ = false;  // since then, by copies that may still run
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_INPUT_SLOT_H_
