// Tensors of a device by name.
#ifndef GRAPH_RUNTIME_NAMED_TENSORS_H_
#define GRAPH_RUNTIME_NAMED_TENSORS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/base/types.h"
#include "graph/runtime/device.h"
#include "graph/runtime/tensor.h"

namespace graph {

// Not thread-safe.
class NamedTensors {
 public:
  explicit NamedTensors(std::shared_ptr<Device> device) : device_(std::move(device)) {}
  NamedTensors(const NamedTensors&) = delete;
  NamedTensors& operator=(const NamedTensors&) = delete;

  const std::shared_ptr<Device>& shared_device() const { return device_; }
  Device& device() const { return *device_; }

  // The tensor `name`, created with zeros if new. FAILED_PRECONDITION if it exists with another
  // type, RESOURCE_EXHAUSTED if memory is out. Its address never changes.
  absl::StatusOr<Tensor> Create(absl::string_view name, const TensorType& type);
  // NOT_FOUND names the tensor.
  absl::StatusOr<ConstTensor> Find(absl::string_view name) const;
  absl::StatusOr<Tensor> Find(absl::string_view name);
  std::vector<std::string> Names() const;  // sorted
  size_t bytes() const;                    // of all tensors

  // A copy of the elements. NOT_FOUND names the tensor; aborts if T is not the element type.
  template <typename T>
  absl::StatusOr<std::vector<T>> Read(absl::string_view name) const {
    ASSIGN_OR_RETURN(const ConstTensor tensor, Find(name));
    return tensor.Read<T>();
  }
  // NOT_FOUND names the tensor, InvalidArgument a wrong number of elements.
  template <typename T>
  absl::Status Write(absl::string_view name, absl::Span<const T> from) {
    ASSIGN_OR_RETURN(const Tensor tensor, Find(name));
    return Annotate(tensor.Write(from), std::string(name));
  }
  // Copies the values of the tensor `name` from `from`, where it has the same type and device.
  absl::Status CopyFrom(const NamedTensors& from, absl::string_view name);

 private:
  struct Entry {
    TensorType type;
    void* data = nullptr;
  };
  // Zeroed memory that lives as long as this object.
  absl::StatusOr<void*> Allocate(size_t bytes);

  std::shared_ptr<Device> device_;  // declared before the blocks, which it must outlive
  std::map<std::string, Entry, std::less<>> tensors_;
  // Large tensors lie side by side in slabs, so that huge pages are full.
  std::vector<Block> blocks_;
  char* slab_ = nullptr;
  size_t slab_left_ = 0;
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_NAMED_TENSORS_H_
