#include "tools/plan/gpu_plan.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/session_plan.h"
#include "tests/models/training/tiny_run.h"
#include "tools/cuda_backend.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

absl::StatusOr<graph::Backend> NoGpu(int, int) {
  return absl::UnavailableError("no NVIDIA driver; install one, or use --device=cpu");
}
absl::StatusOr<graph::Backend> AGpu(int, int) {
  graph::Backend backend;
  backend.name = "cuda";
  return backend;
}
// Only a GPU's name and what it computes fast.
absl::StatusOr<graph::Backend> Described(const backends::cuda::GpuProperties&, int) {
  graph::Backend backend;
  backend.capabilities.fast_bf16_products = true;
  return backend;
}
absl::StatusOr<graph::Backend> NoLibrary(const backends::cuda::GpuProperties&, int) {
  return absl::UnavailableError("there is no library; look for it, or use --device=cpu");
}

TrainFlags Flags(absl::optional<std::string> device, absl::optional<std::string> plan,
                 absl::optional<std::vector<std::string>> plan_gpu = absl::nullopt) {
  TrainFlags flags;
  flags.device = std::move(device);
  flags.plan = std::move(plan);
  flags.plan_gpu = std::move(plan_gpu);
  return flags;
}

std::string Names(const TrainFlags& flags) {
  const absl::StatusOr<GpusToDescribe> gpus = ChooseGpusToDescribe(flags, 1);
  if (!gpus.ok()) return std::string(gpus.status().message());
  std::string names;
  for (const GpuChip& chip : gpus->chips) names += chip.flag + " ";
  return names + gpus->reason;
}

TEST(GpusToDescribe, AreThoseAskedForOrTwoWhereThereIsNone) {
  const absl::nullopt_t none = absl::nullopt;
  UseLinkedCudaBackend(NoGpu, Described);
  EXPECT_EQ(Names(Flags("cuda", "short")), "h100 h200 no NVIDIA driver");
  EXPECT_EQ(Names(Flags("cuda", none)), "");  // to train; ChooseDevice refuses that
  EXPECT_EQ(Names(Flags("cuda:0", "short")), "");
  EXPECT_EQ(Names(Flags("auto", "short")), "");
  EXPECT_EQ(Names(Flags(none, "short")), "");
  EXPECT_EQ(Names(Flags(none, "full", {{"l40s", "a100"}})), "l40s a100 ");
  EXPECT_EQ(Names(Flags("cuda", "full", {{"l40s"}})), "l40s ");
  EXPECT_THAT(Names(Flags("cpu", "full", {{"l40s"}})), HasSubstr("leave out --device=cpu"));
  EXPECT_THAT(Names(Flags(none, "full", {{"l40s", "v100"}})),
              AllOf(StartsWith("--plan_gpu=l40s,v100: there is no 'v100'"), HasSubstr("h100")));

  UseLinkedCudaBackend(AGpu, Described);
  EXPECT_EQ(Names(Flags("cuda", "short")), "");
  const auto found = ChooseGpusToDescribe(Flags("cuda", "short"), 1);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->here.has_value());  // and so need not be made again
  EXPECT_EQ(found->here->gpu->name, "cuda");
  EXPECT_EQ(Names(Flags("cuda", "short", {{"h100"}})), "h100 ");

  // Without the library there is nothing to describe with.
  UseLinkedCudaBackend(NoGpu, NoLibrary);
  EXPECT_EQ(Names(Flags("cuda", "short")),
            "--device=cuda: no NVIDIA driver; install one, or use --device=cpu");
  EXPECT_EQ(DescribedDevice(GpuChips({"h100"}).value()[0]).status().message(),
            "--plan_gpu=h100: there is no library; look for it");
}

class Plan : public ::testing::Test {
 protected:
  Plan() {
    options_.compile.backend = &engine_.backend;
    const absl::StatusOr<GpuPlan> plan = PlanForGpu(
        model_, options_,
        {{"as asked", options_.compile.passes}, {"--other", options_.compile.passes, "needs more"}},
        {1000, 2000, 500}, GpuChips({"h100"}).value()[0]);
    EXPECT_TRUE(plan.ok()) << plan.status();
    plan_ = *plan;
  }

  const models::TinyEngine engine_;
  const models::DropPos model_{models::TinyModelConfig(), models::TinyDropPosConfig(true)};
  models::SessionOptions options_ = engine_.Options(/*batch=*/16, /*accum_iter=*/2);
  GpuPlan plan_;
};

TEST_F(Plan, RatesAreThoseOfTheGoal) {
  EXPECT_EQ(plan_.window_images, 32);
  const double seconds = Sum(plan_.window).goal_seconds;
  EXPECT_GT(seconds, 0);
  EXPECT_DOUBLE_EQ(plan_.answers.variants[0].images_per_s, 32 / seconds);
  EXPECT_EQ(plan_.window[0].kind, "copy of images");
  EXPECT_GT(plan_.window[0].floor_seconds, 0);
}

TEST_F(Plan, TheJsonHasTheTextsNumbers) {
  const nlohmann::ordered_json json = GpuPlanJson(plan_, {0.002, 1, 2});
  EXPECT_EQ(json["device"], "h100");
  EXPECT_EQ(json["counts_loading"], false);
  EXPECT_EQ(json["gpu"]["name"], "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(json["gpu"]["compute_capability"], "9.0");
  EXPECT_EQ(json["gpu"]["gb_per_s"], 3350);
  ASSERT_EQ(json["variants"].size(), 2u);
  const models::MemoryNeeds needs = models::PlanSession(model_, options_)->memory;
  const double mib = 1 << 20;
  const auto& memory = json["variants"][0]["memory_mib"];
  EXPECT_DOUBLE_EQ(memory["total"], needs.total() / mib);
  EXPECT_DOUBLE_EQ(memory["arena"], needs.arena / mib);
  EXPECT_DOUBLE_EQ(memory["accumulators"], needs.accumulators / mib);
  EXPECT_GT(needs.accumulators, 0u);
  const double rate = json["variants"][0]["images_per_s"];
  EXPECT_DOUBLE_EQ(json["variants"][0]["run_hours"], 2000 / rate / 3600);
  EXPECT_DOUBLE_EQ(json["loading"]["ms_an_image"], 2);
  EXPECT_EQ(json["loading"]["threads_needed"], std::ceil(rate * 0.002));
  EXPECT_EQ(json["variants"][1]["missing"], "needs more");
  EXPECT_FALSE(json["variants"][1].contains("images_per_s"));
  double goal = 0;
  for (const auto& kind : json["step"]["kinds"]) goal += kind["goal_ms"].get<double>();
  EXPECT_NEAR(json["step"]["goal_ms"], goal, 1e-9);
  EXPECT_EQ(json["step"]["images"], 32);

  const std::string text = GpuPlanText(plan_, {0.002, 1, 2}, /*by_kind=*/true);
  EXPECT_THAT(
      text, AllOf(StartsWith("h100: NVIDIA H100 80GB HBM3; bf16 989 TFLOP/s, fp32 67.0, "),
                  HasSubstr("\nas asked "), HasSubstr("guide products"), HasSubstr("\n  update ")));
  EXPECT_THAT(text, HasSubstr(absl::StrFormat("; %.0f images/s; ", rate)));
  EXPECT_THAT(text, HasSubstr(absl::StrFormat("2.00 ms an image on one thread here, measured; "
                                              "%.0f such threads",
                                              std::ceil(rate * 0.002))));
  EXPECT_EQ(GpuPlanText(plan_, {0.002, 1, 2}, false).find("guide products"), std::string::npos);
}

}  // namespace
}  // namespace tools
