// --channels through every program that a run's model goes through.
#include <cstdint>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"
#include "tests/models/data/rare_images.h"
#include "tests/models/data/test_images.h"
#include "tests/tools/cli/run_program.h"
#include "tools/vis/sheet.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
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
  const models::PixelBox panel = PlanSheet(8, 8, 8).Panel(0, SheetColumn::kImage);
  std::set<int> shades;
  for (int y = panel.y; y < panel.y + panel.height; ++y) {
    for (int x = panel.x; x < panel.x + panel.width; ++x) {
      const uint8_t* pixel = drawn->pixel(x, y);
      ASSERT_TRUE(pixel[0] == pixel[1] && pixel[0] == pixel[2]) << x << ", " << y;
      shades.insert(pixel[0]);
    }
  }
  EXPECT_GT(shades.size(), 10u);

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

// Samples of which no two pictures have the same.
std::string Noise(int picture, size_t bytes) {
  std::string noise(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) noise[i] = static_cast<char>(i * i * 7 + (i + 1) * picture);
  return noise;
}

// A TIFF of 16 bits a sample.
std::string DeepTiff(int picture, uint16_t photometric, uint16_t samples) {
  models::TiffKind kind;
  kind.width = kind.height = 32;
  kind.photometric = photometric;
  kind.bits = 16;
  kind.samples = samples;
  return EncodeTiff(kind, Noise(picture, size_t{2} * samples * 32 * 32));
}

TEST(ChannelsCli, ARunOnPicturesOfFourChannelsGoesOnAndIsEvaluatedAndDrawn) {
  for (int i = 0; i < 100; ++i) {
    const std::string name = (Scratch() / "rgba" / std::to_string(i)).string();
    if (i % 2 == 0) models::WriteFile(name + ".tif", DeepTiff(i, /*photometric=*/2, 4));
    if (i % 2 != 0) {
      models::WriteFile(name + ".png", models::EncodeRgbaPng(Noise(i, 4 * 32 * 32), 32, 32));
    }
  }
  Outcome outcome = Train({"--channels=4", "--data_path=rgba", "--output_dir=of_four"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const fs::path run = Scratch() / "of_four";
  const auto file = models::SafetensorsFile::Read(run / "checkpoint.safetensors");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->tensors().at("patch_embed.proj.weight").type.shape, ElementsAre(16, 4, 8, 8));
  outcome = RunProgram("train", {"--resume=of_four", "--steps=3"}, Scratch());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(Contents(run / "flags.txt"), HasSubstr("--precision=fp32\n"));
  outcome = RunProgram("evaluate", {"--protocol=position", "--checkpoint=of_four", "--threads=1"},
                       Scratch());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  outcome = RunProgram("predict_positions",
                       {"--checkpoint=of_four", "--out=four.png", "--threads=1"}, Scratch());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

double FirstLoss(const fs::path& run) {
  std::istringstream lines(Contents(run / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json.contains("loss")) return json["loss"];
  }
  return -1;
}

// So that runs which know no such flag compute what they did.
TEST(ChannelsCli, SixteenBitsCountOnlyWhereTheFlagIsGiven) {
  for (int i = 0; i < 100; ++i) {
    models::WriteFile((Scratch() / "deep" / (std::to_string(i) + ".tif")).string(),
                      DeepTiff(i, /*photometric=*/1, 1));
  }
  Outcome outcome = Train({"--data_path=deep", "--output_dir=without"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  outcome = Train({"--data_path=deep", "--output_dir=with", "--channels=3"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(Contents(Scratch() / "without/flags.txt"), Not(HasSubstr("--channels")));
  EXPECT_THAT(Contents(Scratch() / "with/flags.txt"), HasSubstr("--channels=3\n"));
  EXPECT_GT(FirstLoss(Scratch() / "with"), 0);
  EXPECT_NE(FirstLoss(Scratch() / "with"), FirstLoss(Scratch() / "without"));
  outcome = RunProgram("train", {"--resume=without", "--steps=3", "--channels=3"}, Scratch());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("--channels was "));
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
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("no held-out image can be read"),
                                 HasSubstr("read as three channels, and --channels=4")));
}

}  // namespace
}  // namespace tools
