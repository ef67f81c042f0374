// The export tool as a person meets it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
namespace fs = std::filesystem;

const std::vector<std::string>& TinyFlags() {
  static const std::vector<std::string> flags = {
      "--model=droppos_tiny", "--embed_dim=16",       "--depth=2",
      "--num_heads=2",        "--batch_size=64",      "--decoder_embed_dim=8",
      "--decoder_depth=1",    "--decoder_num_heads=2"};
  return flags;
}

class ExportCli : public ::testing::Test {
 protected:
  // One checkpoint for all tests, which only read it.
  static void SetUpTestSuite() {
    fs::create_directories(Scratch() / "trained");
    std::vector<std::string> args = TinyFlags();
    args.insert(args.end(), {"--steps=1", "--output_dir=run"});
    const Outcome outcome = RunProgram("train", args, Scratch() / "trained");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }

  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
    fs::copy_file(Scratch() / "trained/run/checkpoint.safetensors", folder_ / "a.safetensors");
  }

  Outcome Export(std::vector<std::string> args) {
    args.insert(args.begin(), "--checkpoint=a.safetensors");
    return RunProgram("export", args, folder_);
  }

  models::SafetensorsFile File(const std::string& name) const {
    auto file = models::SafetensorsFile::Read(folder_ / name);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      names.push_back(fs::relative(entry.path(), folder_).string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  // One line that names the thing, and nothing written.
  void ExpectRefused(const std::vector<std::string>& args, const std::vector<std::string>& texts) {
    const std::vector<std::string> before = Names();
    const Outcome outcome = RunProgram("export", args, folder_);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    for (const std::string& text : texts) EXPECT_THAT(outcome.err, HasSubstr(text));
    EXPECT_THAT(outcome.err, ::testing::StartsWith("export: "));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(Names(), before);
  }

  fs::path folder_;
};

TEST_F(ExportCli, TimmIsTheEncoderAndItsConfig) {
  const Outcome outcome = Export({"--format=timm", "--out=t"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("30 tensors"));
  EXPECT_THAT(Names(), ElementsAre("a.safetensors", "t", "t/config.json", "t/model.safetensors"));
  const models::SafetensorsFile all = File("a.safetensors"), encoder = File("t/model.safetensors");
  EXPECT_EQ(encoder.tensors().size(), 6u + 2 * 12);
  for (const auto& [name, entry] : encoder.tensors()) {
    EXPECT_THAT(name, Not(HasSubstr("decoder")));
    EXPECT_THAT(name, Not(HasSubstr("mask")));
    EXPECT_EQ(entry.type, all.tensors().at(name).type) << name;
    EXPECT_EQ(entry.data, all.tensors().at(name).data) << name;
  }
  EXPECT_EQ(encoder.metadata().at("format"), "pt");
  EXPECT_EQ(encoder.metadata().at("model"), "droppos_tiny");
  const auto config = nlohmann::json::parse(Contents(folder_ / "t/config.json"));
  EXPECT_EQ(config["model_args"]["embed_dim"], 16);
  EXPECT_EQ(config["model_args"]["img_size"], nlohmann::json::parse("[64, 64]"));
}

TEST_F(ExportCli, ViTBHas150Tensors) {
  // Its tensors, in a narrow body and for small images: a whole one would take minutes.
  const Outcome trained =
      RunProgram("train",
                 {"--model=droppos_vitb", "--input_size=64", "--embed_dim=16", "--num_heads=2",
                  "--decoder_embed_dim=8", "--decoder_num_heads=2", "--batch_size=64", "--steps=1",
                  "--output_dir=b"},
                 folder_);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const Outcome outcome = RunProgram(
      "export", {"--checkpoint=b/checkpoint.safetensors", "--format=timm", "--out=t"}, folder_);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(File("t/model.safetensors").tensors().size(), 150u);
}

TEST_F(ExportCli, OfficialIsAllTensorsWithoutTheRun) {
  const Outcome outcome = Export({"--format=official", "--out=o.safetensors"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const models::SafetensorsFile all = File("a.safetensors"), official = File("o.safetensors");
  EXPECT_EQ(official.tensors().size(), all.tensors().size());
  for (const auto& [name, entry] : all.tensors()) {
    EXPECT_EQ(entry.data, official.tensors().at(name).data) << name;
  }
  EXPECT_THAT(official.metadata(),
              UnorderedElementsAre(Key("flags"), Key("format"), Key("grid"), Key("model")));
  const std::string flags = official.metadata().at("flags");
  EXPECT_THAT(flags, HasSubstr("--model=droppos_tiny\n"));
  EXPECT_THAT(flags, HasSubstr("--embed_dim=16\n"));
  EXPECT_THAT(flags, HasSubstr("--mask_ratio="));
  for (const char* of_the_run : {"output_dir", "data_path", "steps", "batch_size", "seed"}) {
    EXPECT_THAT(flags, Not(HasSubstr(of_the_run)));
  }

  // The way back; and an export of the export, which says its numbers itself.
  std::vector<std::string> train = TinyFlags();
  train.insert(train.end(), {"--steps=0", "--init_from=o.safetensors"});
  const Outcome again = RunProgram("train", train, folder_);
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("values loaded"));
  const Outcome twice = RunProgram(
      "export", {"--checkpoint=o.safetensors", "--format=official", "--out=o2.safetensors"},
      folder_);
  ASSERT_EQ(twice.exit_code, 0) << twice.err;
  EXPECT_EQ(Contents(folder_ / "o.safetensors"), Contents(folder_ / "o2.safetensors"));
}

TEST_F(ExportCli, ATableForAnotherInputSizeIsResized) {
  std::ofstream flagfile(folder_ / "flags.txt");
  for (const std::string& flag : TinyFlags()) flagfile << flag << "\n";
  flagfile << "--input_size=96\n";
  flagfile.close();
  const Outcome outcome = Export({"--format=timm", "--out=t", "--flagfile=flags.txt"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("pos_embed 8x8 -> 12x12"));
  EXPECT_EQ(File("t/model.safetensors").tensors().at("pos_embed").type.ToString(), "f32[1,145,16]");
}

TEST_F(ExportCli, OnnxIsAFile) {
  const Outcome outcome = Export({"--format=onnx", "--out=e.onnx"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(Names(), ElementsAre("a.safetensors", "e.onnx"));
  // Parameters lie in it under their names.
  EXPECT_THAT(Contents(folder_ / "e.onnx"), HasSubstr("blocks.1.mlp.fc2.weight"));
}

TEST_F(ExportCli, WhatExistsIsReplacedOnlyWhenAsked) {
  ASSERT_EQ(Export({"--format=timm", "--out=t"}).exit_code, 0);
  ASSERT_EQ(Export({"--format=official", "--out=o"}).exit_code, 0);
  const std::string checkpoint = "--checkpoint=a.safetensors";
  ExpectRefused({checkpoint, "--format=timm", "--out=t"}, {"/t exists", "--overwrite"});
  ExpectRefused({checkpoint, "--format=official", "--out=o"}, {"/o exists", "--overwrite"});
  ExpectRefused({checkpoint, "--format=onnx", "--out=t", "--overwrite"}, {"/t is a folder"});
  std::ofstream(folder_ / "t/config.json") << "{}";
  ASSERT_EQ(Export({"--format=timm", "--out=t", "--overwrite"}).exit_code, 0);
  EXPECT_THAT(Contents(folder_ / "t/config.json"), HasSubstr("architecture"));
  std::ofstream(folder_ / "t/notes.txt") << "mine";
  ExpectRefused({checkpoint, "--format=timm", "--out=t", "--overwrite"}, {"t/notes.txt", "--out"});
}

TEST_F(ExportCli, TheCheckpointIsKept) {
  const std::string before = Contents(folder_ / "a.safetensors");
  for (const char* format : {"--format=official", "--format=onnx"}) {
    ExpectRefused({"--checkpoint=a.safetensors", format, "--out=a.safetensors", "--overwrite"},
                  {"--out=", "would replace the checkpoint", "a.safetensors"});
  }
  EXPECT_EQ(Contents(folder_ / "a.safetensors"), before);
  // A folder for timm that holds it.
  fs::create_directory(folder_ / "t");
  fs::copy_file(folder_ / "a.safetensors", folder_ / "t/model.safetensors");
  ExpectRefused({"--checkpoint=t/model.safetensors", "--format=timm", "--out=t", "--overwrite"},
                {"--out=", "would replace the checkpoint"});
}

TEST_F(ExportCli, BadInput) {
  const std::string checkpoint = "--checkpoint=a.safetensors";
  ExpectRefused({}, {"--checkpoint"});
  ExpectRefused({checkpoint, "--out=t"}, {"--format"});
  ExpectRefused({checkpoint, "--format=timm"}, {"--out"});
  ExpectRefused({checkpoint, "--format=tflite", "--out=t"}, {"tflite", "timm, official, onnx"});
  ExpectRefused({checkpoint, "--format=timm", "--out=a.safetensors/t"},
                {"a.safetensors/t", "folder"});
  ExpectRefused({"--checkpoint=none", "--format=timm", "--out=t"}, {"none"});
  std::ofstream(folder_ / "text") << "not a safetensors file";
  ExpectRefused({"--checkpoint=text", "--format=timm", "--out=t"}, {"text"});
  // Another shape than the model's, and more and fewer tensors.
  ExpectRefused({checkpoint, "--model=droppos_vits", "--format=timm", "--out=t"},
                {"a.safetensors", "does not fit", "patch_embed.proj.weight is f32[16,3,8,8]",
                 "f32[384,3,16,16]", "droppos_vits", "--flagfile"});
  const models::SafetensorsFile all = File("a.safetensors");
  models::TensorMap tensors = all.tensors();
  tensors["extra"] = tensors["norm.bias"];
  tensors.erase("decoder_norm.bias");
  ASSERT_TRUE(models::WriteSafetensors(folder_ / "b", tensors, all.metadata()).ok());
  ExpectRefused({"--checkpoint=b", "--format=official", "--out=t"},
                {"1 tensor missing, decoder_norm.bias", "1 tensor unexpected, extra"});
}

}  // namespace
}  // namespace tools
