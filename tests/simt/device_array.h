// Arrays of tests on the emulated device, and launches in more than one order. On a GPU
// (tests/gpu_suite) the order is the GPU's own, so the launches are repeated ones.
#ifndef TESTS_SIMT_DEVICE_ARRAY_H_
#define TESTS_SIMT_DEVICE_ARRAY_H_

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tests/simt/emulator.h"

namespace simt {

template <typename T>
class DeviceArray {
 public:
  // Unwritten.
  DeviceArray(size_t count, const std::string& name)
      : count_(count), data_(static_cast<T*>(Allocate(count * sizeof(T), name))) {}
  DeviceArray(const std::vector<T>& values, const std::string& name)
      : DeviceArray(values.size(), name) {
    Set(values);
  }
  DeviceArray(const DeviceArray&) = delete;
  ~DeviceArray() { Free(data_); }

  T* data() const { return data_; }
  size_t size() const { return count_; }
  void Set(const std::vector<T>& values) {
    CopyIn(data_, values.data(), values.size() * sizeof(T));
  }
  // A Finding where an element was never written.
  std::vector<T> Get() const {
    std::vector<T> values(count_);
    CopyOut(values.data(), data_, count_ * sizeof(T));
    return values;
  }

 private:
  size_t count_;
  T* data_;
};

// Calls `f` with blocks, warps and lanes forward, backward, and shuffled twice.
template <typename F>
void InEveryOrder(const F& f) {
  struct Restore {
    ~Restore() { SetOrder(Order::kForward); }
  } restore;
  for (int i = 0; i < 4; ++i) {
    SetOrder(i == 0 ? Order::kForward : i == 1 ? Order::kReverse : Order::kShuffled, i);
    f();
  }
}

// What `run` returns, a vector, in every order; a Finding unless all have equal bits.
// `name` is for the message.
template <typename Run>
auto SameInEveryOrder(const std::string& name, const Run& run) {
  std::vector<decltype(run())> results;
  InEveryOrder([&] { results.push_back(run()); });
  for (size_t order = 1; order < results.size(); ++order) {
    const auto& first = results[0];
    const auto& other = results[order];
    for (size_t i = 0; i < first.size() && other.size() == first.size(); ++i) {
      if (std::memcmp(&first[i], &other[i], sizeof(first[i])) == 0) continue;
      throw Finding(Finding::kOrder, "order: " + name + ": element " + std::to_string(i) +
                                         " depends on the order of blocks, warps and lanes");
    }
    if (other.size() != first.size()) {
      throw Finding(Finding::kOrder, "order: " + name + ": the number of results differs");
    }
  }
  return std::move(results[0]);
}

}  // namespace simt

#endif  // TESTS_SIMT_DEVICE_ARRAY_H_
