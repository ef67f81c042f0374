// plot as a person meets it: good and bad input.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "models/training/metrics.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;

class PlotCli : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
    WriteRun("runs/a_0", 50, 4);
    WriteRun("runs/a_1", 50, 4.5);
    WriteRun("runs/b", 80, 5);
  }

  void WriteRun(const std::string& name, int steps, double loss) {
    fs::create_directories(folder_ / name);
    std::ofstream out(folder_ / name / "metrics.jsonl");
    for (int step = 1; step <= steps; ++step) {
      models::TrainMetrics train;
      train.step = step;
      train.epoch = step / 40.0;
      train.loss = loss / step;
      train.model = {{"pos_acc1", 0.1 + 0.001 * step}};
      train.lr = 1e-4 * step;
      train.timing = {{"seconds", 0.5}, {"images_per_s", 128}};
      out << models::MetricsLine(train);
      if (step % 20 != 0) continue;
      models::EvalMetrics eval{step / 40.0, step, {{"heldout_pos_acc1", 0.1}}, 0.015625, {}};
      out << models::MetricsLine(eval);
    }
  }

  Outcome Plot(const std::vector<std::string>& args) { return RunProgram("plot", args, folder_); }

  // Refused with one line that names the thing, and nothing written.
  void ExpectRefused(const std::vector<std::string>& args, const std::vector<std::string>& texts) {
    const Outcome outcome = Plot(args);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
    for (const std::string& text : texts) EXPECT_THAT(outcome.err, HasSubstr(text));
    EXPECT_THAT(outcome.err, StartsWith("plot: "));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    for (const auto& entry : fs::directory_iterator(folder_)) {
      EXPECT_THAT(entry.path().filename().string(), ::testing::Not(StartsWith("x.svg")));
    }
  }

  fs::path folder_;
};

TEST_F(PlotCli, SvgAndPng) {
  const Outcome svg = Plot({"runs/a_0", "runs/b", "--out=x.svg"});
  ASSERT_EQ(svg.exit_code, 0) << svg.err;
  EXPECT_EQ(svg.err, "");
  EXPECT_EQ(svg.out, absl::StrCat("a_0: 50 steps, 1.25 epochs\nb: 80 steps, 2 epochs\nwrote ",
                                  (folder_ / "x.svg").string(), "\n"));
  EXPECT_THAT(Contents(folder_ / "x.svg"), StartsWith("<?xml"));
  const Outcome png = Plot({"--out=x.PNG", "runs/a_0/metrics.jsonl"});
  ASSERT_EQ(png.exit_code, 0) << png.err;
  const auto image = models::ReadImage(folder_ / "x.PNG");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_GT(image->width, 1000);
  ASSERT_EQ(Plot({"runs/a_0", "runs/b", "--out=y.svg"}).exit_code, 0);
  EXPECT_EQ(Contents(folder_ / "x.svg"), Contents(folder_ / "y.svg")) << "the same twice";
}

TEST_F(PlotCli, EachFlagChangesThePicture) {
  std::vector<std::string> pictures;
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{},
                                             {"--x=step"},
                                             {"--x=time"},
                                             {"--smooth=0"},
                                             {"--smooth=0.99"},
                                             {"--metrics=loss,lr"},
                                             {"--metrics=loss", "--metrics=pos_acc1"},
                                             {"--log_y=loss"},
                                             {"--log_y=loss,images_per_s"},
                                             {"--seeds"}}) {
    std::vector<std::string> args = {"--out=x.svg", "--overwrite"};
    args.insert(args.end(), more.begin(), more.end());
    // Behind the flags, whose lists take none of them.
    args.insert(args.end(), {"runs/a_0", "runs/a_1", "runs/b"});
    const Outcome outcome = Plot(args);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string picture = Contents(folder_ / "x.svg");
    EXPECT_EQ(std::count(pictures.begin(), pictures.end(), picture), 0) << args[2];
    pictures.push_back(picture);
  }
}

TEST_F(PlotCli, RunsThatAreStillGoingOn) {
  std::ofstream(folder_ / "runs/b/metrics.jsonl", std::ios::app) << "{\"step\":81,\"epo";
  fs::create_directories(folder_ / "runs/new");
  std::ofstream(folder_ / "runs/new/metrics.jsonl") << "";
  const Outcome outcome = Plot({"runs/b", "runs/new", "--out=x.svg"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("runs/b/metrics.jsonl: line 85 is cut off"), HasSubstr("b: 80 steps"),
                    HasSubstr("runs/new/metrics.jsonl: no step is done yet")));
  EXPECT_TRUE(fs::exists(folder_ / "x.svg"));
}

TEST_F(PlotCli, ExistingPictureNeedsOverwrite) {
  std::ofstream(folder_ / "old.svg") << "old";
  ExpectRefused({"runs/b", "--out=old.svg"}, {"old.svg", "--overwrite"});
  EXPECT_EQ(Contents(folder_ / "old.svg"), "old");
  EXPECT_EQ(Plot({"runs/b", "--out=old.svg", "--overwrite"}).exit_code, 0);
  EXPECT_THAT(Contents(folder_ / "old.svg"), StartsWith("<?xml"));
}

TEST_F(PlotCli, ItsOwnPictureIsRefreshed) {
  for (const char* out : {"x.svg", "x.png"}) {
    const std::string flag = absl::StrCat("--out=", out);
    ASSERT_EQ(Plot({"runs/b", flag}).exit_code, 0);
    const std::string before = Contents(folder_ / out);
    const Outcome again = Plot({"runs/a_0", flag});
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_NE(Contents(folder_ / out), before);
  }
  EXPECT_TRUE(models::ReadImage(folder_ / "x.png").ok());
}

TEST_F(PlotCli, FoldersThatAreNoRunsAreLeftOut) {
  fs::create_directories(folder_ / "runs/pictures");
  const Outcome outcome = Plot({"runs/b", "runs/pictures", "--out=x.svg"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("runs/pictures is no run: it holds no metrics.jsonl; it is "
                                     "left out\n"));
}

TEST_F(PlotCli, BadRuns) {
  ExpectRefused({"runs/none", "--out=x.svg"}, {"there is no ", "runs/none", "--output_dir"});
  ExpectRefused({"runs", "--out=x.svg"}, {"runs is no run", "metrics.jsonl"});
  ExpectRefused({"runs/b", "runs/b", "--out=x.svg"}, {"runs/b is named twice"});
  fs::create_directories(folder_ / "bad");
  std::ofstream(folder_ / "bad/metrics.jsonl") << "{\"step\":1}\nnot this\n{\"step\":2}\n";
  ExpectRefused({"bad", "--out=x.svg"}, {"bad/metrics.jsonl", "line 2"});
  std::ofstream(folder_ / "bad/metrics.jsonl") << "";
  ExpectRefused({"bad", "--out=x.svg"}, {"no run has done a step yet", "bad"});
  std::ofstream(folder_ / "bad/metrics.jsonl") << "{\"step\":1,\"other\":2}\n";
  ExpectRefused({"runs/b", "bad", "--out=x.svg"}, {"bad has none of loss", "it has other"});
}

TEST_F(PlotCli, BadFlags) {
  ExpectRefused({"--out=x.svg"}, {"runs"});
  ExpectRefused({"runs/b"}, {"--out"});
  ExpectRefused({"runs/b", "--out=x.pdf"}, {"--out=x.pdf", ".svg", ".png"});
  ExpectRefused({"runs/b", "--out=runs/b/metrics.jsonl/x.svg"}, {"metrics.jsonl", "folder"});
  ExpectRefused({"runs/b", "--out=x.svg", "--metrics=los"}, {"--metrics", "did you mean loss"});
  ExpectRefused({"runs/b", "--out=x.svg", "--log_y=heldout"}, {"--log_y", "heldout_pos_acc1"});
  ExpectRefused({"runs/b", "--out=x.svg", "--x=day"}, {"--x", "day", "epoch"});
  for (const char* bad : {"1", "-0.1", "nan", "x", "1e9"}) {
    ExpectRefused({"runs/b", "--out=x.svg", absl::StrCat("--smooth=", bad)},
                  {absl::StrCat("--smooth=", bad), "from 0 to below 1"});
  }
  ExpectRefused({"runs/b", "--out=x.svg", "--smoth=0.5"},
                {"unknown flag --smoth; did you mean --smooth?"});
}

TEST_F(PlotCli, Help) {
  const Outcome help = Plot({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* text : {"RUN", "--out", "--x", "--smooth", "--log_y", "--metrics", "--seeds",
                           "--overwrite", "heldout_pos_acc1"}) {
    EXPECT_THAT(help.out, HasSubstr(text));
  }
}

}  // namespace
}  // namespace tools
