// check_data as a person meets it: good and bad input.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/models/data/test_images.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
namespace fs = std::filesystem;

class CheckDataCli : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
    for (int i = 0; i < 12; ++i) {
      Put("photos/" + std::to_string(i) + ".jpg",
          models::EncodeJpeg(models::PhotographLike(60, 50, i)));
    }
  }
  void Put(const std::string& name, const std::string& bytes) {
    models::WriteFile((folder_ / name).string(), bytes);
  }
  Outcome Check(const std::vector<std::string>& args) {
    return RunProgram("check_data", args, folder_);
  }

  fs::path folder_;
};

TEST_F(CheckDataCli, CleanDataEndWithZero) {
  const Outcome outcome = Check({"--data_path=photos", "--json=report.json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("10 for training, 2 held out"), HasSubstr("12 jpeg"),
                    HasSubstr("no bad, duplicate or tiny images, no leaks"), HasSubstr("wrote")));
  EXPECT_THAT(outcome.out, Not(HasSubstr("\r")));
  const auto json = nlohmann::json::parse(Contents(folder_ / "report.json"));
  EXPECT_TRUE(json.at("bad").empty());
  EXPECT_EQ(json.at("width").at("median"), 60);
}

TEST_F(CheckDataCli, BadImagesEndWithOneAndAreListed) {
  Put("photos/3.jpg", Contents(folder_ / "photos/3.jpg").substr(0, 300));
  Put("photos/4.jpg", "GIF89a");
  Put("photos/line\nend.png", "");
  const Outcome outcome =
      Check({"--data_path=photos", "--json=report.json", "--num_workers=3", "--min_side=51"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("3 bad"), HasSubstr("photos/3.jpg: bad JPEG"),
                    HasSubstr("photos/4.jpg: bad GIF"),
                    HasSubstr("line\\x0Aend.png: the file is empty"), HasSubstr("10 tiny")));
  EXPECT_EQ(nlohmann::json::parse(Contents(folder_ / "report.json")).at("bad").size(), 3u);
}

TEST_F(CheckDataCli, WritesAListOfTheGoodImages) {
  Put("photos/3.jpg", "<html>");
  const std::vector<std::string> args = {"--data_path=photos", "--write_list=photos/train.txt"};
  const Outcome outcome = Check(args);
  EXPECT_EQ(outcome.exit_code, 1);  // an image is bad
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("1 bad"), HasSubstr("wrote    "),
                                 HasSubstr("/photos/train.txt, 11 of 12 images\n")));
  const Outcome again = Check(args);
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, AllOf(HasSubstr("photos/train.txt exists"), HasSubstr("--overwrite")));
  EXPECT_EQ(again.out, "");
  const Outcome clean =
      Check({"--data_path=photos", "--write_list=photos/train.txt", "--overwrite"});
  EXPECT_EQ(clean.exit_code, 0) << clean.err;
  EXPECT_THAT(clean.out, AllOf(HasSubstr("from the list train.txt"), HasSubstr("11 of 11 images")));
}

TEST_F(CheckDataCli, WhatCannotBeDoneIsOneLineAndWritesNothing) {
  const struct {
    std::vector<std::string> args;
    std::string text;
  } cases[] = {
      {{"--data_path=nowhere"}, "--data_path="},
      {{"--data_path=photos", "--json=photos/0.jpg/folder.json"}, "--json"},
      {{"--data_path=photos", "--num_workers=0"}, "--num_workers"},
      {{"--data_path=photos", "--min_side=x"}, "--min_side"},
      {{"--data_path=photos", "--val_fraction=1"}, "--val_fraction=1"},
      {{"--data_path=photos", "--max_image_megapixels=0"},
       "--max_image_megapixels=0 must be above 0"},
      {{"--data_pat=photos"}, "--data_path"},
      {{"--data_path=photos", "--write_list=photos/good.txt"}, "/photos/train.txt\n"},
      {{"--data_path=photos", "--write_list=train.txt"}, "/photos/train.txt, or link"},
  };
  for (const auto& c : cases) {
    const Outcome outcome = Check(c.args);
    EXPECT_EQ(outcome.exit_code, 1) << c.text;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("check_data: "), HasSubstr(c.text)));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  const Outcome help = Check({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("--min_side"), HasSubstr("Exit code: 0 when")));
}

}  // namespace
}  // namespace tools
