#include "models/files/durable.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/files/faulty_file_system.h"

namespace models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class DurableTest : public ::testing::Test {
 protected:
  DurableTest()
      : folder_(fs::path(std::getenv("TEST_TMPDIR")) /
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  size_t Count() const { return std::distance(fs::directory_iterator(folder_), {}); }

  fs::path folder_;
};

// From xxhash's own test of its sums: XXH3_64bits of no bytes.
TEST_F(DurableTest, SumsAreXxh3) {
  EXPECT_EQ(HexText(SumOfBytes("").xxh3), "2d06800538d394c2");
  const std::string bytes(3'000'001, 'x');
  ASSERT_TRUE(ReplaceFile(Path("a"), bytes, FileSystem::Real()).ok());
  EXPECT_TRUE(*SumOfFile(Path("a")) == SumOfBytes(bytes));
  auto writer = FileWriter::Create(Path("b"), FileSystem::Real());
  ASSERT_TRUE(writer.ok());
  for (size_t from = 0; from < bytes.size(); from += 999'983) {
    ASSERT_TRUE(writer->Append(absl::string_view(bytes).substr(from, 999'983)).ok());
  }
  EXPECT_TRUE(writer->sum() == SumOfBytes(bytes));
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(Read(Path("b")), bytes);
  EXPECT_THAT(std::string(SumOfFile(Path("none")).status().message()), HasSubstr("none"));
}

TEST_F(DurableTest, AFileThatIsNotFinishedGoes) {
  {
    auto writer = FileWriter::Create(Path("a"), FileSystem::Real());
    ASSERT_TRUE(writer.ok() && writer->Append("abc").ok());
    EXPECT_TRUE(fs::exists(Path("a")));
  }
  EXPECT_EQ(Count(), 0u);
}

TEST_F(DurableTest, NoFaultHarmsWhatWasThereOrLeavesSomething) {
  using Fault = FaultyFileSystem::Fault;
  for (const Fault fault : {Fault::kOnce, Fault::kForGood, Fault::kPowerOff}) {
    for (int64_t call = 0;; ++call) {
      FaultyFileSystem files;
      fs::remove_all(folder_);
      fs::create_directories(folder_);
      ASSERT_TRUE(ReplaceFile(Path("a"), "old", &files).ok());
      files.Break(call, fault, ENOSPC);
      const absl::Status status = ReplaceFile(Path("a"), "new and longer", &files);
      if (!files.broken()) {
        EXPECT_TRUE(status.ok()) << status;
        EXPECT_GT(call, 3);  // open, write, flush, rename, flush
        break;
      }
      EXPECT_FALSE(status.ok()) << call;
      EXPECT_THAT(std::string(status.message()), HasSubstr(folder_.string()));
      const std::string now = Read(Path("a"));
      EXPECT_TRUE(now == "old" || now == "new and longer") << now;
      if (fault != Fault::kPowerOff) {
        EXPECT_EQ(Count(), 1u) << call;
      }
    }
  }
}

TEST_F(DurableTest, ASumThatIsNotTheFilesIsNamed) {
  ASSERT_TRUE(ReplaceFile(Path("a"), "abc", FileSystem::Real()).ok());
  EXPECT_TRUE(CheckSum(Path("a"), SumOfBytes("abc")).ok());
  EXPECT_THAT(std::string(CheckSum(Path("a"), SumOfBytes("abd")).message()),
              HasSubstr(Path("a") + " is not what was written: its sum"));
  EXPECT_THAT(std::string(CheckSum(Path("a"), SumOfBytes("ab")).message()),
              HasSubstr("it has 3 bytes instead of 2"));
}

TEST_F(DurableTest, AFileIsOnTheDiskBeforeItHasItsNameAndItsNameBeforeAllIsDone) {
  FaultyFileSystem files;
  ASSERT_TRUE(ReplaceFile(Path("a"), "bytes", &files).ok());
  const std::string half = "a.tmp-" + std::to_string(::getpid()) + "-0";
  EXPECT_THAT(files.done(), ElementsAre("create " + half, "write " + half, "flush " + half,
                                        "rename a", "flush " + folder_.filename().string()));
}

// Some cannot, and a run there is as safe as it can be.
TEST_F(DurableTest, AFileSystemThatCannotFlushIsForgiven) {
  class NoFlush : public FileSystem {
   public:
    int Sync(int) override {
      errno = error;
      return -1;
    }
    int error = EINVAL;
  } files;
  for (const int error : {EINVAL, ENOTSUP, ENOSYS}) {
    files.error = error;
    EXPECT_TRUE(ReplaceFile(Path("a"), "bytes", &files).ok());
  }
  files.error = EIO;
  EXPECT_FALSE(ReplaceFile(Path("a"), "bytes", &files).ok());
}

// A bug once: nothing was ever saved there. /proc is such a file system.
TEST_F(DurableTest, WhatAFileSystemWithoutBlocksHasFreeIsUnknown) {
  EXPECT_EQ(FileSystem::Real()->FreeBytes("/proc"), -1);
  EXPECT_GE(FileSystem::Real()->FreeBytes(folder_.string()), 0);
}

TEST_F(DurableTest, MoreThanAFewMegabytesNeedRoom) {
  FaultyFileSystem files;
  files.set_free_bytes(14 << 20);
  EXPECT_TRUE(CheckRoom("it", 10 << 20, Path(""), &files).ok());
  const absl::Status status = CheckRoom("it", 11 << 20, Path(""), &files);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "it needs 15 MiB and " + Path("") + " has 14 MiB free");
  files.set_free_bytes(0);
  EXPECT_TRUE(CheckRoom("it", 4 << 20, Path(""), &files).ok());
  EXPECT_FALSE(CheckRoom("it", (4 << 20) + 1, Path(""), &files).ok());
}

TEST_F(DurableTest, CopiesAsManyBytesAsAreAskedFor) {
  const std::string bytes(3'000'001, 'x');
  ASSERT_TRUE(ReplaceFile(Path("a"), bytes, FileSystem::Real()).ok());
  for (const size_t most : {size_t{0}, size_t{5}, bytes.size(), bytes.size() + 9}) {
    ASSERT_TRUE(
        CopyFile(Path("a"), static_cast<int64_t>(most), Path("b"), FileSystem::Real()).ok());
    EXPECT_EQ(Read(Path("b")), bytes.substr(0, most));
  }
  EXPECT_TRUE(absl::IsNotFound(CopyFile(Path("none"), 1, Path("c"), FileSystem::Real())));
  EXPECT_EQ(Count(), 2u);
}

// A bug once: the files were removed that a link in a run's folder led to.
TEST_F(DurableTest, OfALinkToAFolderTheLinkAloneGoes) {
  fs::create_directories(folder_ / "theirs");
  std::ofstream(folder_ / "theirs/file") << "x";
  fs::create_directories(folder_ / "a");
  fs::create_directory_symlink(folder_ / "theirs", folder_ / "a/link");
  fs::create_directory_symlink(folder_ / "theirs", folder_ / "link");
  RemoveFolder(Path("a"), FileSystem::Real());
  RemoveFolder(Path("link"), FileSystem::Real());
  EXPECT_TRUE(fs::exists(folder_ / "theirs/file"));
  EXPECT_EQ(Count(), 1u);
}

TEST_F(DurableTest, FoldersInAFolderStay) {
  fs::create_directories(folder_ / "a/b");
  std::ofstream(folder_ / "a/file") << "x";
  std::ofstream(folder_ / "a/b/file") << "x";
  RemoveFolder(Path("a"), FileSystem::Real());
  EXPECT_TRUE(fs::exists(folder_ / "a/b/file"));
  EXPECT_FALSE(fs::exists(folder_ / "a/file"));
  fs::remove(folder_ / "a/b/file");
  RemoveFolder(Path("a"), FileSystem::Real());
  EXPECT_EQ(Count(), 0u);
}

}  // namespace
}  // namespace models
