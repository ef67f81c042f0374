// The trainer's --plan, --profile, --precision and --recompute as a person meets them.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class ProfileCli : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
  }

  Outcome Train(std::vector<std::string> args) {
    args.insert(args.begin(), {"--model=droppos_tiny", "--embed_dim=16", "--depth=2",
                               "--num_heads=2", "--decoder_embed_dim=8", "--decoder_depth=1",
                               "--decoder_num_heads=2", "--batch_size=64"});
    return RunProgram("train", args, folder_);
  }

  std::string Text(const std::string& file) {
    std::ifstream stream(folder_ / file);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
  }

  // The checkpoint's bytes: parameters and flags.
  std::string Checkpoint(const std::string& run) { return Text(run + "/checkpoint.safetensors"); }

  fs::path folder_;
};

TEST_F(ProfileCli, PlanSaysWhatARunNeedsAndLeavesNothing) {
  const Outcome outcome = Train({"--plan"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 6) << outcome.out;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("fits: "), HasSubstr("largest --batch_size "),
                                 HasSubstr("images/s; an epoch in "), HasSubstr("as asked ")));
  const Outcome full = Train({"--plan=full"});
  ASSERT_EQ(full.exit_code, 0) << full.err;
  EXPECT_THAT(full.out, AllOf(HasSubstr("fits: "), HasSubstr("state of the optimizer"),
                              HasSubstr("a step takes at least")));
  const Outcome json = Train({"--plan=json"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  EXPECT_THAT(json.out, AllOf(HasSubstr("\"what\":\"plan\""), HasSubstr("\"timed\":true"),
                              HasSubstr("{\"device\":\"cpu\",\"counts_loading\":true,"),
                              HasSubstr("\"available_mib\":"),
                              HasSubstr("\"flags\":\"as asked\",\"memory_mib\":{\"parameters\":")));
  EXPECT_EQ(std::count(json.out.begin(), json.out.end(), '\n'), 1) << json.out;
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(ProfileCli, ProfileWritesItsFilesAndTheRunGoesOn) {
  const Outcome outcome = Train({"--steps=7", "--profile=2", "--output_dir=a"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("profile of 2 steps"), HasSubstr("of the step"),
                                 HasSubstr("[7/200]")));
  EXPECT_THAT(Text("a/profile/ops.csv"), AllOf(HasSubstr("blocks.1.mlp.fc1"), HasSubstr("AdamW")));
  EXPECT_THAT(Text("a/profile/trace.json"), HasSubstr("\"traceEvents\""));
  EXPECT_THAT(Text("a/profile/trace.json"), HasSubstr("\"cat\":\"loader\""));
  EXPECT_THAT(Text("a/profile/graph.svg"), HasSubstr("</svg>"));

  // A run that replaces it and is not profiled does not keep the old profile.
  ASSERT_EQ(Train({"--steps=1", "--output_dir=a", "--overwrite"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "a/profile"));
}

TEST_F(ProfileCli, ARunThatEndsTooSoonForAProfileSaysSo) {
  const Outcome outcome = Train({"--steps=3", "--profile=2", "--output_dir=a"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("no profile: the run ended before step 4"));
  EXPECT_FALSE(fs::exists(folder_ / "a/profile"));
}

TEST_F(ProfileCli, RecomputationChangesNoBit) {
  ASSERT_EQ(Train({"--steps=2", "--output_dir=none"}).exit_code, 0);
  for (const char* mode : {"mlp", "block"}) {
    const std::string run = std::string("with_") + mode;
    ASSERT_EQ(
        Train({"--steps=2", std::string("--recompute=") + mode, "--output_dir=" + run}).exit_code,
        0);
    // Behind the header, which says the flags.
    const std::string a = Checkpoint("none"), b = Checkpoint(run);
    const size_t parameters = a.size() / 2;
    ASSERT_GT(b.size(), parameters);
    EXPECT_TRUE(a.substr(a.size() - parameters) == b.substr(b.size() - parameters)) << mode;
  }
}

TEST_F(ProfileCli, PrecisionsThatThePassesCannotMakeAreRefused) {
  const Outcome outcome = Train({"--recompute=mlp", "--passes=off"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("--recompute=mlp"), HasSubstr("--passes=off")));
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace tools
