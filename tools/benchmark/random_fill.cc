#include "tools/benchmark/random_fill.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "graph/base/bfloat16.h"
#include "graph/base/random.h"
#include "graph/base/status.h"

namespace tools {
namespace {

constexpr size_t kBlock = 65521;  // prime, so that no rows of usual lengths see the same numbers

const std::vector<double>& Normals() {
  static const std::vector<double>* const numbers = [] {
    auto* made = new std::vector<double>(kBlock);
    graph::RandomStream random(1, graph::Purpose::kNoise);
    for (double& x : *made) x = random.Normal();
    return made;
  }();
  return *numbers;
}

template <typename T>
void Repeat(size_t count, void* data) {
  T* to = static_cast<T*>(data);
  const std::vector<double>& numbers = Normals();
  const size_t first = std::min(count, kBlock);
  for (size_t i = 0; i < first; ++i) to[i] = T(static_cast<float>(numbers[i]));
  for (size_t done = first; done < count; done += kBlock) {
    std::memcpy(to + done, to, std::min(kBlock, count - done) * sizeof(T));
  }
}

template <typename T>
absl::Status WriteIds(int64_t ids, const graph::Tensor& tensor) {
  std::vector<T> values(static_cast<size_t>(tensor.type.elements()));
  int64_t next = 0;
  for (T& id : values) {
    id = static_cast<T>(next);
    next = next + 1 == ids ? 0 : next + 1;
  }
  return tensor.Write(values);
}

}  // namespace

void FillNormal(graph::DType dtype, size_t count, void* data) {
  switch (dtype) {
    case graph::DType::kF32:
      return Repeat<float>(count, data);
    case graph::DType::kF64:
      return Repeat<double>(count, data);
    case graph::DType::kBF16:
      return Repeat<graph::BFloat16>(count, data);
    default:
      CHECK(false);
  }
}

absl::Status FillRandom(int64_t ids, const graph::Tensor& tensor) {
  const size_t elements = static_cast<size_t>(tensor.type.elements());
  switch (tensor.type.dtype) {
    case graph::DType::kI64: {
      graph::RandomStream random(2, graph::Purpose::kNoise);
      std::vector<int64_t> keys(elements);
      for (int64_t& key : keys) key = static_cast<int64_t>(random.Next());
      return tensor.Write(keys);
    }
    case graph::DType::kI32:
      return WriteIds<int32_t>(ids, tensor);
    case graph::DType::kU8:
      return WriteIds<uint8_t>(std::min<int64_t>(ids, 128), tensor);
    case graph::DType::kI8:
      return WriteIds<int8_t>(std::min<int64_t>(ids, 128), tensor);
    default: {
      std::vector<uint8_t> bytes(tensor.type.bytes());
      FillNormal(tensor.type.dtype, elements, bytes.data());
      return tensor.WriteBytes(0, bytes);
    }
  }
}

}  // namespace tools
