#include "models/training/capsule_keeper.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class CapsuleKeeperTest : public ::testing::Test {
 protected:
  CapsuleKeeperTest() : model_(TinyModelConfig(), TinyDropPosConfig(false)), images_(20) {
    folder_ = absl::StrCat(std::getenv("TEST_TMPDIR"), "/",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_ + "/capsules");
    session_ = Session::Create(&model_, engine_.Options(4)).value();
  }

  std::unique_ptr<Loader> Load(const LoaderPosition& start) {
    LoaderOptions options;
    options.batch_size = 4;
    options.input_height = options.input_width = 32;
    options.start = start;
    return Loader::Create(&images_, options).value();
  }
  CapsuleKeeper Keeper() {
    CapsuleKeeper::Options options;
    options.run_folder = folder_;
    options.images = &images_;
    options.session = session_.get();
    options.flush_logs = [] { return absl::OkStatus(); };
    options.load = [this](const LoaderPosition& start) { return Load(start); };
    return CapsuleKeeper(options);
  }

  TinyEngine engine_;
  DropPos model_;
  GradientImages images_;
  std::unique_ptr<Session> session_;
  std::string folder_;
};

TEST_F(CapsuleKeeperTest, KeepsWhatWasAskedOfTheStep) {
  CapsuleKeeper keeper = Keeper();
  const std::vector<std::pair<std::string, float>> scheduled = {{"sigma", 0.625f}};
  keeper.Begin(7, 1.25, 3e-4, scheduled, 1, LoaderPosition());
  const auto loader = Load(LoaderPosition());
  const auto result = session_->Step(
      [&]() -> absl::StatusOr<const Batch*> {
        auto batch = loader->Next();
        if (batch.ok()) keeper.Add(**batch);
        return batch;
      },
      3e-4, scheduled, 0, /*hold_above=*/0);
  ASSERT_TRUE(result.ok()) << result.status();
  RunState before;
  before.step = 6;
  ASSERT_THAT(keeper.Keep(/*spike=*/true, "loss 9", before, {}), HasSubstr("kept the step"));
  const auto capsule = OpenCapsule(folder_ + "/capsules/" + CheckpointName(7));
  ASSERT_TRUE(capsule.ok()) << capsule.status();
  EXPECT_TRUE(capsule->spike);
  EXPECT_EQ(capsule->seen, "loss 9");
  EXPECT_EQ(capsule->step, 7);
  EXPECT_EQ(capsule->epoch, 1.25);
  EXPECT_EQ(capsule->lr, 3e-4);
  EXPECT_EQ(capsule->scheduled, scheduled);
  EXPECT_EQ(capsule->num_classes, 2);
  EXPECT_EQ(capsule->losses, std::vector<double>{result->loss});
}

// Those of spikes are three at most; one that is not finite ends the run, and is kept always.
TEST_F(CapsuleKeeperTest, KeepsThreeSpikes) {
  CapsuleKeeper keeper = Keeper();
  keeper.Begin(9, 0, 0, {}, 1, LoaderPosition());
  // A window without a loss cannot be kept: that it was tried is seen from the words.
  const auto tried = [&keeper](bool spike) {
    const std::string said = keeper.Keep(spike, "seen", RunState(), {});
    EXPECT_TRUE(absl::StrContains(said, "could not be kept") ||
                said == "the step is not kept: there are 3 capsules already")
        << said;
    return absl::StrContains(said, "could not be kept");
  };
  for (int64_t step = 1; step <= 3; ++step) {
    EXPECT_TRUE(tried(true)) << step;
    fs::create_directories(folder_ + "/capsules/" + CheckpointName(step));
  }
  EXPECT_FALSE(tried(true));
  EXPECT_TRUE(tried(false));
  // The step's own, of an earlier course of the run, would be replaced.
  fs::rename(folder_ + "/capsules/" + CheckpointName(3),
             folder_ + "/capsules/" + CheckpointName(9));
  EXPECT_TRUE(tried(true));
}

}  // namespace
}  // namespace models
