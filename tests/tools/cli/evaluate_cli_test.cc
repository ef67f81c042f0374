// evaluate and extract_features as a person meets them: run with good and bad input on
// a small model that train has made.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
namespace fs = std::filesystem;
using nlohmann::json;

void Write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

class EvaluateCli : public ::testing::Test {
 protected:
  // Two runs of a few steps, shared by all tests: droppos/ and classifier/.
  static void SetUpTestSuite() {
    models_ = Scratch() / "models";
    fs::create_directories(models_);
    for (const std::string name : {"droppos", "vit"}) {
      std::vector<std::string> args = {
          "--model=" + name + "_tiny", "--embed_dim=16",       "--depth=1",
          "--num_heads=2",             "--decoder_embed_dim=8", "--decoder_depth=1",
          "--decoder_num_heads=2",     "--input_size=32",       "--batch_size=64",
          "--steps=2",                 "--output_dir=" + name};
      if (name == "vit") args.push_back("--from_scratch");
      const Outcome run = RunProgram(name == "vit" ? "finetune" : "train", args, models_);
      ASSERT_EQ(run.exit_code, 0) << run.err;
    }
  }

  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
  }

  std::string Checkpoint(const std::string& name = "droppos") {
    return "--checkpoint=" + (models_ / name / "checkpoint.safetensors").string();
  }
  Outcome Evaluate(const std::vector<std::string>& args) {
    return RunProgram("evaluate", args, folder_);
  }
  Outcome Extract(const std::vector<std::string>& args) {
    return RunProgram("extract_features", args, folder_);
  }

  // Photographs of one colour each in photos/ (or photos/<class>/).
  void MakePhotos(const std::string& below, int count) {
    for (int i = 0; i < count; ++i) {
      models::Image image = models::Image::Sized(40 + i, 36);
      for (size_t p = 0; p < image.rgb.size(); ++p) {
        image.rgb[p] = static_cast<uint8_t>(p * (i + 1) / 7 + below.size());
      }
      const fs::path path = folder_ / "photos" / below / (std::to_string(i) + ".png");
      fs::create_directories(path.parent_path());
      ASSERT_TRUE(models::WritePng(path.string(), image).ok());
    }
  }

  // Refused with one line that names the thing, before anything was written.
  void ExpectRefused(const Outcome& outcome, const std::vector<std::string>& texts) {
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
    for (const std::string& text : texts) EXPECT_THAT(outcome.err, HasSubstr(text));
    EXPECT_THAT(outcome.err,
                ::testing::AnyOf(StartsWith("evaluate: "), StartsWith("extract_features: ")));
    EXPECT_THAT(outcome.err, Not(HasSubstr("CHECK failed")));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }

  static fs::path models_;
  fs::path folder_;
};

fs::path EvaluateCli::models_;

TEST_F(EvaluateCli, PositionPrintsATableAndWritesJsonAndMap) {
  const Outcome outcome = Evaluate({"--protocol=position", Checkpoint(), "--max_images=100",
                                    "--json=p.json", "--error_map=map.png"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("droppos_tiny after step 2"), HasSubstr("embedded data set"),
                    HasSubstr("images 100 held out"), HasSubstr("0.75 *"), HasSubstr("\nchance  "),
                    HasSubstr("Wrong answers by true cell"), HasSubstr("\nin     fp32\n"),
                    HasSubstr("\ndone: positions of 100 held-out images in 0:"),
                    EndsWith(", in fp32\n      the numbers are in " + (folder_ / "p.json").string() +
                             "\n")));
  const json report = json::parse(Contents(folder_ / "p.json"));
  EXPECT_EQ(report["protocol"], "position");
  EXPECT_EQ(report["model"], "droppos_tiny");
  EXPECT_EQ(report["step"], 2);
  EXPECT_EQ(report["precision"], "fp32");
  EXPECT_EQ(report["images"], 100);
  EXPECT_EQ(report["grid"], json({4, 4}));
  EXPECT_EQ(report["chance"]["top1"], 1.0 / 16);
  ASSERT_EQ(report["results"].size(), 8);
  // 16 patches, 4 of them visible, 3 of these without position.
  EXPECT_EQ(report["results"][2]["recipe"], true);
  EXPECT_EQ(report["results"][2]["scored"], 300);
  EXPECT_EQ(report["results"][7]["scored"], 1600);
  const auto map = models::ReadImage((folder_ / "map.png").string());
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_GE(map->width, 448);
  EXPECT_GT(map->height, 448) << "a title above, a scale below";
  // A model that has taken two steps answers alike whatever it is shown.
  EXPECT_EQ(report["collapsed"], outcome.out.find("WARNING: collapsed") != std::string::npos);

  const Outcome again = Evaluate({"--protocol=position", Checkpoint(), "--max_images=100",
                                  "--json=again.json", "--num_workers=0"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(Contents(folder_ / "p.json"), Contents(folder_ / "again.json"));
  const Outcome other = Evaluate(
      {"--protocol=position", Checkpoint(), "--max_images=100", "--json=other.json", "--seed=9"});
  ASSERT_EQ(other.exit_code, 0) << other.err;
  EXPECT_NE(json::parse(Contents(folder_ / "other.json"))["results"], report["results"]);
}

TEST_F(EvaluateCli, PositionAgreesWithTheRunsOwnEvaluation) {
  const Outcome outcome = Evaluate({"--protocol=position", Checkpoint(), "--json=p.json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json results = json::parse(Contents(folder_ / "p.json"))["results"];
  std::ifstream metrics(models_ / "droppos/metrics.jsonl");
  std::string line, last;
  while (std::getline(metrics, line)) last = line;
  EXPECT_EQ(results[2]["top1"], json::parse(last)["heldout_pos_acc1"]);
  EXPECT_EQ(results[3]["top1"], json::parse(last)["heldout_pos_acc1_all_dropped"]);
}

TEST_F(EvaluateCli, KnnOfTwoModelsAndOfPhotosInFolders) {
  const Outcome outcome = Evaluate({"--protocol=knn", Checkpoint(), "--max_images=100",
                                    "--max_train_images=300", "--json=k.json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("20 nearest of 300 training images"),
                                 HasSubstr("class token"), HasSubstr("mean of the patches"),
                                 HasSubstr("\ndone: classes of 100 held-out images by 300 training "
                                           "images in 0:")));
  const json report = json::parse(Contents(folder_ / "k.json"));
  EXPECT_EQ(report["protocol"], "knn");
  EXPECT_EQ(report["train_images"], 300);
  EXPECT_EQ(report["held_out_images"], 100);
  EXPECT_EQ(report["classes"], 10);
  EXPECT_GE(report["chance"], 0.1);
  // Scenes of one kind share colours, which even random features keep.
  EXPECT_GT(report["top1"]["mean"], 0.12);

  const Outcome classifier = Evaluate({"--protocol=knn", Checkpoint("vit"), "--max_images=20",
                                       "--max_train_images=50", "--feature=cls", "--json=c.json"});
  ASSERT_EQ(classifier.exit_code, 0) << classifier.err;
  EXPECT_FALSE(json::parse(Contents(folder_ / "c.json"))["top1"].contains("mean"));

  MakePhotos("train/red", 6);
  MakePhotos("train/longer", 6);
  MakePhotos("val/red", 3);
  const Outcome photos =
      Evaluate({"--protocol=knn", Checkpoint(), "--data_path=photos", "--k=1", "--json=f.json"});
  ASSERT_EQ(photos.exit_code, 0) << photos.err;
  const json on_photos = json::parse(Contents(folder_ / "f.json"));
  EXPECT_EQ(on_photos["train_images"], 12);
  EXPECT_EQ(on_photos["held_out_images"], 3);
  EXPECT_EQ(on_photos["k"], 1);
  EXPECT_EQ(on_photos["chance"], 1.0);
}

// Whatever this processor has: what auto chose is said and kept, and what is given holds.
TEST_F(EvaluateCli, SaysAndKeepsThePrecision) {
  for (const std::string precision : {"auto", "bf16"}) {
    const Outcome outcome =
        Evaluate({"--protocol=position", Checkpoint(), "--max_images=20",
                  "--precision=" + precision, "--json=p.json"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string used = json::parse(Contents(folder_ / "p.json"))["precision"];
    EXPECT_THAT(used, ::testing::AnyOf("fp32", "bf16"));
    EXPECT_THAT(outcome.out, HasSubstr("\nin     " + used + (precision == "auto"
                                                                ? ", chosen by auto: "
                                                                : "\n")));
    EXPECT_EQ(outcome.out.find("note: --precision=bf16 needs") != std::string::npos,
              precision == "bf16" && used == "fp32");
    const Outcome extracted = Extract({Checkpoint(), "--max_images=20", "--precision=" + precision,
                                       "--out=f.safetensors", "--overwrite"});
    ASSERT_EQ(extracted.exit_code, 0) << extracted.err;
    const auto file = models::SafetensorsFile::Read((folder_ / "f.safetensors").string());
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->metadata().at("precision"), used);
    EXPECT_EQ(file->Find("cls")->type.ToString(), "f32[20,16]") << "in any precision";
  }
  // Held to fewer instructions, every processor has no products of bf16.
  setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
  const Outcome outcome = Evaluate(
      {"--protocol=position", Checkpoint(), "--max_images=20", "--precision=auto"});
  unsetenv("ONEDNN_MAX_CPU_ISA");
  EXPECT_THAT(outcome.out, HasSubstr("fp32, chosen by auto: this CPU has no products of bf16"));
  EXPECT_THAT(outcome.out, EndsWith("--json=FILE keeps the numbers\n"));
  ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), "--precision=fp16"}),
                {"--precision=fp16", "bf16"});
}

TEST_F(EvaluateCli, SaysWhatCheckpointsThereAre) {
  const std::string knn = "--protocol=knn", runs = models_.string();
  ExpectRefused(Evaluate({knn, "--checkpoint=" + runs + "/dropos"}),
                {"--checkpoint=" + runs + "/dropos: there is no ",
                 "did you mean --checkpoint=" + runs + "/droppos? ", "name a run's folder"});
  ExpectRefused(Evaluate({knn, "--checkpoint=" + runs + "/elsewhere"}),
                {"there is no " + runs + "/elsewhere; " + runs + " has droppos, vit; "});
  ExpectRefused(Evaluate({knn, "--checkpoint=" + runs}),
                {"is a folder without checkpoint.safetensors", runs + " has droppos, vit; "});
  ExpectRefused(Extract({"--checkpoint=" + runs + "/nowhere/deep", "--out=f.safetensors"}),
                {"there is no " + runs + "/nowhere/deep; ", runs + " has droppos, vit; "});
  ExpectRefused(Evaluate({knn, "--checkpoint=a"}),
                {"--checkpoint=a: there is no ", "/a; name a run's folder"});
  // What is typed without a flag is the checkpoint, unless there is one.
  ExpectRefused(Evaluate({"runs/b"}), {"'runs/b' belongs to no flag", "--checkpoint=runs/b"});
  ExpectRefused(Evaluate({knn, "my runs/b"}), {"write --checkpoint='my runs/b'"});
}

TEST_F(EvaluateCli, RefusesWhatCannotBeEvaluated) {
  ExpectRefused(Evaluate({"--protocol=linear", Checkpoint()}), {"linear", "position", "knn"});
  ExpectRefused(Evaluate({Checkpoint()}),
                {"--protocol is missing", "--protocol=position", "--protocol=knn"});
  ExpectRefused(Evaluate({"--protocol=knn"}), {"--checkpoint"});
  ExpectRefused(Evaluate({"--protocol=knn", "--checkpoint=none.safetensors"}),
                {"none.safetensors"});
  ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), "--wrong"}), {"--wrong"});
  ExpectRefused(Evaluate({"--protocol=knn", "--chekpoint=a"}),
                {"unknown flag --chekpoint; did you mean --checkpoint?"});
  ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), "stray"}),
                {"'stray' belongs to no flag; flags are written --name=value"});
  ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), "--k=0"}), {"--k=0 must be at least 1"});
  ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), "--max_images=-1"}),
                {"--max_images=-1 must be at least 0"});
  ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), "--threads=5000"}),
                {"--threads=5000 must be at most 1024"});
  ExpectRefused(Evaluate({"--protocol=position", Checkpoint(), "--seed=abc"}),
                {"--seed=abc must be a whole number"});
  ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), "--temperature=warm"}),
                {"--temperature=warm must be a number"});
  for (const char* bad : {"--temperature=0", "--temperature=nan", "--temperature=inf"}) {
    ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), bad}), {bad});
  }
  ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), "--batch_size=0"}), {"--batch_size"});
  ExpectRefused(Evaluate({"--protocol=position", Checkpoint("vit")}),
                {"vit_tiny", "predicts no positions", "--protocol=knn"});
  Write(folder_ / "text.safetensors", "not a checkpoint at all");
  ExpectRefused(Evaluate({"--protocol=position", "--checkpoint=text.safetensors"}),
                {"text.safetensors"});
  for (const std::string protocol : {"--protocol=position", "--protocol=knn"}) {
    ExpectRefused(Evaluate({protocol, Checkpoint(), "--model=droppos_tiny"}),
                  {"does not fit the model", "patch_embed.proj.weight"});
  }
}

TEST_F(EvaluateCli, RefusesFlagsOfTheOtherProtocol) {
  for (const std::string flag : {"--seed=5", "--error_map=m.png"}) {
    const std::string name = flag.substr(0, flag.find('='));
    ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), flag}),
                  {name + " is for --protocol=position"});
  }
  for (const std::string flag :
       {"--k=20", "--feature=cls", "--max_train_images=3", "--temperature=0.07"}) {
    const std::string name = flag.substr(0, flag.find('='));
    ExpectRefused(Evaluate({"--protocol=position", Checkpoint(), flag}),
                  {name + " is for --protocol=knn"});
  }
  const Outcome help = Evaluate({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("--error_map"));
  EXPECT_THAT(help.out, HasSubstr("Usage: bazel run //tools:evaluate -- [OPTIONS]"));
}

TEST_F(EvaluateCli, RefusesOutputsBeforeTheWork) {
  Write(folder_ / "file", "");
  for (const std::string protocol : {"--protocol=position", "--protocol=knn"}) {
    const Outcome nowhere = Evaluate({protocol, Checkpoint(), "--json=file/where.json"});
    ExpectRefused(nowhere, {"--json", "file", "folder"});
    EXPECT_EQ(nowhere.out, "");
    const Outcome is_folder = Evaluate({protocol, Checkpoint(), "--json=."});
    ExpectRefused(is_folder, {"--json", "folder"});
    EXPECT_EQ(is_folder.out, "");
  }
  ExpectRefused(Evaluate({"--protocol=position", Checkpoint(), "--error_map=file/where.png"}),
                {"--error_map", "folder"});
  ExpectRefused(Evaluate({"--protocol=position", Checkpoint(), "--error_map=map.jpg"}),
                {"--error_map=map.jpg", ".png"});
  Write(folder_ / "both.png", "earlier");
  const Outcome both =
      Evaluate({"--protocol=position", Checkpoint(), "--json=both.png", "--error_map=./both.png"});
  ExpectRefused(both, {"--json and --error_map", "both"});
  EXPECT_EQ(Contents(folder_ / "both.png"), "earlier");
}

TEST_F(EvaluateCli, KeepsTheCheckpointThatItReads) {
  const fs::path own = folder_ / "own.safetensors";
  fs::copy_file(models_ / "droppos/checkpoint.safetensors", own);
  fs::create_symlink("own.safetensors", folder_ / "link.png");
  const std::string before = Contents(own), checkpoint = "--checkpoint=own.safetensors";
  for (const std::string name : {"own.safetensors", "./own.safetensors", "link.png"}) {
    ExpectRefused(Evaluate({"--protocol=position", checkpoint, "--json=" + name}),
                  {"--json=", "would replace the checkpoint", "own.safetensors"});
    ExpectRefused(Extract({checkpoint, "--out=" + name, "--overwrite"}),
                  {"--out=", "would replace the checkpoint"});
  }
  ExpectRefused(Evaluate({"--protocol=position", checkpoint, "--error_map=link.png"}),
                {"--error_map=", "would replace the checkpoint"});
  EXPECT_EQ(Contents(own), before);
}

TEST_F(EvaluateCli, RefusesDataWithoutWhatItNeeds) {
  const std::string data = "--data_path=photos";
  ExpectRefused(Evaluate({"--protocol=position", Checkpoint(), data}), {"photos", "not exist"});
  MakePhotos("", 5);
  ExpectRefused(Evaluate({"--protocol=knn", Checkpoint(), data}), {"need labels", "folder"});
  for (const std::string protocol : {"--protocol=position", "--protocol=knn"}) {
    ExpectRefused(Evaluate({protocol, Checkpoint(), data, "--val_fraction=0"}),
                  {"no images are held out", "--val_fraction"});
  }
  ExpectRefused(Evaluate({"--protocol=position", Checkpoint(), data, "--val_fraction=1"}),
                {"--val_fraction"});
  EXPECT_EQ(Evaluate({"--protocol=position", Checkpoint(), data}).exit_code, 0);
  // Files that are called pictures and are none.
  fs::remove_all(folder_ / "photos");
  for (const char* name : {"a.png", "b.jpg", "c.png"}) {
    Write(folder_ / "photos" / name, "no picture");
  }
  ExpectRefused(Evaluate({"--protocol=position", Checkpoint(), data}),
                {"can be decoded", "photos/"});
  ExpectRefused(
      Extract({Checkpoint(), data, "--split=train", "--val_fraction=0", "--out=f.safetensors"}),
      {"photos/"});
  EXPECT_FALSE(fs::exists(folder_ / "f.safetensors"));
}

TEST_F(EvaluateCli, TakesTheDataOfTheRun) {
  MakePhotos("a", 40);
  MakePhotos("b", 40);
  const Outcome run =
      RunProgram("train",
                 {"--model=droppos_tiny", "--embed_dim=16", "--depth=1", "--num_heads=2",
                  "--decoder_embed_dim=8", "--decoder_depth=1", "--decoder_num_heads=2",
                  "--input_size=32", "--batch_size=16", "--steps=1", "--data_path=photos",
                  "--val_fraction=0.25", "--output_dir=run"},
                 folder_);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::string checkpoint = "--checkpoint=run/checkpoint.safetensors";
  for (const std::string protocol : {"--protocol=position", "--protocol=knn"}) {
    const Outcome outcome = Evaluate({protocol, checkpoint});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("photos"), HasSubstr("images 20 held out")));
  }
  fs::rename(folder_ / "photos", folder_ / "gone");
  ExpectRefused(Evaluate({"--protocol=position", checkpoint}), {"photos", "data of the run"});
  EXPECT_EQ(Evaluate({"--protocol=knn", checkpoint, "--data_path=gone"}).exit_code, 0);
}

TEST_F(EvaluateCli, ExtractsFeaturesOfHeldOutScenes) {
  const Outcome outcome =
      Extract({Checkpoint(), "--max_images=70", "--tokens", "--images", "--out=f.safetensors"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("\ndone: features of 70 held-out images in 0:"),
                                 EndsWith(", in fp32\n      they are in " +
                                          (folder_ / "f.safetensors").string() + "\n")));
  const auto file = models::SafetensorsFile::Read((folder_ / "f.safetensors").string());
  ASSERT_TRUE(file.ok()) << file.status();
  const auto shape = [&](const std::string& name) {
    const auto entry = file->Find(name);
    return entry.ok() ? entry->type.ToString() : entry.status().ToString();
  };
  EXPECT_EQ(shape("cls"), "f32[70,16]");
  EXPECT_EQ(shape("patch_mean"), "f32[70,16]");
  EXPECT_EQ(shape("labels"), "i32[70]");
  EXPECT_EQ(shape("features"), "f32[70,17,16]");
  EXPECT_EQ(shape("images"), "f32[70,3,32,32]");
  const auto cls = file->Values<float>("cls");
  const auto tokens = file->Values<float>("features");
  const auto mean = file->Values<float>("patch_mean");
  ASSERT_TRUE(cls.ok() && tokens.ok() && mean.ok());
  for (int i = 0; i < 70; ++i) {
    for (int d = 0; d < 16; ++d) {
      EXPECT_EQ((*cls)[i * 16 + d], (*tokens)[i * 17 * 16 + d]);
      double sum = 0;
      for (int t = 1; t < 17; ++t) sum += (*tokens)[(i * 17 + t) * 16 + d];
      EXPECT_NEAR((*mean)[i * 16 + d], sum / 16, 1e-5);
    }
  }
  EXPECT_EQ(file->metadata().at("model"), "droppos_tiny");
  EXPECT_EQ(file->metadata().at("split"), "heldout");
  EXPECT_EQ(json::parse(file->metadata().at("names")).size(), 70);

  const std::string before = Contents(folder_ / "f.safetensors");
  ExpectRefused(Extract({Checkpoint(), "--max_images=3", "--out=f.safetensors"}),
                {"f.safetensors exists", "--overwrite"});
  EXPECT_EQ(Contents(folder_ / "f.safetensors"), before);
  EXPECT_EQ(
      Extract({Checkpoint(), "--max_images=3", "--out=f.safetensors", "--overwrite"}).exit_code, 0);
  EXPECT_LT(fs::file_size(folder_ / "f.safetensors"), before.size());
}

// Every tool makes input of pictures as the run did, and an official file says how.
TEST_F(EvaluateCli, NormalisesAsTheRunDid) {
  MakePhotos("", 5);
  for (const auto& [name, mean] : {std::pair{"usual", ""}, {"own", "--mean=0,0.25,0.5"}}) {
    std::vector<std::string> args = {"--model=droppos_tiny",
                                     "--embed_dim=16",
                                     "--depth=1",
                                     "--num_heads=2",
                                     "--decoder_embed_dim=8",
                                     "--decoder_depth=1",
                                     "--decoder_num_heads=2",
                                     "--input_size=32",
                                     "--batch_size=2",
                                     "--steps=1",
                                     "--data_path=photos",
                                     "--val_fraction=0.2",
                                     "--output_dir=" + std::string(name)};
    if (*mean != 0) args.insert(args.end(), {mean, "--std=0.5,0.5,0.5"});
    const Outcome run = RunProgram("train", args, folder_);
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  const Outcome exported = RunProgram(
      "export", {"--checkpoint=own", "--format=official", "--out=own.safetensors"}, folder_);
  ASSERT_EQ(exported.exit_code, 0) << exported.err;
  const auto images = [&](const std::string& checkpoint) {
    const Outcome outcome =
        Extract({"--checkpoint=" + checkpoint, "--data_path=photos", "--split=train",
                 "--val_fraction=0", "--images", "--out=f.safetensors", "--overwrite"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return models::SafetensorsFile::Read(folder_ / "f.safetensors")
        ->Values<float>("images")
        .value();
  };
  const std::vector<float> usual = images("usual"), own = images("own");
  ASSERT_EQ(usual.size(), 5u * 3 * 32 * 32);
  for (size_t i = 0; i < usual.size(); ++i) {
    const int channel = i / (32 * 32) % 3;
    const float mean[] = {0.485f, 0.456f, 0.406f}, std[] = {0.229f, 0.224f, 0.225f};
    ASSERT_NEAR(own[i], (usual[i] * std[channel] + mean[channel] - 0.25f * channel) / 0.5f, 1e-5);
  }
  EXPECT_EQ(images("own.safetensors"), own);
  // A step at the beginning of a warm-up changes nothing: the parameters are the same.
  const auto results = [&](const std::string& checkpoint) {
    const Outcome outcome =
        Evaluate({"--protocol=position", "--checkpoint=" + checkpoint, "--json=p.json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return json::parse(Contents(folder_ / "p.json"))["results"].dump();
  };
  EXPECT_NE(results("own"), results("usual"));
}

TEST_F(EvaluateCli, ExtractsAPlainFolderOfPhotographs) {
  MakePhotos("", 5);
  Write(folder_ / "photos/2x.png", "no picture");
  const Outcome outcome = Extract({Checkpoint("vit"), "--data_path=photos", "--split=train",
                                   "--val_fraction=0", "--out=f.safetensors", "--batch_size=2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("skipped an image"), HasSubstr("2x.png")));
  const auto file = models::SafetensorsFile::Read((folder_ / "f.safetensors").string());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->Find("cls")->type.ToString(), "f32[5,16]");
  EXPECT_EQ(file->tensors().size(), 2) << "no labels, nothing that was not asked for";
  EXPECT_EQ(json::parse(file->metadata().at("names")),
            json({"0.png", "1.png", "2.png", "3.png", "4.png"}));
  ExpectRefused(Extract({Checkpoint(), "--data_path=photos", "--val_fraction=0", "--out=g"}),
                {"no images are held out", "--split=train"});
  ExpectRefused(Extract({Checkpoint(), "--split=other", "--out=g"}), {"other", "train"});
  Write(folder_ / "file", "");
  ExpectRefused(Extract({Checkpoint(), "--out=file/g"}), {"--out", "file", "folder"});
  ExpectRefused(Extract({Checkpoint()}), {"--out"});
  EXPECT_FALSE(fs::exists(folder_ / "g"));
}

}  // namespace
}  // namespace tools
