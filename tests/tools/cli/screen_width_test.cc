// What programs print fits a screen of 80 columns, which is what they take a pipe for.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

// Lines of more than 80 characters that could be shorter: those without a command or a path, which
// are to be copied whole.
std::vector<std::string> TooWide(const std::string& text) {
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = text.substr(begin, end - begin);
    if (line.rfind("note: ", 0) == 0) continue;  // of the machine
    if (line.size() > 80 && line.find("bazel run") == std::string::npos &&
        line.find(Scratch().string()) == std::string::npos) {
      lines.push_back(line);
    }
  }
  return lines;
}

TEST(ScreenWidth, HelpFits) {
  for (const char* program :
       {"bench", "check_data", "check_parity", "diff_nets", "evaluate", "export",
        "extract_features", "finetune", "plot", "predict_positions", "replay", "show_batch", "train"}) {
    const Outcome help = RunProgram(program, {"--help"}, Scratch());
    EXPECT_EQ(help.exit_code, 0) << program << ": " << help.err;
    EXPECT_GT(help.out.size(), 300u) << program;
    EXPECT_EQ(TooWide(help.out), std::vector<std::string>()) << program;
  }
}

TEST(ScreenWidth, TheTableOfModelsFits) {
  const Outcome models = RunProgram("train", {"--list_models"}, Scratch());
  EXPECT_EQ(models.exit_code, 0) << models.err;
  EXPECT_EQ(TooWide(models.out), std::vector<std::string>());
}

TEST(ScreenWidth, WhatARunAndItsEvaluationSayFits) {
  const Outcome run = RunProgram("train",
                                 {"--model=droppos_tiny", "--steps=1", "--batch_size=8",
                                  "--output_dir=run", "--threads=1", "--num_workers=1"},
                                 Scratch());
  ASSERT_EQ(run.exit_code, 0) << run.err;
  // The screen that it opens with; steps' lines go by Fit (run_log.h).
  const size_t banner = run.out.find("droppos_tiny\n  model ");
  ASSERT_NE(banner, std::string::npos) << run.out;
  const size_t end = run.out.find("\n\n", banner);
  ASSERT_NE(end, std::string::npos) << run.out;
  EXPECT_EQ(TooWide(run.out.substr(banner, end + 1 - banner)), std::vector<std::string>());
  for (const std::vector<std::string>& protocol : std::vector<std::vector<std::string>>{
           {"--protocol=position"}, {"--protocol=knn", "--max_train_images=50"}}) {
    std::vector<std::string> args = {"--checkpoint=run", "--max_images=50", "--threads=1"};
    args.insert(args.end(), protocol.begin(), protocol.end());
    const Outcome evaluation = RunProgram("evaluate", args, Scratch());
    ASSERT_EQ(evaluation.exit_code, 0) << evaluation.err;
    EXPECT_EQ(TooWide(evaluation.out), std::vector<std::string>()) << protocol[0];
  }
}

}  // namespace
}  // namespace tools
