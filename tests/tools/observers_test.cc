// That a run's memory check counts the nets that only watch it.
#include "tools/observers.h"

#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/training/session_plan.h"
#include "tests/models/training/tiny_run.h"
#include "tools/flags/parse_flags.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using ::testing::HasSubstr;

// A model whose encoder sees a quarter of an image while it learns, and all of it for
// its features.
struct WatchedRun {
  explicit WatchedRun(std::vector<std::string> more) {
    std::vector<std::string> args = {"--model=droppos_tiny",
                                     "--embed_dim=32",
                                     "--depth=1",
                                     "--num_heads=2",
                                     "--decoder_embed_dim=8",
                                     "--decoder_depth=1",
                                     "--decoder_num_heads=2",
                                     "--batch_size=32",
                                     "--input_size=32",
                                     "--patch_size=2",
                                     "--attn_guide=false",
                                     "--mask_ratio=0.95",
                                     "--num_workers=0",
                                     "--threads=2"};
    args.insert(args.end(), more.begin(), more.end());
    const auto parsed = ParseTrainFlags(args, MakeZoo());
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    const auto made = ResolveTrainFlags(parsed->flags, MakeZoo().Find("droppos_tiny").value(),
                                        MachineDefaults{2, 0});
    EXPECT_TRUE(made.ok()) << made.status();
    resolved = *made;
    data.train = std::make_unique<models::GradientImages>(64);
    data.held_out = std::make_unique<models::GradientImages>(32);
    model = resolved.entry.make(resolved.entry, 2);
    options = engine.Options(resolved.step.micro_batch);
    options.recipe = resolved.entry.recipe;
    options.evaluations = false;
    options.other_nets = [this](int batch) {
      return Observers::Nets(resolved, data, engine.registry, batch);
    };
  }

  models::TinyEngine engine;
  ResolvedFlags resolved;
  models::Datasets data;
  std::unique_ptr<models::Model> model;
  models::SessionOptions options;
};

TEST(Observers, ReserveWhatWasPlannedForThem) {
  for (const std::vector<std::string>& flags : {std::vector<std::string>{},
                                                {"--eval_every=5"},
                                                {"--vis_every=5"},
                                                {"--eval_every=5", "--vis_every=5"}}) {
    SCOPED_TRACE(::testing::PrintToString(flags));
    WatchedRun run(flags);
    const auto plan = models::PlanSession(*run.model, run.options);
    ASSERT_TRUE(plan.ok()) << plan.status();
    const bool numbers = !flags.empty() && flags[0] == "--eval_every=5";
    EXPECT_EQ(plan->others.size(),
              (numbers ? 2u : 0u) + (!flags.empty() && flags.back() == "--vis_every=5"));
    auto session = models::Session::Create(run.model.get(), run.options);
    ASSERT_TRUE(session.ok()) << session.status();
    EXPECT_EQ((*session)->memory().total(), plan->memory.total());
    std::vector<std::string> notes;
    const auto observers = Observers::Create(run.resolved, run.data, run.options.compile,
                                             session->get(), ::testing::TempDir() + "vis", &notes);
    ASSERT_TRUE(observers.ok()) << observers.status();
    EXPECT_TRUE(notes.empty());
    EXPECT_EQ((*session)->arena_bytes(), plan->memory.arena);
    // A sheet has inputs of its own, because it has fewer images than a batch.
    size_t of_the_sheet = 0;
    if (!flags.empty() && flags.back() == "--vis_every=5") {
      const graph::Net& sheet = plan->others.back().net;
      for (graph::BlobId b : sheet.inputs) of_the_sheet += sheet.type(b).bytes();
      EXPECT_GT(of_the_sheet, 0u);
    }
    EXPECT_EQ((*session)->persistent_bytes() + of_the_sheet, plan->memory.persistent());

    // Without the plan for them they need more than the session says.
    run.options.other_nets = nullptr;
    const auto alone = models::PlanSession(*run.model, run.options);
    ASSERT_TRUE(alone.ok()) << alone.status();
    EXPECT_EQ(alone->memory.arena < plan->memory.arena, numbers);
  }
}

// Of the evaluations that read held-out images, and then training images.
TEST(Observers, AreBrokenOffByASignal) {
  class StoppingImages : public models::GradientImages {
   public:
    StoppingImages(int64_t n, std::atomic<bool>* stop) : GradientImages(n), stop_(stop) {}
    absl::StatusOr<models::Image> Load(int64_t i) const override {
      *stop_ = true;
      return GradientImages::Load(i);
    }

   private:
    std::atomic<bool>* const stop_;
  };
  for (const bool train : {false, true}) {
    WatchedRun run({"--eval_every=5"});
    std::atomic<bool> stop{false};
    (train ? run.data.train : run.data.held_out) = std::make_unique<StoppingImages>(64, &stop);
    auto session = models::Session::Create(run.model.get(), run.options);
    ASSERT_TRUE(session.ok()) << session.status();
    std::vector<std::string> notes;
    const auto observers =
        Observers::Create(run.resolved, run.data, run.options.compile, session->get(),
                          ::testing::TempDir() + "vis", &notes, &stop);
    ASSERT_TRUE(observers.ok()) << observers.status();
    EXPECT_TRUE(absl::IsCancelled((*observers)->Evaluate().status())) << train;
  }
}

TEST(Observers, AreCountedByTheMemoryCheck) {
  WatchedRun run({"--eval_every=5"});
  // A host's memory holds the loader's batches, too.
  run.engine.backend.device = graph::MakeHostDevice(2);
  const auto plan = models::PlanSession(*run.model, run.options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  models::SessionOptions alone = run.options;
  alone.other_nets = nullptr;
  const auto plan_alone = models::PlanSession(*run.model, alone);
  ASSERT_TRUE(plan_alone.ok()) << plan_alone.status();

  const std::string root = ::testing::TempDir() + "observers_memory";
  mkdir(root.c_str(), 0700);
  mkdir((root + "/proc").c_str(), 0700);
  const size_t left = (plan->memory.total() + plan_alone->memory.total()) / 2;
  std::ofstream(root + "/proc/meminfo") << "MemAvailable: " << left / 1024 << " kB\n";
  run.engine.backend.device = graph::MakeHostDevice(2, root);
  EXPECT_TRUE(models::Session::Create(run.model.get(), alone).ok());
  const auto refused = models::Session::Create(run.model.get(), run.options);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  const std::string message(refused.status().message());
  EXPECT_THAT(message, HasSubstr("--batch_size=32 needs"));
  const int batch = models::LargestBatch(*run.model, run.options, left / 1024 * 1024).value();
  EXPECT_GT(batch, 0);
  EXPECT_LT(batch, 32);
  EXPECT_THAT(message, HasSubstr("--batch_size=" + std::to_string(batch) + " fits"));
  run.options.step.micro_batch = batch;
  EXPECT_TRUE(models::Session::Create(run.model.get(), run.options).ok());
}

// Numbers of a run's observers at its first parameters, which are the same for all flags.
absl::StatusOr<models::MetricList> Evaluated(const std::vector<std::string>& flags,
                                             int64_t first_bad = -1) {
  WatchedRun run(flags);
  run.data.held_out = std::make_unique<models::GradientImages>(32, first_bad);
  auto session = models::Session::Create(run.model.get(), run.options);
  if (!session.ok()) return session.status();
  std::vector<std::string> notes;
  auto observers = Observers::Create(run.resolved, run.data, run.options.compile, session->get(),
                                     ::testing::TempDir() + "vis", &notes);
  return observers.ok() ? (*observers)->Evaluate() : observers.status();
}

TEST(Observers, MasksAreThoseOfTheSeed) {
  const auto first = Evaluated({"--eval_every=5", "--seed=3"});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*Evaluated({"--eval_every=5", "--seed=3"}), *first);
  EXPECT_NE(*Evaluated({"--eval_every=5", "--seed=0"}), *first);
}

TEST(Observers, ReadAsManyBadImagesAsTheRunMay) {
  const std::vector<std::string> flags = {"--eval_every=5", "--on_bad_image=skip"};
  EXPECT_THAT(std::string(Evaluated(flags, 28).status().message()), HasSubstr("--max_bad_share"));
  const auto more = Evaluated({"--eval_every=5", "--max_bad_share=0.2"}, 28);
  EXPECT_TRUE(more.ok()) << more.status();
}

TEST(Observers, LoadersAreCounted) {
  const auto batches = [](const std::vector<std::string>& flags) {
    const WatchedRun run(flags);
    return Observers::LoaderBatches(run.resolved, run.data).value();
  };
  EXPECT_EQ(batches({}), 0);
  EXPECT_EQ(batches({"--vis_every=1"}), 0);
  EXPECT_EQ(batches({"--eval_every=1"}), 8);
}

}  // namespace
}  // namespace tools
