// Precisions and recomputation on the command line: what the machine lacks, what
// passes they need.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/flags/parse_flags.h"
#include "tools/flags/resolve_flags.h"

namespace tools {
namespace {

// The defaults of ZooEntry's parts are the published ViT-B recipe.
models::ZooEntry VitB() {
  models::ZooEntry entry;
  entry.name = "droppos_vitb";
  return entry;
}

// A machine with products of its own for bf16 and 8-bit integers, or not.
MachineDefaults MachineWith(bool bfloat16, bool int8) {
  MachineDefaults machine;
  machine.capabilities = {bfloat16, int8};
  return machine;
}

TEST(Resolve, PrecisionsThatTheMachineLacksFallBackWithALine) {
  for (const bool bfloat16 : {false, true}) {
    for (const bool int8 : {false, true}) {
      for (const char* guide : {"same", "bf16", "int8"}) {
        const auto parsed = ParseTrainFlags({"--model=droppos_vitb", "--precision=bf16",
                                             absl::StrCat("--guide_precision=", guide)});
        ASSERT_TRUE(parsed.ok()) << parsed.status();
        const auto resolved = ResolveTrainFlags(parsed->flags, VitB(), MachineWith(bfloat16, int8));
        ASSERT_TRUE(resolved.ok()) << resolved.status();
        EXPECT_EQ(resolved->flags.precision, bfloat16 ? "bf16" : "fp32");
        const bool has = std::string(guide) == "int8" ? int8 : bfloat16;
        const std::string wanted = guide;
        EXPECT_EQ(resolved->flags.guide_precision, has ? wanted : "same");
        EXPECT_EQ(resolved->notices.size(),
                  (bfloat16 ? 0u : 1u) + (has || wanted == "same" ? 0u : 1u));
        for (const std::string& notice : resolved->notices) {
          EXPECT_THAT(notice, testing::HasSubstr("precision="));
          EXPECT_THAT(notice, testing::HasSubstr("needs a CPU with"));
        }
      }
    }
  }
}

TEST(Resolve, PrecisionsNeedTheirPasses) {
  for (const auto& [flag, pass] : std::vector<std::pair<std::string, std::string>>{
           {"--precision=bf16", "mixed_precision"},
           {"--guide_precision=bf16", "mixed_precision"},
           {"--guide_precision=int8", "quantize"},
           {"--recompute=mlp", "recompute"}}) {
    for (const std::string& without : {std::string("--passes=off"), "--disable_pass=" + pass}) {
      const auto parsed = ParseTrainFlags({"--model=droppos_vitb", flag, without});
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      const auto resolved = ResolveTrainFlags(parsed->flags, VitB(), MachineWith(true, true));
      ASSERT_FALSE(resolved.ok()) << flag << " " << without;
      for (const std::string& part : {flag, without, pass}) {
        EXPECT_THAT(std::string(resolved.status().message()), testing::HasSubstr(part));
      }
      // Where the machine has no such products nothing is left to make.
      EXPECT_EQ(ResolveTrainFlags(parsed->flags, VitB(), MachineWith(false, false)).ok(),
                flag != "--recompute=mlp");
    }
  }
}

TEST(Resolve, TheGuidesPrecisionNeedsAGuide) {
  const auto parsed =
      ParseTrainFlags({"--model=droppos_vitb", "--attn_guide=false", "--guide_precision=int8"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const auto resolved = ResolveTrainFlags(parsed->flags, VitB(), MachineWith(true, true));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_FALSE(resolved->flags.guide_precision.has_value());
  EXPECT_THAT(resolved->notices, testing::ElementsAre(testing::HasSubstr("has no effect")));
}

}  // namespace
}  // namespace tools
