// Flags that a tool does not have, and what their names mean in other programs.
#include "tools/flags/unknown_flag.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/parse_flags.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using ::testing::HasSubstr;

// The trainer's.
std::string Error(const std::vector<std::string>& args) {
  return std::string(ParseTrainFlags(args, MakeZoo()).status().message());
}

TEST(UnknownFlag, SuggestsTheNearest) {
  EXPECT_EQ(Error({"--modle=x"}), "unknown flag --modle; did you mean --model? --help shows all");
  EXPECT_THAT(Error({"--warmup_epoch", "3"}), HasSubstr("did you mean --warmup_epochs?"));
  EXPECT_THAT(Error({"--data", "x"}), HasSubstr("did you mean --data_path?"));
  EXPECT_THAT(Error({"--output=x"}), HasSubstr("did you mean --output_dir?"));
  EXPECT_THAT(Error({"--no_sigma_decy"}), HasSubstr("did you mean --no_sigma_decay?"));
  EXPECT_THAT(Error({"--expriment=x"}), HasSubstr("did you mean --experiment?"));
  EXPECT_EQ(Error({"--xylophone=3"}), "unknown flag --xylophone; --help shows all");
  // In scripts/pretrain_large.sh, and in no parser.
  EXPECT_THAT(Error({"--use_mask_token"}), HasSubstr("unknown flag --use_mask_token"));
  EXPECT_THAT(Error({"--a\nb"}), HasSubstr("unknown flag --a\\x0Ab"));
  EXPECT_THAT(Error({"--\xC3\xA4\xC2\x9B"}), HasSubstr("unknown flag --\xC3\xA4\\xC2\\x9B"));
}

TEST(UnknownFlag, NamesOfOtherProgramsAreKnown) {
  const struct {
    const char* typed;
    const char* meant;
  } cases[] = {{"--learning_rate=1e-3", "--lr"},
               {"--base_learning_rate=1e-4", "--blr"},
               {"--amp", "--precision"},
               {"--no_amp", "--precision"},
               {"--use-amp", "--precision"},
               {"--fp16", "--precision"},
               {"--bs=8", "--batch_size"},
               {"--per_device_train_batch_size=8", "--batch_size"},
               {"--config=a.yaml", "--flagfile"},
               {"--max_epochs=3", "--epochs"},
               {"--trainer.max-epochs=3", "--epochs"},
               {"--optimizer.lr=3", "--lr"},
               {"--num_epochs=3", "--epochs"},
               {"--wd=0", "--weight_decay"},
               {"--workers=3", "--num_workers"},
               {"--warmup=3", "--warmup_epochs"},
               {"--image_size=3", "--input_size"},
               {"--in_chans=1", "--channels"},
               {"--resume_from=x", "--resume"},
               {"--ckpt=x", "--resume"},
               {"--pretrained=x", "--init_from"},
               {"--save_dir=x", "--output_dir"},
               {"--random_seed=3", "--seed"},
               {"--fast_dev_run", "--steps=1"},
               {"--masking_ratio=3", "--mask_ratio"},
               {"--LR=3", "--lr"}};
  for (const auto& c : cases) {
    EXPECT_THAT(Error({c.typed}),
                HasSubstr("; did you mean " + std::string(c.meant) + "? --help shows all"));
  }
  EXPECT_EQ(
      Error({"--wandb"}),
      "unknown flag --wandb; TensorBoard's files are written anyway, into "
      "output_dir/tensorboard, and the numbers into output_dir/metrics.jsonl; --help shows all");
  EXPECT_THAT(Error({"--optimizer=lion"}), HasSubstr("; the optimiser is AdamW"));
}

TEST(UnknownFlag, AllAreNamedAtOnce) {
  EXPECT_EQ(Error({"--bs", "8", "--model=m", "--xylophone=3", "--bs=9", "stray"}),
            "unknown flag --bs; did you mean --batch_size? unknown flag --xylophone; "
            "--help shows all");
  EXPECT_THAT(Error({"--no_model", "--no_xylophone"}), HasSubstr("unknown flag --no_xylophone; "));
  EXPECT_EQ(
      std::string(UnknownFlags({"chekpoint", "devise"}, {"checkpoint", "threads"}).message()),
            "unknown flag --chekpoint; did you mean --checkpoint? unknown flag --devise; "
            "--help shows all");
}

TEST(UnknownFlag, AGpuIsADevice) {
  for (const char* flag : {"gpus", "gpu", "num_gpus", "cuda", "accelerator"}) {
    EXPECT_EQ(
        Error({absl::StrCat("--", flag)}),
        absl::StrCat("unknown flag --", flag, "; did you mean --device=cuda? --help shows all"));
  }
  for (const char* flag : {"--use_cpu", "--no_gpu"}) {
    EXPECT_THAT(Error({flag}), HasSubstr("did you mean --device=cpu?"));
  }
  EXPECT_THAT(Error({"--devices=1"}), HasSubstr("did you mean --device?"));
  EXPECT_EQ(std::string(UnknownFlags({"gpu"}, {"out", "threads"}).message()),
            "unknown flag --gpu; --help shows all");
}

// A row whose flag is renamed, or whose name comes to be a flag, would never be seen again.
TEST(UnknownFlag, EveryNameOfOtherProgramsLeadsToAFlag) {
  std::set<std::string> ours = {"flagfile"}, others = {"checkpoint", "image", "out"};
  for (const FlagRow& row : FlagTable(MakeZoo().entries())) ours.insert(std::string(row.name));
  std::set<std::string> seen;
  for (const FlagSynonym& row : FlagSynonyms()) {
    bool leads = false;
    for (const absl::string_view flag : absl::StrSplit(row.flags, ' ')) {
      const std::string name(flag.substr(0, flag.find('=')));
      EXPECT_TRUE(ours.count(name) + others.count(name) > 0) << flag;
      leads |= ours.count(name) == 0;  // in another tool
    }
    for (const absl::string_view name : absl::StrSplit(row.names, ' ')) {
      EXPECT_TRUE(leads || ours.count(std::string(name)) == 0) << name;
      EXPECT_TRUE(seen.insert(absl::StrCat(name, " of ", row.flags)).second) << name;
    }
  }
}

TEST(UnknownFlag, OnlyFlagsThatTheToolHasAreMeant) {
  const auto error = [](const std::string& name, const std::vector<std::string>& known) {
    return std::string(UnknownFlags({name}, known).message());
  };
  EXPECT_EQ(error("resume", {"checkpoint", "out"}),
            "unknown flag --resume; did you mean --checkpoint? --help shows all");
  EXPECT_EQ(error("output", {"checkpoint", "out"}),
            "unknown flag --output; did you mean --out? --help shows all");
  EXPECT_EQ(error("wandb", {"checkpoint", "out"}), "unknown flag --wandb; --help shows all");
  EXPECT_EQ(error("learning_rate", {}), "unknown flag --learning_rate; --help shows all");
}

}  // namespace
}  // namespace tools
