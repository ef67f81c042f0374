// How a run goes on, is repeated, or begins from what another has learned.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"
#include "tests/models/training/read_events.h"
#include "tests/tools/cli/run_program.h"
#include "tests/tools/cli/train_cli.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

TEST_F(TrainCli, ResumeGoesOnBitForBitWithTheRunsOwnFlags) {
  const std::vector<std::string> few = {"--seed=7", "--save_every=3", "--output_dir=a",
                                        "--warmup_epochs=0"};
  const auto with = [&few](std::vector<std::string> args) {
    args.insert(args.end(), few.begin(), few.end());
    return args;
  };
  // "auto" in a folder without a checkpoint begins, as a job that restarts itself needs.
  ASSERT_EQ(TrainTiny(with({"--steps=5", "--resume=auto"})).exit_code, 0);
  const Outcome rest = Train({"--resume=auto", "--output_dir=a", "--steps=8"});
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_THAT(rest.out, HasSubstr("resumed after step 5 from"));
  ASSERT_EQ(TrainTiny({"--steps=8", "--seed=7", "--warmup_epochs=0", "--output_dir=b"}).exit_code,
            0);
  for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
    const fs::path name = fs::path("checkpoints/step_00000008") / file;
    const auto a = models::SafetensorsFile::Read(folder_ / "a" / name);
    const auto b = models::SafetensorsFile::Read(folder_ / "b" / name);
    ASSERT_TRUE(a.ok() && b.ok());
    for (const auto& [tensor, entry] : a->tensors()) {
      EXPECT_TRUE(entry.data == b->tensors().at(tensor).data) << tensor;
    }
  }
  const std::string log = Contents(folder_ / "a/train.log");
  EXPECT_THAT(log, HasSubstr("saved " + (folder_ / "a/checkpoints/step_00000008").string()));
  EXPECT_THAT(Contents(folder_ / "a/flags.txt"), HasSubstr("--steps=8"));
  // Into another folder, with the log so far.
  const Outcome branch =
      Train({"--resume=a/checkpoints/step_00000006", "--output_dir=c", "--steps=8"});
  ASSERT_EQ(branch.exit_code, 0) << branch.err;
  EXPECT_EQ(Contents(folder_ / "c/checkpoints/step_00000008/optimizer.safetensors"),
            Contents(folder_ / "a/checkpoints/step_00000008/optimizer.safetensors"));
  EXPECT_THAT(Contents(folder_ / "c/metrics.jsonl"),
              ::testing::StartsWith("{\"kind\":\"train\",\"step\":1,"));
  // The three show the same curve, each step once.
  const auto loss = [&](const char* run) {
    models::ShownEvents shown = models::ReadEventFolder(folder_ / run / "tensorboard");
    EXPECT_EQ(shown.error, "");
    return shown.scalars["train/loss"];
  };
  EXPECT_THAT(loss("b"), ::testing::SizeIs(8));
  EXPECT_EQ(loss("a"), loss("b"));
  EXPECT_EQ(loss("c"), loss("b"));
}

TEST_F(TrainCli, WhatCannotBeResumedIsNamed) {
  ASSERT_EQ(TrainTiny({"--steps=4", "--save_every=2", "--output_dir=a"}).exit_code, 0);
  ExpectRefused(Train({"--resume=auto"}), {"--resume=auto", "--output_dir=DIR"});
  ExpectRefused(Train({"--resume=none"}), {"--resume=none", "there is no folder"});
  fs::create_directories(folder_ / "empty");
  ExpectRefused(Train({"--resume=empty"}), {"no checkpoint in", "empty/checkpoints"});
  ExpectRefused(Train({"--resume=a", "--overwrite"}), {"--resume", "--overwrite"});
  ExpectRefused(Train({"--resume=a", "--seed=4", "--mask_ratio=0.5"}),
                {"--seed was 0 and is 4", "--mask_ratio was 0.75 and is 0.5"});
  ExpectRefused(Train({"--resume=a", "--steps=3"}), {"--steps=3", "4 steps"});
  ExpectRefused(Train({"--resume=a/checkpoints/step_00000002"}),
                {"later checkpoints", "step_00000004", "--output_dir"});
  const fs::path newest = folder_ / "a/checkpoints/step_00000004";
  std::string model = Contents(newest / "model.safetensors");
  model[model.size() / 2] ^= 1;
  std::ofstream(newest / "model.safetensors", std::ios::binary) << model;
  ExpectRefused(Train({"--resume=" + newest.string()}),
                {"step_00000004/model.safetensors", "is not what was written"});
  // Auto uses the one before, and says so.
  const Outcome outcome = Train({"--resume=auto", "--output_dir=a", "--steps=5"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("passed over a checkpoint"), HasSubstr("after step 2")));
  EXPECT_TRUE(fs::exists(folder_ / "a/checkpoints/damaged_step_00000004"));
  fs::remove(folder_ / "a/checkpoints/step_00000005/DONE");
  fs::remove(folder_ / "a/checkpoints/step_00000004/state.json");
  ExpectRefused(Train({"--resume=auto", "--output_dir=a"}),
                {"no checkpoint in", "can be used", "step_00000005 has no DONE", "state.json"});
}

TEST_F(TrainCli, FlagsFileRepeatsARunBitForBit) {
  ASSERT_EQ(TrainTiny({"--steps=2", "--output_dir=a", "--seed=3"}).exit_code, 0);
  const Outcome again =
      Train({"--flagfile=" + (folder_ / "a/flags.txt").string(), "--output_dir=b"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  ExpectSameTensors("a", "b");
}

// On one batch, the first step after that is the third of the run that made them.
TEST_F(TrainCli, InitFromGoesOnWithSavedParameters) {
  const auto run = [this](std::vector<std::string> args) {
    args.insert(args.end(), {"--overfit_batch", "--warmup_epochs=0", "--lr=0.01"});
    return TrainTiny(args);
  };
  ASSERT_EQ(run({"--steps=3", "--save_every=2", "--output_dir=a"}).exit_code, 0);
  const Outcome next = run(
      {"--steps=1", "--output_dir=b", "--init_from=a/checkpoints/step_00000002/model.safetensors"});
  ASSERT_EQ(next.exit_code, 0) << next.err;
  EXPECT_THAT(next.out, HasSubstr("values loaded"));
  const auto losses = [this](const char* name) {
    std::vector<double> found;
    std::istringstream lines(Contents(folder_ / name / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const auto json = nlohmann::json::parse(line);
      if (json.contains("loss")) found.push_back(json["loss"]);
    }
    return found;
  };
  const std::vector<double> whole = losses("a"), rest = losses("b");
  ASSERT_EQ(whole.size(), 3u);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0], whole[2]);
  EXPECT_NE(rest[0], whole[0]);
}

// Bugs once: what was refused had by then replaced flags.txt and cut the log; a disk with
// the checkpoints that was not there began the run again, over its metrics.
TEST_F(TrainCli, ARefusedResumeTouchesNothing) {
  ASSERT_EQ(TrainTiny({"--steps=4", "--save_every=2", "--output_dir=a"}).exit_code, 0);
  models::Image image = models::Image::Sized(64, 64);
  fs::create_directories(folder_ / "pics");
  for (int i = 0; i < 70; ++i) {
    ASSERT_TRUE(models::WritePng(folder_ / "pics" / (std::to_string(i) + ".png"), image).ok());
  }
  std::ofstream(folder_ / "a/train.log", std::ios::app) << "behind the checkpoint\n";
  const auto files = [this] {
    std::string all;
    for (const char* name : {"flags.txt", "environment.json", "train.log", "metrics.jsonl"}) {
      all += Contents(folder_ / "a" / name);
    }
    return all;
  };
  const std::string before = files();
  ExpectRefused(Train({"--resume=a", "--data_path=pics", "--steps=9"}),
                {"training images are not those of the run"});
  EXPECT_EQ(files(), before);
  ExpectRefused(Train({"--resume=a", "--data_path=pics", "--output_dir=b"}),
                {"not those of the run"});
  EXPECT_FALSE(fs::exists(folder_ / "b"));
  fs::rename(folder_ / "a/checkpoints", folder_ / "disk");
  fs::create_directory_symlink(folder_ / "unmounted", folder_ / "a/checkpoints");
  ExpectRefused(Train({"--resume=auto", "--output_dir=a"}), {"cannot read the checkpoints"});
  EXPECT_EQ(files(), before);
}

TEST_F(TrainCli, BadCheckpoints) {
  std::ofstream(folder_ / "short.safetensors") << "abc";
  ExpectRefused(TrainTiny({"--init_from=short.safetensors", "--steps=1"}), {"short.safetensors"});
  ExpectRefused(TrainTiny({"--init_from=none.safetensors", "--steps=1"}), {"none.safetensors"});
  ASSERT_EQ(TrainTiny({"--steps=1", "--output_dir=a"}).exit_code, 0);
  const std::string whole = Contents(folder_ / "a/checkpoint.safetensors");
  std::ofstream(folder_ / "cut.safetensors") << whole.substr(0, whole.size() / 2);
  ExpectRefused(TrainTiny({"--init_from=cut.safetensors", "--steps=1"}), {"cut.safetensors"});
}

}  // namespace
}  // namespace tools
