// What the trainer makes of the machine it finds itself on.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

// Variables that the trainer is started with.
class Variables {
 public:
  Variables(std::initializer_list<std::pair<const char*, const char*>> variables)
      : variables_(variables) {
    for (const auto& [name, value] : variables_) setenv(name, value, 1);
  }
  Variables(const Variables&) = delete;
  ~Variables() {
    for (const auto& [name, value] : variables_) unsetenv(name);
  }

 private:
  const std::vector<std::pair<const char*, const char*>> variables_;
};

class MachineCli : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
  }
  Outcome TrainTiny(std::vector<std::string> args) {
    args.insert(args.begin(), {"--model=droppos_tiny", "--embed_dim=16", "--depth=1",
                               "--num_heads=2", "--decoder_embed_dim=8", "--decoder_depth=1",
                               "--decoder_num_heads=2", "--batch_size=64", "--output_dir=run"});
    return RunProgram("train", args, folder_);
  }
  fs::path folder_;
};

// Bug once: oneDNN left out the products' parts of threads that never came, and the run went on
// with wrong numbers.
TEST_F(MachineCli, ATeamSmallerThanAskedForIsRefused) {
  const Variables limit{{"OMP_THREAD_LIMIT", "1"}};
  const Outcome refused = TrainTiny({"--steps=1", "--threads=2"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("train: OpenMP gives 1 of the 2 threads"),
                                 HasSubstr("OMP_THREAD_LIMIT=1"), HasSubstr("--threads=1")));
  EXPECT_FALSE(fs::exists(folder_ / "run"));
  const Outcome fewer = TrainTiny({"--steps=0"});  // the default goes by the limit
  EXPECT_EQ(fewer.exit_code, 0) << fewer.err;
  EXPECT_THAT(fewer.out, HasSubstr(", 1 thread\n"));
}

TEST_F(MachineCli, VariablesThatMakeTeamsSmallerChangeNoNumber) {
  const std::vector<std::string> args = {"--steps=2", "--threads=2"};
  ASSERT_EQ(TrainTiny(args).exit_code, 0);
  const std::string right = Contents(folder_ / "run/checkpoint.safetensors");
  ASSERT_FALSE(right.empty());
  fs::rename(folder_ / "run", folder_ / "right");
  const Variables small{{"OMP_DYNAMIC", "true"}, {"OMP_MAX_ACTIVE_LEVELS", "0"}};
  ASSERT_EQ(TrainTiny(args).exit_code, 0);
  EXPECT_TRUE(Contents(folder_ / "run/checkpoint.safetensors") == right);
}

TEST_F(MachineCli, WhatIsOddIsSaidInOneLineEach) {
  const Variables variables{{"OMP_NUM_THREADS", "77"}};
  const Outcome outcome = TrainTiny({"--steps=0", "--threads=100"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("note: --threads=100 is more than the "),
                                 HasSubstr("note: OMP_NUM_THREADS=77 has no effect")));
}

// A file lies where the folder of the pictures would be made.
TEST_F(MachineCli, APictureThatCannotBeWrittenIsAWarning) {
  fs::create_directories(folder_ / "run");
  std::ofstream(folder_ / "run/vis") << "mine";
  const Outcome outcome = TrainTiny({"--steps=1", "--vis_every=1"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("warning: no picture of step 1: cannot make "));
  EXPECT_TRUE(fs::exists(folder_ / "run/checkpoint.safetensors"));
  EXPECT_EQ(Contents(folder_ / "run/vis"), "mine");
}

// As `--output_dir=~/run` comes from a shell, and from a file of flags.
TEST_F(MachineCli, ATildeIsTheHomeFolder) {
  const std::string home = folder_ / "home";
  fs::create_directories(home);
  std::ofstream(home + "/flags.txt") << "--dump_graph=~/nets\n";
  const Variables variables{{"HOME", home.c_str()}};
  const Outcome outcome =
      TrainTiny({"--steps=1", "--output_dir=~/runs/a", "--flagfile=~/flags.txt"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(fs::exists(home + "/runs/a/checkpoint.safetensors"));
  EXPECT_TRUE(fs::exists(home + "/nets"));
  EXPECT_FALSE(fs::exists(folder_ / "~"));
}

}  // namespace
}  // namespace tools
