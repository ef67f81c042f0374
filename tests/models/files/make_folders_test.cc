#include "models/files/make_folders.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

class MakeFoldersTest : public ::testing::Test {
 protected:
  MakeFoldersTest()
      : root_(fs::path(std::getenv("TEST_TMPDIR")) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  std::string Path(const std::string& name) const { return (root_ / name).string(); }

  fs::path root_;
};

TEST_F(MakeFoldersTest, MakesWhatIsMissingAndTakesBackWhatIsEmpty) {
  EXPECT_TRUE(CheckCanMake(Path("a/b/c")).ok());
  EXPECT_TRUE(fs::is_empty(root_));
  const auto made = MakeFolders(Path("a/b/c"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(*made, ElementsAre(Path("a"), Path("a/b"), Path("a/b/c")));
  EXPECT_THAT(*MakeFolders(Path("a/b")), IsEmpty());
  EXPECT_TRUE(CheckCanMake(Path("a/b")).ok());
  std::ofstream(Path("a/file")) << "x";
  RemoveEmpty(*made);
  EXPECT_FALSE(fs::exists(Path("a/b")));
  EXPECT_TRUE(fs::exists(Path("a/file")));
}

TEST_F(MakeFoldersTest, WhatIsInTheWayIsNamedAndNothingIsLeft) {
  std::ofstream(Path("file")) << "x";
  fs::create_symlink("nowhere", Path("link"));
  EXPECT_THAT(std::string(CheckCanMake(Path("file/a")).message()),
              HasSubstr(Path("file") + " is a file, not a folder"));
  EXPECT_THAT(std::string(CheckCanMake(Path("link/a")).message()),
              HasSubstr(Path("link") + " is a link to nothing"));
  const auto made = MakeFolders(Path("a/" + std::string(300, 'x')));
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("cannot make the folder"));
  EXPECT_FALSE(fs::exists(Path("a")));
}

}  // namespace
}  // namespace models
