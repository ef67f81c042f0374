#include "tools/weights/staged_output.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;
using Kind = StagedOutput::Kind;

class StagedOutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = fs::path(std::getenv("TEST_TMPDIR")) / name;
    fs::create_directories(folder_);
  }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  void Put(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(Path(name)).parent_path());
    std::ofstream(Path(name)) << text;
  }

  std::string Text(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Everything below the folder, sorted.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      names.push_back(fs::relative(entry.path(), folder_).string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  void ExpectRefused(const std::string& path, Kind kind, bool overwrite,
                     const std::vector<std::string>& texts) const {
    const std::vector<std::string> before = Names();
    const auto output = StagedOutput::Choose(path, kind, overwrite, {"ours"});
    ASSERT_FALSE(output.ok()) << path;
    const std::string message(output.status().message());
    for (const std::string& text : texts) EXPECT_THAT(message, HasSubstr(text));
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_EQ(Names(), before);
  }

  fs::path folder_;
};

TEST_F(StagedOutputTest, FilesAppearWhole) {
  auto output = StagedOutput::Choose(Path("a"), Kind::kFile, false);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_THAT(Names(), IsEmpty());
  ASSERT_TRUE(output->Begin().ok());
  ASSERT_TRUE(WriteBytes(output->staging(), std::string("x\0y", 3)).ok());
  EXPECT_FALSE(fs::exists(Path("a")));
  ASSERT_TRUE(output->Commit().ok());
  EXPECT_EQ(Text("a"), std::string("x\0y", 3));
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(StagedOutputTest, FoldersAppearWhole) {
  auto output = StagedOutput::Choose(Path("d/"), Kind::kFolder, false);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->path(), Path("d"));
  ASSERT_TRUE(output->Begin().ok());
  ASSERT_TRUE(WriteBytes(output->staging() + "/ours", "x").ok());
  EXPECT_FALSE(fs::exists(Path("d")));
  ASSERT_TRUE(output->Commit().ok());
  EXPECT_THAT(Names(), ElementsAre("d", "d/ours"));
}

TEST_F(StagedOutputTest, WithoutCommitNothingIsLeft) {
  for (const Kind kind : {Kind::kFile, Kind::kFolder}) {
    auto output = StagedOutput::Choose(Path("a"), kind, false);
    ASSERT_TRUE(output.ok() && output->Begin().ok());
    StagedOutput moved = *std::move(output);
    const std::string file = moved.staging() + (kind == Kind::kFile ? "" : "/ours");
    ASSERT_TRUE(WriteBytes(file, "x").ok());
    ASSERT_EQ(Names().size(), kind == Kind::kFile ? 1u : 2u);
  }
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(StagedOutputTest, OverwriteReplacesLikeByLike) {
  Put("a", "old");
  Put("d/ours", "old");
  for (const Kind kind : {Kind::kFile, Kind::kFolder}) {
    auto output = StagedOutput::Choose(Path(kind == Kind::kFile ? "a" : "d"), kind, true, {"ours"});
    ASSERT_TRUE(output.ok()) << output.status();
    ASSERT_TRUE(output->Begin().ok());
    const std::string file = output->staging() + (kind == Kind::kFile ? "" : "/ours");
    ASSERT_TRUE(WriteBytes(file, "new").ok());
    ASSERT_TRUE(output->Commit().ok());
  }
  EXPECT_EQ(Text("a"), "new");
  EXPECT_EQ(Text("d/ours"), "new");
  EXPECT_THAT(Names(), ElementsAre("a", "d", "d/ours"));
}

TEST_F(StagedOutputTest, WhatIsThereIsKept) {
  Put("a", "old");
  Put("d/ours", "old");
  Put("full/ours", "old");
  Put("full/photo.jpg", "old");
  Put("deep/ours/x", "old");
  fs::create_directory_symlink(Path("d"), Path("link"));
  fs::create_symlink(Path("nothing"), Path("dangling"));
  ExpectRefused(Path("a"), Kind::kFile, false, {Path("a"), "exists", "--overwrite"});
  ExpectRefused(Path("d"), Kind::kFolder, false, {Path("d"), "exists", "--overwrite"});
  ExpectRefused(Path("a"), Kind::kFolder, true, {Path("a"), "not a folder", "--out"});
  ExpectRefused(Path("d"), Kind::kFile, true, {Path("d"), "is a folder", "--out"});
  ExpectRefused(Path("full"), Kind::kFolder, true, {Path("full/photo.jpg"), "--out"});
  ExpectRefused(Path("deep"), Kind::kFolder, true, {Path("deep/ours"), "--out"});
  ExpectRefused(Path("link"), Kind::kFolder, true, {Path("link"), "link"});
  ExpectRefused(Path("dangling"), Kind::kFile, false, {Path("dangling")});
  EXPECT_EQ(Text("full/photo.jpg"), "old");
}

TEST_F(StagedOutputTest, PathsThatCannotBeWritten) {
  Put("a", "old");
  ExpectRefused(Path("none/b"), Kind::kFile, false, {Path("none/b"), "no folder"});
  ExpectRefused(Path("a/b"), Kind::kFolder, false, {Path("a/b"), "no folder"});
  for (const char* path : {"", ".", "..", "/", "x/.."}) {
    EXPECT_FALSE(StagedOutput::Choose(path, Kind::kFolder, true).ok()) << path;
  }
  // A folder that lets nobody in, not even root.
  auto output = StagedOutput::Choose("/proc/self/export", Kind::kFolder, false);
  EXPECT_FALSE(output.ok() && output->Begin().ok());
}

TEST_F(StagedOutputTest, SomethingThatCameMeanwhileIsKept) {
  auto output = StagedOutput::Choose(Path("a"), Kind::kFile, false);
  ASSERT_TRUE(output.ok() && output->Begin().ok());
  ASSERT_TRUE(WriteBytes(output->staging(), "new").ok());
  Put("a", "theirs");
  EXPECT_THAT(std::string(output->Commit().message()), HasSubstr("exists"));
  EXPECT_EQ(Text("a"), "theirs");
}

}  // namespace
}  // namespace tools
