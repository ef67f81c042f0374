#include "graph/runtime/tensor.h"

namespace graph {

absl::Status ConstTensor::ReadBytes(size_t offset, absl::Span<uint8_t> to) const {
  CHECK(offset + to.size() <= type.bytes());
  return device->CopyOut(to.data(), static_cast<const uint8_t*>(data) + offset, to.size());
}

absl::Status Tensor::WriteElements(DType dtype, const void* from, size_t elements) const {
  CHECK(type.dtype == dtype);
  if (static_cast<size_t>(type.elements()) != elements) {
    return InvalidArgument(elements, " values for a tensor ", type.ToString());
  }
  return device->CopyIn(data, from, type.bytes());
}

absl::Status Tensor::WriteBytes(size_t offset, absl::Span<const uint8_t> from) const {
  CHECK(offset + from.size() <= type.bytes());
  return device->CopyIn(static_cast<uint8_t*>(data) + offset, from.data(), from.size());
}

absl::Status Tensor::CopyFrom(const ConstTensor& from) const {
  CHECK(type == from.type);
  CHECK(ShareMemory(*device, *from.device));
  return device->CopyWithin(data, from.data, type.bytes());
}

}  // namespace graph
