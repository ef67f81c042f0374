// The inputs of a net, which the host writes before a run.
#ifndef GRAPH_RUNTIME_INPUT_SLOT_H_
#define GRAPH_RUNTIME_INPUT_SLOT_H_

#include <map>
#include <string>

#include "graph/ir/net.h"
#include "graph/runtime/named_tensors.h"

namespace graph {

// Nets bound to the same slot share inputs of the same name, which must have the same type. A net
// has a slot of its own unless it is given one. It may change slots between runs
// (Executable::Use), so that the next inputs can be written during a run.
class InputSlot : public NamedTensors {
 public:
  using NamedTensors::NamedTensors;
  ~InputSlot();  // waits for copies

  // Whether `net` can be bound to this slot: no input of the net exists here with another type.
  bool Fits(const Net& net) const {
    for (BlobId input : net.inputs) {
      const absl::StatusOr<ConstTensor> tensor = Find(net.blob(input).name);
      if (tensor.ok() && tensor->type != net.type(input)) return false;
    }
    return true;
  }

  // Copies `from` to the input `name`, as NamedTensors does. On a device that the host cannot reach
  // the copy goes through page-locked memory and runs beside the device's work: it waits for the
  // submitted runs that read the slot, and runs submitted afterwards wait for it. `from` may be
  // reused when the call returns.
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

  // Called before and after a run that reads the slot is started.
  absl::Status BeginRead();
  absl::Status EndRead();

 private:
  // Host memory that holds a write until it is copied.
  struct Mirror {
    Block memory;
    Event copied;
  };
  absl::Status StartWrite(const std::string& name, const Tensor& tensor, const void* from);

  std::map<std::string, Mirror> mirrors_;
  Event read_;               // the last submitted run has read the slot
  bool is_written_ = false;  // since that run, by copies that may still run
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_INPUT_SLOT_H_
