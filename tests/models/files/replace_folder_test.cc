#include "models/files/replace_folder.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/files/faulty_file_system.h"

namespace models {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;
using Fault = FaultyFileSystem::Fault;

bool IsFolder(absl::string_view name) { return name == "folder"; }

class ReplaceFolderTest : public ::testing::Test {
 protected:
  // `staging` holds "new", and `folder`, where `earlier`, "old".
  void SetUpFolders(bool earlier) {
    root_ = fs::path(std::getenv("TEST_TMPDIR")) /
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    Put("staging", "new");
    if (earlier) Put("folder", "old");
  }
  void Put(const std::string& folder, const std::string& text) {
    fs::create_directories(root_ / folder);
    std::ofstream(root_ / folder / "file") << text;
  }
  std::string Text(const std::string& folder) const {
    std::ifstream file(root_ / folder / "file");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string Path(const std::string& name) const { return (root_ / name).string(); }
  size_t Count() const { return std::distance(fs::directory_iterator(root_), {}); }

  fs::path root_;
};

TEST_F(ReplaceFolderTest, TheNewOneTakesTheName) {
  for (const bool earlier : {false, true}) {
    for (const bool exchanges : {false, true}) {
      SetUpFolders(earlier);
      FaultyFileSystem files;
      files.set_exchanges(exchanges);
      const absl::Status status = ReplaceFolder(Path("staging"), Path("folder"), &files);
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_EQ(Text("folder"), "new");
      EXPECT_EQ(Count(), 1u);
    }
  }
}

TEST_F(ReplaceFolderTest, WhicheverCallFailsOneOfTheTwoIsThere) {
  for (const bool exchanges : {false, true}) {
    for (const Fault fault : {Fault::kOnce, Fault::kForGood, Fault::kPowerOff}) {
      int64_t call = 0;
      for (bool broken = true; broken; ++call) {
        SetUpFolders(/*earlier=*/true);
        FaultyFileSystem files;
        files.set_exchanges(exchanges);
        files.Break(call, fault, ENOSPC);
        const absl::Status status = ReplaceFolder(Path("staging"), Path("folder"), &files);
        broken = files.broken();
        if (!status.ok()) {
          EXPECT_THAT(std::string(status.message()), HasSubstr(root_.string()));
        }
        const bool named = absl::StrContains(status.message(), "is now called");
        if (fault != Fault::kPowerOff && !named) {
          EXPECT_THAT(Text("folder"), AnyOf("old", "new")) << "call " << call;
        }
        if (named) {
          EXPECT_EQ(Text("folder.replaced"), "old");
          EXPECT_THAT(std::string(status.message()), HasSubstr(Path("folder.replaced")));
        }
        PutBackReplaced(root_.string(), IsFolder, FileSystem::Real());
        EXPECT_THAT(Text("folder"), AnyOf("old", "new")) << "call " << call;
        EXPECT_FALSE(fs::exists(Path("folder.replaced"))) << "call " << call;
      }
      EXPECT_GT(call, exchanges ? 3 : 4);
    }
  }
}

// A bug once: what the link leads to was removed.
TEST_F(ReplaceFolderTest, OfALinkInThePlaceOfTheReplacedOneTheLinkAloneGoes) {
  SetUpFolders(/*earlier=*/true);
  Put("theirs", "theirs");
  fs::create_directory_symlink(root_ / "theirs", root_ / "folder.replaced");
  PutBackReplaced(root_.string(), IsFolder, FileSystem::Real());
  EXPECT_FALSE(fs::is_symlink(root_ / "folder.replaced"));
  EXPECT_EQ(Text("theirs"), "theirs");
}

// It may be somebody's own.
TEST_F(ReplaceFolderTest, AFolderInTheWayIsNamedAndStays) {
  SetUpFolders(/*earlier=*/true);
  Put("folder.replaced", "theirs");
  FaultyFileSystem files;
  files.set_exchanges(false);
  const absl::Status status = ReplaceFolder(Path("staging"), Path("folder"), &files);
  EXPECT_THAT(std::string(status.message()), HasSubstr(Path("folder.replaced")));
  EXPECT_EQ(Text("folder"), "old");
  EXPECT_EQ(Text("folder.replaced"), "theirs");
}

TEST_F(ReplaceFolderTest, OtherNamesArePassedOver) {
  SetUpFolders(/*earlier=*/true);
  Put("folder.replaced.old", "theirs");
  Put("other.replaced", "theirs");
  PutBackReplaced(root_.string(), IsFolder, FileSystem::Real());
  PutBackReplaced(Path("none"), IsFolder, FileSystem::Real());
  EXPECT_EQ(Count(), 4u);
}

}  // namespace
}  // namespace models
