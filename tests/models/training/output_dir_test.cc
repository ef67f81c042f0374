#include "models/training/output_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class OutputDirTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(std::getenv("TEST_TMPDIR")) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    ::setenv("BUILD_WORKING_DIRECTORY", folder_.c_str(), 1);
  }
  void TearDown() override { ::unsetenv("BUILD_WORKING_DIRECTORY"); }

  void Touch(const fs::path& path) { std::ofstream(folder_ / path) << "old"; }
  std::string Error(const std::string& output_dir) {
    const auto dir = OutputDir::Choose(output_dir, "m", EarlierRun::kRefuse);
    EXPECT_FALSE(dir.ok());
    return std::string(dir.status().message());
  }
  size_t Count() const { return std::distance(fs::recursive_directory_iterator(folder_), {}); }

  fs::path folder_;
};

TEST_F(OutputDirTest, ResolvesAgainstTheFolderTheCommandWasTypedIn) {
  EXPECT_EQ(ResolveUserPath("a/b"), (folder_ / "a/b").string());
  EXPECT_EQ(ResolveUserPath("./a"), (folder_ / "a").string());
  EXPECT_EQ(ResolveUserPath("../x"), (folder_.parent_path() / "x").string());
  EXPECT_EQ(ResolveUserPath("/abs/x"), "/abs/x");
  EXPECT_EQ(ResolveUserPath(""), "");
  ::unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(ResolveUserPath("a/b"), "a/b");
}

TEST_F(OutputDirTest, ChoosingTouchesNothingAndCreatingMakesAll) {
  auto dir = OutputDir::Choose("runs/deep/a", "m", EarlierRun::kRefuse);
  ASSERT_TRUE(dir.ok()) << dir.status();
  EXPECT_EQ(Count(), 0u);
  ASSERT_TRUE(dir->Create().ok());
  EXPECT_EQ(dir->path(), (folder_ / "runs/deep/a").string());
  EXPECT_TRUE(fs::is_directory(folder_ / "runs/deep/a"));
  EXPECT_EQ(dir->File(kMetricsFile), (folder_ / "runs/deep/a/metrics.jsonl").string());
}

TEST_F(OutputDirTest, DefaultIsNamedByModelAndTimeAndUnique) {
  const absl::Time now =
      absl::FromCivil(absl::CivilSecond(2024, 6, 7, 8, 9, 10), absl::LocalTimeZone());
  for (const char* want : {"", "-2", "-3"}) {
    auto dir = OutputDir::Choose("", "droppos_tiny", EarlierRun::kRefuse, now);
    ASSERT_TRUE(dir.ok()) << dir.status();
    EXPECT_EQ(dir->path(), (folder_ / "runs/droppos_tiny-20240607-080910").string() + want);
    ASSERT_TRUE(dir->Create().ok());
    EXPECT_TRUE(fs::is_directory(dir->path()));
  }
}

TEST_F(OutputDirTest, TwoRunsOfTheSameSecondGetTwoFolders) {
  const absl::Time now = absl::Now();
  auto first = OutputDir::Choose("", "m", EarlierRun::kRefuse, now),
       second = OutputDir::Choose("", "m", EarlierRun::kRefuse, now);
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_EQ(first->path(), second->path());
  ASSERT_TRUE(first->Create().ok());
  ASSERT_TRUE(second->Create().ok());
  EXPECT_NE(first->path(), second->path());
  EXPECT_TRUE(fs::is_directory(second->path()));
}

TEST_F(OutputDirTest, FolderWithOtherFilesIsUsedAsItIs) {
  fs::create_directories(folder_ / "a");
  Touch("a/notes.txt");
  auto dir = OutputDir::Choose("a", "m", EarlierRun::kRefuse);
  ASSERT_TRUE(dir.ok()) << dir.status();
  ASSERT_TRUE(dir->Create().ok());
  EXPECT_TRUE(fs::exists(folder_ / "a/notes.txt"));
}

TEST_F(OutputDirTest, EarlierRunIsRefusedOrReplaced) {
  for (const char* name :
       {kMetricsFile, kFlagsFile, kTrainLogFile, kEnvironmentFile, kNewestModel}) {
    fs::remove_all(folder_ / "a");
    fs::create_directories(folder_ / "a/sub");
    Touch(fs::path("a") / name);
    Touch("a/notes.txt");
    const auto refused = OutputDir::Choose("a", "m", EarlierRun::kRefuse);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr((folder_ / "a").string()));
    EXPECT_THAT(std::string(refused.status().message()),
                AllOf(HasSubstr("--resume=auto goes on"), HasSubstr("--overwrite replaces"),
                      HasSubstr("choose another --output_dir")));
    auto dir = OutputDir::Choose("a", "m", EarlierRun::kReplace);
    ASSERT_TRUE(dir.ok()) << dir.status();
    EXPECT_TRUE(fs::exists(folder_ / "a" / name)) << "removed before Create()";
    ASSERT_TRUE(dir->Create().ok());
    EXPECT_FALSE(fs::exists(folder_ / "a" / name));
    EXPECT_TRUE(fs::exists(folder_ / "a/notes.txt"));
    EXPECT_TRUE(fs::exists(folder_ / "a/sub"));
  }
}

// A bug once: `vis` was removed whatever it was, and without --overwrite.
TEST_F(OutputDirTest, OnlyARunsOwnPicturesAreReplaced) {
  fs::create_directories(folder_ / "file");
  Touch("file/vis");
  auto file = OutputDir::Choose("file", "m", EarlierRun::kRefuse);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Create().ok());
  EXPECT_TRUE(fs::is_regular_file(folder_ / "file/vis"));

  fs::create_directories(folder_ / "link");
  fs::create_directories(folder_ / "elsewhere");
  Touch("elsewhere/step_0000001.png");
  fs::create_directory_symlink(folder_ / "elsewhere", folder_ / "link/vis");
  auto link = OutputDir::Choose("link", "m", EarlierRun::kReplace);
  ASSERT_TRUE(link.ok());
  EXPECT_THAT(std::string(link->Create().message()), HasSubstr("link/vis is a link"));
  EXPECT_TRUE(fs::is_symlink(folder_ / "link/vis"));
  EXPECT_TRUE(fs::exists(folder_ / "elsewhere/step_0000001.png"));

  fs::create_directories(folder_ / "run/vis");
  Touch("run/vis/step_0000001.png");
  Touch("run/vis/mine.png");
  EXPECT_THAT(Error("run"), HasSubstr("already holds a run"));
  auto run = OutputDir::Choose("run", "m", EarlierRun::kReplace);
  ASSERT_TRUE(run.ok() && run->Create().ok());
  EXPECT_FALSE(fs::exists(folder_ / "run/vis/step_0000001.png"));
  EXPECT_TRUE(fs::exists(folder_ / "run/vis/mine.png"));
}

TEST_F(OutputDirTest, CheckpointsAreReplacedAndNothingElseInTheirFolder) {
  for (const char* name : {"checkpoints/step_00000007/DONE", "checkpoints/.new-step_00000009/DONE",
                           "checkpoints/mine/notes.txt", "capsules/step_00000003/state.json",
                           "capsules/.new-step_00000004/DONE"}) {
    fs::create_directories((folder_ / "a" / name).parent_path());
    Touch(fs::path("a") / name);
  }
  EXPECT_THAT(Error("a"), HasSubstr("already holds a run"));
  auto dir = OutputDir::Choose("a", "m", EarlierRun::kReplace);
  ASSERT_TRUE(dir.ok() && dir->Create().ok());
  EXPECT_FALSE(fs::exists(folder_ / "a/checkpoints/step_00000007"));
  EXPECT_FALSE(fs::exists(folder_ / "a/checkpoints/.new-step_00000009"));
  EXPECT_TRUE(fs::exists(folder_ / "a/checkpoints/mine/notes.txt"));
  EXPECT_FALSE(fs::exists(folder_ / "a/capsules"));
}

// A bug once: names that only began like a run's went, and what links led to.
TEST_F(OutputDirTest, OnlyExactNamesAreARunsOwnAndNoLinkIsFollowed) {
  const std::vector<std::string> theirs = {
      "checkpoints/step_notes/a", "checkpoints/damaged_step_00000007-old/a",
      "checkpoints/.old-step/a",  "vis/step_by_step.png",
      "profile/ops_mine.csv",     "tensorboard/events.out.tfevents.mine",
      "capsules/step_3/a",        "elsewhere/DONE"};
  const std::vector<std::string> ours = {"checkpoints/damaged_step_00000007/DONE",
                                         "checkpoints/damaged_step_00000007-2/DONE",
                                         "checkpoints/step_00000007.replaced/DONE",
                                         "checkpoints/.old-step_00000007/DONE",
                                         "profile/ops.csv",
                                         "tensorboard/events.out.tfevents.0123456789.host"};
  for (const auto& names : {theirs, ours}) {
    for (const std::string& name : names) {
      fs::create_directories((folder_ / "a" / name).parent_path());
      Touch(fs::path("a") / name);
    }
  }
  fs::create_directory_symlink(folder_ / "a/elsewhere", folder_ / "a/checkpoints/step_00000008");
  auto dir = OutputDir::Choose("a", "m", EarlierRun::kReplace);
  ASSERT_TRUE(dir.ok() && dir->Create().ok());
  for (const std::string& name : theirs) EXPECT_TRUE(fs::exists(folder_ / "a" / name)) << name;
  for (const std::string& name : ours) EXPECT_FALSE(fs::exists(folder_ / "a" / name)) << name;
  EXPECT_FALSE(fs::is_symlink(folder_ / "a/checkpoints/step_00000008"));
}

TEST_F(OutputDirTest, OfALinkInPlaceOfAFolderNothingIsWrittenThrough) {
  for (const char* name : {"vis", "profile", "tensorboard", "capsules", "checkpoints"}) {
    fs::remove_all(folder_ / "a");
    fs::create_directories(folder_ / "a");
    fs::create_directory_symlink(folder_, folder_ / "a" / name);
    auto dir = OutputDir::Choose("a", "m", EarlierRun::kResume);
    ASSERT_TRUE(dir.ok());
    const absl::Status status = dir->Create();
    if (std::string(name) == "checkpoints") {  // on another disk, on purpose
      EXPECT_TRUE(status.ok()) << status;
    } else {
      EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(name) + " is a link"));
    }
  }
}

TEST_F(OutputDirTest, ResumingKeepsEverythingAndDiscardsNothing) {
  fs::create_directories(folder_ / "a/checkpoints/step_00000007");
  Touch("a/metrics.jsonl");
  auto dir = OutputDir::Choose("a", "m", EarlierRun::kResume);
  ASSERT_TRUE(dir.ok() && dir->Create().ok());
  dir->DiscardUnlessBegun();
  EXPECT_TRUE(fs::exists(folder_ / "a/metrics.jsonl"));
  EXPECT_TRUE(fs::exists(folder_ / "a/checkpoints/step_00000007"));
}

TEST_F(OutputDirTest, WhatAKilledRunHadHalfWrittenGoes) {
  fs::create_directories(folder_ / "a");
  for (const char* name : {"metrics.jsonl", "flags.txt.tmp-12-0", "environment.json.tmp-7-3",
                           "mine.tmp-1-0", "checkpoint.safetensors.tmp"}) {
    std::ofstream(folder_ / "a" / name) << "x";
  }
  // A bug once: these went, too.
  const std::vector<std::string> theirs = {"flags.txt.tmpl", "metrics.jsonl.tmp",
                                           "train.log.tmp_mine.txt", "train.log.tmp-1-0-a"};
  for (const std::string& name : theirs) std::ofstream(folder_ / "a" / name) << "x";
  // A bug once: a picture's half stayed.
  fs::create_directories(folder_ / "a/vis");
  for (const char* name : {"step_0000070.png", "step_0000140.png.tmp-12-0", "mine.png.tmp-12-0"}) {
    std::ofstream(folder_ / "a/vis" / name) << "x";
  }
  auto dir = OutputDir::Choose("a", "m", EarlierRun::kResume);
  ASSERT_TRUE(dir.ok() && dir->Create().ok());
  EXPECT_TRUE(fs::exists(folder_ / "a/metrics.jsonl"));
  EXPECT_TRUE(fs::exists(folder_ / "a/mine.tmp-1-0"));
  for (const std::string& name : theirs) {
    EXPECT_TRUE(fs::exists(folder_ / "a" / name)) << name;
    fs::remove(folder_ / "a" / name);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "a"), fs::directory_iterator()), 4);
  EXPECT_TRUE(fs::exists(folder_ / "a/.lock"));
  EXPECT_FALSE(fs::exists(folder_ / "a/vis/step_0000140.png.tmp-12-0"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "a/vis"), fs::directory_iterator()), 2);
}

// A bug once: an error before the first step left a folder that blocked the next try.
TEST_F(OutputDirTest, ARunThatHasNotBegunLeavesNothing) {
  {
    auto dir = OutputDir::Choose("deep/a", "m", EarlierRun::kRefuse);
    ASSERT_TRUE(dir.ok());
    dir->DiscardUnlessBegun();  // there is nothing yet
    ASSERT_TRUE(dir->Create().ok());
    Touch("deep/a/train.log");
    Touch("deep/a/flags.txt");
    std::ofstream(folder_ / "deep/a/metrics.jsonl") << "";
    dir->DiscardUnlessBegun();
  }
  EXPECT_EQ(Count(), 0u);
  for (const char* begun : {"a/metrics.jsonl", "a/capsules/step_00000001/DONE",
                            "a/checkpoints/step_00000001/model.safetensors"}) {
    auto dir = OutputDir::Choose("a", "m", EarlierRun::kRefuse);
    ASSERT_TRUE(dir.ok() && dir->Create().ok());
    fs::create_directories((folder_ / begun).parent_path());
    Touch(begun);
    dir->DiscardUnlessBegun();
    EXPECT_TRUE(fs::exists(folder_ / begun));
    // What another folder's run had is no step of this one.
    dir->DiscardUnlessBegun(3);
    EXPECT_EQ(fs::exists(folder_ / begun), begun != std::string("a/metrics.jsonl"));
    fs::remove_all(folder_ / "a");
  }
}

TEST_F(OutputDirTest, SaysWhereTheFolderIsNow) {
  auto dir = OutputDir::Choose("a", "m", EarlierRun::kRefuse);
  ASSERT_TRUE(dir.ok() && dir->Create().ok());
  EXPECT_EQ(*dir->PathNow(), (folder_ / "a").string());
  fs::rename(folder_ / "a", folder_ / "b");
  EXPECT_EQ(*dir->PathNow(), (folder_ / "b").string());
  auto next = OutputDir::Choose("a", "m", EarlierRun::kRefuse);
  ASSERT_TRUE(next.ok() && next->Create().ok());
  EXPECT_EQ(*dir->PathNow(), (folder_ / "b").string());
  Touch("a/flags.txt");
  Touch("b/flags.txt");
  dir->DiscardUnlessBegun();
  EXPECT_TRUE(fs::exists(folder_ / "a/flags.txt"));
  EXPECT_TRUE(fs::exists(folder_ / "b/flags.txt"));
  fs::remove_all(folder_ / "b");
  EXPECT_THAT(std::string(dir->PathNow().status().message()),
              HasSubstr("no longer at " + (folder_ / "a").string()));
}

// flock() of a folder is nothing that a network file system knows: it wants a file that is open
// for writing.
TEST_F(OutputDirTest, TheLockIsAFileOfItsOwn) {
  fs::create_directories(folder_ / "a");
  {
    auto dir = OutputDir::Choose("a", "m", EarlierRun::kRefuse);
    ASSERT_TRUE(dir.ok() && dir->Create().ok());
    EXPECT_TRUE(dir->is_locked());
    const int fd = ::open((folder_ / "a/.lock").c_str(), O_RDWR);
    EXPECT_NE(::flock(fd, LOCK_EX | LOCK_NB), 0);
    ::close(fd);
  }
  const int fd = ::open((folder_ / "a/.lock").c_str(), O_RDWR);
  EXPECT_EQ(::flock(fd, LOCK_EX | LOCK_NB), 0);
  EXPECT_THAT(Error("a"), HasSubstr("a run is writing to"));
  ::close(fd);
  EXPECT_TRUE(OutputDir::Choose("a", "m", EarlierRun::kRefuse).ok());
  fs::remove(folder_ / "a/.lock");
  fs::create_symlink(folder_ / "theirs", folder_ / "a/.lock");
  EXPECT_THAT(Error("a"), HasSubstr("a/.lock is no file of a run; remove it"));
  fs::remove(folder_ / "a/.lock");
  ASSERT_EQ(::mkfifo((folder_ / "a/.lock").c_str(), 0600), 0);
  EXPECT_THAT(Error("a"), HasSubstr("a/.lock is no file of a run; remove it"));
}

TEST_F(OutputDirTest, AFolderInUseIsRefusedUntilItIsLeft) {
  for (EarlierRun earlier : {EarlierRun::kRefuse, EarlierRun::kReplace, EarlierRun::kResume}) {
    auto before = OutputDir::Choose("a", "m", earlier);
    ASSERT_TRUE(before.ok());
    {
      auto first = OutputDir::Choose("a", "m", earlier);
      ASSERT_TRUE(first.ok() && first->Create().ok());
      const OutputDir moved = *std::move(first);
      const auto second = OutputDir::Choose("a", "m", earlier);
      EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(std::string(second.status().message()), HasSubstr("a run is writing to"));
      EXPECT_EQ(before->Create().code(), absl::StatusCode::kFailedPrecondition);
    }
    EXPECT_TRUE(before->Create().ok());
  }
}

// A bug once: each pruned the other's steps.
TEST_F(OutputDirTest, OneRunAtATimeHasTheFolderThatCheckpointsLeadTo) {
  for (const char* name : {"disk", "a", "b", "plain/checkpoints", "to_plain", "to_link"}) {
    fs::create_directories(folder_ / name);
  }
  const std::pair<const char*, const char*> links[] = {{"a", "disk"},
                                                       {"b", "disk"},
                                                       {"to_plain", "plain/checkpoints"},
                                                       {"to_link", "to_plain/checkpoints"}};
  for (const auto& [run, target] : links) {
    fs::create_directory_symlink(folder_ / target, folder_ / run / "checkpoints");
  }
  const std::pair<const char*, const char*> pairs[] = {{"a", "b"},
                                                       {"plain", "to_plain"},
                                                       {"to_plain", "plain"},
                                                       {"to_link", "to_plain"},
                                                       {"to_link", "plain"}};
  for (const auto& [one, other] : pairs) {
    SCOPED_TRACE(std::string(one) + " and " + other);
    auto before = OutputDir::Choose(other, "m", EarlierRun::kResume);
    ASSERT_TRUE(before.ok());
    {
      auto first = OutputDir::Choose(one, "m", EarlierRun::kRefuse);
      ASSERT_TRUE(first.ok() && first->Create().ok());
      EXPECT_TRUE(first->is_locked());
      const std::string saves =
          "another run saves into " + (folder_ / other / "checkpoints").string();
      EXPECT_THAT(Error(other), AnyOf(HasSubstr(saves), HasSubstr("a run is writing to")));
      EXPECT_EQ(before->Create().code(), absl::StatusCode::kFailedPrecondition);
    }
    EXPECT_TRUE(before->Create().ok());
  }
  fs::remove_all(folder_ / "disk");
  EXPECT_THAT(Error("a"), HasSubstr("a/checkpoints is a link to no folder; is the disk"));
}

// A bug once: what had the names of checkpoints went, whoever had made it, and the link with it.
TEST_F(OutputDirTest, NothingIsReplacedThroughALink) {
  fs::create_directories(folder_ / "a");
  fs::create_directories(folder_ / "disk/step_00000007");
  Touch("disk/step_00000007/theirs");
  fs::create_directory_symlink(folder_ / "disk", folder_ / "a/checkpoints");
  Touch("a/metrics.jsonl");
  const auto chosen = OutputDir::Choose("a", "m", EarlierRun::kReplace);
  EXPECT_THAT(std::string(chosen.status().message()),
              AllOf(HasSubstr("a/checkpoints is a link to a folder with checkpoints"),
                    HasSubstr("remove them, or the link")));
  EXPECT_FALSE(RemoveRun((folder_ / "a").string()).ok());
  EXPECT_TRUE(fs::exists(folder_ / "disk/step_00000007/theirs"));
  EXPECT_TRUE(fs::exists(folder_ / "a/metrics.jsonl"));
  fs::rename(folder_ / "disk/step_00000007", folder_ / "disk/theirs");
  auto dir = OutputDir::Choose("a", "m", EarlierRun::kReplace);
  ASSERT_TRUE(dir.ok() && dir->Create().ok());
  EXPECT_FALSE(fs::exists(folder_ / "a/metrics.jsonl"));
  EXPECT_TRUE(fs::is_symlink(folder_ / "a/checkpoints"));
  EXPECT_TRUE(fs::exists(folder_ / "disk/theirs/theirs"));
}

TEST_F(OutputDirTest, RunThatBeganMeanwhileIsNotTouched) {
  auto dir = OutputDir::Choose("a", "m", EarlierRun::kRefuse);
  ASSERT_TRUE(dir.ok());
  fs::create_directories(folder_ / "a");
  Touch(fs::path("a") / kMetricsFile);
  EXPECT_EQ(dir->Create().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(fs::exists(folder_ / "a" / kMetricsFile));
}

TEST_F(OutputDirTest, FilesAndDanglingLinksInTheWay) {
  Touch("file");
  EXPECT_THAT(Error("file"), HasSubstr((folder_ / "file").string() + " is a file, not a folder"));
  EXPECT_THAT(Error("file/a/b"), HasSubstr("is a file, not a folder; choose another --output_dir"));
  fs::create_symlink(folder_ / "nowhere", folder_ / "link");
  EXPECT_THAT(Error("link"), HasSubstr("is a link to nothing"));
  EXPECT_THAT(Error("link/a"), HasSubstr("is a link to nothing"));
  EXPECT_EQ(Count(), 2u);
}

TEST_F(OutputDirTest, UnwritableFoldersAreRefused) {
  // /proc refuses new folders to everyone, root included.
  auto dir = OutputDir::Choose("/proc/droppos_no_such", "m", EarlierRun::kRefuse);
  const absl::Status status = dir.ok() ? dir->Create() : dir.status();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("the output folder /proc/droppos_no_such"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("choose another --output_dir"));
  if (::geteuid() == 0) return;  // modes do not bind root
  fs::create_directories(folder_ / "shut");
  fs::permissions(folder_ / "shut", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(Error("shut"), HasSubstr("shut: cannot write to"));
  EXPECT_THAT(Error("shut/new/a"), HasSubstr("cannot write to " + (folder_ / "shut").string()));
  fs::permissions(folder_ / "shut", fs::perms::owner_all);
}

TEST_F(OutputDirTest, FailedCreationLeavesNothing) {
  auto dir = OutputDir::Choose("a/" + std::string(300, 'x'), "m", EarlierRun::kRefuse);
  // A name that no file system takes: found by looking, or else by making it.
  EXPECT_FALSE(dir.ok() && dir->Create().ok());
  auto blocked = OutputDir::Choose("b/c/d", "m", EarlierRun::kRefuse);
  ASSERT_TRUE(blocked.ok());
  Touch("b");
  EXPECT_FALSE(blocked->Create().ok());
  EXPECT_EQ(Count(), 1u);
}

}  // namespace
}  // namespace models
