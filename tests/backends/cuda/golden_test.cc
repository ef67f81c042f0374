// The official code's golden cases on the CUDA backend.
#include "gtest/gtest.h"
#include "tests/harness/cuda.h"
#include "tools/parity/compare.h"
#include "tools/parity/golden_case.h"
#include "tools/parity/replay.h"
#include "tools/plugins.h"

namespace tools {
namespace {

class Golden : public ::testing::TestWithParam<const char*> {
 protected:
  void ExpectParity(graph::ComputePrecision precision) {
    const auto golden =
        ReadGoldenCase(std::string("tests/golden/") + GetParam() + ".safetensors");
    ASSERT_TRUE(golden.ok()) << golden.status();
    const graph::SchemaRegistry registry = MakeRegistry();
    const graph::Backend backend = harness::MakeCuda();
    graph::CompileOptions compile;
    compile.registry = &registry;
    compile.backend = &backend;
    compile.passes.precision = precision;
    const auto replay = Replay(*golden, compile);
    ASSERT_TRUE(replay.ok()) << replay.status();
    const std::vector<Verdict> verdicts = Compare(*golden, *replay, precision);
    EXPECT_GT(verdicts.size(), 100u);
    double worst = 0;
    for (const Verdict& v : verdicts) {
      EXPECT_TRUE(v.passed) << v.tensor << ": error " << v.error << ", bound " << v.bound << " "
                            << v.note;
      if (v.bound > 0) worst = std::max(worst, v.error / v.bound);
    }
    // For docs/gpu.md.
    RecordProperty("worst_share_of_bound", std::to_string(worst));
    std::cout << GetParam() << ": the largest error is " << worst << " of its bound\n";
  }
};

TEST_P(Golden, InFloat32) { ExpectParity(graph::ComputePrecision::kF32); }
TEST_P(Golden, InBfloat16) { ExpectParity(graph::ComputePrecision::kBF16); }

INSTANTIATE_TEST_SUITE_P(Cases, Golden,
                         ::testing::Values("tiny_plain", "tiny_guide", "tiny_zeros",
                                           "tiny_wrong_pos", "tiny_shuffle_conf",
                                           "tiny_official_grid", "tiny_multi_task", "tiny_mae",
                                           "combo_multi_wrong_conf", "combo_multi_shuffle_official",
                                           "combo_all_dropped_shuffle", "combo_mae_raw_pixels",
                                           "accum_window", "accum_every_micro_batch"),
                         [](const ::testing::TestParamInfo<const char*>& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace tools
