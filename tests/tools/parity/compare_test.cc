// The bounds that compare.h states are those that hold. parity_test replays the cases.
#include "tools/parity/compare.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using graph::ComputePrecision;
constexpr auto kF32 = ComputePrecision::kF32, kBF16 = ComputePrecision::kBF16;

// A case whose only tensor is `name` = (0.6, 0.8), held against one that is `error` off:
// a share of its norm, or absolutely.
Verdict CompareOff(const std::string& name, ComputePrecision precision, double error) {
  const std::vector<float> theirs = {0.6f, 0.8f};
  models::TensorMap tensors;
  tensors[name] = {{graph::DType::kF32, {2}}, absl::MakeSpan(reinterpret_cast<const uint8_t*>(theirs.data()), 8)};
  const std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/case.safetensors");
  EXPECT_TRUE(models::WriteSafetensors(path, tensors, {}).ok());
  const GoldenCase golden{models::SafetensorsFile::Read(path).value(), "", {}, {}, {}, {}};
  ReplayResult replay;
  replay.train_accuracy_slack = {0, 0};
  const bool absolute = absl::EndsWith(name, "/acc1");
  for (const double x : {theirs[0], theirs[1]}) {
    replay.tensors[name].data.push_back(absolute ? x + error : x * (1 + error));
  }
  const std::vector<Verdict> verdicts = Compare(golden, replay, precision);
  EXPECT_EQ(verdicts.size(), 1u);
  return verdicts.at(0);
}

TEST(Compare, BoundsAreThoseOfTheHeader) {
  const struct {
    const char* tensor;
    double f32, bf16;
  } bounds[] = {
      {"out/smooth", 1e-6, 1e-6},         {"out/logits", 1e-5, 4e-2},
      {"out/acc1", 1e-5, 0.15},           {"train/loss", 1e-5, 4e-3},
      {"train/acc1", 1e-5, 0.15},         {"grad/norm.bias", 2e-5, 8e-2},
      {"gradnorm/norm.bias", 2e-5, 4e-2}, {"final/norm.bias", 2e-4, 8e-2},
  };
  for (const auto& row : bounds) {
    SCOPED_TRACE(row.tensor);
    EXPECT_TRUE(CompareOff(row.tensor, kF32, 0.99 * row.f32).passed);
    EXPECT_FALSE(CompareOff(row.tensor, kF32, 1.01 * row.f32).passed);
    EXPECT_TRUE(CompareOff(row.tensor, kBF16, 0.99 * row.bf16).passed);
    EXPECT_FALSE(CompareOff(row.tensor, kBF16, 1.01 * row.bf16).passed);
  }
}

}  // namespace
}  // namespace tools
