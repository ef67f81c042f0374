// A run on a disk that fills up, fails once, or loses power, at any call that writes.
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/trainer.h"
#include "nlohmann/json.hpp"
#include "tests/models/files/faulty_file_system.h"
#include "tests/models/training/drop_times.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;
using Fault = FaultyFileSystem::Fault;
using Json = nlohmann::json;

std::string Bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What a finished run leaves, less the times.
struct Leavings {
  std::string model, optimizer;
  std::vector<Json> metrics;
};

class RunFaults : public ::testing::Test {
 protected:
  RunFaults() : model_(TinyModelConfig(), TinyDropPosConfig(true)), train_(50), held_out_(9) {
    folder_ = fs::path(std::getenv("TEST_TMPDIR")) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    options_.schedule = {1e-3, 0, 0.5, 2};  // 12 steps
    step_.micro_batch = 8;
    step_.seed = 5;
    options_.save_every = 5;
    options_.eval_every = 4;
  }

  // A process of its own, as far as files can tell: with the newest checkpoint, if any.
  absl::Status Run(FileSystem* files) {
    fs::create_directories(folder_);
    CheckpointStore checkpoints(folder_.string(), {2, 0}, files);
    options_.checkpoints = &checkpoints;
    options_.metrics_path = (folder_ / "metrics.jsonl").string();
    options_.files = files;
    SessionOptions session_options = engine_.Options(step_);
    auto session = Session::Create(&model_, session_options);
    if (!session.ok()) return session.status();
    const auto newest = FindNewestCheckpoint(folder_.string());
    options_.resume = nullptr;
    if (newest.ok()) {
      EXPECT_TRUE(newest->passed_over.empty()) << newest->passed_over[0].reason;
      const absl::Status restored = RestoreCheckpoint(newest->checkpoint, session->get());
      if (!restored.ok()) return restored;
      options_.resume = &newest->checkpoint.state;
    } else {
      EXPECT_EQ(newest.status().code(), absl::StatusCode::kNotFound) << newest.status();
    }
    std::ostringstream screen;
    RunLog log({&screen, false, {}});
    if (has_log_) {
      const absl::Status opened = log.Open((folder_ / "train.log").string(), 0, files);
      if (!opened.ok()) return opened;
    }
    const absl::Status status = Train(options_, model_, train_, &held_out_, session->get(), &log);
    said_ = screen.str();
    return status;
  }

  Leavings Left() {
    const fs::path last = folder_ / "checkpoints/step_00000012";
    Leavings left = {Bytes(last / "model.safetensors"), Bytes(last / "optimizer.safetensors"), {}};
    std::istringstream lines(Bytes(folder_ / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      left.metrics.push_back(Json::parse(line));
      DropTimes(&left.metrics.back());
    }
    return left;
  }

  void ExpectSame(const Leavings& whole, const std::string& what) {
    const Leavings left = Left();
    EXPECT_TRUE(left.model == whole.model) << what;
    EXPECT_TRUE(left.optimizer == whole.optimizer) << what;
    EXPECT_EQ(left.metrics, whole.metrics) << what;
    EXPECT_TRUE(Bytes(folder_ / "checkpoint.safetensors") == left.model) << what;
    for (const auto& entry : fs::directory_iterator(folder_ / "checkpoints")) {
      EXPECT_NE(entry.path().filename().string()[0], '.') << what << " left " << entry.path();
    }
    EXPECT_FALSE(fs::exists(fs::symlink_status(folder_ / "checkpoint.safetensors.tmp"))) << what;
  }

  TinyEngine engine_;
  DropPos model_;
  GradientImages train_, held_out_;
  StepShape step_;
  TrainerOptions options_;
  fs::path folder_;
  bool has_log_ = false;
  std::string said_;
};

TEST_F(RunFaults, WhateverFailsTheRunGoesOnOrItsSuccessorDoes) {
  FaultyFileSystem sound;
  ASSERT_TRUE(Run(&sound).ok());
  const int64_t calls = sound.calls();
  ASSERT_GT(calls, 80);
  const Leavings whole = Left();
  ASSERT_FALSE(whole.model.empty() || whole.optimizer.empty());
  ASSERT_EQ(whole.metrics.size(), 12u + 4);  // after steps 4, 6, 8 and 12
  int errors = 0, warnings = 0;
  for (const Fault fault : {Fault::kOnce, Fault::kForGood, Fault::kPowerOff}) {
    for (int64_t call = static_cast<int64_t>(fault); call < calls; call += 19) {
      std::ostringstream what;
      what << "fault " << static_cast<int>(fault) << " at call " << call;
      fs::remove_all(folder_);
      FaultyFileSystem files;
      files.Break(call, fault, ENOSPC);
      const absl::Status status = Run(&files);
      EXPECT_TRUE(files.broken()) << what.str();
      if (status.ok()) {
        warnings += said_.find("warning: not saved") != std::string::npos;
      } else {
        ++errors;
        EXPECT_THAT(std::string(status.message()), HasSubstr("No space left on device"));
        EXPECT_THAT(std::string(status.message()), HasSubstr(folder_.string()));
        EXPECT_EQ(status.message().find('\n'), std::string::npos) << status;
      }
      const absl::Status rest = Run(FileSystem::Real());
      ASSERT_TRUE(rest.ok()) << what.str() << ": " << rest;
      ExpectSame(whole, what.str());
    }
  }
  EXPECT_GT(errors, 5);
  EXPECT_GT(warnings, 0);
}

TEST_F(RunFaults, LogsAreOnTheDiskBeforeACheckpointThatKnowsTheirLength) {
  has_log_ = true;
  options_.steps = 3;
  options_.save_every = 1;
  options_.print_every = 1;
  FaultyFileSystem files;
  ASSERT_TRUE(Run(&files).ok());
  std::set<std::string> unflushed;
  int saved = 0;
  for (const std::string& call : files.done()) {
    const std::string file = call.substr(call.find(' ') + 1);
    if (absl::StartsWith(call, "write ")) unflushed.insert(file);
    if (absl::StartsWith(call, "flush ")) unflushed.erase(file);
    if (!absl::StartsWith(call, "make .new-")) continue;
    ++saved;
    EXPECT_THAT(unflushed, ::testing::IsEmpty()) << call;
  }
  EXPECT_EQ(saved, 3);
  EXPECT_THAT(files.done(), ::testing::IsSupersetOf({"write train.log", "write metrics.jsonl"}));
}

// Bug once: the step was saved without the line that metrics.jsonl could not take.
TEST_F(RunFaults, AStepWithoutItsLineIsNotSaved) {
  FaultyFileSystem files;
  files.Break(3, Fault::kOnce, EDQUOT);  // opened, two lines written
  const absl::Status status = Run(&files);
  EXPECT_THAT(std::string(status.message()), HasSubstr("after step 3: cannot write"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("metrics.jsonl"));
  EXPECT_FALSE(fs::exists(folder_ / "checkpoints"));
  EXPECT_EQ(Bytes(folder_ / "metrics.jsonl").back(), '\n');
}

}  // namespace
}  // namespace models
