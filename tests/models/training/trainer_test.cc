// How runs go on after they ended: resume_test.cc.
#include "models/training/trainer.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/training/checkpoint_store.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"
#include "tests/models/files/faulty_file_system.h"
#include "tests/models/training/tiny_run.h"
#include "tests/models/training/trainer_fixture.h"

namespace models {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

TEST_F(TrainerTest, WritesOneLineAStepAndOneAnEvaluation) {
  const auto log = Run("lines");
  ASSERT_TRUE(log.ok()) << log.status();
  const std::vector<Json> lines = Metrics(options_.metrics_path);
  ASSERT_EQ(lines.size(), 3u * (6 + 1));  // 50 / 8 steps and one evaluation an epoch
  EXPECT_EQ(lines[0]["step"], 1);
  EXPECT_EQ(lines[0]["lr"], 0.0);  // the first step of the warm-up
  for (const char* key :
       {"step", "epoch", "loss", "pos_acc1", "pos_acc1_weighted", "lr", "grad_norm"}) {
    EXPECT_TRUE(lines[0].contains(key)) << key;
  }
  EXPECT_EQ(lines[6]["step"], 6);
  EXPECT_EQ(lines[6]["epoch"], 1.0);
  EXPECT_EQ(lines[6]["chance"], 1.0 / 16);
  EXPECT_TRUE(lines[6].contains("heldout_pos_acc1"));
  EXPECT_TRUE(lines[6].contains("heldout_pos_acc1_all_dropped"));
  for (const char* text : {"epoch 0 [1/6]", "eta ", "loss ", "pos_acc1 ", "pos_acc1_weighted ",
                           "lr ", "grad_norm ", "(clipped ", "images/s", "held out:", "saved "}) {
    EXPECT_THAT(*log, HasSubstr(text));
  }
  const auto checkpoint = SafetensorsFile::Read(checkpoint_path_);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->metadata().at("step"), "18");
  EXPECT_TRUE(checkpoint->tensors().count("decoder_pred.weight"));
}

TEST_F(TrainerTest, StepsEndsTheRunAndLeavesTheScheduleAlone) {
  ASSERT_TRUE(Run("full").ok());
  const std::vector<Json> full = Metrics(options_.metrics_path);
  options_.steps = 8;
  ASSERT_TRUE(Run("short").ok());
  const std::vector<Json> cut = Metrics(options_.metrics_path);
  ASSERT_EQ(cut.size(), 8u + 2);  // evaluated after the epoch and at the end
  for (size_t i = 0; i < 9; ++i) EXPECT_EQ(cut[i], full[i]) << i;
}

TEST_F(TrainerTest, StepsBeyondTheScheduleEndWithIt) {
  options_.schedule.epochs = 1;
  options_.steps = 100;
  ASSERT_TRUE(Run("beyond").ok());
  const std::vector<Json> lines = Metrics(options_.metrics_path);
  ASSERT_EQ(lines.size(), 6u + 1);
  EXPECT_EQ(lines[6]["step"], 6);
}

// A clock that the test turns, and that nobody sets as they set the time of day.
TEST_F(TrainerTest, DurationsAreByTheRunsOwnClock) {
  std::chrono::steady_clock::time_point now(std::chrono::hours(1));
  options_.now = [&now] { return now; };
  options_.launched = now - std::chrono::seconds(5);
  hooks_.batch_came = [&now] { now += std::chrono::seconds(2); };
  options_.steps = 3;
  const auto log = Run("clock");
  ASSERT_TRUE(log.ok()) << log.status();
  // Where the next batch is copied beside a step, the first step has two and the last has none.
  const bool ahead = !engine_.backend.device->host_accessible();
  EXPECT_THAT(*log, HasSubstr(ahead ? "first step 9.0 s after launch\n"
                                    : "first step 7.0 s after launch\n"));
  EXPECT_THAT(*log, HasSubstr(ahead ? "epoch 0 [1/6]  eta 0:00:08" : "epoch 0 [1/6]  eta 0:00:04"));
  std::ifstream file(options_.metrics_path);
  for (const double seconds : ahead ? std::vector<double>{4, 2} : std::vector<double>{2, 2, 2}) {
    std::string line;
    ASSERT_TRUE(std::getline(file, line));
    EXPECT_EQ(Json::parse(line).at("time_seconds"), seconds);
    EXPECT_EQ(Json::parse(line).at("time_images_per_s"), 8.0 / seconds);
  }
}

TEST_F(TrainerTest, ResultsDoNotDependOnLoaderThreads) {
  std::vector<Json> first;
  for (int workers : {0, 1, 3}) {
    options_.loader.num_workers = workers;
    ASSERT_TRUE(Run("workers").ok());
    const std::vector<Json> lines = Metrics(options_.metrics_path);
    if (workers == 0) first = lines;
    EXPECT_EQ(lines, first) << workers << " workers";
  }
  step_.seed = 6;
  ASSERT_TRUE(Run("workers").ok());
  EXPECT_NE(Metrics(options_.metrics_path), first);
}

TEST_F(TrainerTest, EvaluatesEveryNSteps) {
  options_.eval_every = 4;
  options_.steps = 10;
  ASSERT_TRUE(Run("eval").ok());
  std::vector<int> at;
  for (const Json& line : Metrics(options_.metrics_path)) {
    if (line.contains("chance")) at.push_back(line["step"]);
  }
  EXPECT_EQ(at, (std::vector<int>{4, 6, 8, 10}));
}

TEST_F(TrainerTest, EvaluatesAndSavesAfterEveryNthEpoch) {
  options_.eval_epochs = 2;
  const auto log = Run("epochs");
  ASSERT_TRUE(log.ok());
  std::vector<int> at;
  for (const Json& line : Metrics(options_.metrics_path)) {
    if (line.contains("chance")) at.push_back(line["step"]);
  }
  EXPECT_EQ(at, (std::vector<int>{12, 18}));  // of 6 steps an epoch
  EXPECT_THAT(*log, Not(HasSubstr(CheckpointName(6))));  // saved at them alone
  EXPECT_THAT(*log, AllOf(HasSubstr(CheckpointName(12)), HasSubstr(CheckpointName(18))));
}

TEST_F(TrainerTest, AccumulationDropsWhatFillsNoWindow) {
  step_.micro_batches = 4;
  options_.steps = 2;
  ASSERT_TRUE(Run("accum").ok());
  const std::vector<Json> lines = Metrics(options_.metrics_path);
  EXPECT_EQ(lines[0]["epoch"], 1.0);  // floor(50 / 32) = 1 window an epoch
}

// 50 images are 6 micro-batches: a window of 4 and, as published, one of the other 2.
TEST_F(TrainerTest, PublishedAccumulationTrainsOnTheRemainderToo) {
  step_.micro_batches = 4;
  step_.update_when = UpdateWhen::kMicroStep;
  ASSERT_TRUE(Run("published").ok());
  const std::vector<Json> lines = Metrics(options_.metrics_path);
  ASSERT_EQ(lines.size(), 3u * (2 + 1));
  EXPECT_EQ(lines[2]["step"], 2);
  EXPECT_EQ(lines[2]["epoch"], 1.0);
  EXPECT_EQ(updates_, 3 * 6);
  step_.update_when = UpdateWhen::kWindow;
  ASSERT_TRUE(Run("window").ok());
  EXPECT_EQ(updates_, 3 * 1);
}

TEST_F(TrainerTest, ItIsSavedBeforeItIsEvaluated) {
  const auto log = Run("order");
  ASSERT_TRUE(log.ok()) << log.status();
  const size_t saved = log->find("saved "), evaluated = log->find("held out:");
  ASSERT_NE(saved, std::string::npos);
  ASSERT_NE(evaluated, std::string::npos);
  EXPECT_LT(saved, evaluated);
  // Once for each epoch, the last one included.
  size_t count = 0;
  for (size_t at = 0; (at = log->find("saved ", at)) != std::string::npos; ++at) ++count;
  EXPECT_EQ(count, 3u);
}

TEST_F(TrainerTest, WorksWithoutHeldOutImages) {
  with_held_out_ = false;
  options_.steps = 2;
  const auto log = Run("alone");
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(log->find("held out"), std::string::npos);
}

TEST_F(TrainerTest, ABatchLargerThanTheDataIsRefused) {
  step_.micro_batch = 51;
  const auto log = Run("large");
  ASSERT_FALSE(log.ok());
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("more than the 50 training images"));
}

TEST_F(TrainerTest, ALossThatIsNotFiniteNamesStepAndBlobAndKeepsTheLastGoodParameters) {
  // So large a rate that the second step's products overflow.
  options_.schedule = {1e30, 1e30, 0, 3};
  const auto log = Run("nan");
  ASSERT_FALSE(log.ok());
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("step "));
  EXPECT_THAT(std::string(log.status().message()),
              HasSubstr("; lr is 1e+30: first non-finite blob"));
  // Those of a run that ends before that step, to the bit.
  const int64_t good = static_cast<int64_t>(Metrics(options_.metrics_path).size());
  ASSERT_GT(good, 0);
  const std::string kept = TestPath("nan") + "/checkpoints/" + CheckpointName(good) + "/";
  options_.steps = good;
  ASSERT_TRUE(Run("before_nan").ok());
  const std::string same = TestPath("before_nan") + "/checkpoints/" + CheckpointName(good) + "/";
  for (const char* name : {kModelFile, kOptimizerFile}) {
    const auto file = SafetensorsFile::Read(kept + name),
               other = SafetensorsFile::Read(same + name);
    ASSERT_TRUE(file.ok() && other.ok()) << file.status() << other.status();
    ASSERT_EQ(file->tensors().size(), other->tensors().size());
    for (const auto& [tensor, entry] : file->tensors()) {
      EXPECT_TRUE(entry.data == other->tensors().at(tensor).data) << tensor;
    }
  }
}

TEST_F(TrainerTest, ALossThatRisesSteeplyIsSaidInWords) {
  options_.schedule = {30, 30, 0, 3};
  options_.steps = 4;
  ASSERT_TRUE(Run("rise").ok());
  EXPECT_THAT(log_, ::testing::ContainsRegex(
                        "warning: step [234]: the loss rose from [0-9.]+ to [0-9.]+ in "
                        "one step; lr is 30\n"));
}

// One checkpoint an epoch, and the last is not the best.
TEST_F(TrainerTest, TheBestByHeldOutAccuracyIsKept) {
  keep_.keep = 1;
  ASSERT_TRUE(Run("best").ok());
  int64_t best = 0;
  double accuracy = -1;
  for (const Json& line : Metrics(options_.metrics_path)) {
    if (line["kind"] != "eval" || line["heldout_pos_acc1"] <= accuracy) continue;
    best = line["step"];
    accuracy = line["heldout_pos_acc1"];
  }
  EXPECT_LT(best, 18) << "nothing to see: the newest is the best";
  EXPECT_EQ(std::filesystem::read_symlink(TestPath("best") + "/best.safetensors"),
            "checkpoints/" + CheckpointName(best) + "/model.safetensors");
  const auto steps = CheckpointSteps(TestPath("best"));
  ASSERT_TRUE(steps.ok());
  EXPECT_EQ(*steps, (std::vector<int64_t>{best, 18}));
}

// The host's, but the next copy to the host fails where `breaks` is set.
class BreakingDevice : public graph::Device {
 public:
  explicit BreakingDevice(std::shared_ptr<graph::Device> host) : host_(std::move(host)) {}
  bool breaks = false;

  std::string name() const override { return host_->name(); }
  int threads() const override { return host_->threads(); }
  bool host_accessible() const override { return host_->host_accessible(); }
  absl::optional<size_t> AvailableBytes() const override { return host_->AvailableBytes(); }
  absl::StatusOr<graph::Block> Allocate(size_t bytes, graph::Contents contents) override {
    return host_->Allocate(bytes, contents);
  }
  absl::Status CopyIn(void* to, const void* from, size_t bytes) override {
    return host_->CopyIn(to, from, bytes);
  }
  absl::Status CopyOut(void* to, const void* from, size_t bytes) override {
    if (std::exchange(breaks, false)) return absl::UnavailableError("the copy broke");
    return host_->CopyOut(to, from, bytes);
  }
  absl::Status CopyWithin(void* to, const void* from, size_t bytes) override {
    return host_->CopyWithin(to, from, bytes);
  }
  absl::Status Launch(absl::FunctionRef<absl::Status()> kernels) override {
    return host_->Launch(kernels);
  }

 private:
  const std::shared_ptr<graph::Device> host_;
};

// In the third step: its first net updates nothing, so step 2 is saved; after its last one the
// parameters are those of step 3, of which metrics.jsonl knows nothing.
TEST_F(TrainerTest, AnErrorAfterTheUpdateOfAStepThatIsNotCompleteSavesNothing) {
  const auto device = std::make_shared<BreakingDevice>(engine_.backend.device);
  engine_.backend.device = device;
  step_.micro_batches = 2;
  for (const bool updated : {false, true}) {
    struct : graph::TraceHook {
      BreakingDevice* device = nullptr;
      int step = 0;
      void BeforeOp(const graph::Net&, graph::OpId op) override { step += op == 0; }
      void AfterOp(const graph::Net& net, graph::OpId op,
                   absl::Span<const graph::ConstTensor>) override {
        device->breaks = step == 3 && op + 1 == static_cast<int>(net.ops.size());
      }
    } watch;
    watch.device = device.get();
    prepare_session_ = [&](Session* session) {
      const auto nets = session->micro_steps();
      (updated ? nets.back() : nets.front())->AddTraceHook(&watch);
    };
    const auto log = Run("broken");
    EXPECT_THAT(std::string(log.status().message()), HasSubstr("after step 2: the copy broke"));
    EXPECT_EQ(updates_, updated ? 3 : 2);
    const auto saved = CheckpointSteps(TestPath("broken"));
    ASSERT_TRUE(saved.ok()) << saved.status();
    EXPECT_EQ(*saved, updated ? std::vector<int64_t>() : std::vector<int64_t>{2});
  }
}

// A checkpoint knows how long the log is, which must be that long after a power cut.
TEST_F(TrainerTest, TheLogIsFlushedBeforeItIsSaved) {
  struct : FaultyFileSystem {
    bool fails = false;
    int Sync(int fd) override {
      errno = EIO;
      return fails ? -1 : FaultyFileSystem::Sync(fd);
    }
  } files;
  prepare_log_ = [&files](const std::string& folder, RunLog* log) {
    ASSERT_TRUE(log->Open(folder + "/train.log", 0, &files).ok());
    files.fails = true;
  };
  options_.steps = 2;
  EXPECT_THAT(std::string(Run("unflushed").status().message()), HasSubstr("unflushed/train.log"));
  EXPECT_EQ(FindNewestCheckpoint(TestPath("unflushed")).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(TrainerTest, BadImagesBeyondTheShareStopTheRunAndAreNamed) {
  train_ = GradientImages(50, /*first_bad=*/30);
  const auto log = Run("bad");
  ASSERT_FALSE(log.ok());
  EXPECT_THAT(log_, HasSubstr("skipped an image"));
  EXPECT_THAT(log_, HasSubstr("broken on purpose"));
}

TEST_F(TrainerTest, AnUnwritableFolderIsNamed) {
  options_.metrics_path = "/no/such/folder/metrics.jsonl";
  auto session = Session::Create(&model_, engine_.Options(8));
  ASSERT_TRUE(session.ok());
  std::ostringstream screen;
  RunLog log({&screen, false, {}});
  const absl::Status status = Train(options_, model_, train_, nullptr, session->get(), &log);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/folder/metrics.jsonl"));
}

}  // namespace
}  // namespace models
