// --plan for GPUs that are not here, with the CUDA backend's library as a person has it.
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Outcome Plan(std::vector<std::string> args) {
  args.insert(args.begin(), "--model=droppos_tiny");
  return RunProgram("train", args, Scratch());
}

TEST(PlanGpu, SaysWhatEachChipWouldTake) {
  const Outcome outcome = Plan({"--plan=full", "--plan_gpu=h100,rtx4090"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(StartsWith("planned by data sheets; no GPU was timed\n"),
                    HasSubstr("\nh100: NVIDIA H100 80GB HBM3; "),
                    HasSubstr("\nrtx4090: NVIDIA GeForce RTX 4090; "), HasSubstr("\nfits: "),
                    HasSubstr("guide products"), HasSubstr("\nh100, net 'train': batch ")));
}

TEST(PlanGpu, SaysItAsJson) {
  const Outcome outcome = Plan({"--plan=json", "--plan_gpu=h200", "--batch_size=32"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const nlohmann::json json = nlohmann::json::parse(outcome.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << outcome.out;
  EXPECT_EQ(json["what"], "plan");
  EXPECT_EQ(json["timed"], false);
  EXPECT_EQ(json["batch_size"], 32);
  ASSERT_EQ(json["devices"].size(), 1u);
  EXPECT_EQ(json["devices"][0]["device"], "h200");
  EXPECT_EQ(json["devices"][0]["counts_loading"], false);
  EXPECT_GT(json["devices"][0]["loading"]["threads_needed"], 0);
  EXPECT_FALSE(json.contains("reason"));
  EXPECT_GT(json["devices"][0]["step"]["goal_ms"], json["devices"][0]["step"]["floor_ms"]);
  EXPECT_GT(json["devices"][0]["variants"][0]["memory_mib"]["arena"], 0);
}

TEST(PlanGpu, SaysOneLineOfJsonAndNotesElsewhere) {
  const Outcome outcome = Plan({"--plan=json", "--plan_gpu=h100", "--threads=99"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(nlohmann::json::accept(outcome.out)) << outcome.out;
  EXPECT_EQ(outcome.out.find('\n'), outcome.out.size() - 1);
  EXPECT_THAT(outcome.err, HasSubstr("note: --threads=99 is more than the "));
}

TEST(PlanGpu, NamesTheFlagAndTheWayOut) {
  for (const auto& [args, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--plan", "--plan_gpu=v100"},
            "--plan_gpu=v100: there is no 'v100'; known are a100-40, a100, h100, h200, l40s, "
            "rtx4090"},
           {{"--plan_gpu=h100"}, "--plan_gpu has no meaning without --plan"},
           {{"--plan", "--plan_gpu=h100", "--device=cpu"}, "leave out --device=cpu"}}) {
    const Outcome outcome = Plan(args);
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr(message));
  }
}

}  // namespace
}  // namespace tools
