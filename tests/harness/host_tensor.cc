#include "tests/harness/host_tensor.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "graph/base/bfloat16.h"
#include "graph/base/status.h"

namespace harness {
namespace {

template <typename T>
T Load(const std::vector<uint8_t>& bytes, int64_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void Put(std::vector<uint8_t>* bytes, int64_t i, T value) {
  std::memcpy(bytes->data() + i * sizeof(T), &value, sizeof(T));
}

// The first `k` of a random permutation of [0, n).
std::vector<int64_t> Choose(int64_t n, int64_t k, graph::RandomStream* random) {
  CHECK(k <= n);
  std::vector<int64_t> all(n);
  std::iota(all.begin(), all.end(), 0);
  for (int64_t i = 0; i < k; ++i) std::swap(all[i], all[i + random->Below(n - i)]);
  all.resize(k);
  return all;
}

}  // namespace

HostTensor::HostTensor(graph::TensorType type) : type_(std::move(type)), bytes_(type_.bytes()) {}

HostTensor::HostTensor(graph::TensorType type, const std::vector<double>& values)
    : HostTensor(std::move(type)) {
  CHECK(static_cast<int64_t>(values.size()) == size());
  for (int64_t i = 0; i < size(); ++i) Set(i, values[i]);
}

double HostTensor::Get(int64_t i) const {
  CHECK(i >= 0 && i < size());
  switch (type_.dtype) {
    case graph::DType::kF32:
      return Load<float>(bytes_, i);
    case graph::DType::kF64:
      return Load<double>(bytes_, i);
    case graph::DType::kBF16:
      return Load<graph::BFloat16>(bytes_, i);
    default:
      return static_cast<double>(GetInt(i));
  }
}

void HostTensor::Set(int64_t i, double value) {
  CHECK(i >= 0 && i < size());
  switch (type_.dtype) {
    case graph::DType::kF32:
      return Put<float>(&bytes_, i, static_cast<float>(value));
    case graph::DType::kF64:
      return Put<double>(&bytes_, i, value);
    case graph::DType::kBF16:
      return Put(&bytes_, i, graph::BFloat16(static_cast<float>(value)));
    default:
      return SetInt(i, static_cast<int64_t>(value));
  }
}

int64_t HostTensor::GetInt(int64_t i) const {
  CHECK(i >= 0 && i < size());
  switch (type_.dtype) {
    case graph::DType::kI32:
      return Load<int32_t>(bytes_, i);
    case graph::DType::kI64:
      return Load<int64_t>(bytes_, i);
    case graph::DType::kU8:
      return Load<uint8_t>(bytes_, i);
    case graph::DType::kI8:
      return Load<int8_t>(bytes_, i);
    default:
      graph::CheckFailed(__FILE__, __LINE__, "GetInt() of floats");
  }
}

void HostTensor::SetInt(int64_t i, int64_t value) {
  CHECK(i >= 0 && i < size());
  switch (type_.dtype) {
    case graph::DType::kI32:
      return Put<int32_t>(&bytes_, i, static_cast<int32_t>(value));
    case graph::DType::kI64:
      return Put<int64_t>(&bytes_, i, value);
    case graph::DType::kU8:
      return Put<uint8_t>(&bytes_, i, static_cast<uint8_t>(value));
    case graph::DType::kI8:
      return Put<int8_t>(&bytes_, i, static_cast<int8_t>(value));
    default:
      graph::CheckFailed(__FILE__, __LINE__, "SetInt() of floats");
  }
}

std::vector<double> HostTensor::Values() const {
  std::vector<double> values(size());
  for (int64_t i = 0; i < size(); ++i) values[i] = Get(i);
  return values;
}

std::vector<int64_t> HostTensor::IntValues() const {
  std::vector<int64_t> values(size());
  for (int64_t i = 0; i < size(); ++i) values[i] = GetInt(i);
  return values;
}

HostTensor HostTensor::ToF64() const {
  if (!is_float() || type_.dtype == graph::DType::kF64) return *this;
  return HostTensor(harness::ToF64(type_), Values());
}

void PrintTo(const HostTensor& tensor, std::ostream* out) {
  *out << tensor.type_.ToString() << " {";
  const int64_t shown = std::min<int64_t>(tensor.size(), 32);
  for (int64_t i = 0; i < shown; ++i) *out << (i ? ", " : "") << tensor.Get(i);
  *out << (shown < tensor.size() ? ", ...}" : "}");
}

graph::TensorType F32(graph::Shape shape) { return {graph::DType::kF32, std::move(shape)}; }
graph::TensorType F64(graph::Shape shape) { return {graph::DType::kF64, std::move(shape)}; }
graph::TensorType I32(graph::Shape shape) { return {graph::DType::kI32, std::move(shape)}; }
graph::TensorType I64(graph::Shape shape) { return {graph::DType::kI64, std::move(shape)}; }
graph::TensorType U8(graph::Shape shape) { return {graph::DType::kU8, std::move(shape)}; }

graph::TensorType BF16(graph::Shape shape) { return {graph::DType::kBF16, std::move(shape)}; }
graph::TensorType I8(graph::Shape shape) { return {graph::DType::kI8, std::move(shape)}; }

graph::TensorType ToF64(graph::TensorType type) {
  if (graph::IsFloat(type.dtype)) type.dtype = graph::DType::kF64;
  return type;
}

HostTensor Random(const graph::TensorType& type, uint64_t key, double std) {
  HostTensor tensor(type);
  graph::RandomStream random(key, graph::Purpose::kNoise);
  Normal(std)(&tensor, &random);
  return tensor;
}

Generator Normal(double std, double mean) {
  return [=](HostTensor* t, graph::RandomStream* random) {
    for (int64_t i = 0; i < t->size(); ++i) t->Set(i, mean + std * random->Normal());
  };
}

Generator Uniform(double low, double high) {
  return [=](HostTensor* t, graph::RandomStream* random) {
    for (int64_t i = 0; i < t->size(); ++i) t->Set(i, random->Uniform(low, high));
  };
}

Generator Constant(double value) {
  return [=](HostTensor* t, graph::RandomStream*) {
    for (int64_t i = 0; i < t->size(); ++i) t->Set(i, value);
  };
}

Generator Values(std::vector<double> values) {
  return [values = std::move(values)](HostTensor* t, graph::RandomStream*) {
    *t = HostTensor(t->type(), values);
  };
}

Generator Ids(int64_t n) {
  return [=](HostTensor* t, graph::RandomStream* random) {
    for (int64_t i = 0; i < t->size(); ++i) t->SetInt(i, random->Below(n));
  };
}

Generator DistinctIds(int64_t n) {
  return [=](HostTensor* t, graph::RandomStream* random) {
    const int64_t cols = t->type().cols();
    for (int64_t r = 0; r < t->type().rows(); ++r) {
      const std::vector<int64_t> ids = Choose(n, cols, random);
      for (int64_t i = 0; i < cols; ++i) t->SetInt(r * cols + i, ids[i]);
    }
  };
}

Generator Mask(double p) {
  return [=](HostTensor* t, graph::RandomStream* random) {
    for (int64_t i = 0; i < t->size(); ++i) t->SetInt(i, random->Uniform() < p ? 1 : 0);
  };
}

Generator MaskOf(int64_t count) {
  return [=](HostTensor* t, graph::RandomStream* random) {
    const int64_t cols = t->type().cols();
    for (int64_t r = 0; r < t->type().rows(); ++r) {
      for (int64_t i = 0; i < cols; ++i) t->SetInt(r * cols + i, 0);
      for (int64_t i : Choose(cols, count, random)) t->SetInt(r * cols + i, 1);
    }
  };
}

Generator Keys() {
  return [=](HostTensor* t, graph::RandomStream* random) {
    for (int64_t i = 0; i < t->size(); ++i) t->SetInt(i, static_cast<int64_t>(random->Next()));
  };
}

}  // namespace harness
