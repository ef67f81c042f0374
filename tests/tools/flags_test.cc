// The command line of //tools:train: names, values, official flags, --help.
// What becomes of it with a zoo entry and in files: resolve_flags_test.cc.
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos_config.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/parse_flags.h"
#include "tools/flags/resolve_flags.h"
#include "tools/flags/train_help.h"
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

// What follows main_pretrain.py in PRETRAIN.md, as the shell splits it.
const Args kPublished = {"--batch_size",
                         "64",
                         "--accum_iter",
                         "1",
                         "--model",
                         "DropPos_mae_vit_base_patch16_dec512d2b",
                         "--drop_pos_type",
                         "mae_pos_target",
                         "--mask_token_type",
                         "param",
                         "--pos_mask_ratio",
                         "0.75",
                         "--pos_weight",
                         "0.05",
                         "--label_smoothing_sigma",
                         "1",
                         "--sigma_decay",
                         "--attn_guide",
                         "--input_size",
                         "224",
                         "--token_size",
                         "14",
                         "--mask_ratio",
                         "0.75",
                         "--epochs",
                         "800",
                         "--warmup_epochs",
                         "10",
                         "--blr",
                         "1.5e-4",
                         "--weight_decay",
                         "0.05",
                         "--data_path",
                         "/path/to/imagenet",
                         "--output_dir",
                         "./output_dir",
                         "--log_dir",
                         "./log_dir",
                         "--experiment",
                         "droppos_pos_mask0.75_posmask0.75_smooth1to0_sim_in1k_ep800"};

TEST(Flags, ThePublishedCommandCanBePasted) {
  Args args = kPublished;
  args.push_back("--steps=0");
  const auto parsed = ParseTrainFlags(args, MakeZoo());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const TrainFlags& flags = parsed->flags;
  EXPECT_EQ(flags.model, "DropPos_mae_vit_base_patch16_dec512d2b");
  EXPECT_EQ(flags.batch_size, 64);
  EXPECT_EQ(flags.accum_iter, 1);
  EXPECT_EQ(flags.model_options.at("pos_mask_ratio").text, "0.75");
  EXPECT_EQ(flags.model_options.at("label_smoothing_sigma").text, "1");
  EXPECT_EQ(flags.model_options.at("sigma_decay").text, "true");
  EXPECT_EQ(flags.model_options.at("attn_guide").text, "true");
  EXPECT_EQ(flags.input_size, (InputSize{224, 224}));
  EXPECT_EQ(flags.epochs, 800);
  EXPECT_EQ(flags.warmup_epochs, 10.0);
  EXPECT_EQ(flags.blr, 1.5e-4);
  EXPECT_EQ(flags.data_path, "/path/to/imagenet");
  EXPECT_EQ(flags.output_dir, "./output_dir");
  EXPECT_EQ(flags.steps, 0);
  EXPECT_FALSE(flags.lr.has_value());
  EXPECT_FALSE(flags.seed.has_value());
  EXPECT_THAT(parsed->notices,
              testing::UnorderedElementsAre(HasSubstr("--log_dir=./log_dir has no effect: "),
                                            HasSubstr("--experiment=droppos_pos_mask0.75")));

  const auto resolved = ResolveTrainFlags(flags, VitB(), {1, 1});
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_THAT(resolved->notices, ElementsAre(HasSubstr("--pos_weight=0.05 has no effect: "),
                                             HasSubstr("--token_size=14 has no effect: ")));
  EXPECT_EQ(resolved->step.images(), 64);
  EXPECT_DOUBLE_EQ(resolved->lr, 1.5e-4 * 64 / 256);
}

TEST(Flags, PublishedArgumentsAreTheRecipe) {
  const auto published = ParseTrainFlags(kPublished, MakeZoo());
  ASSERT_TRUE(published.ok());
  auto with = ResolveTrainFlags(published->flags, VitB(), {1, 1});
  auto bare = ResolveTrainFlags(Parse({}).flags, VitB(), {1, 1});
  ASSERT_TRUE(with.ok() && bare.ok());
  with->flags.data_path.reset();
  with->flags.output_dir.reset();
  EXPECT_EQ(TrainFlagsText(with->flags, "", MakeZoo().entries()),
            TrainFlagsText(bare->flags, "", MakeZoo().entries()));
}

TEST(Flags, WaysToWriteAFlag) {
  EXPECT_EQ(Parse({"--batch_size", "8"}).flags.batch_size, 8);
  EXPECT_EQ(Parse({"--batch_size=8"}).flags.batch_size, 8);
  EXPECT_EQ(Parse({"--batch-size=8"}).flags.batch_size, 8);
  EXPECT_EQ(Parse({"--batch-size", "8"}).flags.batch_size, 8);
  EXPECT_EQ(Parse({"--batch_size=8", "--batch-size", "16"}).flags.batch_size, 16);
  EXPECT_EQ(Parse({"--backend=cpu"}).flags.device, "cpu");
  EXPECT_EQ(Parse({"--input_size", "192x256"}).flags.input_size, (InputSize{192, 256}));
  EXPECT_THAT(*Parse({"--disable_pass=a,b_c"}).flags.disable_pass, ElementsAre("a", "b_c"));
  // A value may look like anything after '='.
  EXPECT_EQ(Parse({"--data_path=--x=y z"}).flags.data_path, "--x=y z");
  EXPECT_EQ(Parse({"--data_path=[a,b]"}).flags.data_path, "[a,b]");
  EXPECT_EQ(Parse({"--data_path", "{}"}).flags.data_path, "{}");
  EXPECT_EQ(Parse({"--seed=9007199254740993"}).flags.seed, 9007199254740993);
}

TEST(Flags, Switches) {
  EXPECT_TRUE(Parse({}).flags.model_options.empty());
  for (const Args& on : std::vector<Args>{{"--sigma_decay"},
                                          {"--sigma-decay"},
                                          {"--sigma_decay", "True"},
                                          {"--sigma_decay", "1"},
                                          {"--sigma_decay=true"},
                                          {"--sigma_decay=On"},
                                          {"--sigma_decay", "--attn_guide"},
                                          {"--no_sigma_decay", "--sigma_decay"}}) {
    EXPECT_EQ(Parse(on).flags.model_options.at("sigma_decay").text, "true")
        << testing::PrintToString(on);
  }
  for (const Args& off : std::vector<Args>{{"--no_sigma_decay"},
                                           {"--no-sigma-decay"},
                                           {"--sigma_decay", "False"},
                                           {"--sigma_decay", "0"},
                                           {"--sigma_decay=off"},
                                           {"--sigma_decay", "--no_sigma_decay"}}) {
    EXPECT_EQ(Parse(off).flags.model_options.at("sigma_decay").text, "false")
        << testing::PrintToString(off);
  }
  EXPECT_EQ(Parse({"--passes=off"}).flags.passes, false);
  EXPECT_EQ(Parse({"-h"}).flags.help, true);
  // A flag with choices that also stands without one.
  EXPECT_EQ(Parse({"--plan", "--passes=off"}).flags.plan, "short");
  EXPECT_EQ(Parse({"--plan=full"}).flags.plan, "full");
  EXPECT_EQ(Parse({"--plan=json"}).flags.plan, "json");
  EXPECT_EQ(Error({"--plan_gpu=h100"}), "--plan_gpu has no meaning without --plan");
  EXPECT_THAT(Error({"--plan", "full"}), HasSubstr("unexpected argument 'full'"));
  EXPECT_THAT(Error({"--plan=long"}), HasSubstr("--plan=long: "));
  EXPECT_EQ(Error({"--sigma_decay=maybe"}), "--sigma_decay=maybe: must be true or false");
  EXPECT_THAT(Error({"--sigma_decay", "maybe"}), HasSubstr("unexpected argument 'maybe'"));
  EXPECT_THAT(Error({"--no_sigma_decay=true"}), HasSubstr("write --sigma_decay=true"));
  EXPECT_THAT(Error({"--no_lr"}), HasSubstr("--lr takes a value and cannot be switched off"));
}

// A checkpoint from elsewhere does not say where files are written or that nothing is trained.
TEST(Flags, ARunsFilesSetNoFlagOfACommand) {
  const std::string text =
      "--model=droppos_tiny\n--dump_graph=/elsewhere\n--help\n--list_models\n--overwrite\n"
      "--plan=full\n--profile=3\n--resume=auto\n--seed=3\n--data_path=d\n";
  const auto run = ParseTrainFlags({}, MakeZoo(), text, "state.json");
  const auto resumed = ParseTrainFlags({"--steps=4", "--profile=5"}, MakeZoo(), text, "state.json");
  ASSERT_TRUE(run.ok() && resumed.ok()) << run.status() << resumed.status();
  TrainFlags wanted;
  wanted.model = "droppos_tiny";
  wanted.seed = 3;
  wanted.data_path = "d";
  wanted.precision = "fp32";  // as runs computed before there was the flag
  EXPECT_TRUE(run->flags == wanted) << TrainFlagsText(run->flags, "", MakeZoo().entries());
  wanted.steps = 4;
  wanted.profile = 5;
  EXPECT_TRUE(resumed->flags == wanted) << TrainFlagsText(resumed->flags, "", MakeZoo().entries());
  // Not even wrong ones.
  EXPECT_TRUE(ParseTrainFlags({}, MakeZoo(), "--model=m\n--profile=x\n", "s").ok());
}

TEST(Flags, LongValuesAreShortenedInErrors) {
  const std::string x(1'000'000, 'x');
  for (const std::string& flag : {"--seed=" + x, "--" + x, x, "--lr=" + x + "\n--blr=" + x}) {
    const auto parsed = ParseTrainFlags({}, MakeZoo(), "--model=m\n" + flag + "\n", "s");
    ASSERT_FALSE(parsed.ok());
    EXPECT_LT(parsed.status().message().size(), 400u);
  }
}

TEST(Flags, ModelIsNeededUnlessTheRunOnlyPrints) {
  EXPECT_THAT(std::string(ParseTrainFlags({}, MakeZoo()).status().message()),
              HasSubstr("--model is missing; --model=droppos_tiny"));
  EXPECT_TRUE(ParseTrainFlags({"--help"}, MakeZoo()).ok());
  EXPECT_TRUE(ParseTrainFlags({"--list_models"}, MakeZoo()).ok());
  EXPECT_FALSE(ParseTrainFlags({"--list_models=false"}, MakeZoo()).ok());
}

TEST(Flags, StrayAndMissingArguments) {
  EXPECT_THAT(Error({"train"}), HasSubstr("unexpected argument 'train'"));
  EXPECT_THAT(Error({"-lr", "1"}), HasSubstr("unexpected argument '-lr'"));
  EXPECT_THAT(Error({"--"}), HasSubstr("unexpected argument '--'"));
  EXPECT_THAT(Error({""}), HasSubstr("unexpected argument ''"));
  EXPECT_THAT(Error({"--=3"}), HasSubstr("unknown flag --;"));
  EXPECT_EQ(Error({"--data_path"}), "--data_path needs a value; write --data_path=VALUE");
  EXPECT_THAT(Error({"--lr", "--epochs=3"}), HasSubstr("--lr needs a value"));
  EXPECT_THAT(Error({"--data_path="}), HasSubstr("--data_path=: is empty"));
}

TEST(Flags, ValuesOutOfRangeAreNamed) {
  EXPECT_EQ(Error({"--lr=abc"}), "--lr=abc: must be a number");
  EXPECT_EQ(Error({"--lr=-1"}), "--lr=-1: must not be negative");
  EXPECT_EQ(Error({"--lr", "-1"}), "--lr=-1: must not be negative");
  EXPECT_EQ(Error({"--lr=nan"}), "--lr=nan: must be a finite number");
  EXPECT_EQ(Error({"--blr=1e999"}), "--blr=1e999: must be a finite number");
  EXPECT_EQ(Error({"--batch_size=0"}), "--batch_size=0: must be greater than 0");
  EXPECT_EQ(Error({"--batch_size=-4"}), "--batch_size=-4: must be greater than 0");
  EXPECT_EQ(Error({"--batch_size=1.5"}), "--batch_size=1.5: must be a whole number");
  EXPECT_EQ(Error({"--batch_size=4294967297"}),
            "--batch_size=4294967297: must be at most 2147483647");
  EXPECT_EQ(Error({"--batch_size=99999999999999999999"}),
            "--batch_size=99999999999999999999: must be a whole number");
  EXPECT_EQ(Error({"--mask_ratio=1.5"}), "--mask_ratio=1.5: must be between 0 and 1");
  EXPECT_EQ(Error({"--pos_mask_ratio=-0.1"}), "--pos_mask_ratio=-0.1: must be between 0 and 1");
  EXPECT_EQ(Error({"--val_fraction=1"}), "--val_fraction=1: must be at least 0 and below 1");
  EXPECT_EQ(Error({"--crop_scale=0,1"}), "--crop_scale=0,1: LOW: must be above 0 and at most 1");
  EXPECT_EQ(Error({"--crop_scale=0.2,1.1"}),
            "--crop_scale=0.2,1.1: HIGH: must be above 0 and at most 1");
  EXPECT_EQ(Error({"--crop_scale=0.5,0.2"}), "--crop_scale=0.5,0.2: LOW must not be above HIGH");
  EXPECT_EQ(Error({"--crop_scale=0.2"}), "--crop_scale=0.2: must be 2 numbers, LOW,HIGH");
  EXPECT_EQ(Error({"--aa=rand-m11-inc1"}),
            "--aa=rand-m11-inc1: 'm11': m must be a whole number from 0 to 10");
  EXPECT_EQ(Error({"--crop_ratio=0,1"}), "--crop_ratio=0,1: LOW: must be greater than 0");
  EXPECT_EQ(Error({"--mean=0.5,0.5"}), "--mean=0.5,0.5: must be 3 numbers, R,G,B");
  EXPECT_EQ(Error({"--mean=0.5,0.5,x"}), "--mean=0.5,0.5,x: B: must be a number");
  EXPECT_EQ(Error({"--mean=123.7,116.3,103.5"}),
            "--mean=123.7,116.3,103.5: R: must be between 0 and 1");
  EXPECT_EQ(Error({"--std=0.2,0,0.2"}), "--std=0.2,0,0.2: G: must be above 0 and at most 1");
  EXPECT_THAT(Error({"--epochs=0"}), HasSubstr("--epochs=0"));
  EXPECT_THAT(Error({"--steps=-1"}), HasSubstr("--steps=-1"));
  EXPECT_THAT(Error({"--threads=0"}), HasSubstr("--threads=0"));
  EXPECT_THAT(Error({"--mlp_ratio=0"}), HasSubstr("--mlp_ratio=0"));
  EXPECT_THAT(Error({"--clip_mode=value"}), HasSubstr("must be parameter or global"));
  for (const std::string device :
       {"gpu", "mps", "cuda:", "cuda:x", "cuda:-1", "cuda: 1", "cuda:64", "cuda:99", "CPU"}) {
    EXPECT_EQ(Error({"--device=" + device}),
              "--device=" + device + ": must be auto, cpu, cuda or cuda:N, with N from 0 to 63");
  }
  EXPECT_THAT(Error({"--disable_pass=a,,b"}), HasSubstr("--disable_pass=a,,b: must be names"));
  for (const std::string size : {"", "x", "224x", "1x2x3", "0", "224x-1", "a", "1e9"}) {
    EXPECT_THAT(Error({"--input_size=" + size}), HasSubstr("--input_size=" + size + ": must be"));
  }
  EXPECT_EQ(Parse({"--mask_ratio=0", "--pos_mask_ratio=1.0"})
                .flags.model_options.at("pos_mask_ratio")
                .text,
            "1");
}

TEST(Flags, ContradictionsAreRefused) {
  EXPECT_EQ(Error({"--lr=1e-3", "--blr=1e-4"}),
            "--lr=1e-3 and --blr=1e-4 exclude each other; give one of them");
  EXPECT_THAT(Error({"--effective_batch=64", "--accum_iter=1"}), HasSubstr("exclude each other"));
  EXPECT_THAT(Error({"--epochs=5", "--warmup_epochs=6"}),
              HasSubstr("--warmup_epochs=6 is not shorter than --epochs=5"));
  EXPECT_THAT(Error({"--lr=1e-4", "--min_lr=1e-3"}), HasSubstr("--min_lr=0.001 is above --lr"));
  EXPECT_THAT(Error({"--allow_missing=norm.bias"}), HasSubstr("without --init_from"));
  EXPECT_THAT(Error({"--passes=off", "--disable_pass=cse"}), HasSubstr("--disable_pass"));
}

// Whether there is one, is no matter of form; the files keep what was asked for.
TEST(Flags, DevicesAreWhatWasAsked) {
  for (const std::string device : {"auto", "cpu", "cuda", "cuda:0", "cuda:63"}) {
    const ParsedFlags parsed = Parse({"--device=" + device});
    EXPECT_EQ(parsed.flags.device, device);
    EXPECT_THAT(TrainFlagsText(parsed.flags, "", {}), HasSubstr("--device=" + device + "\n"));
  }
}

TEST(Flags, RedundantOfficialFlagsAreAcceptedWithALine) {
  const std::vector<Args> redundant = {
      {"--log_dir", "x"},    {"--experiment=x"},      {"--pin_mem"},      {"--no_pin_mem"},
      {"--world_size", "1"}, {"--local_rank", "-1"},  {"--local_rank=0"}, {"--dist_url", "env://"},
      {"--start_epoch=0"},   {"--use_fp16", "False"}, {"--global_pool"},  {"--load_from", ""},
      {"--dist_on_itp", "0"}, {"--mixup_mode=batch"}};
  for (const Args& args : redundant) {
    const ParsedFlags parsed = Parse(args);
    ASSERT_EQ(parsed.notices.size(), 1u) << testing::PrintToString(args);
    EXPECT_THAT(parsed.notices[0], HasSubstr(" has no effect: "));
    EXPECT_EQ(parsed.flags, Parse({}).flags);
  }
  EXPECT_THAT(Parse({}).notices, IsEmpty());
}

TEST(Flags, OfficialValuesThatAreNotOfferedAreRefused) {
  for (const Args& args : std::vector<Args>{{"--mask_block"},
                                            {"--load_from", "a.pth"},
                                            {"--fix_pos_emb"},
                                            {"--mixup_mode", "elem"},
                                            {"--cutmix_minmax", "0.2"},
                                            {"--dist_eval"},
                                            {"--use_fp16", "True"},
                                            {"--world_size", "8"},
                                            {"--local_rank", "3"},
                                            {"--start_epoch", "5"},
                                            {"--dist_on_itp"}}) {
    const std::string message = Error(args);
    const std::string name(absl::string_view(args[0]).substr(0, args[0].find('=')));
    EXPECT_TRUE(absl::StartsWith(message, name + "=")) << message;
    EXPECT_THAT(message, testing::AnyOf(HasSubstr("leave the flag out"), HasSubstr("use --"),
                                        HasSubstr("--init_from"), HasSubstr("without the flag")));
  }
}

TEST(Help, ShowsEveryFlagInItsGroupWithDefaults) {
  const auto resolved = Resolve({});
  ASSERT_TRUE(resolved.ok());
  const std::string help = TrainFlagsHelp(resolved->flags, MakeZoo(), 100);
  for (const std::string name : {"batch_size",
                                 "epochs",
                                 "accum_iter",
                                 "model",
                                 "input_size",
                                 "token_size",
                                 "norm_pix_loss",
                                 "mask_ratio",
                                 "drop_pos_type",
                                 "mask_token_type",
                                 "pos_mask_ratio",
                                 "shuffle",
                                 "pos_weight",
                                 "label_smoothing_sigma",
                                 "sigma_decay",
                                 "conf_ignore",
                                 "attn_guide",
                                 "use_fp16",
                                 "clip_grad",
                                 "weight_decay",
                                 "lr",
                                 "blr",
                                 "min_lr",
                                 "warmup_epochs",
                                 "data_path",
                                 "output_dir",
                                 "log_dir",
                                 "device",
                                 "seed",
                                 "resume",
                                 "load_from",
                                 "experiment",
                                 "start_epoch",
                                 "num_workers",
                                 "pin_mem",
                                 "world_size",
                                 "local_rank",
                                 "dist_on_itp",
                                 "dist_url",
                                 "mask_block",
                                 "finetune",
                                 "effective_batch",
                                 "clip_mode",
                                 "steps",
                                 "eval_epochs",
                                 "eval_every",
                                 "init_from",
                                 "allow_missing",
                                 "dump_graph",
                                 "list_models",
                                 "threads",
                                 "passes",
                                 "disable_pass",
                                 "val_fraction",
                                 "overwrite",
                                 "print_every",
                                 "patch_size",
                                 "embed_dim",
                                 "depth",
                                 "num_heads",
                                 "decoder_embed_dim",
                                 "decoder_depth",
                                 "decoder_num_heads",
                                 "mlp_ratio",
                                 "smooth_grid",
                                 "help",
                                 "flagfile"}) {
    EXPECT_THAT(help, testing::ContainsRegex("\n  --(\\[no_\\])?" + name + "[ =\n]")) << name;
  }
  size_t at = 0;
  for (const std::string group :
       {"\nModel:", "\nData:", "\nRun:", "\nCheckpoints:", "\nOptimisation:", "\nDropPos:",
        "\nMachine:", "\nLooking inside:", "\nOther:", "\nAccepted for compatibility:"}) {
    const size_t next = help.find(group);
    ASSERT_NE(next, std::string::npos) << group;
    EXPECT_GT(next, at) << group;
    at = next;
  }
  EXPECT_THAT(help, HasSubstr("length of the schedule [800, the model's]"));
  EXPECT_THAT(help, HasSubstr("[blr * effective batch / 256]"));
  EXPECT_THAT(help, HasSubstr("\n  --[no_]tensorboard "));
  EXPECT_THAT(help, HasSubstr("numbers are here droppos_vitb's"));
  for (const FlagRow& row : FlagTable(MakeZoo().entries())) {
    EXPECT_THAT(help,
                testing::ContainsRegex("\n  --(\\[no_\\])?" + std::string(row.name) + "[[ =\n]"));
  }
  for (const int columns : {60, 80, 100}) {
    const std::string fitting = TrainFlagsHelp(resolved->flags, MakeZoo(), columns);
    for (const absl::string_view line : absl::StrSplit(fitting, '\n')) {
      if (!absl::StrContains(line, "//tools:train")) {
        EXPECT_LE(line.size(), static_cast<size_t>(columns)) << line;
      }
      EXPECT_FALSE(absl::EndsWith(line, " ")) << line;
    }
  }
}

}  // namespace
}  // namespace tools
