// The trainer as a person meets it: the program run with good and bad input.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "models/training/safetensors.h"
#include "tests/models/training/read_events.h"
#include "tests/tools/cli/run_program.h"
#include "tests/tools/cli/train_cli.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

TEST_F(TrainCli, BareRunMakesAnOutputFolderWhereItWasTyped) {
  const Outcome outcome = TrainTiny({"--steps=2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("EMBEDDED"), HasSubstr("effective batch 64"),
                                 HasSubstr("GFLOP an image"), HasSubstr("eta "),
                                 ContainsRegex("first step [0-9]+\\.[0-9] s after launch\n")));
  std::vector<fs::path> runs;
  for (const auto& entry : fs::directory_iterator(folder_ / "runs")) runs.push_back(entry.path());
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_THAT(runs[0].filename(), ::testing::StartsWith("droppos_tiny-"));
  for (const char* file :
       {"metrics.jsonl", "flags.txt", "checkpoint.safetensors", "train.log",
        "checkpoints/step_00000002/DONE", "checkpoints/step_00000002/optimizer.safetensors"}) {
    EXPECT_TRUE(fs::exists(runs[0] / file)) << file;
  }
  EXPECT_EQ(Contents(runs[0] / "train.log"), outcome.out);
}

TEST_F(TrainCli, TheBannerSaysWhatAnEpochLeavesOut) {
  EXPECT_THAT(Train({"--model=droppos_tiny", "--batch_size=900", "--steps=0"}).out,
              HasSubstr("an epoch leaves out 200 of the images (1.6%), other ones each time"));
  EXPECT_THAT(TrainTiny({"--steps=0"}).out, Not(HasSubstr("leaves out")));
  // One batch, again and again, leaves out nothing that it could have.
  EXPECT_THAT(
      Train({"--model=droppos_tiny", "--batch_size=900", "--steps=0", "--overfit_batch"}).out,
      Not(HasSubstr("leaves out")));
}

TEST_F(TrainCli, TheLastLinesSayWhatWasReachedWhereItLiesAndWhatComesNext) {
  const Outcome outcome = TrainTiny({"--steps=2", "--output_dir=my run"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string run = (folder_ / "my run").string(), quoted = "'" + run + "'";
  const std::string end = outcome.out.substr(outcome.out.find("\ndone: "));
  EXPECT_THAT(end,
              ContainsRegex("done: 2 steps in 0:[0-9:]+, to step 2 \\(epoch [0-9.]+\\), loss"));
  EXPECT_THAT(end, ContainsRegex("  held out   pos_acc1 [0-9.]+% \\(chance 1.6%\\)\n"
                                 "             [a-z_0-9]+ [0-9.]+"));  // a row for each number
  EXPECT_THAT(end, HasSubstr("  weights    " + run + "/checkpoint.safetensors\n"));
  EXPECT_THAT(end, HasSubstr("  best       " + run + "/best.safetensors (step_00000002)\n"));
  EXPECT_THAT(end, HasSubstr("//tools:plot -- " + quoted + " --out=curves.svg\n"));
  EXPECT_THAT(end, HasSubstr("//tools:evaluate -- --protocol=position --checkpoint=" + quoted));
  EXPECT_THAT(end, HasSubstr("--resume=auto --output_dir=" + quoted + " --steps=2000"));
}

// What the flags' unit test (run_options_test) sees, through to the run's data and weights.
TEST_F(TrainCli, SeedAndValFractionReachTheRun) {
  fs::create_directories(folder_ / "pics");
  models::Image image = models::Image::Sized(64, 64);
  for (int i = 0; i < 8; ++i) {
    image.rgb[0] = static_cast<uint8_t>(i);
    ASSERT_TRUE(models::WritePng(folder_ / "pics" / (std::to_string(i) + ".png"), image).ok());
  }
  const Outcome one = TrainTiny({"--steps=1", "--batch_size=2", "--data_path=pics", "--seed=1",
                                 "--val_fraction=0.5", "--output_dir=a"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_THAT(one.out, HasSubstr("4 training images, 4 held out"));
  const Outcome two = TrainTiny({"--steps=1", "--batch_size=2", "--data_path=pics", "--seed=2",
                                 "--val_fraction=0", "--output_dir=b"});
  ASSERT_EQ(two.exit_code, 0) << two.err;
  EXPECT_THAT(two.out, HasSubstr("8 training images, 0 held out"));
  const auto weight = [this](const char* run) {
    return models::SafetensorsFile::Read(folder_ / run / "checkpoint.safetensors")
        ->Values<float>("blocks.0.mlp.fc1.weight")
        .value();
  };
  EXPECT_NE(weight("a"), weight("b"));  // as drawn: the first step of a warm-up changes nothing
}

// Git may take seconds in a large tree.
TEST_F(TrainCli, GitIsAskedForARunThatStartsAlone) {
  fs::create_directories(folder_ / "bin");
  std::ofstream(folder_ / "bin/git")
      << "#!/bin/sh\necho abc; touch '" << folder_.string() << "/asked'\n";
  fs::permissions(folder_ / "bin/git", fs::perms::owner_all);
  const std::string path = std::getenv("PATH");
  setenv("PATH", ((folder_ / "bin").string() + ":" + path).c_str(), 1);
  setenv("BUILD_WORKSPACE_DIRECTORY", folder_.c_str(), 1);
  EXPECT_EQ(TrainTiny({"--plan"}).exit_code, 0);
  EXPECT_EQ(TrainTiny({"--steps=0"}).exit_code, 0);
  EXPECT_EQ(TrainTiny({"--steps=1", "--data_path=nowhere"}).exit_code, 1);
  EXPECT_FALSE(fs::exists(folder_ / "asked"));
  EXPECT_EQ(TrainTiny({"--steps=1", "--threads=1", "--output_dir=a"}).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "asked"));
  EXPECT_THAT(Contents(folder_ / "a/environment.json"), HasSubstr("\"commit\": \"abc\""));
  // A run that goes on says what is different now.
  EXPECT_EQ(Train({"--resume=a", "--steps=2", "--threads=2"}).exit_code, 0);
  EXPECT_THAT(Contents(folder_ / "a/train.log"),
              HasSubstr("note: what computes is not what it was (threads: 1 then, 2 now)"));
  unsetenv("BUILD_WORKSPACE_DIRECTORY");
  setenv("PATH", path.c_str(), 1);
}

TEST_F(TrainCli, TheFirstStepsCapsuleIsKept) {
  const Outcome outcome =
      TrainTiny({"--lr=1e30", "--min_lr=0", "--warmup_epochs=0", "--steps=9", "--output_dir=n"});
  EXPECT_EQ(outcome.exit_code, 1);
  std::vector<std::string> kept;
  for (const auto& entry : fs::directory_iterator(folder_ / "n/capsules")) {
    kept.push_back(entry.path().filename());
  }
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_THAT(outcome.out, HasSubstr(kept[0]));
}

TEST_F(TrainCli, EveryTaskTrainsAndRepeatsFromItsFlagsFile) {
  const std::vector<std::vector<std::string>> tasks = {
      {"--drop_pos_type=multi_task", "--shuffle", "--mask_token_type=wrong_pos", "--conf_ignore",
       "--pos_weight=0.05"},
      {"--drop_pos_type=vanilla_mae", "--norm_pix_loss=false"},
      {"--input_size=48x64", "--mask_token_type=zeros", "--pos_mask_ratio=1", "--mask_ratio=0"},
      {"--compat=official", "--token_size=8", "--accum_iter=2"}};
  for (size_t i = 0; i < tasks.size(); ++i) {
    std::vector<std::string> args = tasks[i];
    const std::string a = "a" + std::to_string(i), b = "b" + std::to_string(i);
    // Without a warm-up the first step moves the parameters.
    args.insert(args.end(), {"--steps=1", "--warmup_epochs=0", "--output_dir=" + a});
    const Outcome first = TrainTiny(args);
    ASSERT_EQ(first.exit_code, 0) << first.err;
    const Outcome again =
        Train({"--flagfile=" + (folder_ / a / "flags.txt").string(), "--output_dir=" + b});
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_THAT(again.out, Not(HasSubstr("has no effect")));
    ExpectSameTensors(a, b);
  }
  ASSERT_EQ(TrainTiny({"--steps=1", "--warmup_epochs=0", "--output_dir=c"}).exit_code, 0);
  EXPECT_NE(models::SafetensorsFile::Read(folder_ / "a0/checkpoint.safetensors")
                ->Values<float>("blocks.0.mlp.fc1.weight")
                .value(),
            models::SafetensorsFile::Read(folder_ / "c/checkpoint.safetensors")
                ->Values<float>("blocks.0.mlp.fc1.weight")
                .value());
  EXPECT_THAT(Contents(folder_ / "a0/metrics.jsonl"),
              AllOf(HasSubstr("\"loss_pos\":"), HasSubstr("\"loss_mae\":"),
                    HasSubstr("\"conf_ignored\":")));
  EXPECT_THAT(Contents(folder_ / "a1/metrics.jsonl"),
              AllOf(HasSubstr("\"heldout_loss_pixels\":"), Not(HasSubstr("chance"))));
}

// 24 images of two classes, 12 of them held out.
TEST_F(TrainCli, EvalEveryMeasuresPositionsAndKnnAndVisEveryDraws) {
  for (int i = 0; i < 24; ++i) {
    const fs::path folder =
        folder_ / "data" / (i < 12 ? "train" : "val") / (i % 2 == 0 ? "even" : "odd");
    fs::create_directories(folder);
    models::Image image = models::Image::Sized(64, 64);
    for (size_t j = 0; j < image.rgb.size(); ++j) image.rgb[j] = (j * (i + 7) / 5) % 251;
    ASSERT_TRUE(models::WritePng(folder / (std::to_string(i) + ".png"), image).ok());
  }
  const std::vector<std::string> run = {"--data_path=data", "--batch_size=4"};
  const auto with = [&run](std::vector<std::string> args) {
    args.insert(args.end(), run.begin(), run.end());
    return args;
  };
  const Outcome outcome =
      TrainTiny(with({"--steps=3", "--eval_every=2", "--vis_every=2", "--output_dir=a"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* name : {"heldout_pos_acc5", "heldout_pos_acc_within1", "heldout_pos_distance",
                           "heldout_pos_top_cell", "knn_acc1", "knn_acc1_mean"}) {
    EXPECT_THAT(Contents(folder_ / "a/metrics.jsonl"), HasSubstr("\"" + std::string(name) + "\":"));
  }
  for (const char* text : {"  pos_acc5 ", "  pos_acc_within1 ", " cells (chance 4.14)",
                           "  pos_top_cell ", "  kNN ", "% (chance 50.0%)", "  kNN_mean "}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
  std::vector<std::string> sheets;
  for (const auto& entry : fs::directory_iterator(folder_ / "a/vis")) {
    sheets.push_back(entry.path().filename());
  }
  EXPECT_THAT(sheets, ::testing::UnorderedElementsAre("step_0000002.png", "step_0000003.png"));
  const fs::path events = folder_ / "a/tensorboard";
  EXPECT_THAT(
      models::ReadEventFolder(events).pictures["heldout/positions"],
      ::testing::ElementsAre(::testing::Pair(2, Contents(folder_ / "a/vis/step_0000002.png")),
                             ::testing::Pair(3, Contents(folder_ / "a/vis/step_0000003.png"))));
  // Watching changes nothing.
  ASSERT_EQ(TrainTiny(with({"--steps=3", "--output_dir=b"})).exit_code, 0);
  ExpectSameTensors("a", "b");
  // --overwrite takes an earlier run's sheets away, and nothing else.
  std::ofstream(folder_ / "a/vis/mine.png") << "mine";
  ASSERT_EQ(TrainTiny(with({"--steps=1", "--output_dir=a", "--overwrite"})).exit_code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "a/vis/step_0000002.png"));
  EXPECT_TRUE(fs::exists(folder_ / "a/vis/mine.png"));
  const models::ShownEvents shown = models::ReadEventFolder(events);
  EXPECT_EQ(shown.files, 1);
  EXPECT_TRUE(shown.pictures.empty());
  // Without them, for good or until --resume says otherwise.
  ASSERT_EQ(TrainTiny(with({"--steps=1", "--no_tensorboard", "--output_dir=d"})).exit_code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "d/tensorboard"));
  ASSERT_EQ(Train({"--steps=2", "--resume=d"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "d/tensorboard"));
  ASSERT_EQ(Train({"--steps=3", "--resume=d", "--tensorboard"}).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "d/tensorboard"));
}

// Bugs once: a missing val/ was found after the first epoch, and held-out images
// without labels ended the run.
TEST_F(TrainCli, HeldOutImagesAreCheckedAtTheStart) {
  models::Image image = models::Image::Sized(64, 64);
  for (const char* name : {"train/a/0.png", "train/b/1.png", "train/a/2.png", "train/b/3.png"}) {
    fs::create_directories((folder_ / "data" / name).parent_path());
    ASSERT_TRUE(models::WritePng(folder_ / "data" / name, image).ok());
  }
  std::ofstream(folder_ / "data/val.txt") << "x/0.png 0\n";
  const std::vector<std::string> run = {"--data_path=data", "--batch_size=2", "--steps=1",
                                        "--eval_every=1", "--output_dir=a"};
  ExpectRefused(TrainTiny(run),
                {"data/val.txt: none of its pictures is there", "data/val/x/0.png"});
  fs::create_directories(folder_ / "data/val/x");
  std::ofstream(folder_ / "data/val/x/0.png") << "no picture";
  ExpectRefused(TrainTiny(run),
                {"no held-out image can be read", "--data_path", "the list val.txt", "x/0.png"});
  EXPECT_FALSE(fs::exists(folder_ / "a"));
  fs::remove(folder_ / "data/val.txt");
  fs::remove_all(folder_ / "data/val/x");
  ASSERT_TRUE(models::WritePng(folder_ / "data/val/0.png", image).ok());
  const Outcome unlabelled = TrainTiny(run);
  ASSERT_EQ(unlabelled.exit_code, 0) << unlabelled.err;
  EXPECT_THAT(unlabelled.out,
              AllOf(HasSubstr("note: no kNN"), HasSubstr("  pos_acc5 "), Not(HasSubstr("  kNN "))));
}

TEST_F(TrainCli, PicturesOfAModelWithoutPositionsAreRefused) {
  ExpectRefused(TrainTiny({"--drop_pos_type=vanilla_mae", "--vis_every=2"}),
                {"--vis_every", "--drop_pos_type=vanilla_mae", "predicts no positions"});
  ExpectRefused(TrainTiny({"--compat=official"}), {"--compat=official", "--token_size=8"});
  ExpectRefused(TrainTiny({"--drop_pos_type=mae"}), {"--drop_pos_type=mae", "vanilla_mae"});
}

// The argument list of the official PRETRAIN.md, as published.
TEST_F(TrainCli, PublishedCommandSetsUp) {
  const Outcome outcome = Train({"--batch_size",
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
                                 "--output_dir",
                                 "./output_dir",
                                 "--log_dir",
                                 "./log_dir",
                                 "--experiment",
                                 "droppos_pos_mask0.75_posmask0.75_smooth1to0_sim_in1k_ep800",
                                 "--steps=0"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("note: "), HasSubstr("droppos_vitb"), HasSubstr("published: 2048")));
  EXPECT_TRUE(fs::is_empty(folder_)) << "--steps=0 writes nothing";
}

TEST_F(TrainCli, ListsModelsAndHelp) {
  const Outcome models = Train({"--list_models"});
  EXPECT_EQ(models.exit_code, 0);
  for (const char* name : {"droppos_tiny", "droppos_vits", "droppos_vitb_p32", "droppos_vitl_d8",
                           "droppos_vith", "DropPos_mae_vit_huge_patch14_dec512d8b"}) {
    EXPECT_THAT(models.out, HasSubstr(name));
  }
  const Outcome help = Train({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("DropPos:"), HasSubstr("--mask_ratio")));
}

// Whatever this processor has.
TEST_F(TrainCli, AutoIsSaidAndItsChoiceKept) {
  const Outcome run = TrainTiny({"--steps=1", "--precision=auto", "--output_dir=a"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const bool bf16 = run.out.find("  precision  bf16, chosen by auto: ") != std::string::npos;
  const std::string chosen = bf16 ? "bf16" : "fp32";
  EXPECT_THAT(run.out, HasSubstr("\n  precision  " + chosen + ", chosen by auto: this CPU"));
  EXPECT_THAT(Contents(folder_ / "a/flags.txt"), HasSubstr("\n--precision=" + chosen + "\n"));
  const Outcome more =
      Train({"--resume=auto", "--output_dir=a", "--steps=2", "--precision=auto"});
  ASSERT_EQ(more.exit_code, 0) << more.err;
  EXPECT_THAT(more.out, HasSubstr("\n  precision  " + chosen + "\n"));
  EXPECT_THAT(Contents(folder_ / "a/flags.txt"), HasSubstr("\n--precision=" + chosen + "\n"));

  // Held to fewer instructions, every processor has no products of bf16.
  setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
  const Outcome few = TrainTiny({"--steps=0", "--precision=auto"});
  unsetenv("ONEDNN_MAX_CPU_ISA");
  EXPECT_THAT(few.out, HasSubstr("\n  precision  fp32, chosen by auto: this CPU has no products of "
                                 "bf16\n"));
}

TEST_F(TrainCli, GflopAnImageIsOneNumber) {
  const Outcome banner = Train({"--model=droppos_tiny", "--steps=0"});
  const size_t end = banner.out.find(" GFLOP an image");
  ASSERT_NE(end, std::string::npos) << banner.out;
  const size_t begin = banner.out.rfind(' ', end - 1) + 1;
  const std::string gflop = banner.out.substr(begin, end - begin);
  EXPECT_THAT(Train({"--model=droppos_tiny", "--plan"}).out, HasSubstr(gflop + " GFLOP an image"));
  EXPECT_THAT(Train({"--list_models"}).out,
              testing::ContainsRegex("droppos_tiny +[0-9.]+M +" + gflop + " "));
}

TEST_F(TrainCli, WrongFlags) {
  ExpectRefused(Train({}), {"--model is missing", "droppos_tiny"});
  ExpectRefused(Train({"--model=droppos_vitt"}), {"droppos_vitt", "did you mean droppos_vit"});
  ExpectRefused(TrainTiny({"--mask_ration=0.5"}), {"mask_ration", "mask_ratio"});
  ExpectRefused(TrainTiny({"--disable_pass=no_such_pass"}), {"no_such_pass", "cse"});
  ExpectRefused(TrainTiny({"--device=gpu"}), {"--device=gpu: must be auto, cpu, cuda or cuda:N"});
}

// On every machine, with a GPU or without.
TEST_F(TrainCli, ADeviceThatCannotBeHadIsNamed) {
  setenv("DROPPOS_CUDA_LIBRARY", "/nowhere/libdroppos_cuda.so", 1);
  for (const char* device : {"cuda", "cuda:1"}) {
    ExpectRefused(TrainTiny({std::string("--device=") + device}),
                  {std::string("--device=") + device + ": the CUDA backend does not load",
                   "/nowhere/libdroppos_cuda.so", "docs/gpu.md", "use --device=cpu"});
  }
  const Outcome chosen = TrainTiny({"--device=auto", "--steps=1", "--output_dir=auto"});
  unsetenv("DROPPOS_CUDA_LIBRARY");
  ASSERT_EQ(chosen.exit_code, 0) << chosen.err;
  EXPECT_THAT(chosen.out, HasSubstr("\n  device     cpu, chosen by auto: the CUDA backend"));
  std::ifstream flags(folder_ / "auto/flags.txt");
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(flags), {}),
              HasSubstr("\n--device=auto\n"));
}

TEST_F(TrainCli, ImpossibleSizes) {
  ExpectRefused(TrainTiny({"--input_size=60"}), {"--input_size=60", "--patch_size=8"});
  ExpectRefused(TrainTiny({"--num_heads=3"}), {"--embed_dim=16", "--num_heads=3"});
  ExpectRefused(TrainTiny({"--mask_ratio=1.5"}), {"--mask_ratio=1.5"});
  ExpectRefused(TrainTiny({"--mask_ratio=0.999"}), {"--mask_ratio", "visible"});
  ExpectRefused(TrainTiny({"--pos_mask_ratio=0"}), {"--pos_mask_ratio=0", "--mask_ratio"});
  ExpectRefused(TrainTiny({"--batch_size=50000"}), {"--batch_size=50000", "12800"});
  ExpectRefused(TrainTiny({"--warmup_epochs=50"}), {"--warmup_epochs=50", "--epochs"});
}

TEST_F(TrainCli, BadData) {
  ExpectRefused(TrainTiny({"--data_path=nowhere"}), {"nowhere"});
  fs::create_directories(folder_ / "empty");
  ExpectRefused(TrainTiny({"--data_path=empty"}), {"empty"});
  fs::create_directories(folder_ / "broken");
  for (int i = 0; i < 70; ++i) {
    std::ofstream(folder_ / "broken" / (std::to_string(i) + ".jpg")) << "not an image";
  }
  const Outcome broken = TrainTiny({"--data_path=broken", "--steps=1", "--output_dir=out"});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.out + broken.err, AllOf(HasSubstr("broken"), HasSubstr(".jpg")));
  EXPECT_FALSE(fs::exists(folder_ / "out")) << "nothing may block the next try";
}

TEST_F(TrainCli, CtrlCEndsTheRunAfterItsStepAndSaves) {
  const fs::path log = folder_ / "log.txt";
  const pid_t child = fork();
  if (child == 0) {
    setenv("BUILD_WORKING_DIRECTORY", folder_.c_str(), 1);
    dup2(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    signal(SIGINT, SIG_DFL);
    execl(program_.c_str(), program_.c_str(), "--model=droppos_tiny", "--embed_dim=16", "--depth=1",
          "--num_heads=2", "--output_dir=run", kSamePrecision, nullptr);
    _exit(127);
  }
  // Until the first step is done; the test's own timeout ends an endless wait.
  while (Contents(folder_ / "run/metrics.jsonl").empty()) {
    ASSERT_EQ(waitpid(child, nullptr, WNOHANG), 0) << Contents(log);
    usleep(10000);
  }
  ASSERT_EQ(kill(child, SIGINT), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_THAT(Contents(log), AllOf(HasSubstr("stopped by a signal"), HasSubstr("--resume=auto")));
  const auto checkpoint = models::SafetensorsFile::Read(folder_ / "run/checkpoint.safetensors");
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
}

TEST_F(TrainCli, OutputFolders) {
  std::ofstream(folder_ / "file") << "x";
  ExpectRefused(TrainTiny({"--steps=1", "--output_dir=file/run"}), {"file"});
  ASSERT_EQ(TrainTiny({"--steps=1", "--output_dir=used"}).exit_code, 0);
  const std::string before = Contents(folder_ / "used/metrics.jsonl");
  ExpectRefused(TrainTiny({"--steps=1", "--output_dir=used"}),
                {"used", "--overwrite", "--resume=auto"});
  EXPECT_EQ(Contents(folder_ / "used/metrics.jsonl"), before);
  EXPECT_EQ(TrainTiny({"--steps=1", "--output_dir=used", "--overwrite"}).exit_code, 0);
}

TEST_F(TrainCli, DumpsGraphsWithoutTraining) {
  const Outcome outcome = TrainTiny({"--dump_graph=graph", "--steps=0"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* file : {"train_predict_net.pb", "train_init_net.pb", "train_predict_net.pbtxt",
                           "train.txt", "train.dot", "train.blocks.dot"}) {
    EXPECT_TRUE(fs::exists(folder_ / "graph" / file)) << file;
  }
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

}  // namespace
}  // namespace tools
