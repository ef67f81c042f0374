#include "models/files/append_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// Takes at most three bytes at a time, and `room` bytes in all.
class SmallDisk : public FileSystem {
 public:
  ssize_t Write(int fd, const void* data, size_t size) override {
    if (takes_nothing) return 0;
    if (room == 0) {
      errno = ENOSPC;
      return -1;
    }
    const ssize_t n = FileSystem::Write(fd, data, std::min<size_t>({size, 3, room}));
    if (n > 0) room -= static_cast<size_t>(n);
    return n;
  }
  int Sync(int fd) override {
    if (sync_error == 0) return FileSystem::Sync(fd);
    errno = sync_error;
    return -1;
  }

  int Truncate(int fd, int64_t size) override {
    if (truncates) return FileSystem::Truncate(fd, size);
    errno = EIO;
    return -1;
  }

  size_t room = 1000;
  bool takes_nothing = false;
  bool truncates = true;
  int sync_error = 0;
};

class AppendFileTest : public ::testing::Test {
 protected:
  AppendFileTest()
      : path_((fs::path(std::getenv("TEST_TMPDIR")) /
               ::testing::UnitTest::GetInstance()->current_test_info()->name())
                  .string()) {
    fs::remove_all(path_);
  }
  std::string Read() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string path_;
  SmallDisk disk_;
};

TEST_F(AppendFileTest, CreateEmptiesAndCreateNewRefuses) {
  std::ofstream(path_) << "old";
  const auto refused = AppendFile::CreateNew(path_, &disk_);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(path_));
  EXPECT_EQ(Read(), "old");
  auto file = AppendFile::Create(path_, &disk_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(Read(), "");
  ASSERT_TRUE(file->Append("one record\n").ok());
  EXPECT_EQ(Read(), "one record\n");
  EXPECT_EQ(file->bytes(), 11);
}

TEST_F(AppendFileTest, ResumeCutsAndGoesOn) {
  EXPECT_EQ(AppendFile::Resume(path_, 0, &disk_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(fs::exists(path_));
  std::ofstream(path_) << "kept\ngone\n";
  auto file = AppendFile::Resume(path_, 5, &disk_);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Append("new\n").ok());
  EXPECT_EQ(Read(), "kept\nnew\n");
  EXPECT_EQ(file->bytes(), 9);
}

TEST_F(AppendFileTest, FullDiskLeavesWholeRecords) {
  auto file = AppendFile::Create(path_, &disk_);
  ASSERT_TRUE(file.ok() && file->Append("first\n").ok());
  for (const size_t room : {0, 1, 3, 6}) {
    disk_.room = room;
    const absl::Status status = file->Append("second\n");
    EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write " + path_)) << room;
    EXPECT_EQ(Read(), "first\n") << room;
    EXPECT_EQ(file->bytes(), 6);
  }
  disk_.room = 100;
  ASSERT_TRUE(file->Append("third\n").ok());
  EXPECT_EQ(Read(), "first\nthird\n");
}

// A bug once: the next record came behind the half one.
TEST_F(AppendFileTest, WhatCouldNotBeCutGoesBeforeTheNextRecord) {
  auto file = AppendFile::Create(path_, &disk_);
  ASSERT_TRUE(file.ok() && file->Append("first\n").ok());
  disk_.room = 3;
  disk_.truncates = false;
  EXPECT_FALSE(file->Append("second\n").ok());
  EXPECT_EQ(Read(), "first\nsec");
  disk_.room = 100;
  EXPECT_FALSE(file->Append("second\n").ok());
  disk_.truncates = true;
  ASSERT_TRUE(file->Append("third\n").ok());
  EXPECT_EQ(Read(), "first\nthird\n");
  EXPECT_EQ(file->bytes(), 12);
}

TEST_F(AppendFileTest, OnlyADiskThatFailsIsAnErrorOfSync) {
  auto file = AppendFile::Create(path_, &disk_);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->Sync().ok());
  for (const int error : {EINVAL, ENOTSUP, ENOSYS}) {  // the file system cannot flush
    disk_.sync_error = error;
    EXPECT_TRUE(file->Sync().ok());
  }
  for (const int error : {EIO, EROFS}) {
    auto other = AppendFile::Create(path_, &disk_);
    disk_.sync_error = error;
    EXPECT_THAT(std::string(other->Sync().message()), HasSubstr("cannot write " + path_));
    disk_.sync_error = 0;  // a system says it once
    EXPECT_THAT(std::string(other->Sync().message()), HasSubstr("cannot write " + path_));
  }
}

TEST_F(AppendFileTest, AWriteThatTakesNothingIsAnError) {
  auto file = AppendFile::Create(path_, &disk_);
  ASSERT_TRUE(file.ok());
  disk_.takes_nothing = true;  // a bug once: it was tried for ever
  EXPECT_THAT(std::string(file->Append("a").message()), HasSubstr("cannot write " + path_));
}

// A bug once: what the link leads to was emptied, and a pipe was waited for.
TEST_F(AppendFileTest, OnlyARegularFileOfThatNameIsWritten) {
  const std::string theirs = path_ + "_theirs";
  std::ofstream(theirs) << "theirs";
  fs::create_symlink(theirs, path_);
  for (const auto& file : {AppendFile::Create(path_, &disk_).status(),
                           AppendFile::Resume(path_, 0, &disk_).status()}) {
    EXPECT_THAT(std::string(file.message()), HasSubstr(path_ + ": it is a link; remove it"));
  }
  EXPECT_EQ(fs::file_size(theirs), 6u);
  fs::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(std::string(AppendFile::Create(path_, &disk_).status().message()),
              HasSubstr("it is no regular file"));
}

// A bug once: the rest of a run's lines went to a file without a name, and nothing said so.
TEST_F(AppendFileTest, ARemovedFileComesBackWhole) {
  auto file = AppendFile::Create(path_, &disk_);
  ASSERT_TRUE(file.ok() && file->Append("before\n").ok());
  fs::remove(path_);
  ASSERT_TRUE(file->Append("after\n").ok());
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(Read(), "before\nafter\n");
  ASSERT_TRUE(file->Append("more\n").ok() && file->Sync().ok());
  EXPECT_EQ(Read(), "before\nafter\nmore\n");
  EXPECT_EQ(file->bytes(), 18);
  // Somebody's own by that name stays.
  fs::remove(path_);
  std::ofstream(path_) << "theirs";
  ASSERT_TRUE(file->Append("x").ok() && file->Sync().ok());
  EXPECT_EQ(Read(), "theirs");
}

// A bug once: a run that went on cut the log in the copy that `cp -al` had made of its folder.
TEST_F(AppendFileTest, AFileThatHasAnotherNameKeepsItsBytesThere) {
  const std::string copy = path_ + "_copy";
  fs::remove(copy);
  const auto text_of_copy = [&copy] {
    std::ifstream file(copy);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  std::ofstream(path_) << "before\nafter\n";
  fs::create_hard_link(path_, copy);
  {
    auto file = AppendFile::Resume(path_, 7, &disk_);
    ASSERT_TRUE(file.ok() && file->Append("new\n").ok()) << file.status();
  }
  EXPECT_EQ(Read(), "before\nnew\n");
  EXPECT_EQ(text_of_copy(), "before\nafter\n");
  fs::remove(path_);
  fs::create_hard_link(copy, path_);
  ASSERT_TRUE(AppendFile::Create(path_, &disk_).ok());
  EXPECT_EQ(Read(), "");
  EXPECT_EQ(text_of_copy(), "before\nafter\n");
}

TEST_F(AppendFileTest, MovesWithItsFile) {
  AppendFile none;
  EXPECT_FALSE(none.is_open());
  {
    auto file = AppendFile::Create(path_, &disk_);
    ASSERT_TRUE(file.ok() && file->Append("a").ok());
    none = *std::move(file);
  }
  const AppendFile moved = std::move(none);
  EXPECT_TRUE(moved.is_open());
  EXPECT_EQ(moved.bytes(), 1);
  EXPECT_EQ(moved.path(), path_);
}

}  // namespace
}  // namespace models
