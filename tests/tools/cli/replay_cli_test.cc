// //tools:replay on what //tools:train leaves.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class ReplayCli : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
  }
  Outcome Train(std::vector<std::string> args) {
    args.insert(args.begin(), {"--model=droppos_tiny", "--embed_dim=16", "--depth=2",
                               "--num_heads=2", "--decoder_embed_dim=8", "--decoder_depth=1",
                               "--decoder_num_heads=2", "--batch_size=8", "--output_dir=a"});
    return RunProgram("train", args, folder_);
  }
  Outcome Replay(std::vector<std::string> args) { return RunProgram("replay", args, folder_); }
  // The capsules, by their paths from folder_.
  std::vector<std::string> Capsules() {
    std::vector<std::string> paths;
    for (const auto& entry : fs::directory_iterator(folder_ / "a/capsules")) {
      paths.push_back("a/capsules/" + entry.path().filename().string());
    }
    return paths;
  }

  fs::path folder_;
};

// "first non-finite blob: 'name'", of the first line that has it.
std::string BlobIn(const std::string& text) {
  const std::string mark = "first non-finite blob: '";
  const size_t begin = text.find(mark);
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find('\'', begin + mark.size()) + 1 - begin);
}

TEST_F(ReplayCli, NamesTheBlobThatTheRunNamed) {
  const Outcome train = Train({"--lr=1e30", "--warmup_epochs=0", "--steps=20", "--accum_iter=2"});
  ASSERT_EQ(train.exit_code, 1);
  const std::string blob = BlobIn(train.err);
  ASSERT_NE(blob, "") << train.err;
  ASSERT_EQ(Capsules().size(), 1u);
  const std::string capsule = "--capsule=" + Capsules()[0];
  EXPECT_THAT(train.out, HasSubstr("bazel run //tools:replay -- --capsule="));

  const Outcome replay = Replay({capsule});
  ASSERT_EQ(replay.exit_code, 0) << replay.err;
  const size_t now = replay.out.find("  now ");
  ASSERT_NE(now, std::string::npos) << replay.out;
  EXPECT_EQ(BlobIn(replay.out.substr(now)), blob);
  EXPECT_THAT(replay.out, AllOf(HasSubstr("equal to the last bit"), HasSubstr("what the run saw"),
                                Not(HasSubstr("not what the run saw"))));

  const Outcome reference = Replay({capsule, "--backend=reference", "--precision=fp32"});
  ASSERT_EQ(reference.exit_code, 0) << reference.err;
  // The reading and drawing libraries that this program has none of are no reason.
  EXPECT_THAT(reference.out,
              AllOf(HasSubstr("on reference"), Not(HasSubstr("none now")), Not(HasSubstr("-nan"))));
  const Outcome run = Replay({"--capsule=a"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, AllOf(HasSubstr("a is a run's folder"), HasSubstr(Capsules().at(0))));
  EXPECT_EQ(Replay({capsule, "--threads=1"}).exit_code, 0);
}

TEST_F(ReplayCli, ASpikesLossIsTheRunsAndItsImagesAreNamed) {
  ASSERT_EQ(Train({"--spike_z=0.05", "--steps=60"}).exit_code, 0);
  ASSERT_FALSE(Capsules().empty());
  const Outcome replay = Replay({"--capsule=" + Capsules()[0], "--images=3"});
  ASSERT_EQ(replay.exit_code, 0) << replay.err;
  EXPECT_THAT(replay.out, AllOf(HasSubstr("deviations above"), HasSubstr("equal to the last bit"),
                                HasSubstr("result    the run's loss\n"),
                                HasSubstr("each image by itself"), HasSubstr("the median of 8")));
}

TEST_F(ReplayCli, NoRunGoesOnFromWithinAStep) {
  const std::vector<std::string> official = {"--compat=official", "--token_size=8",
                                             "--accum_iter=2"};
  std::vector<std::string> args = official;
  args.insert(args.end(), {"--spike_z=0.05", "--save_every=10", "--keep=0", "--steps=100"});
  ASSERT_EQ(Train(args).exit_code, 0);
  ASSERT_FALSE(Capsules().empty());
  std::string path = (folder_ / Capsules()[0]).string();
  const int before = (std::stoi(path.substr(path.size() - 8)) - 1) / 10 * 10;
  ASSERT_GT(before, 0);
  const std::string newest =
      absl::StrCat((folder_ / "a/checkpoints/step_").string(), absl::Dec(before, absl::kZeroPad8));
  const std::string log = Contents(folder_ / "a/train.log");
  const Outcome spike = RunProgram("train", {"--resume=" + path, "--output_dir=b"}, folder_);
  EXPECT_EQ(spike.exit_code, 1);
  EXPECT_THAT(spike.err,
              AllOf(HasSubstr("train: " + path + " is a capsule of micro-batch 2 of 2 of step "),
                    HasSubstr("bazel run //tools:replay -- --capsule=" + path),
                    HasSubstr("with --resume=" + newest + " --output_dir=ANOTHER\n")));
  EXPECT_FALSE(fs::exists(folder_ / "b"));
  EXPECT_EQ(Contents(folder_ / "a/train.log"), log);
  const Outcome way_out =
      RunProgram("train", {"--resume=" + newest, "--output_dir=ANOTHER"}, folder_);
  EXPECT_EQ(way_out.exit_code, 0) << way_out.err;

  args = official;
  args.insert(args.end(), {"--lr=1e30", "--warmup_epochs=0", "--steps=20", "--overwrite"});
  ASSERT_EQ(Train(args).exit_code, 1);
  ASSERT_EQ(Capsules().size(), 1u);
  path = (folder_ / Capsules()[0]).string();
  const Outcome first = RunProgram("train", {"--resume=" + path}, folder_);
  EXPECT_EQ(first.exit_code, 1);
  EXPECT_THAT(first.err, AllOf(HasSubstr("micro-batch 2 of 2 of step 1,"),
                               HasSubstr("--capsule=" + path), HasSubstr("or begin a new run")));
  fs::resize_file(folder_ / path / "capsule.json", 100);
  EXPECT_THAT(RunProgram("train", {"--resume=" + path}, folder_).err,
              HasSubstr("capsule.json is not what was written"));
}

TEST_F(ReplayCli, OneBatchIsSaidInTheBanner) {
  const Outcome train = Train({"--overfit_batch", "--steps=3"});
  ASSERT_EQ(train.exit_code, 0) << train.err;
  EXPECT_THAT(train.out, HasSubstr("on its first 8 images alone (--overfit_batch)"));
}

TEST_F(ReplayCli, WhatCannotBeReplayedIsNamed) {
  ASSERT_EQ(Train({"--lr=1e30", "--warmup_epochs=0", "--steps=20"}).exit_code, 1);
  const std::string path = Capsules().at(0), capsule = "--capsule=" + path;
  for (const auto& [args, text] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "--capsule"},
           {{"--capsule=nowhere"}, "nowhere is no folder"},
           {{"--capsule=a"}, "a is a run's folder"},
           {{capsule, "--backend=gpu"}, "--device=gpu must be auto, cpu, cuda or cuda:N"},
           {{capsule, "--precision=fp8"}, "--precision"},
           {{capsule, "--threads=0"}, "--threads"}}) {
    const Outcome outcome = Replay(args);
    EXPECT_EQ(outcome.exit_code, 1) << text;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("replay: "), HasSubstr(text)));
    EXPECT_EQ(outcome.out, "");
  }
  fs::resize_file(folder_ / path / "batch_0000.safetensors", 100);
  const Outcome damaged = Replay({capsule});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.err, HasSubstr("batch_0000.safetensors is not what was written"));
}

}  // namespace
}  // namespace tools
