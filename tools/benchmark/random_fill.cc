#include "tools/benchmark/random_fill.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "graph/base/bfloat16.h"
#include "graph/base/random.h"
#include "graph/base/status.h"

namespace tools {
namespace {

constexpr size_t kBlock = 65521;  // prime: rows of no usual length see the same numbers

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
void Ids(int64_t ids, graph::Tensor* tensor) {
  int64_t next = 0;
  for (T& id : tensor->as<T>()) {
    id = static_cast<T>(next);
    next = next + 1 == ids ? 0 : next + 1;
  }
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

void FillRandom(int64_t ids, graph::Tensor* tensor) {
  switch (tensor->type.dtype) {
    case graph::DType::kI64: {
      graph::RandomStream random(2, graph::Purpose::kNoise);
      for (int64_t& key : tensor->as<int64_t>()) key = static_cast<int64_t>(random.Next());
      return;
    }
    case graph::DType::kI32:
      return Ids<int32_t>(ids, tensor);
    case graph::DType::kU8:
      return Ids<uint8_t>(std::min<int64_t>(ids, 128), tensor);
    case graph::DType::kI8:
      return Ids<int8_t>(std::min<int64_t>(ids, 128), tensor);
    default:
      return FillNormal(tensor->type.dtype, static_cast<size_t>(tensor->type.elements()),
                        tensor->data);
  }
}

}  // namespace tools
