// What kernels are written with (backends/cuda/device.h), run by the emulator.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/backends/cuda/device_kernels.h"
#include "tests/simt/device_array.h"

namespace backends::cuda {
namespace {

using simt::DeviceArray;

float FromBits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

uint32_t ToBits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

TEST(Device, RoundsToBf16) {
  const float inf = std::numeric_limits<float>::infinity();
  const struct {
    float x;
    uint16_t bits;
  } cases[] = {
      {0.0f, 0x0000},
      {-0.0f, 0x8000},
      {1.0f, 0x3f80},
      {FromBits(0x3f808000), 0x3f80},  // half way: to the even neighbour, below
      {FromBits(0x3f818000), 0x3f82},  // and above
      {FromBits(0x3f808001), 0x3f81},
      {FromBits(0x3f807fff), 0x3f80},
      {FromBits(0x7f7fffff), 0x7f80},  // the largest float: infinity
      {FromBits(0x00000001), 0x0000},
      {FromBits(0x00008001), 0x0001},  // a subnormal one
      {inf, 0x7f80},
      {-inf, 0xff80},
      {FromBits(0x7f800001), 0x7fff},  // a NaN in bits that are lost
      {FromBits(0xffc00000), 0x7fff},
  };
  std::vector<float> x;
  for (const auto& c : cases) x.push_back(c.x);
  const DeviceArray<float> device_x(x, "x"), read(x.size(), "read");
  const DeviceArray<BFloat16> rounded(x.size(), "rounded");
  const DeviceArray<uint32_t> above(x.size(), "above one"), below(x.size(), "below one");
  ASSERT_EQ(Round(device_x.data(), static_cast<int>(x.size()), rounded.data(), above.data(),
                  below.data(), read.data(), nullptr),
            0);
  for (size_t i = 0; i < x.size(); ++i) {
    SCOPED_TRACE(x[i]);
    const uint32_t bits = cases[i].bits;
    EXPECT_EQ(rounded.Get()[i].bits, bits);
    EXPECT_EQ(above.Get()[i], bits << 16 | 0x3f80u);
    EXPECT_EQ(below.Get()[i], bits | 0x3f80u << 16);
    const float back = read.Get()[i];
    if (std::isnan(x[i])) {
      EXPECT_TRUE(std::isnan(back));
    } else {
      EXPECT_EQ(back, FromBits(bits << 16));
    }
  }
}

TEST(Device, CopiesVectors) {
  std::vector<float> x(260);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) + 0.25f;
  const DeviceArray<float> device_x(x, "x");
  for (const int width : {1, 2, 4}) {
    const DeviceArray<float> y(x.size(), "y");
    ASSERT_EQ(CopyVectors(device_x.data(), 260, width, y.data(), nullptr), 0);
    EXPECT_EQ(y.Get(), x) << width;
  }
}

// On a GPU the access would end the process's use of it.
TEST(Device, RefusesMisalignedVectors) {
  if (!simt::IsEmulated()) GTEST_SKIP() << "ends the process's use of a GPU";
  const DeviceArray<float> x(std::vector<float>(264), "x"), y(264, "y");
  for (const int width : {2, 4}) {
    try {
      CopyVectors(x.data() + 1, 260, width, y.data(), nullptr);
      ADD_FAILURE() << width;
    } catch (const simt::Finding& finding) {
      EXPECT_EQ(finding.kind, simt::Finding::kMisaligned) << finding.what();
    }
  }
}

TEST(Device, ReducesOverLanes) {
  std::vector<float> x(32);
  for (int i = 0; i < 32; ++i) x[i] = static_cast<float>(i * 7 % 32);
  x[5] = 1e-9f;
  x[6] = NAN;
  for (const bool with_nan : {true, false}) {
    if (!with_nan) x[6] = 0.0f;
    const DeviceArray<float> device_x(x, "x"), sum(32, "sum"), sum_of_4(32, "sum of 4"),
        max(32, "max"), max_of_4(32, "max of 4");
    const DeviceArray<double> sum_in_double(32, "sum in double");
    ASSERT_EQ(Reduce(device_x.data(), sum.data(), sum_of_4.data(), sum_in_double.data(), max.data(),
                     max_of_4.data(), nullptr),
              0);
    double all = 0;
    for (const float value : x) all += value;
    for (int i = 0; i < 32; ++i) {
      float most = -1, four = 0;
      for (int k = i / 4 * 4; k < i / 4 * 4 + 4; ++k) {
        most = std::fmax(most, x[k]);
        four += x[k];
      }
      EXPECT_EQ(max.Get()[i], 31.0f);
      EXPECT_EQ(max_of_4.Get()[i], most);
      if (with_nan) {
        EXPECT_TRUE(std::isnan(sum.Get()[i]));
      } else {
        EXPECT_EQ(sum.Get()[i], static_cast<float>(all));
        EXPECT_EQ(sum_of_4.Get()[i], four);
        EXPECT_NEAR(sum_in_double.Get()[i], all, 1e-13);
        EXPECT_NE(sum_in_double.Get()[i], std::round(all)) << "digits that float has not";
      }
    }
  }
}

TEST(Device, HasExponentialsOfTwo) {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> x = {0.0f, -0.0f, FromBits(1), inf, -inf, NAN, -126.5f, -200.0f};
  const std::vector<float> special = {1, 1, 1, inf, 0, NAN, 0, 0};
  for (int i = 0; i < 2000; ++i) x.push_back(-0.0625f * static_cast<float>(i) - 0.001f);
  const DeviceArray<float> device_x(x, "x"), device_y(x.size(), "y");
  ASSERT_EQ(Exponentials(device_x.data(), static_cast<int>(x.size()), device_y.data(), nullptr), 0);
  const std::vector<float> y = device_y.Get();
  for (size_t i = 0; i < x.size(); ++i) {
    SCOPED_TRACE(x[i]);
    if (i < special.size()) {
      EXPECT_TRUE(y[i] == special[i] || (std::isnan(y[i]) && std::isnan(special[i]))) << y[i];
      continue;
    }
    const double exact = std::exp2(static_cast<double>(x[i]));
    EXPECT_NEAR(y[i], exact < 0x1p-126 ? 0.0 : exact, exact * 0x1p-22);
  }
}

// Small whole numbers, so that every sum is exact.
TEST(Device, MultipliesTiles) {
  std::vector<BFloat16> a(256), b(256);
  const auto number = [](int i, int step) { return static_cast<float>(i * step % 13 - 6); };
  for (int i = 0; i < 256; ++i) {
    a[i].bits = static_cast<uint16_t>(ToBits(number(i, 5)) >> 16);
    b[i].bits = static_cast<uint16_t>(ToBits(number(i, 3)) >> 16);
  }
  for (const int rows : {16, 11}) {
    // Only these rows are there: reading more would be found.
    const DeviceArray<BFloat16> device_a({a.begin(), a.begin() + rows * 16}, "a"), device_b(b, "b");
    const DeviceArray<float> c(256, "c");
    ASSERT_EQ(MultiplyTiles(device_a.data(), rows, device_b.data(), c.data(), nullptr), 0);
    const std::vector<float> result = c.Get();
    for (int m = 0; m < 16; ++m) {
      for (int n = 0; n < 16; ++n) {
        float sum = 0;
        for (int k = 0; k < 16 && m < rows; ++k) {
          sum += number(m * 16 + k, 5) * number(k * 16 + n, 3);
        }
        EXPECT_EQ(result[m * 16 + n], sum) << rows << ": " << m << ", " << n;
      }
    }
  }
}

TEST(Device, HasDynamicSharedMemory) {
  for (const int bytes : {100, 100 * 1024}) {
    const DeviceArray<uint8_t> y(static_cast<size_t>(bytes), "y");
    ASSERT_EQ(FillShared(bytes, y.data(), nullptr), 0);
    const std::vector<uint8_t> result = y.Get();
    for (int i = 0; i < bytes; ++i) ASSERT_EQ(result[i], (bytes - 1 - i) % 251) << i;
  }
}

}  // namespace
}  // namespace backends::cuda
