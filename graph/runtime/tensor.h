// Typed views of a device's memory.
#ifndef GRAPH_RUNTIME_TENSOR_H_
#define GRAPH_RUNTIME_TENSOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/base/status.h"
#include "graph/base/types.h"
#include "graph/runtime/device.h"

namespace graph {

// A read-only view; does not own the memory. Methods abort if T is not the element type: that is a
// bug of the program.
struct ConstTensor {
  TensorType type;
  const void* data = nullptr;
  Device* device = nullptr;

  // A copy of the elements, row-major.
  template <typename T>
  absl::StatusOr<std::vector<T>> Read() const {
    std::vector<T> values(static_cast<size_t>(type.elements()));
    RETURN_IF_ERROR(Read(absl::MakeSpan(values)));
    return values;
  }
  // The same into `to`, which has as many elements.
  template <typename T>
  absl::Status Read(absl::Span<T> to) const {
    CHECK(type.dtype == DTypeOf<T>::value);
    CHECK(static_cast<size_t>(type.elements()) == to.size());
    return device->CopyOut(to.data(), data, to.size() * sizeof(T));
  }
  // Copies bytes from `offset` on, as many as `to` holds.
  absl::Status ReadBytes(size_t offset, absl::Span<uint8_t> to) const;

  // The elements in place; aborts if the host cannot reach them. For kernels and tests.
  template <typename T>
  absl::Span<const T> as() const {
    CHECK(type.dtype == DTypeOf<T>::value);
    CHECK(device->host_accessible());
    return absl::MakeConstSpan(static_cast<const T*>(data), static_cast<size_t>(type.elements()));
  }
};

// A writable view.
struct Tensor {
  TensorType type;
  void* data = nullptr;
  Device* device = nullptr;

  operator ConstTensor() const { return {type, data, device}; }
  template <typename T>
  absl::StatusOr<std::vector<T>> Read() const {
    return ConstTensor(*this).Read<T>();
  }

  // InvalidArgument if `from` has another number of elements.
  template <typename T>
  absl::Status Write(absl::Span<const T> from) const {
    return WriteElements(DTypeOf<T>::value, from.data(), from.size());
  }
  template <typename T>
  absl::Status Write(const std::vector<T>& from) const {
    return Write(absl::MakeConstSpan(from));
  }
  // The one element of a scalar.
  template <typename T>
  absl::Status WriteScalar(T value) const {
    return Write(absl::MakeConstSpan(&value, 1));
  }
  absl::Status WriteBytes(size_t offset, absl::Span<const uint8_t> from) const;
  // Copies the elements of `from`, which has the same type and device.
  absl::Status CopyFrom(const ConstTensor& from) const;

  template <typename T>
  absl::Span<T> as() const {
    const absl::Span<const T> elements = ConstTensor(*this).as<T>();
    return absl::MakeSpan(static_cast<T*>(data), elements.size());
  }

 private:
  absl::Status WriteElements(DType dtype, const void* from, size_t elements) const;
};

}  // namespace graph

#endif  // GRAPH_RUNTIME_TENSOR_H_
