// A run's folder as people leave it: renamed, with things in it that no run wrote.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class RunFolderCli : public ::testing::Test {
 protected:
  RunFolderCli() {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
  }

  static std::vector<std::string> Tiny(std::vector<std::string> args) {
    args.insert(args.begin(), {"--model=droppos_tiny", "--embed_dim=16", "--depth=1",
                               "--num_heads=2", "--decoder_embed_dim=8", "--decoder_depth=1",
                               "--decoder_num_heads=2", "--batch_size=64"});
    return args;
  }
  Outcome Train(const std::vector<std::string>& args) { return RunProgram("train", args, folder_); }

  fs::path folder_;
};

// Bugs once: the pipe was waited for, and what the failed start had made blocked the next one.
TEST_F(RunFolderCli, AStartThatFailsSaysWhyAndLeavesNothing) {
  ASSERT_EQ(Train(Tiny({"--steps=1", "--output_dir=a"})).exit_code, 0);
  fs::remove(folder_ / "a/train.log");
  ASSERT_EQ(::mkfifo((folder_ / "a/train.log").c_str(), 0600), 0);
  const Outcome branch = Train({"--resume=a", "--output_dir=deep/b", "--steps=2"});
  EXPECT_EQ(branch.exit_code, 1);
  EXPECT_THAT(branch.err, HasSubstr("a/train.log: it is no regular file"));
  EXPECT_FALSE(fs::exists(folder_ / "deep"));
}

// A bug once: of a checkpoint that had been moved without metrics.jsonl, the run that went on with
// it removed all that it had learned at its end, because it wrote less than the first one had.
TEST_F(RunFolderCli, ACheckpointThatWasMovedAloneGoesOnElsewhereAndWhatItLearnsStays) {
  ASSERT_EQ(Train(Tiny({"--steps=3", "--output_dir=a"})).exit_code, 0);
  fs::create_directories(folder_ / "moved/checkpoints");
  fs::rename(folder_ / "a/checkpoints/step_00000003", folder_ / "moved/checkpoints/step_00000003");
  const Outcome branch =
      Train({"--resume=moved/checkpoints/step_00000003", "--output_dir=b", "--steps=4"});
  EXPECT_EQ(branch.exit_code, 0) << branch.err;
  EXPECT_TRUE(fs::exists(folder_ / "b/checkpoints/step_00000004/DONE"));
  EXPECT_TRUE(fs::exists(folder_ / "b/checkpoint.safetensors"));
}

// A bug once: it had no checkpoint until its own first step was saved, so that the command which a
// stopped one printed did not go on with it.
TEST_F(RunFolderCli, ARunThatGoesOnElsewhereSavesThereWithoutAStepOfItsOwn) {
  ASSERT_EQ(Train(Tiny({"--steps=1", "--output_dir=a"})).exit_code, 0);
  ASSERT_EQ(Train({"--resume=a", "--output_dir=b"}).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "b/checkpoints/step_00000001/DONE"));
  const Outcome next = Train({"--resume=auto", "--output_dir=b", "--steps=2"});
  EXPECT_EQ(next.exit_code, 0) << next.err;
}

TEST_F(RunFolderCli, IsTakenForItsNewestModel) {
  ASSERT_EQ(Train(Tiny({"--steps=1", "--output_dir=a"})).exit_code, 0);
  for (const char* from : {"a", "a/checkpoints/step_00000001"}) {
    const Outcome next =
        Train(Tiny({"--steps=0", "--output_dir=b", std::string("--init_from=") + from}));
    EXPECT_EQ(next.exit_code, 0) << next.err;
    EXPECT_THAT(next.out, HasSubstr("values loaded"));
  }
  const Outcome none = Train(Tiny({"--steps=0", "--init_from=" + folder_.string()}));
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("is a folder without checkpoint.safetensors"));
}

// A bug once: it wrote into, and pruned, the folder that took its name.
TEST_F(RunFolderCli, ARenamedFolderIsSavedInto) {
  const pid_t run = StartProgram(
      "train", Tiny({"--epochs=100000", "--save_every=1", "--keep=1", "--output_dir=a"}), folder_,
      folder_ / "out", folder_ / "err");
  while (!fs::exists(folder_ / "a/checkpoint.safetensors") &&
         ::waitpid(run, nullptr, WNOHANG) == 0) {
    ::usleep(1000);
  }
  fs::rename(folder_ / "a", folder_ / "b");
  EXPECT_EQ(Train(Tiny({"--steps=1", "--seed=9", "--output_dir=a"})).exit_code, 0);
  ASSERT_EQ(::kill(run, SIGTERM), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(run, &status, 0), run);
  EXPECT_EQ(ExitCode(status), 0) << Contents(folder_ / "err");
  EXPECT_THAT(Contents(folder_ / "out"), HasSubstr("saved " + (folder_ / "b").string()));
  EXPECT_THAT(Contents(folder_ / "out"), HasSubstr("--output_dir=" + (folder_ / "b").string()));
  EXPECT_TRUE(fs::exists(folder_ / "b/checkpoint.safetensors"));
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_ / "a/checkpoints")) {
    names.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(names, ::testing::ElementsAre("step_00000001"));
  EXPECT_THAT(Contents(folder_ / "a/checkpoints/step_00000001/state.json"), HasSubstr("--seed=9"));
}

}  // namespace
}  // namespace tools
