// A trainer that notices what goes wrong: capsules, spikes, --overfit_batch.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/file_util.h"
#include "models/droppos/droppos.h"
#include "models/files/durable.h"
#include "models/files/replace_folder.h"
#include "models/training/capsule.h"
#include "models/training/capsule_keeper.h"
#include "models/training/checkpoint_store.h"
#include "models/training/trainer.h"
#include "nlohmann/json.hpp"
#include "tests/models/files/faulty_file_system.h"
#include "tests/models/training/drop_times.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class HealthTest : public ::testing::Test {
 protected:
  HealthTest() : model_(TinyModelConfig(), TinyDropPosConfig(true)), train_(50) {
    options_.schedule = {1e-3, 0, 0.5, 30};
    step_.micro_batch = 8;
    step_.seed = 5;
    options_.spike_z = 0;
    options_.notes = {{"flags", "--model=tiny"}};
  }

  // From the newest checkpoint in `name`, where `resume`.
  absl::Status Run(const std::string& name, bool resume = false) {
    folder_ = absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
    if (!resume) fs::remove_all(folder_);
    fs::create_directories(folder_);
    options_.metrics_path = folder_ + "/metrics.jsonl";
    options_.run_folder = folder_;
    CheckpointStore checkpoints(folder_, KeepPolicy());
    options_.checkpoints = &checkpoints;
    SessionOptions session_options = engine_.Options(step_);
    auto session = Session::Create(&model_, session_options);
    if (!session.ok()) return session.status();
    session_ = *std::move(session);
    NewestCheckpoint newest;
    options_.resume = nullptr;
    if (resume) {
      auto found = FindNewestCheckpoint(folder_);
      if (!found.ok()) return found.status();
      newest = *std::move(found);
      const absl::Status restored = RestoreCheckpoint(newest.checkpoint, session_.get());
      if (!restored.ok()) return restored;
      options_.resume = &newest.checkpoint.state;
    }
    std::ostringstream screen;
    absl::Status status;
    {
      RunLog log({&screen, false, nullptr});
      status = Train(options_, model_, train_, nullptr, session_.get(), &log);
    }
    log_ = screen.str();
    return status;
  }

  std::vector<Json> Metrics() const {
    std::ifstream file(options_.metrics_path);
    std::vector<Json> lines;
    for (std::string line; std::getline(file, line);) {
      lines.push_back(Json::parse(line));
      DropTimes(&lines.back());
    }
    return lines;
  }
  std::vector<std::string> CapsuleNames() const {
    std::vector<std::string> names;
    if (!fs::exists(folder_ + "/capsules")) return names;
    for (const auto& entry : fs::directory_iterator(folder_ + "/capsules")) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  Capsule OpenOnly() {
    const std::vector<std::string> names = CapsuleNames();
    EXPECT_EQ(names.size(), 1u);
    auto capsule = OpenCapsule(absl::StrCat(folder_, "/capsules/", names.at(0)));
    EXPECT_TRUE(capsule.ok()) << capsule.status();
    return capsule.ok() ? *std::move(capsule) : Capsule();
  }
  // What a fresh session says of the capsule's step.
  absl::StatusOr<StepResult> Repeat(const Capsule& capsule) {
    SessionOptions session_options = engine_.Options(step_);
    auto session = Session::Create(&model_, session_options);
    if (!session.ok()) return session.status();
    repeated_ = *std::move(session);
    const absl::Status restored = RestoreCheckpoint(capsule.before, repeated_.get());
    if (!restored.ok()) return restored;
    Batch batch;
    int next = 0;
    const auto next_batch = [&]() -> absl::StatusOr<const Batch*> {
      auto read = ReadCapsuleBatch(capsule, next++);
      if (!read.ok()) return read.status();
      batch = *std::move(read);
      return &batch;
    };
    return repeated_->Step(next_batch, capsule.lr, capsule.scheduled,
                           static_cast<int>(capsule.losses.size()));
  }

  TinyEngine engine_;
  DropPos model_;
  GradientImages train_;
  StepShape step_;
  TrainerOptions options_;
  std::string folder_, log_;
  std::unique_ptr<Session> session_, repeated_;
};

TEST_F(HealthTest, OneBatchIsLearnedByHeart) {
  options_.overfit_batch = true;
  options_.schedule = {1e-2, 1e-2, 0, 100};
  options_.steps = 500;
  for (const int accum_iter : {1, 2}) {
    step_.micro_batches = accum_iter;
    options_.steps = accum_iter == 1 ? 500 : 300;
    ASSERT_TRUE(Run("overfit").ok());
    const std::vector<Json> lines = Metrics();
    EXPECT_GT(lines[0]["loss"].get<double>(), 2.5);
    // At most 0.034 seen, with three seeds, and 0.45 where the sanitizers' build rounds otherwise;
    // where the images change 2.73 or more.
    EXPECT_LT(lines.back()["loss"].get<double>(), 1.3);
  }
}

TEST_F(HealthTest, ARunOnOneBatchCanBeResumed) {
  options_.overfit_batch = true;
  step_.micro_batches = 2;
  options_.steps = 9;
  ASSERT_TRUE(Run("overfit_whole").ok());
  const std::vector<Json> whole = Metrics();
  options_.steps = 4;
  ASSERT_TRUE(Run("overfit_parts").ok());
  options_.steps = 9;
  ASSERT_TRUE(Run("overfit_parts", /*resume=*/true).ok());
  EXPECT_EQ(Metrics(), whole);
}

TEST_F(HealthTest, AStepThatIsNotFiniteIsKeptAndRepeatsItself) {
  struct Way {
    int accum_iter;
    bool every;
  };
  for (const Way way : {Way{1, false}, Way{3, false}, Way{3, true}}) {
    step_.micro_batches = way.accum_iter;
    step_.update_when = way.every ? UpdateWhen::kMicroStep : UpdateWhen::kWindow;
    options_.schedule = {1e30, 1e30, 0, 3};
    const absl::Status status = Run("nan");
    ASSERT_TRUE(absl::IsOutOfRange(status)) << status;
    EXPECT_THAT(log_, HasSubstr("bazel run //tools:replay -- --capsule=" + folder_));
    const Capsule capsule = OpenOnly();
    EXPECT_FALSE(capsule.spike);
    EXPECT_THAT(std::string(status.message()), HasSubstr(capsule.seen));
    EXPECT_EQ(capsule.before.state.step, capsule.step - 1);
    EXPECT_EQ(capsule.before.state.notes.at("flags"), "--model=tiny");
    EXPECT_EQ(capsule.lr, 1e30);
    ASSERT_EQ(capsule.images.size(), capsule.losses.size());
    for (const std::string& name : capsule.images[0]) EXPECT_THAT(name, HasSubstr("gradient/"));
    EXPECT_LE(capsule.losses.size(), way.every ? 1u : static_cast<size_t>(way.accum_iter));
    const absl::Status goes_on = CheckCanGoOn(capsule.before);
    EXPECT_EQ(absl::IsFailedPrecondition(goes_on), capsule.first_micro_batch > 0) << goes_on;
    const auto repeated = Repeat(capsule);
    EXPECT_EQ(repeated.status().message(), capsule.seen);
    // Losses that are numbers are equal to the last bit.
    ASSERT_EQ(repeated_->window_losses().size(), capsule.losses.size());
    for (size_t i = 0; i < capsule.losses.size(); ++i) {
      const double then = capsule.losses[i], now = repeated_->window_losses()[i];
      EXPECT_TRUE(then == now || (then != then && now != now)) << then << " " << now;
    }
  }
}

// A detector so keen that noise makes spikes.
TEST_F(HealthTest, SpikesAreKeptWithTheParametersBeforeThemAndChangeNothing) {
  options_.steps = 120;
  ASSERT_TRUE(Run("calm").ok());
  const std::vector<Json> calm = Metrics();
  EXPECT_TRUE(CapsuleNames().empty());
  options_.spike_z = 0.05;
  ASSERT_TRUE(Run("spiky").ok());
  EXPECT_EQ(Metrics(), calm);
  EXPECT_THAT(log_, HasSubstr("deviations above"));
  EXPECT_THAT(log_, HasSubstr("not kept: there are 3 capsules already"));
  const std::vector<std::string> names = CapsuleNames();
  ASSERT_EQ(names.size(), kMostSpikeCapsules);
  for (const std::string& name : names) {
    const auto capsule = OpenCapsule(absl::StrCat(folder_, "/capsules/", name));
    ASSERT_TRUE(capsule.ok()) << capsule.status();
    EXPECT_TRUE(capsule->spike);
    const auto repeated = Repeat(*capsule);
    ASSERT_TRUE(repeated.ok()) << repeated.status();
    EXPECT_EQ(repeated->loss, calm[static_cast<size_t>(capsule->step) - 1]["loss"]);
    EXPECT_EQ(repeated->grad_norm, calm[static_cast<size_t>(capsule->step) - 1]["grad_norm"]);
  }
}

TEST_F(HealthTest, AResumedRunSeesTheSameSpikes) {
  options_.steps = 70;
  options_.spike_z = 0.05;
  ASSERT_TRUE(Run("spikes_whole").ok());
  const std::vector<std::string> whole = CapsuleNames();
  ASSERT_FALSE(whole.empty());
  options_.steps = 48;
  ASSERT_TRUE(Run("spikes_parts").ok());
  EXPECT_TRUE(CapsuleNames().empty());
  options_.steps = 70;
  ASSERT_TRUE(Run("spikes_parts", /*resume=*/true).ok());
  EXPECT_EQ(CapsuleNames(), whole);
}

// Of a run whose metrics were gone when it went on, the next capsule said how long they had been.
TEST_F(HealthTest, ACapsuleKnowsTheLogsThatAreThere) {
  options_.steps = 70;
  options_.spike_z = 0.05;
  ASSERT_TRUE(Run("logs_whole").ok());
  ASSERT_FALSE(CapsuleSteps(folder_).empty());
  const int64_t spike = CapsuleSteps(folder_)[0];
  for (const bool gone : {false, true}) {
    options_.steps = spike - 1;
    ASSERT_TRUE(Run("logs_parts").ok());
    if (gone) fs::remove(options_.metrics_path);
    options_.steps = spike;
    ASSERT_TRUE(Run("logs_parts", /*resume=*/true).ok());
    const int64_t bytes = OpenOnly().before.state.metrics_bytes;
    if (gone) {
      EXPECT_EQ(bytes, 0);
      EXPECT_EQ(Metrics().size(), 1u);
    } else {
      EXPECT_EQ(ReadStepEndingAt(options_.metrics_path, bytes).value().step, spike - 1);
    }
  }
}

class CapsuleTest : public HealthTest {
 protected:
  // A capsule of the step after three.
  absl::StatusOr<std::string> Write(FileSystem* files, int64_t metrics_bytes = 0,
                                    size_t micro_batches = 2) {
    Capsule capsule;
    capsule.spike = true;
    capsule.seen = "a \"reason\"\n\xff";
    capsule.step = 4;
    capsule.lr = 1e-3;
    capsule.scheduled = {{"sigma", 0.7f}};
    capsule.losses = {2.5, std::nan("")};
    capsule.images = {{"a", "b"}, {"c", "d\xE9"}};
    capsule.losses.resize(micro_batches);
    capsule.images.resize(micro_batches);
    capsule.micro_batches = static_cast<int>(micro_batches);
    capsule.before.state.step = 3;
    capsule.before.state.metrics_bytes = metrics_bytes;
    int next = 0;
    return WriteCapsule(
        folder_, capsule, *session_, {{"format", "pt"}},
        [&]() -> absl::StatusOr<const Batch*> {
          batch_ = RandomBatch(TinyModelConfig(), 8, static_cast<uint64_t>(next++));
          return &batch_;
        },
        files);
  }
  void SetUp() override {
    options_.steps = 3;
    ASSERT_TRUE(Run(::testing::UnitTest::GetInstance()->current_test_info()->name()).ok());
  }
  Batch batch_;
};

TEST_F(CapsuleTest, WhatIsReadIsWhatWasWritten) {
  const auto path = Write(FileSystem::Real());
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*path, folder_ + "/capsules/step_00000004");
  fs::create_directories(folder_ + "/capsules/.new-step_00000009");
  fs::create_directories(folder_ + "/capsules/step_00000009.replaced");
  EXPECT_EQ(CapsuleSteps(folder_), std::vector<int64_t>{4});
  fs::remove(folder_ + "/capsules/.new-step_00000009");
  fs::remove(folder_ + "/capsules/step_00000009.replaced");
  const Capsule capsule = OpenOnly();
  EXPECT_TRUE(capsule.spike);
  EXPECT_EQ(capsule.seen, "a \"reason\"\n\xff");
  EXPECT_EQ(capsule.scheduled, (std::vector<std::pair<std::string, float>>{{"sigma", 0.7f}}));
  EXPECT_EQ(capsule.losses[0], 2.5);
  EXPECT_TRUE(std::isnan(capsule.losses[1]));
  EXPECT_EQ(capsule.images[1], (std::vector<std::string>{"c", "d\xE9"}));
  const auto batch = ReadCapsuleBatch(capsule, 1);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->images, batch_.images);
  EXPECT_EQ(batch->keys, batch_.keys);
  EXPECT_EQ(batch->labels, batch_.labels);
  EXPECT_EQ(batch->image_ids, batch_.image_ids);
  // One that is there is replaced: a run that went on from before it wrote other logs.
  const auto again = Write(FileSystem::Real(), /*metrics_bytes=*/77);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *path);
  EXPECT_EQ(OpenOnly().before.state.metrics_bytes, 77);
}

TEST_F(CapsuleTest, ADiskThatFailsAtAnyCallLeavesAWholeCapsuleOrNone) {
  struct Case {
    bool again;      // where there is one of the step already
    bool exchanges;  // on a file system that can exchange names
  };
  for (const auto [again, exchanges] : {Case{false, true}, Case{true, true}, Case{true, false}}) {
    int64_t call = 0;
    for (bool broken = true; broken; ++call) {
      fs::remove_all(folder_ + "/capsules");
      if (again) {
        ASSERT_TRUE(Write(FileSystem::Real(), 1).ok());
      }
      FaultyFileSystem files;
      files.set_exchanges(exchanges);
      files.Break(call, FaultyFileSystem::Fault::kForGood, ENOSPC);
      const auto path = Write(&files, 2);
      broken = files.broken();
      if (!path.ok()) {
        EXPECT_THAT(std::string(path.status().message()), HasSubstr(folder_)) << call;
      }
      // As the next one does.
      PutBackReplaced(
          folder_ + "/capsules",
          [](absl::string_view name) { return StepOfName(name).has_value(); }, FileSystem::Real());
      const std::vector<int64_t> steps = CapsuleSteps(folder_);
      for (const int64_t step : steps) {
        const auto capsule = OpenCapsule(absl::StrCat(folder_, "/capsules/", CheckpointName(step)));
        EXPECT_TRUE(capsule.ok()) << call << " " << capsule.status();
        if (path.ok() && capsule.ok()) {
          EXPECT_EQ(capsule->before.state.metrics_bytes, 2);
        }
      }
      EXPECT_EQ(steps.size(), again || path.ok() ? 1u : steps.size()) << call;
      // That tidies up.
      ASSERT_TRUE(Write(FileSystem::Real(), 3).ok());
      EXPECT_EQ(CapsuleNames().size(), 1u) << call;
    }
    EXPECT_GT(call, 20);
  }
  fs::remove_all(folder_ + "/capsules");
  FaultyFileSystem files;
  files.set_free_bytes(1000);
  EXPECT_TRUE(absl::IsResourceExhausted(Write(&files, 0, /*micro_batches=*/60).status()));
  EXPECT_TRUE(CapsuleNames().empty());
}

// With sums that are right: somebody else's program wrote it.
TEST_F(CapsuleTest, NumbersThatCannotBeAreNamed) {
  const std::string path = Write(FileSystem::Real()).value();
  const std::string text = ReadFile(path + "/capsule.json", 1 << 20).value();
  const auto put = [&path](const std::string& name, const std::string& bytes) {
    std::ofstream(path + "/" + name, std::ios::binary | std::ios::trunc) << bytes;
  };
  struct Case {
    std::string from, to, named;
  };
  for (const auto& [from, to, named] : std::vector<Case>{
           {"\"step\": 4", "\"step\": 5", "`step` does not come after step 3"},
           {"\"step\": 4", "\"step\": 0", "step"},
           {"\"sigma\": ", "\"x\": 1e300, \"sigma\": ", "`scheduled` is no float"},
           {"\"micro_batches\": 2", "\"micro_batches\": 1", "`micro_batches`"},
           {"\"lr\": ", "\"lr\": \"much\", \"x\": ", "lr"},
           {"\"seen\": ", "\"seen\": \"" + std::string(5000, 'x') + "\", \"x\": ",
            "`seen` is longer than a line"},
           {"\"epoch\": ",
            "\"x\": " + std::string(80'000, '[') + std::string(80'000, ']') + ", \"epoch\": ",
            "is nested deeper than 64"}}) {
    const std::string changed = absl::StrReplaceAll(text, {{from, to}});
    ASSERT_NE(changed, text) << from;
    RunState state = OpenCheckpoint(path)->state;
    put("capsule.json", changed);
    state.files["capsule.json"] = SumOfBytes(changed);
    const std::string json = RunStateJson(state);
    put("state.json", json);
    put("DONE", absl::StrCat("state.json xxh3 ", HexText(SumOfBytes(json).xxh3), "\n"));
    const absl::Status status = OpenCapsule(path).status();
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(path + "/capsule.json"), HasSubstr(named)))
        << from;
  }
}

TEST_F(CapsuleTest, WhatIsMissingOrDamagedIsNamed) {
  const std::string path = Write(FileSystem::Real()).value();
  const std::string copy = folder_ + "/copy";
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path().filename());
  ASSERT_EQ(files.size(), 7u);
  for (const std::string& file : files) {
    for (const char* damage : {"removed", "cut", "flipped"}) {
      fs::remove_all(copy);
      fs::copy(path, copy);
      const std::string target = copy + "/" + file;
      const auto size = fs::file_size(target);
      if (damage == std::string("removed")) {
        fs::remove(target);
      } else if (damage == std::string("cut")) {
        fs::resize_file(target, size / 2);
      } else {
        std::fstream stream(target, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekg(static_cast<int64_t>(size / 2));
        const char byte = static_cast<char>(stream.get() ^ 1);
        stream.seekp(static_cast<int64_t>(size / 2));
        stream.put(byte);
      }
      const auto capsule = OpenCapsule(copy);
      ASSERT_FALSE(capsule.ok()) << file << " " << damage;
      // DONE has the sum of state.json.
      const std::string named = file == "DONE" && damage != std::string("removed") ? copy : file;
      EXPECT_THAT(std::string(capsule.status().message()), HasSubstr(named)) << damage;
    }
  }
  EXPECT_THAT(std::string(OpenCapsule(folder_ + "/none").status().message()),
              HasSubstr("is no folder"));
  EXPECT_THAT(std::string(OpenCapsule(folder_ + "/checkpoints/step_00000003").status().message()),
              HasSubstr("is a checkpoint, not a capsule"));
}

}  // namespace
}  // namespace models
