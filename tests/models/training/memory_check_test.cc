#include <sys/stat.h>

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/session.h"
#include "models/training/session_plan.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using ::testing::HasSubstr;

// A root of its own for each test.
std::string Root() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string root = ::testing::TempDir() + "memory_" + test->name();
  mkdir(root.c_str(), 0700);
  return root;
}

void Write(const std::string& root, const std::string& path, const std::string& text) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    mkdir((root + path.substr(0, at)).c_str(), 0700);
  }
  std::ofstream(root + path) << text;
}

TEST(DoesNotFit, NamesTheFlagsAndWhatWouldFit) {
  MemoryNeeds needs;
  needs.arena = 3 << 20;
  needs.parameters = 1 << 20;
  MemoryAdvice advice;
  advice.batch_size = 12;
  advice.recompute_fits = true;
  absl::Status status = DoesNotFit(needs, 2 << 20, 64, advice);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--batch_size=64 needs 4 MiB"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--batch_size=12 fits"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--recompute=block"));
  status = DoesNotFit(needs, 2 << 20, 64, MemoryAdvice());
  EXPECT_THAT(std::string(status.message()), HasSubstr("no smaller --batch_size fits"));
  EXPECT_EQ(status.message().find("--recompute"), absl::string_view::npos);
  advice.recompute_fits = false;
  advice.recompute_left = true;
  status = DoesNotFit(needs, 2 << 20, 64, advice);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--recompute=block needs less, but not"));
}

TEST(SessionMemory, BatchesOfTheLoadersAreFloats) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(false));
  SessionOptions options = engine.Options(8);
  options.loader_batches = 5;
  const auto plan = PlanSession(model, options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->memory.loader, 5u * 8 * 3 * 32 * 32 * sizeof(float));
}

// A search plans many nets, which a library may take seconds for.
TEST(SessionMemory, TheLargestBatchIsAskedOfTheEstimator) {
  TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(false));
  int planned = 0, estimated = 0;
  const auto count = [](graph::Backend backend, int* nets) {
    backend.lowering = [lowering = backend.lowering, nets](const graph::PipelineOptions& options) {
      ++*nets;
      return lowering(options);
    };
    return backend;
  };
  const SessionOptions options = engine.Options(8);
  const size_t available = 2 * PlanSession(model, options)->memory.total();
  const int expected = LargestBatch(model, options, available).value();
  const auto estimator = std::make_shared<const graph::Backend>(count(engine.backend, &estimated));
  engine.backend = count(engine.backend, &planned);
  engine.backend.estimator = estimator;
  EXPECT_EQ(LargestBatch(model, options, available).value(), expected);
  EXPECT_EQ(ExplainShortage(model, options, {}, available).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(planned, 0);
  EXPECT_GT(estimated, 2);
}

// A session that is too large says so before anything is computed, and the batch
// that it names fits.
TEST(SessionMemory, IsCheckedBeforeAnythingIsDone) {
  TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(false));
  SessionOptions options = engine.Options(32);
  const auto plan = PlanSession(model, options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const std::string root = Root();
  const auto leave = [&](size_t bytes) {
    Write(root, "/proc/meminfo", "MemAvailable: " + std::to_string(bytes / 1024 + 1) + " kB\n");
  };
  engine.backend.device = graph::MakeHostDevice(2, root);
  leave(plan->memory.total());
  const auto fits = Session::Create(&model, options);
  ASSERT_TRUE(fits.ok()) << fits.status();
  EXPECT_EQ((*fits)->memory().total(), plan->memory.total());
  EXPECT_EQ((*fits)->memory().persistent(), (*fits)->persistent_bytes());
  EXPECT_EQ((*fits)->memory().arena, (*fits)->arena_bytes());
  EXPECT_EQ((*fits)->memory().optimizer,
            2 * sizeof(float) * (*fits)->trainable_elements() + sizeof(int32_t));

  leave(plan->memory.total() * 3 / 4);
  const auto too_large = Session::Create(&model, options);
  EXPECT_EQ(too_large.status().code(), absl::StatusCode::kResourceExhausted);
  const std::string message(too_large.status().message());
  EXPECT_THAT(message, HasSubstr("--batch_size=32 needs"));
  const size_t available = *graph::AvailableHostMemory(root);
  const int batch = LargestBatch(model, options, available).value();
  EXPECT_GT(batch, 8);
  EXPECT_LT(batch, 32);
  EXPECT_THAT(message, HasSubstr("--batch_size=" + std::to_string(batch) + " fits"));
  options.step.micro_batch = batch;
  EXPECT_TRUE(Session::Create(&model, options).ok());
  options.step.micro_batch = batch + 1;
  EXPECT_FALSE(Session::Create(&model, options).ok());
  options.check_memory = false;
  EXPECT_TRUE(Session::Create(&model, options).ok());

  EXPECT_EQ(LargestBatch(model, options, 1000).value(), 0);
}

}  // namespace
}  // namespace models
