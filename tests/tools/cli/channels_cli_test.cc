// --channels through every program that a run's model goes through.
#include <filesystem>
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

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

Outcome Train(std::vector<std::string> args) {
  args.insert(args.begin(), {"--model=droppos_tiny", "--embed_dim=16", "--depth=1", "--num_heads=2",
                             "--decoder_embed_dim=8", "--decoder_depth=1", "--decoder_num_heads=2",
                             "--batch_size=64", "--steps=2", "--threads=1"});
  return RunProgram("train", args, Scratch());
}

TEST(ChannelsCli, AGreyRunGoesOnAndIsEvaluatedDrawnAndExported) {
  Outcome outcome = Train({"--channels=1", "--vis_every=2", "--output_dir=grey"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const fs::path run = Scratch() / "grey";
  const auto file = models::SafetensorsFile::Read(run / "checkpoint.safetensors");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->tensors().at("patch_embed.proj.weight").type.shape, ElementsAre(16, 1, 8, 8));
  EXPECT_THAT(Contents(run / "flags.txt"), HasSubstr("--channels=1\n"));
  EXPECT_THAT(Contents(run / "flags.txt"), HasSubstr("--mean=0.449\n"));

  // Grey scenes are drawn in grey.
  const auto drawn = models::ReadImage(run / "vis/step_0000002.png");
  ASSERT_TRUE(drawn.ok()) << drawn.status();

  outcome = RunProgram("train", {"--resume=grey", "--output_dir=grey", "--steps=3"}, Scratch());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  outcome = RunProgram("train", {"--resume=grey", "--output_dir=grey", "--channels=3"}, Scratch());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("another: --channels was 1 and is 3; leave these flags out"));

  outcome = RunProgram(
      "evaluate", {"--protocol=position", "--checkpoint=grey", "--threads=1", "--max_images=64"},
      Scratch());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;

  models::Image colours = models::Image::Sized(80, 80);
  for (size_t i = 0; i < colours.rgb.size(); ++i) colours.rgb[i] = static_cast<uint8_t>(i * 7);
  ASSERT_TRUE(models::WritePng(Scratch() / "colours.png", colours).ok());
  outcome = RunProgram("predict_positions",
                       {"--checkpoint=grey", "--image=colours.png", "--out=x.png", "--threads=1"},
                       Scratch());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;

  outcome = RunProgram("export", {"--checkpoint=grey", "--format=timm", "--out=t"}, Scratch());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto config = nlohmann::json::parse(Contents(Scratch() / "t/config.json"));
  EXPECT_EQ(config["model_args"]["in_chans"], 1);
  EXPECT_EQ(config["pretrained_cfg"]["input_size"], nlohmann::json::parse("[1, 64, 64]"));
  EXPECT_EQ(config["pretrained_cfg"]["mean"], nlohmann::json::parse("[0.449]"));
  outcome = RunProgram("export", {"--checkpoint=grey", "--format=onnx", "--out=x.onnx"}, Scratch());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;

  // Colours begin from it only without its patch embedding.
  outcome = Train({"--init_from=grey", "--output_dir=colour"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("it was trained with --channels=1; give that, or leave the "
                                     "tensor out with --allow_missing=patch_embed.proj.weight"));
}

TEST(ChannelsCli, FourChannelsAreRefusedWhereThePicturesHaveThree) {
  const fs::path folder = Scratch() / "three";
  fs::create_directories(folder);
  for (int i = 0; i < 100; ++i) {
    models::Image image = models::Image::Sized(32, 32);
    image.rgb.assign(image.rgb.size(), static_cast<uint8_t>(2 * i));
    ASSERT_TRUE(models::WritePng(folder / (std::to_string(i) + ".png"), image).ok());
  }
  const Outcome outcome = Train({"--channels=4", "--data_path=three", "--output_dir=four"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out + outcome.err, HasSubstr("it has three channels, and --channels=4"));
}

}  // namespace
}  // namespace tools
