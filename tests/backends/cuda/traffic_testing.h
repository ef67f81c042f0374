// What kernels move in global memory, counted by the emulator: of each launch, and of each tensor
// over all launches.
#ifndef TESTS_BACKENDS_CUDA_TRAFFIC_TESTING_H_
#define TESTS_BACKENDS_CUDA_TRAFFIC_TESTING_H_

#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "gtest/gtest.h"
#include "tests/simt/device_array.h"

namespace backends::cuda {

using simt::DeviceArray;
using simt::Traffic;

constexpr uint64_t kLanes = 32;  // each of which reads what a row has once, such as its mean

// Counts each launch while it lives. One at a time.
class Recorder {
 public:
  // Tensors are those that the functions below ask about.
  template <typename... T>
  explicit Recorder(const DeviceArray<T>&... tensors) {
    (tensors_.emplace(tensors.data(), Traffic()), ...);
    current_ = this;
    simt::submit = [](simt::LaunchRequest launch) {
      simt::BeginOperation(launch.name, 0, {});
      simt::Run(launch.name, launch.thread, launch.grid, launch.block, launch.shared_bytes);
      current_->Count();
      return 0;
    };
  }
  ~Recorder() { simt::submit = nullptr; }
  Recorder(const Recorder&) = delete;

  const std::vector<Traffic>& launches() const { return launches_; }

  // The tensor was read `times` times and not written, `access` bytes at a time.
  template <typename T>
  void ExpectRead(const DeviceArray<T>& tensor, uint64_t access, double times = 1) const {
    const Traffic& t = tensors_.at(tensor.data());
    EXPECT_EQ(t.load_bytes, sizeof(T) * static_cast<uint64_t>(std::llround(times * tensor.size())));
    EXPECT_EQ(t.loads, t.load_bytes / access);
    EXPECT_EQ(t.stores, 0u);
  }
  // It was written once and not read.
  template <typename T>
  void ExpectWritten(const DeviceArray<T>& tensor, uint64_t access) const {
    const Traffic& t = tensors_.at(tensor.data());
    EXPECT_EQ(t.store_bytes, tensor.size() * sizeof(T));
    EXPECT_EQ(t.stores, t.store_bytes / access);
    EXPECT_EQ(t.loads, 0u);
  }
  // It was written once and then read once, as scratch memory is.
  template <typename T>
  void ExpectPassedOn(const DeviceArray<T>& tensor, uint64_t store, uint64_t load) const {
    const Traffic& t = tensors_.at(tensor.data());
    EXPECT_EQ(t.store_bytes, tensor.size() * sizeof(T));
    EXPECT_EQ(t.stores, t.store_bytes / store);
    EXPECT_EQ(t.load_bytes, t.store_bytes);
    EXPECT_EQ(t.loads, t.load_bytes / load);
  }

 private:
  void Count() {
    launches_.push_back(simt::GlobalTraffic());
    for (auto& [data, sum] : tensors_) {
      const Traffic t = simt::TrafficOf(data);
      sum.load_bytes += t.load_bytes;
      sum.loads += t.loads;
      sum.store_bytes += t.store_bytes;
      sum.stores += t.stores;
    }
  }

  static inline Recorder* current_ = nullptr;
  std::vector<Traffic> launches_;
  std::map<const void*, Traffic> tensors_;
};

// `vector_bytes` in accesses of 16, and `scalars` of `scalar_bytes` together.
inline void ExpectLoads(const Traffic& t, uint64_t vector_bytes, uint64_t scalars,
                        uint64_t scalar_bytes) {
  EXPECT_EQ(t.load_bytes, vector_bytes + scalar_bytes);
  EXPECT_EQ(t.loads, vector_bytes / 16 + scalars);
}
inline void ExpectStores(const Traffic& t, uint64_t vector_bytes, uint64_t scalars,
                         uint64_t scalar_bytes) {
  EXPECT_EQ(t.store_bytes, vector_bytes + scalar_bytes);
  EXPECT_EQ(t.stores, vector_bytes / 16 + scalars);
}

}  // namespace backends::cuda

#endif  // TESTS_BACKENDS_CUDA_TRAFFIC_TESTING_H_
