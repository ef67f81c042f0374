#include "tools/resume.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/files/durable.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/parse_flags.h"
#include "tools/flags/resolve_flags.h"
#include "tools/plugins.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

void Write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// A whole checkpoint, as far as sums go.
void WriteCheckpoint(const fs::path& run, int64_t step, const std::string& flags) {
  const fs::path folder = run / "checkpoints" / models::CheckpointName(step);
  fs::create_directories(folder);
  models::RunState state;
  state.step = step;
  state.notes[kFlagsNote] = flags;
  for (const char* name : {models::kModelFile, models::kOptimizerFile}) {
    Write(folder / name, "tensors");
    state.files[name] = models::SumOfBytes("tensors");
  }
  const std::string json = models::RunStateJson(state);
  Write(folder / "state.json", json);
  Write(folder / "DONE",
        absl::StrCat("state.json xxh3 ", models::HexText(models::SumOfBytes(json).xxh3), "\n"));
}

fs::path RunFolder() {
  const fs::path run = fs::path(std::getenv("TEST_TMPDIR")) /
                       ::testing::UnitTest::GetInstance()->current_test_info()->name();
  fs::remove_all(run);
  return run;
}

// The folder's later checkpoints would be of another course of the run.
TEST(Resume, InPlaceGoesOnFromTheNewestAlone) {
  const fs::path run = RunFolder();
  for (const int64_t step : {2, 4, 6}) WriteCheckpoint(run, step, "--model=m\n");
  const std::string older = (run / "checkpoints/step_00000002").string();
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"--resume=" + older},
        std::vector<std::string>{"--resume=" + older, "--output_dir=" + run.string()},
        std::vector<std::string>{"--resume=" + older + "/",
                                 "--output_dir=" + run.string() + "/."}}) {
    const auto refused = FindResumption(args, MakeZoo());
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(refused.status().message()),
                AllOf(HasSubstr("the run has later checkpoints (step_00000004, step_00000006)"),
                      HasSubstr("--resume=" + run.string()), HasSubstr("--output_dir")));
  }
  const auto newest =
      FindResumption({"--resume=" + (run / "checkpoints/step_00000006").string()}, MakeZoo());
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ(newest->checkpoint->state.step, 6);
  EXPECT_EQ(newest->logs_from, "");
  const auto by_folder = FindResumption({"--resume=" + (run / "checkpoints/").string()}, MakeZoo());
  ASSERT_TRUE(by_folder.ok()) << by_folder.status();
  EXPECT_EQ(by_folder->checkpoint->state.step, 6);
  EXPECT_EQ(by_folder->output_dir, run.string());
  const auto elsewhere =
      FindResumption({"--resume=" + older, "--output_dir=" + run.string() + "_on"}, MakeZoo());
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  EXPECT_EQ(elsewhere->checkpoint->state.step, 2);
  EXPECT_EQ(elsewhere->logs_from, run.string());
}

// A bug once: by its name, or by a file that a script had left there, it was taken for a checkpoint
// that is not whole.
TEST(Resume, ARunsFolderMayHaveAnyNameAndAnybodysFiles) {
  const fs::path run = RunFolder() / "step_decay";
  WriteCheckpoint(run, 2, "--model=m\n");
  Write(run / "DONE", "by a script");
  const auto found = FindResumption({"--resume=" + run.string()}, MakeZoo());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->checkpoint->state.step, 2);
  EXPECT_EQ(found->output_dir, run.string());
}

// A bug once: the folder above the one that a copied checkpoint lay in, which may be the home
// folder, was taken for its run's and written into.
TEST(Resume, ACheckpointInNoRunsFolderSaysNothingOfAnOutputFolder) {
  const fs::path run = RunFolder();
  WriteCheckpoint(run, 2, "--model=m\n");
  fs::create_directories(run / "home/copies");
  fs::rename(run / "checkpoints/step_00000002", run / "home/copies/step_00000002");
  const std::string lone = (run / "home/copies/step_00000002").string();
  EXPECT_THAT(std::string(FindResumption({"--resume=" + lone}, MakeZoo()).status().message()),
              AllOf(HasSubstr("--resume=" + lone), HasSubstr("--output_dir=DIR")));
  const auto found =
      FindResumption({"--resume=" + lone, "--output_dir=" + run.string()}, MakeZoo());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->checkpoint->state.step, 2);
  EXPECT_EQ(found->output_dir, run.string());
  EXPECT_EQ(found->earlier, models::EarlierRun::kRefuse);
  EXPECT_EQ(found->logs_from, "");
}

// As it is typed where no `bazel run` names the folder that it was typed in.
TEST(Resume, ACheckpointBelowTheFolderAtHandIsOfTheRunThere) {
  const fs::path run = RunFolder(), before = fs::current_path();
  WriteCheckpoint(run, 2, "--model=m\n");
  fs::current_path(run);
  const auto found = FindResumption({"--resume=checkpoints/step_00000002"}, MakeZoo());
  fs::current_path(before);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->output_dir, ".");
  EXPECT_EQ(found->earlier, models::EarlierRun::kResume);
}

// A value for each flag, and another one.
std::pair<std::string, std::string> Values(const FlagRow& row) {
  TrainFlags flags;
  std::vector<std::string> good;
  std::vector<std::string> texts = {"0.25",          "0.5",   "1",      "2",
                                    "true",          "false", "0.25,1", "0.5,0.75",
                                    "0.25,0.5,0.75", "1,1,1", "a",      "b",
                                    "none",          "rand-inc1"};
  for (absl::string_view choice : absl::StrSplit(row.value, '|')) texts.emplace_back(choice);
  for (const std::string& text : texts) {
    if (SetFlag(row, text, flags).ok()) good.push_back(*FlagText(row, flags));
    if (good.size() > 1 && good.front() != good.back()) return {good.front(), good.back()};
  }
  ADD_FAILURE() << row.name << " takes no two values";
  return {};
}

Resumption Of(const std::string& flags) {
  Resumption resumption;
  resumption.checkpoint.emplace();
  resumption.checkpoint->path = "run/checkpoints/step_00000002";
  resumption.checkpoint->state.notes[kFlagsNote] = flags;
  return resumption;
}

// Whoever adds a flag decides here, too, what it is to a run that goes on.
TEST(Resume, WhatIsComputedMayNotChange) {
  const std::set<std::string> may_change = {
      "allow_missing", "data_path",    "device",        "eval_epochs",          "eval_every",
      "finetune",      "init_from",    "keep",          "keep_every",           "max_bad_share",
      "num_workers",   "on_bad_image", "output_dir",    "max_image_megapixels", "print_every",
      "recompute",     "save_every",   "save_minutes",  "spike_z",              "steps",
      "tensorboard",   "threads",      "vis_every",     "watchdog"};
  const std::set<std::string> of_a_command = {"dump_graph", "help",    "list_models", "overwrite",
                                              "plan",       "plan_gpu", "profile",     "recipe",
                                              "resume"};
  for (const FlagRow& row : FlagTable(MakeZoo().entries())) {
    SCOPED_TRACE(row.name);
    const std::string name(row.name);
    EXPECT_EQ(row.lifetime == Lifetime::kMayChange, may_change.count(name) > 0);
    EXPECT_EQ(row.lifetime == Lifetime::kCommand, of_a_command.count(name) > 0);
    const auto [before, after] = Values(row);
    // No contradictions: the rest is given, where the flag needs it.
    std::string flags = absl::StrCat("--", name, "=", before, "\n");
    if (name != "model") absl::StrAppend(&flags, "--model=m\n");
    if (name == "allow_missing") absl::StrAppend(&flags, "--init_from=f\n");
    const auto now = ParseTrainFlags({}, MakeZoo(), flags, "now");
    ASSERT_TRUE(now.ok()) << now.status();
    EXPECT_TRUE(CheckSameRun(Of(flags), now->flags, MakeZoo()).ok());
    TrainFlags changed = now->flags;
    ASSERT_TRUE(SetFlag(row, after, changed).ok());
    const absl::Status status = CheckSameRun(Of(flags), changed, MakeZoo());
    if (row.lifetime != Lifetime::kRun) {
      EXPECT_TRUE(status.ok()) << status;
      continue;
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(absl::StrCat("--", name, " was ")),
                      HasSubstr(absl::StrCat(" and is ", after, ";"))));
  }
}

// Which checkpoints of versions without the flag say nothing of.
TEST(Resume, AFlagThatTheRunDidNotKnowWasItsDefault) {
  const auto resolved = [](const std::vector<std::string>& args) {
    const auto parsed = ParseTrainFlags(args, MakeZoo(), "--model=droppos_tiny\n", "then");
    return ResolveTrainFlags(parsed->flags, *MakeZoo().Find("droppos_tiny"), {1, 1})->flags;
  };
  TrainFlags then = resolved({});
  then.crop_scale = then.crop_ratio = then.mean = then.std = absl::nullopt;
  then.flip = absl::nullopt;
  then.aa = then.remode = absl::nullopt;
  then.reprob = absl::nullopt;
  then.recount = absl::nullopt;
  then.channels = absl::nullopt;
  const models::ZooEntry entry = *MakeZoo().Find("droppos_tiny");
  const Resumption old = Of(TrainFlagsText(then, "", absl::MakeConstSpan(&entry, 1)));
  EXPECT_TRUE(CheckSameRun(old, resolved({}), MakeZoo()).ok());
  EXPECT_THAT(std::string(CheckSameRun(old, resolved({"--mean=0,0,0"}), MakeZoo()).message()),
              HasSubstr("--mean was 0.485,0.456,0.406 and is 0,0,0"));
}

// Nobody typed the normalisation, which has a number for each channel.
TEST(Resume, OfOtherChannelsTheFlagAloneIsNamed) {
  const models::ZooEntry entry = *MakeZoo().Find("droppos_tiny");
  const auto resolved = [&entry](const std::vector<std::string>& args, const std::string& run) {
    const auto parsed = ParseTrainFlags(args, MakeZoo(), run, "run");
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    const auto now = ResolveTrainFlags(parsed->flags, entry, {1, 1});
    EXPECT_TRUE(now.ok()) << now.status();
    return now->flags;
  };
  const std::string run = TrainFlagsText(
      resolved({"--channels=3", "--mean=0.1,0.2,0.3"}, "--model=droppos_tiny\n"), "", {entry});
  EXPECT_TRUE(CheckSameRun(Of(run), resolved({"--channels=3"}, run), MakeZoo()).ok());
  EXPECT_THAT(
      std::string(CheckSameRun(Of(run), resolved({"--channels=1"}, run), MakeZoo()).message()),
      HasSubstr("another: --channels was 3 and is 1; leave these flags out"));
}

TEST(Resume, APrecisionIsTheRunsAndWhatTheMachineLacksIsSaid) {
  const MachineDefaults none = {1, 1, {}}, slow = {1, 1, {true, true}},
                        fast = {1, 1, {true, true, true}};
  const auto check = [](const std::string& flags, const std::vector<std::string>& args,
                        const MachineDefaults& machine) {
    const Resumption run = Of(flags);
    const auto parsed = ParseTrainFlags(args, MakeZoo(), run.flags(), run.flags_name());
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    const auto now =
        ResolveTrainFlags(parsed->flags, *MakeZoo().Find("droppos_tiny"), machine);
    EXPECT_TRUE(now.ok()) << now.status();
    return CheckSameRun(Of(TrainFlagsText(now->flags, "", {now->entry}) + flags), now->flags,
                        MakeZoo(), now->lacks);
  };
  const std::string old = "--model=droppos_tiny\n", bf16 = old + "--precision=bf16\n";
  EXPECT_TRUE(check(bf16, {}, slow).ok());
  EXPECT_TRUE(check(bf16, {"--precision=auto"}, slow).ok());
  EXPECT_TRUE(check(old + "--precision=fp32\n", {"--precision=auto"}, fast).ok());
  EXPECT_THAT(std::string(check(old + "--precision=fp32\n", {"--precision=bf16"}, fast).message()),
              AllOf(HasSubstr("--precision was fp32 and is bf16; leave these flags out"),
                    HasSubstr("--init_from")));
  EXPECT_THAT(std::string(check(bf16, {}, none).message()),
              AllOf(HasSubstr("--precision was bf16 and is fp32; --precision=bf16 needs a CPU with"),
                    HasSubstr("resume it where there is one"), HasSubstr("--init_from")));
  EXPECT_THAT(std::string(check(bf16 + "--seed=3\n", {"--seed=7"}, none).message()),
              AllOf(HasSubstr("--seed was 3 and is 7; "),
                    HasSubstr("; leave the others out; --precision=bf16 needs a CPU")));
  // What the machine lacks is no reason where it is not what changed.
  const absl::Status seed =
      check(old + "--precision=fp32\n--seed=3\n", {"--precision=bf16", "--seed=7"}, none);
  EXPECT_THAT(std::string(seed.message()),
              AllOf(HasSubstr("--seed was 3 and is 7; leave these flags out, or"),
                    Not(HasSubstr("needs a CPU"))));

  // A version without the flag computed in fp32, so what auto now chooses would be another run.
  const auto fp32 = ParseTrainFlags({"--precision=fp32"}, MakeZoo(), old, "now");
  EXPECT_TRUE(CheckSameRun(Of(old), fp32->flags, MakeZoo()).ok());
  const auto other = ParseTrainFlags({"--precision=bf16"}, MakeZoo(), old, "now");
  EXPECT_THAT(std::string(CheckSameRun(Of(old), other->flags, MakeZoo()).message()),
              HasSubstr("--precision was fp32 and is bf16"));
}

TEST(Resume, WeightDecayMayNotChange) {
  const auto now = ParseTrainFlags({"--model=m", "--weight_decay=0.1"}, MakeZoo());
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_THAT(
      std::string(
          CheckSameRun(Of("--model=m\n--weight_decay=0.05\n"), now->flags, MakeZoo()).message()),
      HasSubstr("--weight_decay was 0.05 and is 0.1"));
}

// What rounds differently is told, whatever a checkpoint says of its environment.
TEST(Resume, AnEnvironmentThatCannotBeReadIsPassedOver) {
  Resumption resumption = Of("--model=m\n");
  Environment now;
  now["cpu"] = {{"threads", 4}};
  const auto said = [&](const std::string& note) {
    resumption.checkpoint->state.notes[kEnvironmentNote] = note;
    return WhatRoundsDifferently(resumption, now);
  };
  EXPECT_THAT(said(R"({"cpu": {"threads": 2}})"), HasSubstr("threads: 2 then, 4 now"));
  for (const std::string& note :
       {std::string(), std::string("{"), std::string("[]"), std::string(80'000, '['),
        absl::StrCat("{\"cpu\":", std::string(80'000, '['), std::string(80'000, ']'), "}")}) {
    EXPECT_EQ(said(note), "");
  }
  EXPECT_LT(
      said(absl::StrCat(R"({"cpu": {"threads": ")", std::string(100'000, 'x'), "\"}}")).size(),
      500u);
}

}  // namespace
}  // namespace tools
