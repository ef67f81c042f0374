// Precisions and recomputation on the command line: what auto chooses, what the machine lacks, what
// passes they need.
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos_config.h"
#include "tools/flags/parse_flags.h"
#include "tools/flags/precision.h"
#include "tools/flags/resolve_flags.h"
#include "tools/plugins.h"

namespace tools {
namespace {

// The defaults of ZooEntry's parts are the published ViT-B recipe.
models::ZooEntry VitB() {
  models::ZooEntry entry;
  entry.name = "droppos_vitb";
  entry.options = std::make_shared<models::DropPosConfig>();
  return entry;
}

// A machine with products of its own for bf16 and 8-bit integers, or not; `fast`: bf16 is faster.
MachineDefaults MachineWith(bool bfloat16, bool int8, bool fast = false) {
  MachineDefaults machine;
  machine.capabilities = {bfloat16, int8, fast};
  return machine;
}

ResolvedFlags Resolve(std::vector<std::string> args, const MachineDefaults& machine,
                      const std::string& run = "") {
  if (run.empty()) args.push_back("--model=droppos_vitb");
  const auto parsed = ParseTrainFlags(args, MakeZoo(), run, "run");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  const auto resolved = ResolveTrainFlags(parsed->flags, VitB(), machine);
  EXPECT_TRUE(resolved.ok()) << resolved.status();
  return *resolved;
}

const MachineDefaults kNone = MachineWith(false, false), kSlow = MachineWith(true, true),
                      kFast = MachineWith(true, true, /*fast=*/true);

TEST(Precision, AutoIsTheDefaultAndChoosesWhatIsFast) {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{}, std::vector<std::string>{"--precision=auto"}}) {
    for (const auto& [machine, chosen, why] :
         {std::tuple{kNone, "fp32", "no products of bf16"}, {kSlow, "fp32", "slower than fp32"},
          {kFast, "bf16", "(trains 1.6 to 4.4 times as fast as fp32)"}}) {
      const ResolvedFlags resolved = Resolve(args, machine);
      EXPECT_EQ(resolved.flags.precision, chosen);
      EXPECT_THAT(resolved.precision_line,
                  testing::AllOf(testing::StartsWith(std::string(chosen) + ", chosen by auto: "),
                                 testing::HasSubstr(why)));
      EXPECT_THAT(resolved.notices, testing::IsEmpty());
      EXPECT_EQ(PassOptions(resolved).precision == graph::ComputePrecision::kBF16,
                chosen == std::string("bf16"));
      // What a run's files say is what was chosen.
      EXPECT_THAT(TrainFlagsText(resolved.flags, "", {resolved.entry}),
                  testing::HasSubstr(absl::StrCat("\n--precision=", chosen, "\n")));
    }
  }
}

TEST(Precision, TheReasonNamesTheDevice) {
  MachineDefaults machine = kFast;
  machine.device = "cuda:0";
  EXPECT_EQ(Resolve({}, machine).precision_line,
            "bf16, chosen by auto: cuda:0 has fast products of bf16; --precision=fp32 rounds less");
  EXPECT_EQ(Resolve({}, kNone).precision_line,
            "fp32, chosen by auto: this CPU has no products of bf16");
}

TEST(Precision, AutoDoesNotChooseWhatTheFlagsLeaveOut) {
  for (const char* without : {"--passes=off", "--disable_pass=mixed_precision"}) {
    const ResolvedFlags resolved = Resolve({without}, kFast);
    EXPECT_EQ(resolved.flags.precision, "fp32");
    EXPECT_THAT(resolved.precision_line, testing::HasSubstr("mixed_precision, is left out"));
  }
  EXPECT_EQ(Resolve({"--disable_pass=cse"}, kFast).flags.precision, "bf16");
}

TEST(Precision, WhatIsGivenHoldsWhateverIsFast) {
  EXPECT_EQ(Resolve({"--precision=fp32"}, kFast).precision_line, "fp32");
  EXPECT_EQ(Resolve({"--precision=bf16"}, kSlow).precision_line, "bf16");
  const PrecisionChoice none = ChoosePrecision("bf16", kNone.capabilities);
  EXPECT_EQ(none.compute(), graph::ComputePrecision::kF32);
  EXPECT_EQ(none.Text(), "fp32");
  EXPECT_THAT(none.lacks, testing::HasSubstr("needs a CPU with AVX512-BF16 or AMX"));
  EXPECT_EQ(ChoosePrecision("fp32", kNone.capabilities).lacks, "");
  EXPECT_EQ(ChoosePrecision("auto", kFast.capabilities).compute(), graph::ComputePrecision::kBF16);
}

TEST(Precision, ARunKeepsItsOwn) {
  const std::string flagfile = std::string(std::getenv("TEST_TMPDIR")) + "/auto.txt";
  std::ofstream(flagfile) << "--precision=auto\n";
  // Runs of versions without the flag, and of those whose default it was, computed in fp32.
  for (const auto& [run, its] :
       {std::pair{"--model=droppos_vitb\n", "fp32"},
        {"--model=droppos_vitb\n--precision=fp32\n", "fp32"},
        {"--model=droppos_vitb\n--precision=bf16\n", "bf16"}}) {
    for (const MachineDefaults& machine : {kSlow, kFast}) {
      for (const std::vector<std::string>& again :
           {std::vector<std::string>{}, {"--precision=auto"}, {"--flagfile=" + flagfile}}) {
        const ResolvedFlags resolved = Resolve(again, machine, run);
        EXPECT_EQ(resolved.flags.precision, its) << run;
        EXPECT_EQ(resolved.precision_line, its) << run;
      }
    }
  }
  EXPECT_EQ(Resolve({"--precision=bf16"}, kFast, "--model=droppos_vitb\n").flags.precision, "bf16");
}

TEST(Resolve, PrecisionsThatTheMachineLacksFallBackWithALine) {
  for (const bool bfloat16 : {false, true}) {
    for (const bool int8 : {false, true}) {
      for (const char* guide : {"same", "bf16", "int8"}) {
        const auto parsed = ParseTrainFlags(
            {"--model=droppos_vitb", "--precision=bf16", absl::StrCat("--guide_precision=", guide)},
            MakeZoo());
        ASSERT_TRUE(parsed.ok()) << parsed.status();
        const auto resolved = ResolveTrainFlags(parsed->flags, VitB(), MachineWith(bfloat16, int8));
        ASSERT_TRUE(resolved.ok()) << resolved.status();
        EXPECT_EQ(resolved->flags.precision, bfloat16 ? "bf16" : "fp32");
        const bool has = std::string(guide) == "int8" ? int8 : bfloat16;
        const std::string wanted = guide;
        EXPECT_EQ(resolved->flags.model_options.at("guide_precision").text, has ? wanted : "same");
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
      const auto parsed = ParseTrainFlags({"--model=droppos_vitb", flag, without}, MakeZoo());
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
  const auto parsed = ParseTrainFlags(
      {"--model=droppos_vitb", "--attn_guide=false", "--guide_precision=int8"}, MakeZoo());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const auto resolved = ResolveTrainFlags(parsed->flags, VitB(), MachineWith(true, true));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->flags.model_options.count("guide_precision"), 0u);
  EXPECT_THAT(resolved->notices, testing::ElementsAre(testing::HasSubstr("has no effect")));
}

}  // namespace
}  // namespace tools
