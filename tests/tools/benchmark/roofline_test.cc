// The roofline's arithmetic and its answers to what cannot be measured. How fast is not
// tested: that is the machine's.
#include "tools/benchmark/roofline.h"

#include <algorithm>
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<Gemm> kGemms = {
    {50, 64, 192, 3, false}, {17, 33, 5, 1, false}, {64, 50, 192, 2, true}};

// Together they take less than a minute.
void ExpectARate(double gflops) {
  double flops = 0;
  for (const Gemm& gemm : kGemms) flops += gemm.flops() * static_cast<double>(gemm.times);
  EXPECT_GT(gflops, flops / 60 / 1e9);
  EXPECT_TRUE(std::isfinite(gflops));
}

TEST(Roofline, Float32) {
  for (const int threads : {1, 2}) {
    const auto roofline = MeasureRoofline(kGemms, graph::DType::kF32, threads, 7);
    ASSERT_TRUE(roofline.ok()) << roofline.status();
    ExpectARate(*roofline);
  }
}

TEST(Roofline, Bfloat16OrAReason) {
  const auto roofline = MeasureRoofline(kGemms, graph::DType::kBF16, 1, 7);
  if (roofline.ok()) {
    ExpectARate(*roofline);
  } else {
    EXPECT_EQ(roofline.status().code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(roofline.status().message()),
                AllOf(HasSubstr("roofline"), HasSubstr("bf16"), HasSubstr(OneDnnIsa())));
  }
}

TEST(Roofline, NamesOfTheLibrary) {
  EXPECT_EQ(OneDnnIsa().find("unknown"), std::string::npos) << OneDnnIsa() << " has no name yet";
  const std::string release = OneDnnRelease();
  EXPECT_EQ(std::count(release.begin(), release.end(), '.'), 2) << release;
}

}  // namespace
}  // namespace tools
