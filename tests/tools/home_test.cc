#include "tools/flags/home.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/flags/parse_flags.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using ::testing::HasSubstr;

class HomeTest : public ::testing::Test {
 protected:
  void SetUp() override { setenv("HOME", "/h/me", 1); }
  static std::string Expanded(const std::string& argument) {
    const auto expanded = ExpandHome(argument);
    EXPECT_TRUE(expanded.ok()) << expanded.status();
    return expanded.value_or("");
  }
};

TEST_F(HomeTest, ATildeBeforeASlashIsTheHomeFolder) {
  EXPECT_EQ(Expanded("~/runs/a"), "/h/me/runs/a");
  EXPECT_EQ(Expanded("~"), "/h/me");
  EXPECT_EQ(Expanded("--output_dir=~/runs/a"), "--output_dir=/h/me/runs/a");
  EXPECT_EQ(Expanded("--data_path=~"), "--data_path=/h/me");
  EXPECT_EQ(Expanded("--data_path=~/{0..3}.tar"), "--data_path=/h/me/{0..3}.tar");
}

TEST_F(HomeTest, EverythingElseStays) {
  for (const char* argument : {"", "~bob/x", "--out=~bob/x", "--out=a/~/b", "a=~/b", "--", "-~/x",
                               "--~/x", "--out", "--out=./~/b", "--out==~/b"}) {
    EXPECT_EQ(Expanded(argument), argument);
  }
}

TEST_F(HomeTest, WithoutAHomeItIsAnError) {
  for (const char* home : {"", static_cast<const char*>(nullptr)}) {
    home == nullptr ? unsetenv("HOME") : setenv("HOME", home, 1);
    EXPECT_EQ(Expanded("--out=a"), "--out=a");
    const auto expanded = ExpandHome("--out=~/a");
    EXPECT_THAT(std::string(expanded.status().message()), HasSubstr("--out=~/a: HOME is not set"));
  }
}

TEST_F(HomeTest, FlagFilesAreTypedAndCheckpointsAreNot) {
  const std::string text = "--model=droppos_tiny\n--data_path=~/photos\n--init_from ~/w\n";
  const std::string path = ::testing::TempDir() + "home_flags.txt";
  std::ofstream(path) << text;
  const auto typed = ParseTrainFlags({"--flagfile=" + path}, MakeZoo());
  ASSERT_TRUE(typed.ok()) << typed.status();
  EXPECT_EQ(typed->flags.data_path, "/h/me/photos");
  EXPECT_EQ(typed->flags.init_from, "/h/me/w");
  const auto kept = ParseTrainFlags({}, MakeZoo(), text, "state.json");
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->flags.data_path, "~/photos");
  unsetenv("HOME");
  EXPECT_THAT(std::string(ParseTrainFlags({"--flagfile=" + path}, MakeZoo()).status().message()),
              HasSubstr("home_flags.txt:2: --data_path=~/photos: HOME is not set"));
}

}  // namespace
}  // namespace tools
