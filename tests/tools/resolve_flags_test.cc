// Flags and zoo entry together, and files of flags.
#include "tools/flags/resolve_flags.h"

#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "graph/base/random.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos_config.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/parse_flags.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Args = std::vector<std::string>;

// The defaults of ZooEntry's parts are the published ViT-B recipe.
models::ZooEntry VitB() {
  models::ZooEntry entry;
  entry.name = "droppos_vitb";
  entry.options = std::make_shared<models::DropPosConfig>();
  return entry;
}

ParsedFlags Parse(Args args) {
  args.insert(args.begin(), "--model=m");
  const auto parsed = ParseTrainFlags(args, MakeZoo());
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? *parsed : ParsedFlags();
}

std::string Error(Args args) {
  args.insert(args.begin(), "--model=m");
  const auto parsed = ParseTrainFlags(args, MakeZoo());
  EXPECT_FALSE(parsed.ok()) << testing::PrintToString(args);
  const std::string message(parsed.status().message());
  EXPECT_THAT(message, testing::Not(HasSubstr("\n")));
  return message;
}

absl::StatusOr<ResolvedFlags> Resolve(const Args& args) {
  return ResolveTrainFlags(Parse(args).flags, VitB(), {3, 2});
}

std::string ResolveError(const Args& args) {
  const auto resolved = Resolve(args);
  EXPECT_FALSE(resolved.ok()) << testing::PrintToString(args);
  return std::string(resolved.status().message());
}

std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

TEST(Resolve, RecipeWhereNothingIsGiven) {
  const auto resolved = Resolve({});
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  const TrainFlags& flags = resolved->flags;
  EXPECT_EQ(flags.model, "droppos_vitb");
  EXPECT_EQ(flags.epochs, 800);
  EXPECT_EQ(flags.input_size, (InputSize{224, 224}));
  EXPECT_EQ(flags.clip_mode, "parameter");
  EXPECT_EQ(flags.model_options.at("sigma_decay").text, "true");
  EXPECT_EQ(flags.threads, 3);
  EXPECT_EQ(flags.num_workers, 2);
  EXPECT_EQ(resolved->step.micro_batches, 1);
  EXPECT_EQ(resolved->step.images(), 64);
  EXPECT_DOUBLE_EQ(resolved->lr, 1.5e-4 / 4);
  // Whatever --help promises as a value is what holds.
  for (const FlagRow& row : FlagTable({resolved->entry})) {
    if (row.name == "precision") {
      EXPECT_EQ(row.fallback.text, "auto");
      EXPECT_EQ(flags.precision, "fp32") << "what auto makes of this machine";
    } else if (row.fallback.is_value) {
      TrainFlags promised;
      ASSERT_TRUE(SetFlag(row, row.fallback.text, promised).ok()) << row.name;
      EXPECT_EQ(FlagText(row, flags), FlagText(row, promised)) << row.name;
    }
    const bool is_recipe = row.fallback.text == models::kOfTheModel;
    EXPECT_TRUE(!is_recipe || FlagText(row, flags).has_value()) << row.name;
  }
}

TEST(Resolve, ChannelsDecideTheNumbersOfTheNormalisation) {
  const auto grey = Resolve({"--channels=1"});
  ASSERT_TRUE(grey.ok()) << grey.status();
  EXPECT_EQ(grey->entry.model.channels, 1);
  EXPECT_EQ(grey->transform.channels(), 1);
  EXPECT_THAT(*grey->flags.mean, ElementsAre(0.449));
  EXPECT_THAT(*grey->flags.std, ElementsAre(0.226));
  const auto four = Resolve({"--channels=4", "--data_path=/pictures", "--mean=0,0.1,0.2,0.3"});
  ASSERT_TRUE(four.ok()) << four.status();
  EXPECT_THAT(four->transform.mean, ElementsAre(0, 0.1, 0.2, 0.3));
  EXPECT_THAT(four->transform.std, ElementsAre(0.229, 0.224, 0.225, 0.5));
  EXPECT_EQ(Resolve({})->entry.model.channels, 3);

  EXPECT_EQ(ResolveError({"--channels=1", "--mean=0.4,0.5,0.6"}),
            "--mean=0.4,0.5,0.6 has 3 numbers; --channels=1 takes 1");
  EXPECT_EQ(ResolveError({"--std=0.5"}), "--std=0.5 has 1 number; --channels=3 takes 3");
  EXPECT_THAT(ResolveError({"--channels=2"}), HasSubstr("--channels=2 must be 1 (grey), 3 (RGB)"));
  EXPECT_TRUE(Resolve({"--channels=4"}).ok()) << "a model can be read and measured without data";
  EXPECT_THAT(ResolveError({"--channels=1", "--drop_pos_type=multi_task"}),
              HasSubstr("the pixels that --drop_pos_type=multi_task reconstructs are RGB"));
}

TEST(Resolve, ChannelsThatAreTypedLeaveOutAFilesNormalisationOfOthers) {
  const std::string file = "--flagfile=" + WriteFile("rgb.txt",
                                                     "--channels=3\n--mean=0.1,0.2,0.3\n"
                                                     "--std=0.4,0.5,0.6\n");
  const auto same = Resolve({file, "--channels=3"});
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_THAT(*same->flags.mean, ElementsAre(0.1, 0.2, 0.3));
  const auto grey = Resolve({file, "--channels=1", "--std=0.25"});
  ASSERT_TRUE(grey.ok()) << grey.status();
  EXPECT_THAT(*grey->flags.mean, ElementsAre(0.449));
  EXPECT_THAT(*grey->flags.std, ElementsAre(0.25));
  EXPECT_EQ(ResolveError({file, "--channels=1", "--std=0.4,0.5,0.6"}),
            "--std=0.4,0.5,0.6 has 3 numbers; --channels=1 takes 1")
      << "what was typed is not left out";
}

TEST(Resolve, EmbeddedScenesAreNotCropped) {
  EXPECT_THAT(Resolve({})->notices, IsEmpty());
  EXPECT_THAT(Resolve({"--crop_scale=0.5,1", "--data_path=/pictures"})->notices, IsEmpty());
  EXPECT_THAT(Resolve({"--crop_scale=0.5,1", "--crop_ratio=1,1"})->notices,
              ElementsAre(HasSubstr("--crop_scale=0.5,1 has no effect"),
                          HasSubstr("--crop_ratio=1,1 has no effect")));
}

TEST(Resolve, HowNothingIsErasedHasNoEffect) {
  EXPECT_THAT(Resolve({"--remode=const", "--recount=2", "--reprob=0.1"})->notices, IsEmpty());
  EXPECT_THAT(Resolve({"--remode=const", "--recount=2"})->notices,
              ElementsAre(HasSubstr("--remode=const has no effect"),
                          HasSubstr("--recount=2 has no effect")));
}

TEST(Resolve, RandAugmentIsOf8BitRgb) {
  const std::string aa = "--aa=rand-m9-inc1";
  EXPECT_EQ(Resolve({aa})->transform.rand_augment.operations, 2);
  EXPECT_EQ(ResolveError({aa, "--channels=1"}),
            "--aa=rand-m9-inc1 is of 8-bit RGB, and --channels=1 keeps samples of 16 bits; leave "
            "out one of the two");
  EXPECT_TRUE(Resolve({"--reprob=0.5", "--channels=1"}).ok());
}

TEST(Resolve, GivenFlagsReachTheEntry) {
  const auto resolved = Resolve({"--input_size=64x96",
                                 "--patch_size=8",
                                 "--embed_dim=128",
                                 "--depth=3",
                                 "--num_heads=4",
                                 "--decoder_embed_dim=64",
                                 "--decoder_depth=1",
                                 "--decoder_num_heads=2",
                                 "--mlp_ratio=2.5",
                                 "--mask_ratio=.5",
                                 "--pos_mask_ratio=.25",
                                 "--label_smoothing_sigma=2",
                                 "--no_sigma_decay",
                                 "--attn_guide=false",
                                 "--batch_size=16",
                                 "--effective_batch=48",
                                 "--epochs=20",
                                 "--warmup_epochs=2.5",
                                 "--lr=1e-3",
                                 "--min_lr=1e-5",
                                 "--weight_decay=.1",
                                 "--clip_grad=0",
                                 "--clip_mode=global",
                                 "--overwrite",
                                 "--threads=2",
                                 "--num_workers=0",
                                 "--seed=7"});
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  const models::ModelConfig& model = resolved->entry.model;
  EXPECT_EQ(model.input_h, 64);
  EXPECT_EQ(model.input_w, 96);
  EXPECT_EQ(model.patch_size, 8);
  EXPECT_EQ(model.embed_dim, 128);
  EXPECT_EQ(model.depth, 3);
  EXPECT_EQ(model.num_heads, 4);
  EXPECT_EQ(model.decoder_embed_dim, 64);
  EXPECT_EQ(model.decoder_depth, 1);
  EXPECT_EQ(model.decoder_num_heads, 2);
  EXPECT_EQ(model.mlp_ratio, 2.5);
  const models::DropPosConfig& droppos = models::DropPosOf(resolved->entry);
  EXPECT_EQ(droppos.mask_ratio, 0.5);
  EXPECT_EQ(droppos.pos_mask_ratio, 0.25);
  EXPECT_EQ(droppos.label_smoothing_sigma, 2.0);
  EXPECT_FALSE(droppos.sigma_decay);
  EXPECT_FALSE(droppos.attn_guide);
  const models::RecipeConfig& recipe = resolved->entry.recipe;
  EXPECT_EQ(recipe.batch_size, 16);
  EXPECT_EQ(recipe.epochs, 20);
  EXPECT_EQ(recipe.warmup_epochs, 2.5);
  EXPECT_EQ(recipe.min_lr, 1e-5);
  EXPECT_EQ(recipe.weight_decay, 0.1);
  EXPECT_EQ(recipe.clip_grad, 0.0);
  EXPECT_TRUE(recipe.clip_global);
  EXPECT_EQ(resolved->step.micro_batches, 3);
  EXPECT_EQ(resolved->step.images(), 48);
  EXPECT_EQ(resolved->lr, 1e-3);
  EXPECT_EQ(resolved->flags.overwrite, true);
  EXPECT_FALSE(resolved->flags.blr.has_value());
  EXPECT_FALSE(resolved->flags.effective_batch.has_value());
  EXPECT_EQ(resolved->flags.accum_iter, 3);
}

TEST(Resolve, TheRateCountsEveryImageOfAStep) {
  EXPECT_DOUBLE_EQ(Resolve({"--accum_iter=4"})->lr, 1.5e-4);
  EXPECT_DOUBLE_EQ(Resolve({"--effective_batch=512"})->lr, 3e-4);
  EXPECT_DOUBLE_EQ(Resolve({"--accum_iter=4", "--lr=0.5"})->lr, 0.5);
}

TEST(Resolve, WhatOnlyTheModelTells) {
  EXPECT_EQ(ResolveError({"--effective_batch=100"}),
            "--effective_batch=100 is not a multiple of --batch_size=64; the nearest are 64 and "
            "128");
  EXPECT_THAT(ResolveError({"--effective_batch=8"}), HasSubstr("the nearest are 64"));
  EXPECT_THAT(ResolveError({"--batch_size=65536", "--accum_iter=2000000"}),
              HasSubstr("more images than a step can count"));
  EXPECT_THAT(ResolveError({"--token_size=16"}),
              AllOf(HasSubstr("--token_size=16"), HasSubstr("14x14")));
  EXPECT_THAT(ResolveError({"--token_size=14", "--input_size=224x448"}), HasSubstr("14x28"));
  EXPECT_THAT(ResolveError({"--epochs=5"}), HasSubstr("--warmup_epochs=10"));
  EXPECT_THAT(ResolveError({"--min_lr=1"}), HasSubstr("--min_lr=1 is above the learning rate"));
  EXPECT_THAT(ResolveError({"--input_size=225"}), HasSubstr("--input_size=225"));
  EXPECT_THAT(ResolveError({"--num_heads=7"}), HasSubstr("--num_heads=7"));
  EXPECT_THAT(ResolveError({"--mask_ratio=1"}), HasSubstr("--mask_ratio=1"));
  EXPECT_THAT(ResolveError({"--pos_mask_ratio=0"}), HasSubstr("--pos_mask_ratio=0"));
  models::ZooEntry classifier = VitB();
  classifier.options = nullptr;
  EXPECT_THAT(
      std::string(
          ResolveTrainFlags(Parse({"--mask_ratio=.5"}).flags, classifier, {}).status().message()),
      HasSubstr("--mask_ratio=0.5 is for DropPos"));
  EXPECT_TRUE(ResolveTrainFlags(Parse({}).flags, classifier, {}).ok());
}

TEST(Resolve, SwitchesReachTheModelAndFlagsTxt) {
  const auto resolved = Resolve({"--drop_pos_type=multi_task", "--mask_token_type=wrong_pos",
                                 "--shuffle", "--conf_ignore", "--pos_weight=0.05",
                                 "--norm_pix_loss=False", "--smooth_grid=official"});
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  const models::DropPosConfig& droppos = models::DropPosOf(resolved->entry);
  EXPECT_TRUE(droppos.multi_task());
  EXPECT_EQ(droppos.mask_token_type, "wrong_pos");
  EXPECT_TRUE(droppos.shuffle);
  EXPECT_TRUE(droppos.conf_ignore);
  EXPECT_EQ(droppos.pos_weight, 0.05);
  EXPECT_FALSE(droppos.norm_pix_loss);
  EXPECT_TRUE(droppos.official_grid());
  EXPECT_EQ(droppos.token_size, 14);
  EXPECT_FALSE(droppos.official_shuffle);
  EXPECT_EQ(resolved->step.update_when, models::UpdateWhen::kWindow);
  EXPECT_THAT(resolved->notices, IsEmpty());
  const auto again = ParseTrainFlags(
      {}, MakeZoo(), TrainFlagsText(resolved->flags, "twice", MakeZoo().entries()), "flags");
  ASSERT_TRUE(again.ok()) << again.status();
  const auto twice = ResolveTrainFlags(again->flags, resolved->entry, {3, 2});
  ASSERT_TRUE(twice.ok()) << twice.status();
  EXPECT_EQ(twice->flags, resolved->flags);
}

TEST(Resolve, FlagsThatSayNothingAboutTheTaskAreTakenBackWithALine) {
  const auto mae = Resolve({"--drop_pos_type=vanilla_mae", "--shuffle", "--pos_mask_ratio=0.5",
                            "--norm_pix_loss=false", "--pos_weight=2"});
  ASSERT_TRUE(mae.ok()) << mae.status();
  EXPECT_THAT(mae->notices,
              testing::UnorderedElementsAre(HasSubstr("--pos_mask_ratio=0.5 has no effect: "),
                                            HasSubstr("--shuffle=true has no effect: "),
                                            HasSubstr("--pos_weight=2 has no effect: ")));
  EXPECT_EQ(mae->flags.model_options.count("shuffle"), 0u);
  EXPECT_EQ(mae->flags.model_options.at("norm_pix_loss").text, "false");
  const auto plain = Resolve({"--pos_weight=2", "--norm_pix_loss"});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->notices.size(), 2u);
}

TEST(Resolve, CompatOfficialIsTheMapAndTheAccumulation) {
  const auto official = Resolve({"--compat=official"});
  ASSERT_TRUE(official.ok()) << official.status();
  EXPECT_TRUE(models::DropPosOf(official->entry).official_grid());
  EXPECT_TRUE(models::DropPosOf(official->entry).official_shuffle);
  EXPECT_EQ(official->step.update_when, models::UpdateWhen::kMicroStep);
  EXPECT_EQ(official->flags.model_options.at("token_size").text, "14");
  // A flag of its own wins.
  const auto paper = Resolve({"--compat=official", "--smooth_grid=paper"});
  ASSERT_TRUE(paper.ok()) << paper.status();
  EXPECT_FALSE(models::DropPosOf(paper->entry).official_grid());
  EXPECT_EQ(paper->step.update_when, models::UpdateWhen::kMicroStep);
}

TEST(Resolve, OfficialGridsThatCannotHoldThePatchesAreRefused) {
  EXPECT_THAT(ResolveError({"--smooth_grid=official", "--input_size=192x224"}),
              AllOf(HasSubstr("12x14"), HasSubstr("--smooth_grid=paper")));
  // 224 / 16 = 14 cells a side, for 16 patches.
  EXPECT_THAT(ResolveError({"--smooth_grid=official", "--patch_size=14", "--token_size=16"}),
              AllOf(HasSubstr("14x14 cells for 16x16 patches"), HasSubstr("--token_size=14")));
  EXPECT_THAT(ResolveError({"--compat=official", "--input_size=64", "--patch_size=8"}),
              AllOf(HasSubstr("4x4 cells for 8x8 patches"), HasSubstr("--token_size=8")));
  EXPECT_TRUE(Resolve({"--smooth_grid=official", "--patch_size=14"}).ok());
  EXPECT_THAT(ResolveError({"--drop_pos_type=multi_task", "--mask_ratio=0"}),
              HasSubstr("no pixels to reconstruct"));
}

TEST(Flagfile, CommandLineWins) {
  const std::string file = WriteFile("f1.txt",
                                     "# a comment\r\n"
                                     "\n"
                                     "  --batch-size 8   # eight\r\n"
                                     "--sigma_decay\n"
                                     "--no_attn_guide # off\n"
                                     "--data_path=\"a b # \\\"c\\\"\" # quoted\n"
                                     "--init_from=x#y\n"
                                     "--log_dir=x\n"
                                     "--epochs=30");
  const ParsedFlags parsed = Parse({"--epochs=40", "--flagfile=" + file});
  EXPECT_EQ(parsed.flags.batch_size, 8);
  EXPECT_EQ(parsed.flags.model_options.at("sigma_decay").text, "true");
  EXPECT_EQ(parsed.flags.model_options.at("attn_guide").text, "false");
  EXPECT_EQ(parsed.flags.data_path, "a b # \"c\"");
  EXPECT_EQ(parsed.flags.init_from, "x#y");
  EXPECT_EQ(parsed.flags.epochs, 40);
  EXPECT_EQ(parsed.notices.size(), 1u);
  // Of several files, the later one.
  const std::string second = WriteFile("f2.txt", "--batch_size=4\n");
  EXPECT_EQ(Parse({"--flagfile", file, "--flagfile", second}).flags.batch_size, 4);
  EXPECT_EQ(Parse({"--flagfile", second, "--flagfile", file}).flags.batch_size, 8);
}

TEST(Flagfile, OneOfTwoExclusiveFlagsOnTheCommandLineWins) {
  const std::string file = WriteFile("f3.txt", "--blr=1e-4\n--accum_iter=4\n");
  const TrainFlags flags = Parse({"--flagfile=" + file, "--lr=1e-3", "--effective_batch=64"}).flags;
  EXPECT_EQ(flags.lr, 1e-3);
  EXPECT_FALSE(flags.blr.has_value());
  EXPECT_EQ(flags.effective_batch, 64);
  EXPECT_FALSE(flags.accum_iter.has_value());
  const std::string both = WriteFile("f4.txt", "--blr=1e-4\n--lr=1\n");
  EXPECT_THAT(Error({"--flagfile=" + both}), HasSubstr("exclude each other"));
}

TEST(Flagfile, ErrorsNameFileAndLine) {
  const auto error = [](const std::string& text) {
    const std::string file = WriteFile("bad.txt", text);
    const std::string message = Error({"--flagfile=" + file});
    EXPECT_THAT(message, HasSubstr(file + ":"));
    return message.substr(message.find("bad.txt"));
  };
  EXPECT_EQ(error("\n--lr=x\n"), "bad.txt:2: --lr=x: must be a number");
  EXPECT_EQ(error("# c\n\n--modl=x"),
            "bad.txt:3: unknown flag --modl; did you mean --model? --help shows all");
  EXPECT_THAT(error("lr=1"), HasSubstr("bad.txt:1: unexpected argument 'lr=1'"));
  EXPECT_THAT(error("--lr"), HasSubstr("bad.txt:1: --lr needs a value"));
  EXPECT_THAT(error("--lr=1 --blr=2"), HasSubstr("bad.txt:1: --lr=1 --blr=2: must be a number"));
  EXPECT_THAT(error("--data_path=\"x"), HasSubstr("bad.txt:1: a quotation does not end"));
  EXPECT_THAT(error("--data_path=\"x\\"), HasSubstr("a quotation does not end"));
  EXPECT_THAT(error("--data_path=\"x\" y"), HasSubstr("more follows the closing quote"));
  EXPECT_THAT(error("=3"), HasSubstr("bad.txt:1: a line holds one flag"));
  EXPECT_THAT(error("--use_fp16"), HasSubstr("bad.txt:1: --use_fp16=true: there is no fp16 here"));
  EXPECT_THAT(error("--flagfile=x"), HasSubstr("bad.txt:1: a flag file cannot name another"));
  EXPECT_THAT(Error({"--flagfile=/no/such"}), HasSubstr("--flagfile=/no/such"));
  EXPECT_THAT(Error({"--flagfile=/"}), HasSubstr("directory"));
}

// Any settings, odd paths and numbers included, survive flags.txt.
TEST(Flagfile, WrittenFlagsReadBackIdentical) {
  const std::vector<std::string> texts = {"a",      "a b",   "#x",     "x #y", " lead",
                                          "trail ", "\"q\"", "é/ü",    "a\tb", "back\\s",
                                          "a=b",    "--x",   "l1\nl2", "'"};
  graph::RandomStream random(5, graph::Purpose::kNoise);
  for (int i = 0; i < 150; ++i) {
    TrainFlags flags;
    for (const FlagRow& row : FlagTable(MakeZoo().entries())) {
      if (row.name == "lr" || row.name == "effective_batch" || row.name == "min_lr" ||
          row.name == "disable_pass" || row.name == "finetune" ||
          row.lifetime == Lifetime::kCommand) {
        continue;  // each excludes another flag that is set, or is not written
      }
      if (random.Below(3) == 0 && row.name != "model" && row.name != "init_from") continue;
      const std::string number = absl::StrCat(1 + random.Below(1000000));
      for (const std::string& text :
           {texts[random.Below(texts.size())], absl::StrCat(random.Uniform()), std::string("1e-7"),
            number, std::string("true"), std::string("cpu"), std::string("global")}) {
        if (SetFlag(row, text, flags).ok() && random.Below(2) == 0) break;
      }
    }
    flags.warmup_epochs.reset();
    flags.device = "cpu";
    if (random.Below(2) == 0) flags.lr.swap(flags.blr);
    const std::string text =
        TrainFlagsText(flags, "written by a test\n\nof three lines", MakeZoo().entries());
    const std::string file = WriteFile("written.txt", text);
    const auto read = ParseTrainFlags({"--flagfile=" + file}, MakeZoo());
    ASSERT_TRUE(read.ok()) << read.status() << "\n" << text;
    ASSERT_EQ(read->flags, flags) << text << TrainFlagsText(read->flags, "", MakeZoo().entries());
  }
}

TEST(Flagfile, ResolvedFlagsAreAFixedPoint) {
  for (const Args& args : std::vector<Args>{
           {},
           {"--lr=0.1", "--min_lr=0.001"},
           {"--effective_batch=2048", "--token_size=14"},
           {"--data_path=rel/a b", "--output_dir=out", "--init_from=x", "--allow_missing=decoder_*",
            "--disable_pass=cse,in_place", "--steps=0", "--seed=3"},
           {"--input_size=96x32", "--mask_ratio=0.1", "--blr=0.1234567890123456789"}}) {
    const auto resolved = Resolve(args);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    const std::string file =
        WriteFile("flags.txt", TrainFlagsText(resolved->flags, "x", MakeZoo().entries()));
    const auto read = ParseTrainFlags({"--flagfile=" + file}, MakeZoo());
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->flags, resolved->flags);
    EXPECT_THAT(read->notices, IsEmpty());
    // On another machine, and with another recipe.
    models::ZooEntry other = VitB();
    other.recipe.epochs = 3;
    other.recipe.batch_size = 2;
    other.model.depth = 1;
    const auto again = ResolveTrainFlags(read->flags, other, {64, 32});
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->flags, resolved->flags);
    EXPECT_EQ(again->lr, resolved->lr);
    EXPECT_EQ(again->step.images(), resolved->step.images());
  }
}

TEST(Flags, PathsAreThoseOfTheFolderTheCommandWasTypedIn) {
  const std::string folder = std::getenv("TEST_TMPDIR");
  WriteFile("here.txt", "--data_path=photos\n");
  ::setenv("BUILD_WORKING_DIRECTORY", folder.c_str(), 1);
  const auto resolved = Resolve({"--flagfile=here.txt", "--output_dir=/abs"});
  ::unsetenv("BUILD_WORKING_DIRECTORY");
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->flags.data_path, folder + "/photos");
  EXPECT_EQ(resolved->flags.output_dir, "/abs");
}

}  // namespace
}  // namespace tools
