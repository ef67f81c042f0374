// That no flag is accepted and ignored: each reaches the option that it is for.
#include "tools/run_options.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos_config.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/parse_flags.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using Args = std::vector<std::string>;

struct Options {
  ResolvedFlags resolved;
  models::OpenOptions open;
  models::SessionOptions session;
  models::LoadOptions load;
  models::TrainerOptions trainer;
  models::KeepPolicy keep;
  ProfileRunOptions profile;
};

// Of a run of the published ViT-B recipe with these flags.
Options OptionsOf(Args args) {
  args.insert(args.begin(), "--model=m");
  const auto parsed = ParseTrainFlags(args, MakeZoo());
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  MachineDefaults machine;
  machine.threads = 2;
  machine.capabilities = {true, true};
  models::ZooEntry entry;
  entry.name = "m";
  entry.options = std::make_shared<models::DropPosConfig>();
  const auto resolved = ResolveTrainFlags(parsed->flags, entry, machine);
  EXPECT_TRUE(resolved.ok()) << resolved.status() << " " << absl::StrJoin(args, " ");
  Options options;
  options.resolved = *resolved;
  options.open = MakeOpenOptions(*resolved);
  options.session = MakeSessionOptions(*resolved);
  options.load = MakeLoadOptions(*resolved);
  options.trainer = MakeTrainerOptions(*resolved, "/run");
  options.keep = MakeKeepPolicy(*resolved);
  if (resolved->flags.profile.has_value()) options.profile = MakeProfileOptions(*resolved, "/run");
  return options;
}

template <typename... T>
std::string All(const T&... values) {
  return absl::StrJoin(std::make_tuple(absl::AlphaNum(values).Piece()...), " ");
}
std::string Yes(bool value) { return value ? "yes" : "no"; }

struct Reaches {
  std::string value;     // not the default
  std::string expected;  // what `read` says then
  std::function<std::string(const Options&)> read;
  Args with = {};  // further flags that it takes
};

const models::ModelConfig& Model(const Options& o) { return o.resolved.entry.model; }
const models::DropPosConfig& DropPos(const Options& o) {
  return models::DropPosOf(o.resolved.entry);
}

// By flag.
std::map<std::string, Reaches> Reached() {
  using O = const Options&;
  return {
      {"input_size",
       {"64x96", "64 96 64 96",
        [](O o) {
          return All(Model(o).input_h, Model(o).input_w, o.open.input_height, o.open.input_width);
        }}},
      {"channels",
       {"1", "1 1 1 0.449",
        [](O o) {
          const models::TransformOptions& transform = o.trainer.loader.transform;
          return All(Model(o).channels, o.open.limits.channels, transform.channels(),
                     absl::StrJoin(transform.mean, " "));
        }}},
      {"patch_size", {"8", "8", [](O o) { return All(Model(o).patch_size); }}},
      {"embed_dim", {"96", "96", [](O o) { return All(Model(o).embed_dim); }}},
      {"depth", {"3", "3", [](O o) { return All(Model(o).depth); }}},
      {"num_heads", {"4", "4", [](O o) { return All(Model(o).num_heads); }}},
      {"decoder_embed_dim", {"64", "64", [](O o) { return All(Model(o).decoder_embed_dim); }}},
      {"decoder_depth", {"1", "1", [](O o) { return All(Model(o).decoder_depth); }}},
      {"decoder_num_heads", {"8", "8", [](O o) { return All(Model(o).decoder_num_heads); }}},
      {"mlp_ratio", {"2.5", "2.5", [](O o) { return All(Model(o).mlp_ratio); }}},

      {"data_path", {"/pictures", "/pictures", [](O o) { return o.open.data_path; }}},
      {"val_fraction", {"0.25", "0.25", [](O o) { return All(o.open.val_fraction); }}},
      {"num_workers", {"5", "5", [](O o) { return All(o.trainer.loader.num_workers); }}},
      {"exact_decode", {"true", "yes", [](O o) { return Yes(o.trainer.loader.exact_decode); }}},
      {"crop_scale",
       {"0.5,0.75", "0.5 0.75",
        [](O o) { return absl::StrJoin(o.trainer.loader.transform.crop_scale, " "); }}},
      {"crop_ratio",
       {"1,1.5", "1 1.5",
        [](O o) { return absl::StrJoin(o.trainer.loader.transform.crop_ratio, " "); }}},
      {"flip", {"false", "no", [](O o) { return Yes(o.trainer.loader.transform.flip); }}},
      {"aa",
       {"rand-m9-mstd0.5-inc1", "2 9 0.5",
        [](O o) {
          const models::RandAugmentPolicy& policy = o.trainer.loader.transform.rand_augment;
          return absl::StrCat(policy.operations, " ", policy.magnitude, " ", policy.deviation);
        }}},
      {"reprob",
       {"0.25", "0.25", [](O o) { return All(o.trainer.loader.transform.erasing.probability); }}},
      {"remode",
       {"rand", "yes",
        [](O o) {
          return Yes(o.trainer.loader.transform.erasing.mode == models::EraseMode::kRand);
        }}},
      {"recount", {"3", "3", [](O o) { return All(o.trainer.loader.transform.erasing.count); }}},
      {"mean",
       {"0,0.5,1", "0 0.5 1",
        [](O o) { return absl::StrJoin(o.trainer.loader.transform.mean, " "); }}},
      {"std",
       {"0.25,0.5,1", "0.25 0.5 1",
        [](O o) { return absl::StrJoin(o.trainer.loader.transform.std, " "); }}},
      {"on_bad_image",
       {"stop", "yes", [](O o) { return Yes(o.trainer.loader.stop_at_bad_image); }}},
      {"max_bad_share", {"0.25", "0.25", [](O o) { return All(o.trainer.loader.max_bad_share); }}},
      {"max_image_megapixels",
       {"250", "250000000", [](O o) { return All(o.open.limits.max_pixels); }}},

      {"steps", {"9", "9", [](O o) { return All(o.trainer.steps); }}},
      {"seed", {"7", "7", [](O o) { return All(o.session.step.seed); }}},
      {"print_every", {"3", "3", [](O o) { return All(o.trainer.print_every); }}},
      {"eval_epochs", {"2", "2", [](O o) { return All(o.trainer.eval_epochs); }}},
      {"eval_every", {"4", "4", [](O o) { return All(o.trainer.eval_every); }}},
      {"vis_every", {"5", "5", [](O o) { return All(o.trainer.vis_every); }}},
      {"spike_z", {"2.5", "2.5", [](O o) { return All(o.trainer.spike_z); }}},
      {"watchdog", {"60", "60", [](O o) { return All(o.trainer.watchdog_seconds); }}},

      {"save_every", {"6", "6", [](O o) { return All(o.trainer.save_every); }}},
      {"save_minutes", {"2.5", "2.5", [](O o) { return All(o.trainer.save_minutes); }}},
      {"keep", {"5", "5", [](O o) { return All(o.keep.keep); }}},
      {"keep_every", {"7", "7", [](O o) { return All(o.keep.keep_every); }}},
      {"allow_missing",
       {"a,b*", "a b*", [](O o) { return absl::StrJoin(o.load.allow, " "); }, {"--init_from=x"}}},

      {"batch_size", {"16", "16", [](O o) { return All(o.session.step.micro_batch); }}},
      {"accum_iter",
       {"4", "4 0.00015",
        [](O o) { return All(o.session.step.micro_batches, o.trainer.schedule.lr); }}},
      {"effective_batch", {"128", "2", [](O o) { return All(o.session.step.micro_batches); }}},
      {"epochs", {"20", "20", [](O o) { return All(o.trainer.schedule.epochs); }}},
      {"warmup_epochs", {"2.5", "2.5", [](O o) { return All(o.trainer.schedule.warmup_epochs); }}},
      {"lr", {"0.5", "0.5", [](O o) { return All(o.trainer.schedule.lr); }}},
      {"blr", {"0.5", "0.125", [](O o) { return All(o.trainer.schedule.lr); }}},
      {"min_lr", {"1e-06", "1e-06", [](O o) { return All(o.trainer.schedule.min_lr); }}},
      {"weight_decay", {"0.25", "0.25", [](O o) { return All(o.session.recipe.weight_decay); }}},
      {"clip_grad", {"2.5", "2.5", [](O o) { return All(o.session.recipe.clip_grad); }}},
      {"clip_mode", {"global", "yes", [](O o) { return Yes(o.session.recipe.clip_global); }}},

      {"drop_pos_type", {"multi_task", "multi_task", [](O o) { return DropPos(o).drop_pos_type; }}},
      {"mask_ratio", {"0.5", "0.5", [](O o) { return All(DropPos(o).mask_ratio); }}},
      {"pos_mask_ratio", {"0.5", "0.5", [](O o) { return All(DropPos(o).pos_mask_ratio); }}},
      {"mask_token_type", {"zeros", "zeros", [](O o) { return DropPos(o).mask_token_type; }}},
      {"shuffle", {"true", "yes", [](O o) { return Yes(DropPos(o).shuffle); }}},
      {"label_smoothing_sigma",
       {"2.5", "2.5", [](O o) { return All(DropPos(o).label_smoothing_sigma); }}},
      {"sigma_decay", {"false", "no", [](O o) { return Yes(DropPos(o).sigma_decay); }}},
      {"smooth_grid", {"official", "yes", [](O o) { return Yes(DropPos(o).official_grid()); }}},
      {"attn_guide", {"false", "no", [](O o) { return Yes(DropPos(o).attn_guide); }}},
      {"conf_ignore", {"true", "yes", [](O o) { return Yes(DropPos(o).conf_ignore); }}},
      {"pos_weight",
       {"0.5",
        "0.5",
        [](O o) { return All(DropPos(o).pos_weight); },
        {"--drop_pos_type=multi_task"}}},
      {"norm_pix_loss",
       {"false",
        "no",
        [](O o) { return Yes(DropPos(o).norm_pix_loss); },
        {"--drop_pos_type=multi_task"}}},
      {"compat",
       {"official", "yes yes",
        [](O o) {
          return All(Yes(o.session.step.update_when == models::UpdateWhen::kMicroStep),
                     Yes(DropPos(o).official_shuffle));
        }}},
      {"token_size",
       {"16", "16", [](O o) { return All(DropPos(o).token_size); }, {"--smooth_grid=official"}}},

      {"threads", {"5", "5", [](O o) { return All(o.profile.threads); }, {"--profile=1"}}},
      {"precision",
       {"bf16", "yes",
        [](O o) {
          return Yes(o.session.compile.passes.precision == graph::ComputePrecision::kBF16);
        }}},
      {"guide_precision",
       {"int8", "1", [](O o) { return All(o.session.compile.passes.precision_overrides.size()); }}},
      {"recompute",
       {"mlp", "yes",
        [](O o) { return Yes(static_cast<bool>(o.session.compile.passes.recompute_segment)); }}},

      {"profile", {"6", "6", [](O o) { return All(o.profile.steps); }}},
      {"overfit_batch",
       {"true", "yes 1",
        [](O o) {
          return All(Yes(o.trainer.overfit_batch),
                     o.session.loader_batches - models::SessionOptions().loader_batches);
        }}},
      {"passes", {"off", "no", [](O o) { return Yes(o.session.compile.passes.enabled); }}},
      {"disable_pass",
       {"cse,in_place", "cse in_place",
        [](O o) { return absl::StrJoin(o.session.compile.passes.disabled, " "); }}},
  };
}

// What is no option of a part: the test that shows what it does.
struct Shown {
  const char* file;
  const char* test;
};
const std::map<std::string, Shown>& ShownElsewhere() {
  static const auto* const shown = new std::map<std::string, Shown>{
      {"model", {"cli/train_cli_test.cc", "WrongFlags"}},
      {"output_dir", {"cli/train_cli_test.cc", "OutputFolders"}},
      {"overwrite", {"cli/train_cli_test.cc", "OutputFolders"}},
      {"tensorboard",
       {"cli/train_cli_test.cc", "EvalEveryMeasuresPositionsAndKnnAndVisEveryDraws"}},
      {"resume", {"cli/resume_cli_test.cc", "ResumeGoesOnBitForBitWithTheRunsOwnFlags"}},
      {"init_from", {"cli/resume_cli_test.cc", "InitFromGoesOnWithSavedParameters"}},
      {"finetune",
       {"cli/finetune_cli_test.cc", "BeginsWithThePretrainedEncoderAndResumesBitForBit"}},
      {"recipe", {"cli/finetune_cli_test.cc", "TheRecipeOfMaeTrainsPositions"}},
      {"nb_classes", {"cli/finetune_cli_test.cc", "SaysWhatIsMissing"}},
      {"label_fraction", {"cli/finetune_cli_test.cc", "FewLabelsAreChosenByClass"}},
      {"labels_per_class", {"cli/finetune_cli_test.cc", "FewLabelsAreChosenByClass"}},
      {"label_seed", {"cli/finetune_cli_test.cc", "FewLabelsAreChosenByClass"}},
      {"device", {"cli/train_cli_test.cc", "ADeviceThatCannotBeHadIsNamed"}},
      {"plan", {"cli/profile_cli_test.cc", "PlanSaysWhatARunNeedsAndLeavesNothing"}},
      {"plan_gpu", {"cli/plan_gpu_cli_test.cc", "SaysWhatEachChipWouldTake"}},
      {"dump_graph", {"cli/train_cli_test.cc", "DumpsGraphsWithoutTraining"}},
      {"list_models", {"cli/train_cli_test.cc", "ListsModelsAndHelp"}},
      {"help", {"cli/train_cli_test.cc", "ListsModelsAndHelp"}},
  };
  return *shown;
}

TEST(RunOptions, EachFlagReachesItsOption) {
  for (const auto& [flag, reaches] : Reached()) {
    SCOPED_TRACE(flag);
    EXPECT_NE(reaches.read(OptionsOf(reaches.with)), reaches.expected);
    Args args = reaches.with;
    args.push_back(absl::StrCat("--", flag, "=", reaches.value));
    EXPECT_EQ(reaches.read(OptionsOf(args)), reaches.expected);
  }
}

// A new flag belongs into one of the lists above.
TEST(RunOptions, NoFlagIsForgotten) {
  std::set<std::string> known;
  for (const auto& [flag, reaches] : Reached()) known.insert(flag);
  for (const auto& [flag, shown] : ShownElsewhere()) {
    EXPECT_TRUE(known.insert(flag).second) << flag << " is in both lists";
    std::ifstream file(absl::StrCat("tests/tools/", shown.file));
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_NE(text.find(absl::StrCat(", ", shown.test, ") {")), std::string::npos)
        << "--" << flag << ": there is no test " << shown.test << " in " << shown.file;
  }
  std::set<std::string> flags;
  const models::ZooEntry droppos = MakeZoo().Find("droppos_vitb").value();
  for (const FlagRow& row : FlagTable({droppos})) flags.insert(std::string(row.name));
  EXPECT_EQ(flags, known);
}

// A relative path would mean another folder to whoever resumes or evaluates from elsewhere.
TEST(RunOptions, ARunSavesPathsThatMeanTheSameEverywhere) {
  ::unsetenv("BUILD_WORKING_DIRECTORY");
  const std::filesystem::path here = std::filesystem::current_path();
  const auto saved = [](const Args& args) { return FlagsOfRun(OptionsOf(args).resolved, ""); };
  const auto has = [](const std::string& text, const std::string& line) {
    return text.find(line + "\n") != std::string::npos;
  };
  const std::string photos = (here / "photos").string();
  std::string text = saved({"--data_path=photos", "--init_from=./runs/a"});
  EXPECT_TRUE(has(text, "--data_path=" + photos)) << text;
  EXPECT_TRUE(has(text, "--init_from=" + (here / "./runs/a").string())) << text;
  text = saved({"--data_path=../{000..099}.tar"});
  EXPECT_TRUE(has(text, "--data_path=" + (here / "../{000..099}.tar").string())) << text;
  text = saved({"--data_path=link/../photos"});
  EXPECT_TRUE(has(text, "--data_path=" + (here / "link/../photos").string()))
      << text << "the folder beside what the link leads to";
  EXPECT_TRUE(has(saved({"--data_path=-"}), "--data_path=-"));
  EXPECT_TRUE(has(saved({"--data_path=/a/b"}), "--data_path=/a/b"));
  EXPECT_EQ(saved({}).find("--data_path"), std::string::npos);
  // The run itself says what was given.
  EXPECT_EQ(OptionsOf({"--data_path=photos"}).open.data_path, "photos");
}

// Runs of versions without the flag, and those that do not give it, go on with the same numbers.
TEST(RunOptions, SamplesOf16BitsAreKeptWhereChannelsAreGiven) {
  const Options without = OptionsOf({}), with = OptionsOf({"--channels=3"});
  EXPECT_EQ(without.open.limits.channels, 0);
  EXPECT_EQ(with.open.limits.channels, 3);
  EXPECT_EQ(without.resolved.entry.model.channels, 3);
  EXPECT_EQ(FlagsOfRun(without.resolved, "").find("--channels"), std::string::npos);
  EXPECT_NE(FlagsOfRun(with.resolved, "").find("--channels=3\n"), std::string::npos);
}

// Tests and other tools take the options' own.
TEST(RunOptions, TheFlagsDefaultsAreTheOptions) {
  const Options flags = OptionsOf({});
  const models::TrainerOptions options;
  EXPECT_EQ(flags.trainer.loader.max_bad_share, options.loader.max_bad_share);
  EXPECT_EQ(flags.trainer.loader.transform.crop_scale, options.loader.transform.crop_scale);
  EXPECT_EQ(flags.trainer.loader.transform.crop_ratio, options.loader.transform.crop_ratio);
  EXPECT_EQ(flags.trainer.loader.transform.flip, options.loader.transform.flip);
  EXPECT_EQ(flags.trainer.loader.transform.mean, options.loader.transform.mean);
  EXPECT_EQ(flags.trainer.loader.transform.std, options.loader.transform.std);
  EXPECT_EQ(flags.trainer.print_every, options.print_every);
  EXPECT_EQ(flags.trainer.spike_z, options.spike_z);
  EXPECT_EQ(flags.trainer.watchdog_seconds, options.watchdog_seconds);
  EXPECT_EQ(flags.open.val_fraction, models::OpenOptions().val_fraction);
  EXPECT_EQ(flags.open.limits.max_pixels, models::OpenOptions().limits.max_pixels);
}

TEST(RunOptions, PicturesAreCroppedAtRandomAndDrawnScenesAreNot) {
  EXPECT_TRUE(OptionsOf({"--data_path=/pictures"}).trainer.loader.random_crop);
  EXPECT_FALSE(OptionsOf({}).trainer.loader.random_crop);
}

TEST(RunOptions, TheFolderIsWhereItIsWrittenAndNoFlagOfTheRepeatedRun) {
  Options options = OptionsOf(
      {"--output_dir=/run", "--profile=1", "--seed=3", "--data_path=photos"});
  EXPECT_EQ(options.trainer.run_folder, "/run");
  EXPECT_EQ(options.trainer.metrics_path, "/run/metrics.jsonl");
  EXPECT_EQ(options.profile.folder, "/run/profile");
  const std::string flags = FlagsOfRun(options.resolved, "");
  EXPECT_EQ(options.trainer.metadata.at("flags"), flags);
  EXPECT_NE(flags.find("--seed=3\n"), std::string::npos);
  EXPECT_EQ(flags.find("output_dir"), std::string::npos);
  // TensorBoard shows the same.
  std::string listed;
  for (const auto& [name, value] : FlagListOfRun(options.resolved)) {
    listed += "--" + name + "=" + value + "\n";
  }
  EXPECT_EQ("#\n" + listed, flags);
}

}  // namespace
}  // namespace tools
