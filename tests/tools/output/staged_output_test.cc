// Files and folders that appear whole, also where the file system refuses.
#include "tools/output/staged_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

// A file system as the tests want it: one that does not know the flags of renameat2, and
// one whose n-th rename() from now fails.
bool knows_flags = true;
int failing_rename = 0;

}  // namespace

// They come before the C library's.
extern "C" int renameat2(int old_folder, const char* old_path, int new_folder, const char* new_path,
                         unsigned flags) noexcept {
  if (flags != 0 && !knows_flags) {
    errno = EINVAL;
    return -1;
  }
  return static_cast<int>(
      syscall(SYS_renameat2, old_folder, old_path, new_folder, new_path, flags));
}

extern "C" int rename(const char* old_path, const char* new_path) noexcept {
  if (failing_rename > 0 && --failing_rename == 0) {
    errno = EIO;
    return -1;
  }
  return renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

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
  void TearDown() override {
    knows_flags = true;
    failing_rename = 0;
  }

  // Writes `text` as the file `path`, or the file `ours` in the folder.
  static absl::Status WriteTo(const std::string& path, Kind kind, const std::string& text) {
    auto output = StagedOutput::Choose("--out", path, kind, true, {"ours"});
    if (!output.ok()) return output.status();
    return output->Write([&](const std::string& staging) {
      return WriteBytes(staging + (kind == Kind::kFile ? "" : "/ours"), text);
    });
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
      names.push_back(entry.path().lexically_relative(folder_).string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  void ExpectRefused(const std::string& path, Kind kind, bool overwrite,
                     const std::vector<std::string>& texts) const {
    const std::vector<std::string> before = Names();
    const auto output = StagedOutput::Choose("--out", path, kind, overwrite, {"ours"});
    ASSERT_FALSE(output.ok()) << path;
    const std::string message(output.status().message());
    for (const std::string& text : texts) EXPECT_THAT(message, HasSubstr(text));
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_EQ(Names(), before);
  }

  fs::path folder_;
};

TEST_F(StagedOutputTest, FilesAppearWhole) {
  auto output = StagedOutput::Choose("--out", Path("a"), Kind::kFile, false);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_THAT(Names(), IsEmpty());
  const absl::Status status = output->Write([&](const std::string& staging) {
    EXPECT_EQ(fs::path(staging).parent_path().parent_path(), folder_);  // the same file system
    EXPECT_EQ(fs::path(staging).filename(), "a");
    const absl::Status written = WriteBytes(staging, std::string("x\0y", 3));
    EXPECT_FALSE(fs::exists(Path("a")));
    return written;
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Text("a"), std::string("x\0y", 3));
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(StagedOutputTest, FoldersAppearWhole) {
  auto output = StagedOutput::Choose("--out", Path("d/"), Kind::kFolder, false);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->path(), Path("d"));
  const absl::Status status = output->Write([&](const std::string& staging) {
    const absl::Status written = WriteBytes(staging + "/ours", "x");
    EXPECT_FALSE(fs::exists(Path("d")));
    return written;
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(Names(), ElementsAre("d", "d/ours"));
}

TEST_F(StagedOutputTest, AnErrorLeavesWhatWasThere) {
  Put("a", "old");
  Put("d/ours", "old");
  for (const Kind kind : {Kind::kFile, Kind::kFolder}) {
    for (const char* name : {"new", kind == Kind::kFile ? "a" : "d"}) {
      auto output = StagedOutput::Choose("--out", Path(name), kind, true, {"ours"});
      ASSERT_TRUE(output.ok()) << output.status();
      StagedOutput moved = *std::move(output);
      const absl::Status status = moved.Write([&](const std::string& staging) {
        EXPECT_TRUE(WriteBytes(staging + (kind == Kind::kFile ? "" : "/ours"), "half").ok());
        return absl::ResourceExhaustedError("disk full");
      });
      EXPECT_EQ(status.message(), "disk full");
    }
  }
  EXPECT_THAT(Names(), ElementsAre("a", "d", "d/ours"));
  EXPECT_EQ(Text("a"), "old");
  EXPECT_EQ(Text("d/ours"), "old");
}

TEST_F(StagedOutputTest, OverwriteReplacesLikeByLike) {
  for (const bool flags : {true, false}) {
    knows_flags = flags;
    Put("a", "old");
    Put("d/ours", "old");
    EXPECT_TRUE(WriteTo(Path("a"), Kind::kFile, "new").ok());
    EXPECT_TRUE(WriteTo(Path("d"), Kind::kFolder, "new").ok());
    EXPECT_TRUE(WriteTo(Path("e"), Kind::kFolder, "new").ok());
    for (const char* name : {"a", "d/ours", "e/ours"}) EXPECT_EQ(Text(name), "new");
    EXPECT_THAT(Names(), ElementsAre("a", "d", "d/ours", "e", "e/ours"));
  }
}

TEST_F(StagedOutputTest, AFolderIsNotLostWhereNamesCannotBeExchanged) {
  knows_flags = false;
  Put("d/ours", "old");
  for (const int failing : {1, 2}) {  // the old one aside, the new one in
    failing_rename = failing;
    const absl::Status status = WriteTo(Path("d"), Kind::kFolder, "new");
    EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write " + Path("d")));
    EXPECT_EQ(Text("d/ours"), "old");
    EXPECT_THAT(Names(), ElementsAre("d", "d/ours"));
  }
}

TEST_F(StagedOutputTest, ALinkToAFileStaysOne) {
  Put("a", "old");
  fs::create_symlink("a", Path("link"));
  ASSERT_TRUE(WriteTo(Path("link"), Kind::kFile, "new").ok());
  EXPECT_TRUE(fs::is_symlink(Path("link")));
  EXPECT_EQ(Text("a"), "new");
  EXPECT_THAT(Names(), ElementsAre("a", "link"));
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
  ExpectRefused(Path("a"), Kind::kFolder, true, {Path("a"), "is a file", "choose another --out"});
  ExpectRefused(Path("d"), Kind::kFile, true, {Path("d"), "is a folder", "--out"});
  ExpectRefused(Path("full"), Kind::kFolder, true, {Path("full/photo.jpg"), "--out"});
  ExpectRefused(Path("deep"), Kind::kFolder, true, {Path("deep/ours"), "--out"});
  ExpectRefused(Path("link"), Kind::kFolder, true, {Path("link"), "link"});
  ExpectRefused(Path("dangling"), Kind::kFile, false, {Path("dangling")});
  EXPECT_EQ(Text("full/photo.jpg"), "old");
}

TEST_F(StagedOutputTest, PathsThatCannotBeWritten) {
  Put("a", "old");
  ExpectRefused(Path("a/b"), Kind::kFolder, false, {Path("a/b"), "is a file, not a folder"});
  for (const char* path : {"", ".", "..", "/", "x/.."}) {
    EXPECT_FALSE(StagedOutput::Choose("--out", path, Kind::kFolder, true).ok()) << path;
  }
  // A folder that lets nobody in, not even root.
  auto output = StagedOutput::Choose("--out", "/proc/self/export", Kind::kFolder, false);
  EXPECT_FALSE(output.ok() &&
               output->Write([](const std::string&) { return absl::OkStatus(); }).ok());
}

TEST_F(StagedOutputTest, MissingFoldersAreMadeAndAnErrorTakesThemBack) {
  for (const Kind kind : {Kind::kFile, Kind::kFolder}) {
    auto output = StagedOutput::Choose("--out", Path("new/deep/a"), kind, false);
    ASSERT_TRUE(output.ok()) << output.status();
    EXPECT_THAT(Names(), IsEmpty());
    StagedOutput moved = *std::move(output);
    EXPECT_FALSE(moved.Write([](const std::string&) { return absl::UnknownError("x"); }).ok());
  }
  EXPECT_THAT(Names(), IsEmpty());
  ASSERT_TRUE(WriteTo(Path("new/deep/a"), Kind::kFile, "text").ok());
  EXPECT_THAT(Names(), ElementsAre("new", "new/deep", "new/deep/a"));
}

TEST_F(StagedOutputTest, FilesOfAFolderTakeTheirNamesTogether) {
  Put("d/ours", "old");
  Put("d/photo.jpg", "theirs");
  const auto write = [&](const absl::Status& end) {
    auto output = StagedOutput::Choose("--out", Path("d"), Kind::kFiles, true);
    return output->Write([&](const std::string& staging) {
      EXPECT_TRUE(WriteBytes(staging + "/ours", "new").ok());
      EXPECT_TRUE(WriteBytes(staging + "/second", "new").ok());
      return end;
    });
  };
  EXPECT_EQ(write(absl::ResourceExhaustedError("disk full")).message(), "disk full");
  EXPECT_THAT(Names(), ElementsAre("d", "d/ours", "d/photo.jpg"));
  EXPECT_EQ(Text("d/ours"), "old");
  ASSERT_TRUE(write(absl::OkStatus()).ok());
  EXPECT_THAT(Names(), ElementsAre("d", "d/ours", "d/photo.jpg", "d/second"));
  EXPECT_EQ(Text("d/ours"), "new");
}

// Once they stayed for ever.
TEST_F(StagedOutputTest, WhatAKilledProgramLeftGoesAndWhatALivingOneWritesStays) {
  for (const char* name : {"a.tmp-12-0/a", "d.tmp-12-3/ours", "a.tmp-mine/a", "b.tmp-12-0/b"}) {
    Put(name, "half");
  }
  auto living = StagedOutput::Choose("--out", Path("a"), Kind::kFile, true);
  ASSERT_TRUE(living.ok());
  const absl::Status status = living->Write([&](const std::string& staging) {
    EXPECT_TRUE(WriteTo(Path("a"), Kind::kFile, "first").ok());
    EXPECT_TRUE(WriteTo(Path("d"), Kind::kFolder, "text").ok());
    return WriteBytes(staging, "second");
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Text("a"), "second");
  EXPECT_THAT(Names(), ElementsAre("a", "a.tmp-mine", "a.tmp-mine/a", "b.tmp-12-0", "b.tmp-12-0/b",
                                   "d", "d/ours"));
}

TEST_F(StagedOutputTest, SomethingThatCameMeanwhileIsKept) {
  auto output = StagedOutput::Choose("--out", Path("a"), Kind::kFile, false);
  ASSERT_TRUE(output.ok());
  const absl::Status status = output->Write([&](const std::string& staging) {
    Put("a", "theirs");
    return WriteBytes(staging, "new");
  });
  EXPECT_THAT(std::string(status.message()), HasSubstr("exists"));
  EXPECT_EQ(Text("a"), "theirs");
}

}  // namespace
}  // namespace tools
