// diff_nets as scripts meet it: exit codes and what is said.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::HasSubstr;

Outcome DiffSmall(std::vector<std::string> args) {
  const std::vector<std::string> shape = {
      "--model=droppos_tiny", "--embed_dim=16",    "--depth=1",
      "--num_heads=2",        "--decoder_depth=1", "--decoder_embed_dim=8",
      "--decoder_num_heads=2"};
  args.insert(args.begin(), shape.begin(), shape.end());
  return RunProgram("diff_nets", args, Scratch());
}

TEST(DiffNetsCli, ZeroWhenAllIsWithinBounds) {
  const Outcome outcome = DiffSmall({"--a=reference,passes=off", "--b=cpu,threads=1"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("all within bounds"));
  EXPECT_THAT(outcome.out, HasSubstr("blobs only in a (fused or removed in b)"));
}

TEST(DiffNetsCli, OneWhenSomethingIsNot) {
  const Outcome outcome = DiffSmall({"--a=reference", "--b=cpu,threads=1", "--bound=1e-12"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("the first in the order of b's net is"));
  EXPECT_THAT(outcome.out, HasSubstr("the worst:"));
}

TEST(DiffNetsCli, OneWhenANetCannotBeMade) {
  const Outcome outcome = DiffSmall({"--a=cpu", "--b=cpu,disable=nothing_of_this_name"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("nothing_of_this_name"));
  const Outcome missing =
      RunProgram("diff_nets", {"--golden=none.safetensors", "--a=cpu"}, Scratch());
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("none.safetensors"));
}

TEST(DiffNetsCli, TwoOnBadUsage) {
  const Outcome outcome = DiffSmall({"--a=gpu", "--b=cpu"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--a: 'gpu'"));
  EXPECT_EQ(RunProgram("diff_nets", {}, Scratch()).exit_code, 2);
  const Outcome help = RunProgram("diff_nets", {"--help"}, Scratch());
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("--golden=FILE"));
}

}  // namespace
}  // namespace tools
