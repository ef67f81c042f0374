// The emulated half of a cuda_library: the kernel runs, and its accesses are seen.
#include <gtest/gtest.h>

#include <vector>

#include "tests/simt/device_array.h"
#include "tests/third_party/cuda/saxpy.h"

namespace {

using simt::DeviceArray;

TEST(CudaLibrary, RunsEmulated) {
  std::vector<float> x(1030);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  const DeviceArray<float> device_x(x, "x"), y(std::vector<float>(1030, 1.0f), "y");
  ASSERT_EQ(Saxpy(2.0f, device_x.data(), 1030, y.data(), nullptr), 0);
  const std::vector<float> result = y.Get();
  for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(result[i], 1.0f + 2.0f * x[i]) << i;
}

// Were the kernel compiled without the emulator's flags, nobody would see this.
TEST(CudaLibrary, SeesAccesses) {
  const DeviceArray<float> x(std::vector<float>(1030), "x"), y(std::vector<float>(1029), "y");
  try {
    Saxpy(2.0f, x.data(), 1030, y.data(), nullptr);
    ADD_FAILURE() << "nobody saw an element past the end of y";
  } catch (const simt::Finding& finding) {
    EXPECT_EQ(finding.kind, simt::Finding::kOutOfBounds) << finding.what();
  }
}

}  // namespace
