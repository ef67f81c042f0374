#include "models/files/input_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class InputFileTest : public ::testing::Test {
 protected:
  InputFileTest()
      : path_((fs::path(std::getenv("TEST_TMPDIR")) /
               ::testing::UnitTest::GetInstance()->current_test_info()->name())
                  .string()) {
    fs::remove_all(path_);
  }
  void ExpectError(absl::StatusCode code, const std::string& text) const {
    const absl::Status status = InputFile::Open(path_).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("cannot read " + path_));
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }

  std::string path_;
};

TEST_F(InputFileTest, ReadsWhatIsThere) {
  std::ofstream(path_) << "some bytes";
  auto file = InputFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  const InputFile moved = *std::move(file);
  EXPECT_EQ(moved.bytes(), 10);
  std::string to(5, '?');
  EXPECT_EQ(*moved.ReadAt(5, absl::MakeSpan(to)), 5u);
  EXPECT_EQ(to, "bytes");
  EXPECT_EQ(*moved.ReadAt(8, absl::MakeSpan(to)), 2u);
  EXPECT_EQ(*moved.ReadAt(99, absl::MakeSpan(to)), 0u);
  EXPECT_EQ(*InputFile::ReadAll(path_, 10), "some bytes");
  EXPECT_THAT(std::string(InputFile::ReadAll(path_, 9).status().message()),
              HasSubstr(path_ + " has 10 bytes"));
}

// A bug once: a pipe was waited for, and a device read for ever.
TEST_F(InputFileTest, WhatIsNoRegularFileIsNotRead) {
  ExpectError(absl::StatusCode::kNotFound, "No such file");
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  ExpectError(absl::StatusCode::kDataLoss, "no regular file");
  for (const char* target : {"/dev/zero", "."}) {
    fs::remove(path_);
    fs::create_symlink(target, path_);
    ExpectError(absl::StatusCode::kDataLoss, "no regular file");
  }
  fs::remove(path_);
  fs::create_symlink(path_, path_);
  ExpectError(absl::StatusCode::kDataLoss, "symbolic links");
}

// The file may be whole: nobody should call it damaged.
TEST_F(InputFileTest, WhatCannotBeReadJustNowIsToldFromWhatIsDamaged) {
  std::ofstream(path_) << "x";
  rlimit old;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  const rlimit none = {0, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const absl::Status status = InputFile::Open(path_).status();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

}  // namespace
}  // namespace models
