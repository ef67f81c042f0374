// Tensors for tests, and generators that fill them.
#ifndef TESTS_HARNESS_HOST_TENSOR_H_
#define TESTS_HARNESS_HOST_TENSOR_H_

#include <cstdint>
#include <functional>
#include <ostream>
#include <vector>

#include "graph/base/random.h"
#include "graph/base/types.h"

namespace harness {

// Owns its elements; access converts from and to the storage type.
class HostTensor {
 public:
  HostTensor() = default;
  // Zeroed.
  explicit HostTensor(graph::TensorType type);
  // Aborts if the number of values is not that of the elements.
  HostTensor(graph::TensorType type, const std::vector<double>& values);

  const graph::TensorType& type() const { return type_; }
  int64_t size() const { return type_.elements(); }
  bool is_float() const { return graph::IsFloat(type_.dtype); }

  double Get(int64_t i) const;
  void Set(int64_t i, double value);
  // Integer dtypes only; exact for i64.
  int64_t GetInt(int64_t i) const;
  void SetInt(int64_t i, int64_t value);
  std::vector<double> Values() const;
  std::vector<int64_t> IntValues() const;

  const void* data() const { return bytes_.data(); }
  void* data() { return bytes_.data(); }
  size_t bytes() const { return bytes_.size(); }

  // Floats become f64 with the same values; other dtypes stay.
  HostTensor ToF64() const;

  // The same type and bits.
  friend bool operator==(const HostTensor& a, const HostTensor& b) {
    return a.type_ == b.type_ && a.bytes_ == b.bytes_;
  }

  // Type and the first elements, for GoogleTest's messages.
  friend void PrintTo(const HostTensor& tensor, std::ostream* out);

 private:
  graph::TensorType type_;
  std::vector<uint8_t> bytes_;
};

graph::TensorType F32(graph::Shape shape);
graph::TensorType F64(graph::Shape shape);
graph::TensorType I32(graph::Shape shape);
graph::TensorType I64(graph::Shape shape);
graph::TensorType U8(graph::Shape shape);
graph::TensorType BF16(graph::Shape shape);
graph::TensorType I8(graph::Shape shape);

// Floats become f64, other dtypes stay.
graph::TensorType ToF64(graph::TensorType type);

using Generator = std::function<void(HostTensor*, graph::RandomStream*)>;

// Normal() numbers, the same for the same key.
HostTensor Random(const graph::TensorType& type, uint64_t key, double std = 1.0);

// Floats.
Generator Normal(double std = 1.0, double mean = 0.0);
Generator Uniform(double low, double high);
Generator Constant(double value);
Generator Values(std::vector<double> values);
// Integers in [0, n), such as class labels or row ids; may repeat.
Generator Ids(int64_t n);
// Distinct ids in [0, n) in each row of the tensor (last dimension).
Generator DistinctIds(int64_t n);
// 1 with probability `p`, else 0.
Generator Mask(double p);
// Exactly `count` ones in each row of the tensor, at random places.
Generator MaskOf(int64_t count);
// 64 random bits each.
Generator Keys();

}  // namespace harness

#endif  // TESTS_HARNESS_HOST_TENSOR_H_
