// The trainer run as a program, in a folder of its test's own.
#ifndef TESTS_TOOLS_CLI_TRAIN_CLI_H_
#define TESTS_TOOLS_CLI_TRAIN_CLI_H_

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/training/safetensors.h"
#include "tests/tools/cli/run_program.h"

namespace tools {

class TrainCli : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    // On Bazel's own temporary folder, not in the runfiles: what a run leaves is counted.
    folder_ = Scratch() / name;
    std::filesystem::create_directories(folder_);
    program_ = std::filesystem::absolute("tools/train");
  }

  // Runs the trainer in folder_.
  Outcome Train(const std::vector<std::string>& args) { return RunProgram("train", args, folder_); }

  // Small and quick; further arguments come after and win.
  Outcome TrainTiny(std::vector<std::string> args) {
    args.insert(args.begin(), {"--model=droppos_tiny", "--embed_dim=16", "--depth=1",
                               "--num_heads=2", "--decoder_embed_dim=8", "--decoder_depth=1",
                               "--decoder_num_heads=2", "--batch_size=64"});
    return Train(args);
  }

  // Refused with one line that names the thing, and nothing written.
  void ExpectRefused(const Outcome& outcome, const std::vector<std::string>& texts) {
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
    for (const std::string& text : texts) EXPECT_THAT(outcome.err, ::testing::HasSubstr(text));
    EXPECT_THAT(outcome.err, ::testing::StartsWith("train: "));
    EXPECT_THAT(outcome.err, ::testing::Not(::testing::HasSubstr("CHECK failed")));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "runs"));
  }

  // Of the newest checkpoints of two runs.
  void ExpectSameTensors(const std::string& run, const std::string& other) {
    const auto a = models::SafetensorsFile::Read(folder_ / run / "checkpoint.safetensors");
    const auto b = models::SafetensorsFile::Read(folder_ / other / "checkpoint.safetensors");
    ASSERT_TRUE(a.ok() && b.ok());
    for (const auto& [name, entry] : a->tensors()) {
      EXPECT_TRUE(entry.data == b->tensors().at(name).data) << name;
    }
  }

  std::filesystem::path folder_;
  std::string program_;
};

}  // namespace tools

#endif  // TESTS_TOOLS_CLI_TRAIN_CLI_H_
