#include "tools/plan/short_plan.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/session_plan.h"
#include "tests/models/training/tiny_run.h"
#include "tools/flags/parse_flags.h"
#include "tools/plan/step_time.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const MachineDefaults kBoth = {2, 1, {/*bf16_products=*/true, /*int8_products=*/true}};
const MachineDefaults kFast = {2, 1, {true, true, /*fast_bf16_products=*/true}};
const MachineDefaults kNeither = {2, 1, {}};

ResolvedFlags Resolve(std::vector<std::string> args, const MachineDefaults& machine = kBoth,
                      const std::string& model = "droppos_tiny") {
  args.push_back("--model=" + model);
  const models::Zoo zoo = MakeZoo();
  const auto resolved =
      ResolveTrainFlags(ParseTrainFlags(args, zoo).value().flags, zoo.Find(model).value(), machine);
  EXPECT_TRUE(resolved.ok()) << resolved.status();
  return *resolved;
}

std::vector<std::string> Names(const std::vector<PlanVariant>& variants) {
  std::vector<std::string> names;
  for (const PlanVariant& v : variants) {
    names.push_back(v.flags + (v.missing.empty() ? "" : ": " + v.missing));
  }
  return names;
}

TEST(PlanVariants, AreThoseThatDifferFromWhatWasAsked) {
  const std::string guide = "  and --guide_precision=int8";
  EXPECT_THAT(Names(PlanVariants(Resolve({}), kBoth)),
              ElementsAre("as asked", "--precision=bf16", guide, "--recompute=block"));
  EXPECT_THAT(Names(PlanVariants(Resolve({"--precision=bf16", "--recompute=block"}), kBoth)),
              ElementsAre("as asked", guide));
  EXPECT_THAT(Names(PlanVariants(Resolve({}, kBoth, "mae_vits"), kBoth)),
              ElementsAre("as asked", "--precision=bf16", "--recompute=block"));
  EXPECT_THAT(Names(PlanVariants(Resolve({"--passes=off"}), kBoth)), ElementsAre("as asked"));
  EXPECT_THAT(Names(PlanVariants(Resolve({}, kFast), kFast)),
              ElementsAre("as asked, which is in bf16", "--precision=fp32", guide,
                          "--recompute=block"));
  EXPECT_EQ(PlanVariants(Resolve({}, kFast), kFast)[1].passes.precision,
            graph::ComputePrecision::kF32);
  EXPECT_THAT(Names(PlanVariants(Resolve({"--precision=fp32"}, kFast), kFast)),
              ElementsAre("as asked", "--precision=bf16", guide, "--recompute=block"));
  EXPECT_THAT(
      Names(PlanVariants(Resolve({}, kNeither), kNeither)),
      ElementsAre("as asked", "--precision=bf16: needs AVX512-BF16 or AMX",
                  guide + ": needs AVX512-BF16 or AMX, and VNNI or AMX", "--recompute=block"));

  const auto variants = PlanVariants(Resolve({}), kBoth);
  EXPECT_EQ(variants[0].passes.precision, graph::ComputePrecision::kF32);
  EXPECT_EQ(variants[1].passes.precision, graph::ComputePrecision::kBF16);
  EXPECT_EQ(graph::PrecisionOf(variants[2].passes, "guide/blocks.0"),
            graph::ComputePrecision::kInt8Products);
  EXPECT_EQ(variants[3].passes.precision, graph::ComputePrecision::kF32);
  EXPECT_TRUE(variants[3].passes.recompute_segment != nullptr);
}

TEST(SecondsOfAnImage, LoadingSharesTheCpus) {
  EXPECT_DOUBLE_EQ(SecondsOfAnImage(1, 2, {0.5, 0, 2}), 1.5);   // in turn
  EXPECT_DOUBLE_EQ(SecondsOfAnImage(1, 2, {0.5, 1, 2}), 1.25);  // 2.5 CPU seconds on 2 CPUs
  EXPECT_DOUBLE_EQ(SecondsOfAnImage(1, 2, {0.5, 1, 8}), 1);     // on CPUs of its own
  EXPECT_DOUBLE_EQ(SecondsOfAnImage(1, 2, {6, 2, 64}), 3);      // the step waits for images
}

TEST(RunLength, CountsWindowsAndStopsAtSteps) {
  const auto length = [](std::vector<std::string> args) {
    args.insert(args.end(), {"--batch_size=64", "--epochs=10"});
    const ResolvedFlags resolved = Resolve(args);
    return LengthOf(resolved, models::EpochPlan::Of(resolved.step, 1000).value(), 1000);
  };
  EXPECT_EQ(length({}).epoch_images, 15 * 64);
  EXPECT_EQ(length({}).run_images, 10 * 15 * 64);
  EXPECT_EQ(length({}).data_images, 1000);
  EXPECT_EQ(length({"--accum_iter=2"}).epoch_images, 14 * 64);
  EXPECT_EQ(length({"--steps=30"}).run_images, 30 * 64);
  EXPECT_EQ(length({"--steps=1000000"}).run_images, 10 * 15 * 64);
}

TEST(TimeText, HasTheUnitThatItIsReadIn) {
  EXPECT_EQ(TimeText(0.5 / 3600), "0.5 s");
  EXPECT_EQ(TimeText(40.0 / 3600), "40 s");
  EXPECT_EQ(TimeText(59.7 / 3600), "1.0 min");
  EXPECT_EQ(TimeText(0.2), "12 min");
  EXPECT_EQ(TimeText(59.9 / 60), "1.00 h");
  EXPECT_EQ(TimeText(2.5583), "2.56 h");
  EXPECT_EQ(TimeText(9.999), "10.0 h");
  EXPECT_EQ(TimeText(999.7), "1000 h");
  EXPECT_EQ(TimeText(2047), "2047 h");
}

class Short : public ::testing::Test {
 protected:
  std::vector<std::string> Lines(const models::SessionOptions& options,
                                 int64_t data_images = 1'000'000'000) {
    const auto answers = TimePlan(model_, options, PlanVariants(Resolve({}, kNeither), kNeither),
                                  {}, {3600e6, 7200e6, data_images}, MachineRates());
    EXPECT_TRUE(answers.ok()) << answers.status();
    if (!answers.ok()) return {};
    return absl::StrSplit(PlanText(*answers), '\n', absl::SkipEmpty());
  }
  void Leave(size_t mib) {
    const std::string root = absl::StrCat(::testing::TempDir(), "/plan", mib);
    ASSERT_EQ(std::system(("mkdir -p '" + root + "/proc'").c_str()), 0);
    std::ofstream(root + "/proc/meminfo") << "MemAvailable: " << mib * 1024 << " kB\n";
    engine_.backend.device = graph::MakeHostDevice(2, root);
  }

  models::TinyEngine engine_;
  models::DropPos model_{models::TinyModelConfig(), models::TinyDropPosConfig(true)};
};

TEST_F(Short, AnswersInSixLines) {
  Leave(64);
  const models::SessionOptions options = engine_.Options(16);
  const std::vector<std::string> lines = Lines(options);
  ASSERT_EQ(lines.size(), 6u);
  for (const std::string& line : lines) EXPECT_LE(line.size(), 110u) << line;
  const double mib = models::PlanSession(model_, options)->memory.total() / (1024.0 * 1024.0);
  const size_t available = *engine_.backend.device->AvailableBytes();
  const int largest = models::LargestBatch(model_, options, available).value();
  EXPECT_THAT(lines[0], StartsWith(absl::StrFormat("fits: %.0f MiB of %.0f; largest --batch_size "
                                                   "%d; ",
                                                   mib, available / (1024.0 * 1024.0), largest)));
  EXPECT_THAT(lines[0], HasSubstr("; an epoch in "));
  EXPECT_THAT(lines[0], HasSubstr(" h, the run in "));
  EXPECT_THAT(lines[1], HasSubstr(" GFLOP an image"));

  double row[5] = {};
  ASSERT_EQ(std::sscanf(lines[2].c_str(), "as asked %lf %lf %lf %lf h %lf h", &row[0], &row[1],
                        &row[2], &row[3], &row[4]),
            5)
      << lines[2];
  EXPECT_NEAR(row[0], mib, 0.51);
  EXPECT_EQ(row[1], largest);
  EXPECT_GT(row[2], 0);
  // So many that their hours have three digits, as the rate does, on any machine.
  EXPECT_NEAR(row[3] * row[2], 1e6, 1e4);
  EXPECT_NEAR(row[4] * row[2], 2e6, 2e4);
}

TEST_F(Short, NoBatchIsLargerThanTheData) {
  Leave(64);
  const std::vector<std::string> lines = Lines(engine_.Options(16), 17);
  EXPECT_THAT(lines[0], HasSubstr("; largest --batch_size 17 (all images); "));
  double mib = 0;
  int largest = 0;
  ASSERT_EQ(std::sscanf(lines[2].c_str(), "as asked %lf %d", &mib, &largest), 2) << lines[2];
  EXPECT_EQ(largest, 17);
}

TEST_F(Short, SaysWhatDoesNotFit) {
  Leave(1);
  const std::vector<std::string> lines = Lines(engine_.Options(1024));
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_THAT(lines[0], StartsWith("DOES NOT FIT: "));
  engine_.backend.device = graph::MakeHostDevice(2, "/nonexistent");
  EXPECT_THAT(Lines(engine_.Options(16))[0], StartsWith("needs "));
}

// The operators are timed once: most of these are equations and not measurements.
TEST_F(Short, AStepIsTheSumOfItsOperators) {
  StepTimer timer(&engine_.registry, &engine_.backend, 1);
  const auto seconds = [&](int batch, int accum_iter) {
    const models::SessionOptions options = engine_.Options(batch, accum_iter);
    const auto plan = models::PlanSession(model_, options);
    EXPECT_TRUE(plan.ok()) << plan.status();
    const auto window = timer.WindowSeconds(model_, options, *plan);
    EXPECT_TRUE(window.ok()) << window.status();
    return window.value_or(0);
  };
  const double step = seconds(16, 1);
  EXPECT_GT(step, 0);
  EXPECT_EQ(seconds(16, 1), step);
  // Timed at 16 images still: all but the update takes longer.
  EXPECT_GT(seconds(32, 1), step);
  EXPECT_LT(seconds(32, 1), 2 * step);
  // The first, the last, and as many in the middle as there are. Sums are scaled by one over their
  // number, so that a few operators are others and are timed anew.
  const double ratio = seconds(16, 7) / seconds(16, 3);
  EXPECT_GT(ratio, 1.5);
  EXPECT_LT(ratio, 3);
}

}  // namespace
}  // namespace tools
