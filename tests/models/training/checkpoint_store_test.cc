#include "models/training/checkpoint_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/files/replace_folder.h"
#include "tests/models/files/faulty_file_system.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;
using Fault = FaultyFileSystem::Fault;

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class CheckpointStoreTest : public ::testing::Test {
 protected:
  CheckpointStoreTest() : model_(TinyModelConfig(), TinyDropPosConfig(true)) {
    auto session = Session::Create(&model_, engine_.Options(4));
    CHECK(session.ok());
    session_ = *std::move(session);
    NewFolder();
  }

  void NewFolder() {
    folder_ = fs::path(std::getenv("TEST_TMPDIR")) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  // Every value that a checkpoint keeps becomes one of its own.
  void SetValues(float value) {
    for (const Parameter& p : session_->parameters()) {
      FillBlob(session_->workspace(), p.name, value);
    }
    for (const std::string& name : session_->optimizer_state()) {
      const graph::Tensor tensor = *session_->workspace()->Find(name);
      if (tensor.type.dtype == graph::DType::kI32) {
        ASSERT_TRUE(tensor.WriteScalar(static_cast<int32_t>(value)).ok());
      } else {
        FillBlob(session_->workspace(), name, value + 0.5f);
      }
    }
  }
  // That every value is what SetValues(value) made it.
  void ExpectValues(float value) {
    for (const Parameter& p : session_->parameters()) {
      for (float x : BlobValues(session_->workspace(), p.name)) ASSERT_EQ(x, value);
    }
    for (const std::string& name : session_->optimizer_state()) {
      const graph::Tensor tensor = *session_->workspace()->Find(name);
      if (tensor.type.dtype == graph::DType::kI32) {
        ASSERT_EQ(tensor.Read<int32_t>()->at(0), static_cast<int32_t>(value));
      } else {
        for (float x : BlobValues(session_->workspace(), name)) ASSERT_EQ(x, value + 0.5f);
      }
    }
  }

  // Saves step `step`, whose values are `step`.
  absl::Status Save(int64_t step, FileSystem* files = FileSystem::Real(), KeepPolicy policy = {}) {
    SetValues(static_cast<float>(step));
    RunState state;
    state.step = step;
    state.notes["flags"] = "x";
    return CheckpointStore(folder_.string(), policy, files)
        .Save(state, *session_, {{"model", "m"}})
        .status();
  }

  // The newest whole checkpoint's step, after restoring it and looking at every value.
  int64_t Newest() {
    const auto newest = FindNewestCheckpoint(folder_.string());
    if (!newest.ok()) return -1;
    const int64_t step = newest->checkpoint.state.step;
    SetValues(-1);
    const absl::Status restored = RestoreCheckpoint(newest->checkpoint, session_.get());
    EXPECT_TRUE(restored.ok()) << restored;
    ExpectValues(static_cast<float>(step));
    return step;
  }

  // Folders that no reader takes for a checkpoint, and files that are in the way.
  int Leftovers() {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(folder_ / kCheckpointsFolder)) {
      const std::string name = entry.path().filename().string();
      count += name[0] == '.' || absl::EndsWith(name, kReplacedSuffix);
    }
    return count + fs::exists(fs::symlink_status(folder_ / "checkpoint.safetensors.tmp"));
  }

  TinyEngine engine_;
  DropPos model_;
  std::unique_ptr<Session> session_;
  fs::path folder_;
};

TEST_F(CheckpointStoreTest, SavesAndRestoresEverything) {
  ASSERT_TRUE(Save(7).ok());
  EXPECT_EQ(Newest(), 7);
  const fs::path saved = folder_ / "checkpoints/step_00000007";
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.json", "DONE"}) {
    EXPECT_TRUE(fs::exists(saved / name)) << name;
  }
  EXPECT_EQ(fs::read_symlink(folder_ / "checkpoint.safetensors"),
            "checkpoints/step_00000007/model.safetensors");
  const auto state = OpenCheckpoint(saved);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->state.notes.at("flags"), "x");
  ASSERT_TRUE(Save(9).ok());
  EXPECT_EQ(Read(folder_ / "checkpoint.safetensors"),
            Read(folder_ / "checkpoints/step_00000009/model.safetensors"));
}

TEST_F(CheckpointStoreTest, KeepsTheNewestAndThoseOfEveryNthStep) {
  for (int64_t step : {10, 15, 20, 25, 30, 35}) {
    ASSERT_TRUE(Save(step, FileSystem::Real(), {2, 20}).ok());
  }
  EXPECT_THAT(*CheckpointSteps(folder_.string()), ElementsAre(20, 30, 35));
  ASSERT_TRUE(Save(36, FileSystem::Real(), {1, 0}).ok());
  EXPECT_THAT(*CheckpointSteps(folder_.string()), ElementsAre(36));
  for (int64_t step : {40, 41, 42}) ASSERT_TRUE(Save(step, FileSystem::Real(), {0, 0}).ok());
  EXPECT_THAT(*CheckpointSteps(folder_.string()), ElementsAre(36, 40, 41, 42));
  EXPECT_EQ(Leftovers(), 0);
}

TEST_F(CheckpointStoreTest, TheBestStaysUntilThereIsABetter) {
  CheckpointStore store(folder_.string(), {1, 0});
  const auto save = [&](int64_t step) {
    RunState state;
    state.step = step;
    return store.Save(state, *session_, {}).status();
  };
  const fs::path link = folder_ / "best.safetensors";
  for (int64_t step : {1, 2, 3, 4}) {
    ASSERT_TRUE(save(step).ok());
    ASSERT_TRUE(step != 2 || store.KeepBest(2).ok());
  }
  EXPECT_THAT(*CheckpointSteps(folder_.string()), ElementsAre(2, 4));
  EXPECT_EQ(fs::read_symlink(link), "checkpoints/step_00000002/model.safetensors");
  ASSERT_TRUE(store.KeepBest(4).ok());
  ASSERT_TRUE(store.KeepBest(7).ok()) << "of another folder";
  ASSERT_TRUE(save(5).ok());
  EXPECT_THAT(*CheckpointSteps(folder_.string()), ElementsAre(4, 5));
  EXPECT_EQ(fs::read_symlink(link), "checkpoints/step_00000004/model.safetensors");
}

TEST_F(CheckpointStoreTest, TheSameStepIsReplaced) {
  ASSERT_TRUE(Save(7).ok());
  RunState state;
  state.step = 7;
  state.notes["flags"] = "second";
  ASSERT_TRUE(CheckpointStore(folder_.string(), {}).Save(state, *session_, {}).ok());
  EXPECT_EQ(OpenCheckpoint(folder_ / "checkpoints/step_00000007")->state.notes.at("flags"),
            "second");
  EXPECT_EQ(Leftovers(), 0);
}

// Of every call that changes something, in turn: it fails, the disk is full from then on,
// or the power goes off at it.
TEST_F(CheckpointStoreTest, NoFaultHarmsAnEarlierCheckpoint) {
  struct Case {
    bool again;      // a step that is there already
    bool exchanges;  // on a file system that can exchange names
  };
  for (const auto [again, exchanges] : {Case{false, true}, Case{true, true}, Case{true, false}}) {
    for (const Fault fault : {Fault::kOnce, Fault::kForGood, Fault::kPowerOff}) {
      int64_t call = 0;
      for (bool broken = true; broken; ++call) {
        NewFolder();
        FaultyFileSystem files;
        files.set_exchanges(exchanges);
        ASSERT_TRUE(Save(7, &files).ok());
        ASSERT_TRUE(!again || Save(8, &files).ok());
        files.Break(call, fault, ENOSPC);
        const absl::Status status = Save(8, &files);
        broken = files.broken();
        const int64_t newest = Newest();
        EXPECT_TRUE(newest == 8 || (newest == 7 && !again)) << newest << " at call " << call;
        if (status.ok()) {
          EXPECT_EQ(newest, 8);
        } else {
          EXPECT_THAT(std::string(status.message()), HasSubstr(folder_.string()));
        }
        if (!broken) {
          EXPECT_TRUE(status.ok()) << status;
        }
        // The next one works, and tidies up.
        files.Mend();
        FaultyFileSystem mended;
        ASSERT_TRUE(Save(9, &mended).ok()) << call;
        EXPECT_EQ(Newest(), 9);
        EXPECT_EQ(Leftovers(), 0) << call;
      }
      EXPECT_GT(call, 20);
    }
  }
}

// Bug once: of a run whose last save was killed, checkpoint.safetensors stayed the one before.
TEST_F(CheckpointStoreTest, WhatAKilledSaveHadStillToDoIsDone) {
  for (int64_t step : {6, 7, 8}) ASSERT_TRUE(Save(step, FileSystem::Real(), {0, 0}).ok());
  const fs::path link = folder_ / "checkpoint.safetensors";
  fs::remove(link);
  fs::create_symlink("checkpoints/step_00000007/model.safetensors", link);
  fs::create_symlink("elsewhere", folder_ / "checkpoint.safetensors.tmp");
  for (const char* name : {".old-step_00000005", ".new-step_00000009"}) {
    fs::create_directories(folder_ / "checkpoints" / name);
    Write(folder_ / "checkpoints" / name / "DONE", "half of one");
  }
  CheckpointStore store(folder_.string(), {2, 0});
  ASSERT_TRUE(store.Adopt(8).ok());
  EXPECT_EQ(fs::read_symlink(link), "checkpoints/step_00000008/model.safetensors");
  EXPECT_THAT(*CheckpointSteps(folder_.string()), ElementsAre(7, 8));
  EXPECT_EQ(Leftovers(), 0);
  // A run from elsewhere finds nothing of its own here.
  ASSERT_TRUE(store.Adopt(99).ok());
  EXPECT_THAT(*CheckpointSteps(folder_.string()), ElementsAre(7, 8));
}

TEST_F(CheckpointStoreTest, RoomIsAskedForBeforeMuchIsWritten) {
  ASSERT_TRUE(Save(7).ok());
  FaultyFileSystem files;
  files.set_free_bytes(1000);
  ModelConfig wide = TinyModelConfig();
  wide.embed_dim = 256;
  const DropPos other(wide, TinyDropPosConfig(true));
  const auto session = Session::Create(&other, engine_.Options(4));
  ASSERT_TRUE(session.ok());
  RunState state;
  state.step = 8;
  const absl::Status status =
      CheckpointStore(folder_.string(), {}, &files).Save(state, **session, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a checkpoint needs"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--keep"));
  EXPECT_EQ(Newest(), 7);
  EXPECT_EQ(Leftovers(), 0);
  // A bug once: what says that it has little room was never tried with a small checkpoint.
  EXPECT_TRUE(Save(8, &files).ok());
  EXPECT_EQ(Newest(), 8);
}

TEST_F(CheckpointStoreTest, EveryFileIsChecked) {
  const fs::path newest = folder_ / "checkpoints/step_00000008";
  const std::vector<std::pair<std::string, std::function<std::string(std::string)>>> damages = {
      {"flipped bit", [](std::string s) { return s[s.size() / 2] ^= 1, s; }},
      {"half", [](std::string s) { return s.substr(0, s.size() / 2); }},
      {"longer", [](std::string s) { return s + "x"; }},
      {"empty", [](std::string) { return ""; }}};
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.json", "DONE"}) {
    for (const auto& [what, damage] : damages) {
      NewFolder();
      ASSERT_TRUE(Save(7).ok() && Save(8).ok());
      Write(newest / name, damage(Read(newest / name)));
      const absl::Status status = OpenCheckpoint(newest).status();
      EXPECT_FALSE(status.ok()) << name << " " << what;
      EXPECT_THAT(std::string(status.message()), HasSubstr(newest.string()));
      const auto found = FindNewestCheckpoint(folder_.string());
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(found->checkpoint.state.step, 7);
      ASSERT_EQ(found->passed_over.size(), 1u);
      EXPECT_THAT(found->passed_over[0].reason, HasSubstr("step_00000008"));
    }
    NewFolder();
    ASSERT_TRUE(Save(7).ok() && Save(8).ok());
    fs::remove(newest / name);
    EXPECT_EQ(Newest(), 7) << "without " << name;
  }
  fs::remove(folder_ / "checkpoints/step_00000007/DONE");
  fs::remove(newest / "state.json");
  const auto none = FindNewestCheckpoint(folder_.string());
  EXPECT_EQ(none.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("step_00000007 has no DONE"));
}

// A bug once: a disk that was not there was a run without checkpoints, to be begun again.
TEST_F(CheckpointStoreTest, AFolderThatCannotBeReadIsNotAnEmptyOne) {
  EXPECT_THAT(*CheckpointSteps(folder_.string()), ElementsAre());
  fs::create_symlink(folder_ / "unmounted", folder_ / "checkpoints");
  const absl::Status status = FindNewestCheckpoint(folder_.string()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot read the checkpoints in"));
  fs::create_directories(folder_ / "unmounted");
  ASSERT_TRUE(Save(7).ok());
  EXPECT_EQ(Newest(), 7);
}

TEST_F(CheckpointStoreTest, ADamagedOneIsSetAsideUnderANameOfItsOwn) {
  ASSERT_TRUE(Save(7).ok());
  const std::string path = (folder_ / "checkpoints/step_00000008").string();
  for (const char* name : {"damaged_step_00000008", "damaged_step_00000008-2"}) {
    ASSERT_TRUE(Save(8).ok());
    const fs::path aside = folder_ / "checkpoints" / name;
    EXPECT_EQ(SetAside(path, FileSystem::Real()), "set aside as " + aside.string());
    EXPECT_TRUE(fs::exists(aside / "DONE"));
    EXPECT_EQ(Newest(), 7);
  }
  // An overlay's lower layer, for one: the run goes on all the same.
  ASSERT_TRUE(Save(8).ok());
  FaultyFileSystem files;
  files.Break(0, Fault::kOnce, EXDEV);
  EXPECT_THAT(SetAside(path, &files), HasSubstr(path + " cannot be set aside and stays"));
}

// The order in which a crash may come: nothing has a name before it is on the disk, and the link
// leads to a checkpoint at every moment.
TEST_F(CheckpointStoreTest, EachThingIsOnTheDiskBeforeWhatCountsOnIt) {
  ASSERT_TRUE(Save(7, FileSystem::Real(), {1, 0}).ok());
  FaultyFileSystem files;
  ASSERT_TRUE(Save(8, &files, {1, 0}).ok());
  std::vector<std::string> done;
  for (const std::string& call : files.done()) {
    if (!absl::StartsWith(call, "create ") && !absl::StartsWith(call, "write ")) {
      done.push_back(call);
    }
  }
  ASSERT_GT(done.size(), 11u);
  done.resize(12);
  EXPECT_THAT(done,
              ElementsAre("make .new-step_00000008", "flush model.safetensors",
                          "flush optimizer.safetensors", "flush state.json", "flush DONE",
                          "flush .new-step_00000008", "rename step_00000008", "flush checkpoints",
                          "link model.safetensors", "rename checkpoint.safetensors",
                          "flush " + folder_.filename().string(), "rename .old-step_00000007"));
}

// A bug once: the files of a checkpoint that had been moved to another disk were removed.
TEST_F(CheckpointStoreTest, OfACheckpointThatWasMovedAwayTheLinkAloneGoes) {
  ASSERT_TRUE(Save(7, FileSystem::Real(), {0, 0}).ok());
  fs::rename(folder_ / "checkpoints/step_00000007", folder_ / "moved");
  fs::create_directory_symlink(folder_ / "moved", folder_ / "checkpoints/step_00000007");
  EXPECT_EQ(Newest(), 7);
  ASSERT_TRUE(Save(8, FileSystem::Real(), {1, 0}).ok());
  EXPECT_FALSE(fs::is_symlink(folder_ / "checkpoints/step_00000007"));
  EXPECT_TRUE(OpenCheckpoint((folder_ / "moved").string()).ok());
}

// A bug once: whatever began so was removed, and what a link of such a name led to.
TEST_F(CheckpointStoreTest, OnlyWhatSavesLeaveIsTidiedUp) {
  ASSERT_TRUE(Save(7).ok());
  fs::create_directories(folder_ / "theirs");
  Write(folder_ / "theirs/file", "theirs");
  const fs::path checkpoints = folder_ / "checkpoints";
  fs::create_directories(checkpoints / ".old-notes");
  Write(checkpoints / ".new-file.txt", "theirs");
  fs::create_directory_symlink(folder_ / "theirs", checkpoints / ".old-x");
  for (const char* ours : {".old-step_00000005", ".new-step_00000006", "step_00000007.replaced"}) {
    fs::create_directory_symlink(folder_ / "theirs", checkpoints / ours);
  }
  ASSERT_TRUE(CheckpointStore(folder_.string(), {}).Adopt(7).ok());
  EXPECT_EQ(Read(folder_ / "theirs/file"), "theirs");
  for (const char* theirs : {".old-notes", ".new-file.txt", ".old-x"}) {
    EXPECT_TRUE(fs::exists(checkpoints / theirs)) << theirs;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(checkpoints), {}), 4);
}

// A bug once: --plan and --resume of another's folder mended it, without a lock.
TEST_F(CheckpointStoreTest, LookingTouchesNothing) {
  ASSERT_TRUE(Save(7).ok() && Save(8).ok());
  const fs::path checkpoints = folder_ / "checkpoints";
  fs::rename(checkpoints / "step_00000008", checkpoints / "step_00000008.replaced");
  fs::create_directories(checkpoints / "step_00000007.replaced");
  EXPECT_EQ(Newest(), 8);
  EXPECT_EQ(FindNewestCheckpoint(folder_.string())->checkpoint.path,
            (checkpoints / "step_00000008.replaced").string());
  EXPECT_THAT(*CheckpointSteps(folder_.string()), ElementsAre(7, 8));
  EXPECT_TRUE(fs::exists(checkpoints / "step_00000007.replaced"));
  ASSERT_TRUE(CheckpointStore(folder_.string(), {}).Adopt(8).ok());
  EXPECT_EQ(FindNewestCheckpoint(folder_.string())->checkpoint.path,
            (checkpoints / "step_00000008").string());
  EXPECT_EQ(Leftovers(), 0);
}

// A bug once: it counted as the newest, and each resume went back to the older step.
TEST_F(CheckpointStoreTest, ACopyOfAnotherStepIsPassedOver) {
  ASSERT_TRUE(Save(7).ok() && Save(8).ok());
  fs::copy(folder_ / "checkpoints/step_00000007", folder_ / "checkpoints/step_00000010");
  const auto newest = FindNewestCheckpoint(folder_.string());
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ(newest->checkpoint.state.step, 8);
  ASSERT_EQ(newest->passed_over.size(), 1u);
  EXPECT_THAT(newest->passed_over[0].reason, HasSubstr("step_00000010 is a copy of step 7"));
}

// A bug once: it was called damaged and set aside, and what it had was given up.
TEST_F(CheckpointStoreTest, OneThatCannotBeReadJustNowIsNotPassedOver) {
  ASSERT_TRUE(Save(7).ok());
  fs::create_directory_symlink(folder_ / "unmounted", folder_ / "checkpoints/step_00000008");
  absl::Status status = FindNewestCheckpoint(folder_.string()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("step_00000008 is a link to nothing"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("go on from the one before"));
  fs::remove(folder_ / "checkpoints/step_00000008");
  if (::geteuid() == 0) return;  // modes do not bind root
  fs::permissions(folder_ / "checkpoints/step_00000007/optimizer.safetensors", fs::perms::none);
  status = FindNewestCheckpoint(folder_.string()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
}

// A bug once: whoever went on with such a run waited for ever.
TEST_F(CheckpointStoreTest, APipeInThePlaceOfAFileIsDamage) {
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.json", "DONE"}) {
    NewFolder();
    ASSERT_TRUE(Save(7).ok() && Save(8).ok());
    const fs::path file = folder_ / "checkpoints/step_00000008" / name;
    fs::remove(file);
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    const auto newest = FindNewestCheckpoint(folder_.string());
    ASSERT_TRUE(newest.ok()) << newest.status();
    ASSERT_EQ(newest->passed_over.size(), 1u);
    EXPECT_THAT(newest->passed_over[0].reason, HasSubstr(file.string()));
  }
}

// A bug once: a run whose folder had been renamed removed the checkpoints of the one that took
// its name.
TEST_F(CheckpointStoreTest, SavesFollowAFolderThatIsRenamed) {
  const fs::path moved = folder_.string() + "_moved";
  fs::remove_all(moved);
  CheckpointStore store(folder_.string(), {1, 0});
  std::string now = folder_.string();
  store.Follow([&now] { return now; });
  RunState state;
  state.step = 7;
  ASSERT_TRUE(store.Save(state, *session_, {}).ok() && store.CheckFolder().ok());
  fs::rename(folder_, moved);
  fs::create_directories(folder_);
  ASSERT_TRUE(Save(5).ok());  // another run's
  now = moved.string();
  EXPECT_THAT(std::string(store.CheckFolder().message()), HasSubstr(now));
  state.step = 8;
  EXPECT_EQ(*store.Save(state, *session_, {}), now + "/checkpoints/step_00000008");
  EXPECT_THAT(*CheckpointSteps(folder_.string()), ElementsAre(5));
  EXPECT_THAT(*CheckpointSteps(now), ElementsAre(8));
  store.Follow([] { return absl::FailedPreconditionError("it is gone"); });
  EXPECT_EQ(store.Save(state, *session_, {}).status().message(), "it is gone");
}

TEST_F(CheckpointStoreTest, OtherNamesAreNoCheckpoints) {
  EXPECT_EQ(FindNewestCheckpoint(folder_.string()).status().code(), absl::StatusCode::kNotFound);
  for (const char* name : {"step_7", "step_0000000x", "step_-0000007", ".new-step_00000009",
                           "step_00000009.bak", "best"}) {
    fs::create_directories(folder_ / "checkpoints" / name);
  }
  EXPECT_EQ(FindNewestCheckpoint(folder_.string()).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(Save(123456789).ok());  // more digits than eight
  EXPECT_EQ(Newest(), 123456789);
  EXPECT_TRUE(fs::exists(folder_ / "checkpoints/best"));
}

TEST_F(CheckpointStoreTest, AnotherModelsCheckpointIsRefused) {
  ASSERT_TRUE(Save(7).ok());
  ModelConfig wider = TinyModelConfig();
  wider.embed_dim *= 2;
  const DropPos other(wider, TinyDropPosConfig(true));
  auto session = Session::Create(&other, engine_.Options(4));
  ASSERT_TRUE(session.ok());
  const auto newest = FindNewestCheckpoint(folder_.string());
  ASSERT_TRUE(newest.ok());
  EXPECT_THAT(std::string(RestoreCheckpoint(newest->checkpoint, session->get()).message()),
              HasSubstr("model.safetensors does not fit the model"));
}

TEST_F(CheckpointStoreTest, AFolderThatCannotBeWrittenIsNamed) {
  std::ofstream(folder_ / "checkpoints") << "a file";
  EXPECT_THAT(std::string(Save(7).message()), HasSubstr((folder_ / "checkpoints").string()));
}

}  // namespace
}  // namespace models
