#include "models/training/run_files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

TEST(RunFiles, ACheckpointsNameIsExact) {
  EXPECT_EQ(*StepOfName("step_00000007"), 7);
  EXPECT_EQ(*StepOfName(CheckpointName(123456789)), 123456789);
  for (const char* name :
       {"step_7", "step_0000000x", "step_-0000007", "step_00000009.bak", "", "x"}) {
    EXPECT_FALSE(StepOfName(name).has_value()) << name;
  }
  EXPECT_TRUE(IsCheckpointName(kStagingPrefix, ".new-step_00000007"));
  for (const char* name : {"step_00000007", ".new-", ".new-x", ".old-step_00000007"}) {
    EXPECT_FALSE(IsCheckpointName(kStagingPrefix, name)) << name;
  }
}

TEST(RunFiles, ARunsFolderMeansItsNewestModel) {
  const fs::path run = fs::path(std::getenv("TEST_TMPDIR")) / "run";
  const fs::path older = run / "checkpoints/step_00000007/model.safetensors";
  const fs::path newer = run / "checkpoints/step_00000008/model.safetensors";
  EXPECT_EQ(*FindModelFile(older.string()), older.string());  // a file, even where there is none
  fs::create_directories(run);
  const absl::Status none = FindModelFile(run.string()).status();
  EXPECT_EQ(none.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(none.message()), HasSubstr(run.string() + " is a folder without"));
  for (const fs::path& file : {older, newer}) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "x";
  }
  EXPECT_EQ(*FindModelFile(older.parent_path().string()), older.string());
  EXPECT_EQ(*FindModelFile(run.string()), newer.string());  // a file system without links
  EXPECT_EQ(*FindModelFile((run / "checkpoints/").string()), newer.string());
  fs::create_symlink("checkpoints/step_00000007/model.safetensors", run / "checkpoint.safetensors");
  EXPECT_EQ(*FindModelFile(run.string()), (run / "checkpoint.safetensors").string());
}

}  // namespace
}  // namespace models
