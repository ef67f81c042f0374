// Going on from a capsule: the run is then the one that nothing had gone wrong with, and its
// logs say each thing once.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "nlohmann/json.hpp"
#include "tests/models/training/drop_times.h"
#include "tests/models/training/read_events.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;
using Json = nlohmann::json;
using Lines = std::vector<std::string>;

constexpr int kSteps = 120;

class CapsuleCli : public ::testing::Test {
 protected:
  // 24 images: three steps make an epoch, and each epoch evaluates the held-out half and saves.
  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    for (int i = 0; i < 24; ++i) {
      const fs::path folder = folder_ / "data" / (i < 12 ? "train" : "val") / "all";
      fs::create_directories(folder);
      models::Image image = models::Image::Sized(64, 64);
      for (size_t j = 0; j < image.rgb.size(); ++j) image.rgb[j] = (j * (i + 7) / 5) % 251;
      ASSERT_TRUE(models::WritePng(folder / (std::to_string(i) + ".png"), image).ok());
    }
    // So keen that noise makes spikes, which nobody but the log sees.
    const Outcome outcome = Train(
        {"--model=droppos_tiny", "--embed_dim=16", "--depth=1", "--num_heads=2",
         "--decoder_embed_dim=8", "--decoder_depth=1", "--decoder_num_heads=2", "--batch_size=4",
         "--data_path=data", "--print_every=1", "--spike_z=0.05", "--keep=0", "--epochs=50",
         "--lr=1e-4", "--eval_every=2", absl::StrCat("--steps=", kSteps), "--output_dir=a"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    ASSERT_TRUE(fs::exists(folder_ / "a/capsules")) << outcome.out;
    ASSERT_THAT(Capsules("a"), ::testing::SizeIs(3));
    ASSERT_THAT(outcome.out, HasSubstr("the step is not kept: there are 3 capsules already"));
    fs::copy(folder_ / "a", folder_ / "whole", fs::copy_options::recursive);
  }

  Outcome Train(const Lines& args) { return RunProgram("train", args, folder_); }

  // Their steps: those that went wrong.
  std::vector<int> Capsules(const std::string& run) const { return Steps(run, "capsules"); }
  std::vector<int> Steps(const std::string& run, const std::string& kind) const {
    std::vector<int> steps;
    for (const auto& entry : fs::directory_iterator(folder_ / run / kind)) {
      steps.push_back(std::stoi(entry.path().filename().string().substr(5)));
    }
    std::sort(steps.begin(), steps.end());
    return steps;
  }
  static std::string Name(int step) {
    return absl::StrCat("step_", absl::Dec(step, absl::kZeroPad8));
  }

  // What a person does who wants the run to be as it was at `step`.
  void RemoveLaterCheckpoints(const std::string& run, int step) {
    for (const int saved : Steps(run, "checkpoints")) {
      if (saved > step) fs::remove_all(folder_ / run / "checkpoints" / Name(saved));
    }
  }

  Lines Metrics(const std::string& run) const {
    std::istringstream file(Contents(folder_ / run / "metrics.jsonl"));
    Lines lines;
    for (std::string line; std::getline(file, line);) {
      Json json = Json::parse(line);
      models::DropTimes(&json);
      lines.push_back(json.dump());
    }
    return lines;
  }

  // Lines of the log about steps, evaluations and spikes, without times.
  std::string Log(const std::string& run, bool kept) const {
    static const std::regex times("  eta [0-9:]+|  [0-9.]+ images(/s|  | in ).*");
    std::istringstream file(Contents(folder_ / run / "train.log"));
    std::string lines;
    for (std::string line; std::getline(file, line);) {
      const bool about_kept =
          absl::StartsWith(line, "kept the step") || absl::StrContains(line, "is not kept");
      if (!absl::StartsWith(line, "epoch ") && !absl::StartsWith(line, "warning: ") &&
          !(kept && about_kept)) {
        continue;
      }
      absl::StrAppend(&lines, std::regex_replace(line, times, ""), "\n");
    }
    return lines;
  }

  void ExpectSameEnd(const std::string& run) {
    const fs::path last = fs::path("checkpoints") / Name(kSteps);
    for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
      const std::string bytes = Contents(folder_ / run / last / file);
      EXPECT_FALSE(bytes.empty());
      EXPECT_TRUE(bytes == Contents(folder_ / "whole" / last / file)) << run << " " << file;
    }
    EXPECT_EQ(Metrics(run), Metrics("whole"));
    models::ShownEvents shown = models::ReadEventFolder(folder_ / run / "tensorboard");
    EXPECT_EQ(shown.error, "");
    EXPECT_THAT(shown.scalars["train/loss"], ::testing::SizeIs(kSteps));
    EXPECT_EQ(shown.scalars["train/loss"],
              models::ReadEventFolder(folder_ / "whole/tensorboard").scalars["train/loss"]);
  }

  fs::path folder_;
};

TEST_F(CapsuleCli, ASpikesCapsuleEndsAsTheRunThatDidNotStop) {
  EXPECT_THAT(Log("whole", true), HasSubstr("\nwarning: step "));
  for (const int step : Capsules("whole")) {
    const std::string capsule = absl::StrCat("a/capsules/", Name(step));
    // Into another folder: the log so far comes with it.
    const Outcome other = Train({"--resume=" + capsule, absl::StrCat("--output_dir=b", step)});
    ASSERT_EQ(other.exit_code, 0) << other.err;
    EXPECT_THAT(other.out, HasSubstr(absl::StrCat("resumed after step ", step - 1, " from ")));
    ExpectSameEnd(absl::StrCat("b", step));
    EXPECT_EQ(Log(absl::StrCat("b", step), false), Log("whole", false));
    // In the run's own folder, what came later is written again.
    RemoveLaterCheckpoints("a", step - 1);
    const Outcome own = Train({"--resume=" + capsule});
    ASSERT_EQ(own.exit_code, 0) << own.err;
    ExpectSameEnd("a");
    EXPECT_EQ(Log("a", true), Log("whole", true)) << step;
    EXPECT_EQ(Capsules("a"), Capsules("whole"));
  }
}

// A bug once: the first run's capsule stayed, and knew the lengths of its logs alone.
TEST_F(CapsuleCli, ARunThatCameToTheStepOnceMoreCanBeGoneOnWithFromIt) {
  const int step = Capsules("a").back();
  RemoveLaterCheckpoints("a", 30);
  ASSERT_EQ(Train({"--resume=a", "--print_every=2"}).exit_code, 0);
  RemoveLaterCheckpoints("a", 30);
  ASSERT_EQ(Train({absl::StrCat("--resume=a/capsules/", Name(step)), "--print_every=1"}).exit_code,
            0);
  ExpectSameEnd("a");
}

TEST_F(CapsuleCli, MetricsOfAnotherCourseAreRefused) {
  const int step = Capsules("a").back();
  const std::string capsule = absl::StrCat("a/capsules/", Name(step));
  const fs::path metrics = folder_ / "a/metrics.jsonl";
  const std::string good = Contents(metrics);
  const std::string renumbered =
      absl::StrReplaceAll(good, {{absl::StrCat("\"train\",\"step\":", step - 1, ","),
                                  absl::StrCat("\"train\",\"step\":", step - 2, ",")}});
  for (const std::string& bad : {renumbered, good.substr(0, 1000)}) {
    std::ofstream(metrics, std::ios::binary | std::ios::trunc) << bad;
    const Outcome outcome = Train({"--resume=" + capsule, "--output_dir=b"});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("a/metrics.jsonl is not what the run wrote"));
    EXPECT_FALSE(fs::exists(folder_ / "b"));
  }
}

}  // namespace
}  // namespace tools
