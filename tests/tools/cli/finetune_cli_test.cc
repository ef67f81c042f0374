// finetune as a person meets it: a small pretrained run becomes a classifier.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tools/cli/run_program.h"
#include "tests/tools/cli/train_cli.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class FinetuneCli : public TrainCli {
 protected:
  void Pretrain() {
    const Outcome run = TrainTiny({"--steps=2", "--warmup_epochs=0", "--output_dir=pre"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  // The scenes, of which the embedded data set has too many for a test.
  Outcome Finetune(std::vector<std::string> args) {
    args.insert(args.begin(), {"--batch_size=64", "--label_fraction=0.02"});
    return RunProgram("finetune", args, folder_);
  }
  void ExpectFinetuneRefused(const std::vector<std::string>& args,
                             const std::vector<std::string>& texts) {
    const Outcome outcome = Finetune(args);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    for (const std::string& text : texts) EXPECT_THAT(outcome.err, HasSubstr(text));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
};

TEST_F(FinetuneCli, BeginsWithThePretrainedEncoderAndResumesBitForBit) {
  Pretrain();
  // Everything that is drawn for a step.
  const std::vector<std::string> run = {"--finetune=pre",  "--epochs=3",  "--warmup_epochs=1",
                                        "--drop_path=0.2", "--mixup=0.8", "--cutmix=1",
                                        "--mix_group=16"};
  const auto with = [&run](std::vector<std::string> args) {
    args.insert(args.end(), run.begin(), run.end());
    return args;
  };
  const Outcome whole = Finetune(with({"--output_dir=whole"}));
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  // The sizes are the pretrained run's, and what is new and left out is said.
  EXPECT_THAT(whole.out, AllOf(HasSubstr("ViT classifier: 1 blocks of 16, 2 heads"),
                               HasSubstr("head.weight"), HasSubstr("fc_norm.weight"),
                               HasSubstr("decoder_")));
  EXPECT_THAT(whole.out, HasSubstr("held out:  acc1 "));
  const std::string metrics = Contents(folder_ / "whole/metrics.jsonl");
  EXPECT_THAT(metrics, AllOf(HasSubstr("\"step\":1,"), HasSubstr("\"lr\":0"),
                             HasSubstr("heldout_acc1")));
  EXPECT_THAT(Contents(folder_ / "whole/flags.txt"),
              AllOf(HasSubstr("--layer_decay=0.75"), HasSubstr("--embed_dim=16"),
                    HasSubstr("--model=vitb"), HasSubstr("--aa=rand-m9-mstd0.5-inc1"),
                    HasSubstr("--reprob=0.25")));
  EXPECT_THAT(whole.out, HasSubstr("chosen by auto"));

  ASSERT_EQ(Finetune(with({"--output_dir=parts", "--steps=4"})).exit_code, 0);
  const Outcome rest = RunProgram(
      "finetune", {"--resume=auto", "--output_dir=parts", "--steps=100"}, folder_);
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_THAT(rest.out, HasSubstr("resumed after step 4"));
  ExpectSameTensors("whole", "parts");
}

// A capsule has what was drawn for mixing, too.
TEST_F(FinetuneCli, AStepOfMixedImagesIsRepeatedBitForBit) {
  Pretrain();
  const Outcome run = Finetune({"--finetune=pre", "--mixup=0.8", "--cutmix=1", "--mix_group=16",
                                "--drop_path=0.2", "--lr=1e30", "--warmup_epochs=0",
                                "--min_lr=0", "--output_dir=bad"});
  ASSERT_EQ(run.exit_code, 1) << run.out;
  std::vector<std::filesystem::path> capsules;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "bad/capsules")) {
    capsules.push_back(entry.path());
  }
  ASSERT_EQ(capsules.size(), 1u) << run.err;
  const Outcome replay =
      RunProgram("replay", {"--capsule=" + capsules[0].string()}, folder_);
  EXPECT_EQ(replay.exit_code, 0) << replay.err;
  EXPECT_THAT(replay.out, AllOf(HasSubstr("what the run saw"), HasSubstr("equal to the last bit"),
                                Not(HasSubstr("not what the run saw"))));
}

TEST_F(FinetuneCli, SaysWhatIsMissing) {
  ExpectFinetuneRefused({"--model=vitb"}, {"--finetune=RUN", "--from_scratch"});
  ExpectFinetuneRefused({"--finetune=nowhere"}, {"--finetune", "nowhere"});
  Pretrain();
  ExpectFinetuneRefused({"--finetune=pre", "--mixup=0.8", "--mix_group=3"}, {"--mix_group=3"});
  ExpectFinetuneRefused({"--finetune=pre", "--mixup=0.8", "--mix_group=48"},
                        {"--batch_size=64", "--mix_group=48", "48 and 96"});
  ExpectFinetuneRefused({"--finetune=pre", "--embed_dim=32"},
                        {"pre", "does not fit the model", "is f32[16,3,8,8], the model has f32[32,"});
  ExpectFinetuneRefused({"--finetune=pre", "--labels_per_class=2"}, {"--label_fraction and"});
  ExpectFinetuneRefused({"--finetune=pre", "--nb_classes=1000"}, {"--nb_classes=1000", "10"});
  ExpectFinetuneRefused({"--finetune=pre", "--fix_pos_emb"}, {"--fix_pos_emb", "--train_pos_embed"});
  ExpectFinetuneRefused({"--finetune=pre", "--from_scratch"}, {"--from_scratch", "leave out one"});
  ExpectFinetuneRefused({"--model=vitb", "--no_from_scratch"}, {"nothing to fine-tune"});
  ExpectFinetuneRefused({"--from_scratch"}, {"--from_scratch needs --model"});
  ExpectFinetuneRefused({"--finetune=pre", "--model=vitl"}, {"24 blocks of 1024", "1 of 16"});
  ExpectFinetuneRefused({"--finetune=pre", "--init_from=pre"}, {"--finetune and --init_from"});
  ExpectRefused(TrainTiny({"--finetune=pre", "--output_dir=runs/x"}), {"//tools:finetune"});
}

TEST_F(FinetuneCli, FewLabelsAreChosenByClass) {
  const auto losses = [this](const std::vector<std::string>& labels, const std::string& run) {
    std::vector<std::string> args = {"--model=vit_tiny",  "--from_scratch", "--depth=1",
                                     "--embed_dim=16",    "--num_heads=2",  "--batch_size=20",
                                     "--output_dir=" + run, "--steps=2",     "--warmup_epochs=0"};
    args.insert(args.end(), labels.begin(), labels.end());
    const Outcome outcome = RunProgram("finetune", args, folder_);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  };
  EXPECT_THAT(losses({"--labels_per_class=3"}, "three"), HasSubstr("30 training images"));
  EXPECT_THAT(losses({"--label_fraction=0.01"}, "share"), HasSubstr("130 training images"));
  EXPECT_THAT(losses({"--labels_per_class=3", "--label_seed=1"}, "other"),
              HasSubstr("30 training images"));
  const auto loss = [this](const std::string& run) {
    const std::string text = Contents(folder_ / run / "metrics.jsonl");
    return text.substr(text.find("\"loss\""), 20);
  };
  EXPECT_NE(loss("three"), loss("other"));
}

// The whole recipe of large nets: the largest batch is one that can be mixed.
TEST_F(FinetuneCli, PlansABatchThatCanBeMixed) {
  const Outcome plan = RunProgram(
      "finetune", {"--model=vits", "--from_scratch", "--input_size=32", "--plan=json"}, folder_);
  ASSERT_EQ(plan.exit_code, 0) << plan.err;
  const std::string key = "\"largest_batch\":";
  ASSERT_THAT(plan.out, HasSubstr(key));
  const int largest = std::stoi(plan.out.substr(plan.out.find(key) + key.size()));
  EXPECT_GE(largest, 32);
  EXPECT_TRUE(largest % 32 == 0 || largest == 12800) << largest;
}

TEST_F(FinetuneCli, TheRecipeOfMaeTrainsPositions) {
  Pretrain();
  const Outcome mae = Finetune({"--finetune=pre", "--recipe=mae", "--steps=0"});
  ASSERT_EQ(mae.exit_code, 0) << mae.err;
  const Outcome run = Finetune({"--finetune=pre", "--recipe=mae", "--steps=1", "--output_dir=mae"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(Contents(folder_ / "mae/flags.txt"),
              AllOf(HasSubstr("--layer_decay=0.65"), HasSubstr("--train_pos_embed=true"),
                    HasSubstr("--blr=5e-04")));
}

TEST_F(FinetuneCli, FromScratchIsSaidAloud) {
  const Outcome run = Finetune({"--model=vit_tiny", "--from_scratch", "--depth=1", "--embed_dim=16",
                                "--num_heads=2", "--steps=2", "--output_dir=scratch"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(Contents(folder_ / "scratch/flags.txt"),
              AllOf(HasSubstr("--from_scratch=true"), Not(HasSubstr("--finetune"))));
}

}  // namespace
}  // namespace tools
