// The roofline's arithmetic and its answers to what cannot be measured. How fast is not
// tested: that is the machine's.
#include "tools/benchmark/roofline.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<Gemm> kGemms = {
    {50, 64, 192, 3, false}, {17, 33, 5, 1, false}, {64, 50, 192, 2, true}};

void ExpectConsistent(const Roofline& roofline) {
  ASSERT_EQ(roofline.gemms.size(), kGemms.size());
  double flops = 0, seconds = 0;
  for (size_t i = 0; i < kGemms.size(); ++i) {
    const GemmRate& rate = roofline.gemms[i];
    EXPECT_EQ(rate.gemm.m, kGemms[i].m);
    EXPECT_GT(rate.seconds, 0);
    EXPECT_LT(rate.seconds, 60);
    EXPECT_FALSE(rate.implementation.empty());
    EXPECT_DOUBLE_EQ(rate.gflops, kGemms[i].flops() / rate.seconds / 1e9);
    flops += kGemms[i].flops() * static_cast<double>(kGemms[i].times);
    seconds += rate.seconds * static_cast<double>(kGemms[i].times);
  }
  EXPECT_DOUBLE_EQ(roofline.gflops, flops / seconds / 1e9) << "by time, not a mean of rates";
}

TEST(Roofline, Float32) {
  for (const int threads : {1, 2}) {
    const auto roofline = MeasureRoofline(kGemms, graph::DType::kF32, threads, 7);
    ASSERT_TRUE(roofline.ok()) << roofline.status();
    ExpectConsistent(*roofline);
  }
}

TEST(Roofline, Bfloat16OrAReason) {
  const auto roofline = MeasureRoofline(kGemms, graph::DType::kBF16, 1, 7);
  if (roofline.ok()) {
    ExpectConsistent(*roofline);
  } else {
    EXPECT_EQ(roofline.status().code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(roofline.status().message()),
                AllOf(HasSubstr("roofline"), HasSubstr("bf16"), HasSubstr(OneDnnIsa())));
  }
}

TEST(Roofline, NamesOfTheLibrary) {
  EXPECT_EQ(OneDnnIsa().find("isa "), std::string::npos) << OneDnnIsa() << " has no name yet";
  const std::string release = OneDnnRelease();
  EXPECT_EQ(std::count(release.begin(), release.end(), '.'), 2) << release;
}

}  // namespace
}  // namespace tools
