// predict_positions as a person meets it: good and bad input.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class PredictPositionsCli : public ::testing::Test {
 protected:
  // A run of one step, which all tests read.
  static void SetUpTestSuite() {
    const Outcome trained =
        RunProgram("train",
                   {"--model=droppos_tiny", "--embed_dim=16", "--depth=1", "--num_heads=2",
                    "--decoder_embed_dim=8", "--decoder_depth=1", "--decoder_num_heads=2",
                    "--batch_size=64", "--steps=1", "--threads=1", "--output_dir=run"},
                   Scratch());
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }

  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
    for (const char* name : {"a.png", "b.png"}) {
      models::Image image = models::Image::Sized(100, 80);
      for (size_t i = 0; i < image.rgb.size(); ++i) {
        image.rgb[i] = static_cast<uint8_t>(i * (name[0] - 'a' + 3) / 7);
      }
      ASSERT_TRUE(models::WritePng(folder_ / name, image).ok());
    }
  }

  Outcome Predict(const std::vector<std::string>& args) {
    return RunProgram("predict_positions", args, folder_);
  }
  // With the run's checkpoint and --out=x.png; further arguments come after.
  Outcome PredictRun(std::vector<std::string> args) {
    args.insert(args.begin(), {"--checkpoint=" + Checkpoint(), "--threads=1"});
    return Predict(args);
  }
  static std::string Checkpoint() { return Scratch() / "run/checkpoint.safetensors"; }

  // Refused with one line that names the thing, and nothing written.
  void ExpectRefused(const Outcome& outcome, const std::vector<std::string>& texts) {
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
    for (const std::string& text : texts) EXPECT_THAT(outcome.err, HasSubstr(text));
    EXPECT_THAT(outcome.err, ::testing::StartsWith("predict_positions: "));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_FALSE(fs::exists(folder_ / "x.png"));
  }

  // Lines of standard output; the last one says what was written.
  static std::vector<std::string> Lines(const std::string& text) {
    std::vector<std::string> lines;
    for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
      lines.push_back(text.substr(at, end - at));
    }
    return lines;
  }

  fs::path folder_;
};

TEST_F(PredictPositionsCli, OneImageAndSeveral) {
  const Outcome one = PredictRun({"--image=a.png", "--out=one.png"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  ASSERT_EQ(Lines(one.out).size(), 2u) << one.out;
  EXPECT_THAT(Lines(one.out)[0],
              ::testing::MatchesRegex("a.png: [0-9]+ of 12 right, mean distance .* cells"));
  EXPECT_THAT(Lines(one.out)[1], HasSubstr("wrote " + (folder_ / "one.png").string()));
  const Outcome two = PredictRun({"--image=a.png", "--image=b.png", "--out=two.png"});
  ASSERT_EQ(two.exit_code, 0) << two.err;
  EXPECT_EQ(Lines(two.out).size(), 3u);
  EXPECT_EQ(Lines(two.out)[0], Lines(one.out)[0]) << "another image changes nothing";
  const auto sheet_of_one = models::ReadImage(folder_ / "one.png");
  const auto sheet_of_two = models::ReadImage(folder_ / "two.png");
  ASSERT_TRUE(sheet_of_one.ok() && sheet_of_two.ok());
  EXPECT_EQ(sheet_of_one->width, sheet_of_two->width);
  EXPECT_GT(sheet_of_two->height, sheet_of_one->height + 400);
}

TEST_F(PredictPositionsCli, HeldOutImagesOfTheRunAndTheSameBytesTwice) {
  const Outcome first = PredictRun({"--num_images=2", "--out=1.png"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(Lines(first.out).size(), 3u) << first.out;
  ASSERT_EQ(PredictRun({"--num_images=2", "--out=2.png"}).exit_code, 0);
  EXPECT_EQ(Contents(folder_ / "1.png"), Contents(folder_ / "2.png"));
  ASSERT_EQ(PredictRun({"--num_images=2", "--out=3.png", "--seed=5"}).exit_code, 0);
  EXPECT_NE(Contents(folder_ / "1.png"), Contents(folder_ / "3.png"));
}

TEST_F(PredictPositionsCli, FolderAndRatios) {
  fs::create_directories(folder_ / "more/below");
  fs::copy(folder_ / "a.png", folder_ / "more/a.png");
  fs::copy(folder_ / "b.png", folder_ / "more/below/b.png");
  const Outcome outcome =
      PredictRun({"--image=more", "--out=x.png", "--mask_ratio=0", "--pos_mask_ratio=1"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(Lines(outcome.out)[0], HasSubstr("a.png: "));
  EXPECT_THAT(Lines(outcome.out)[1], HasSubstr("below/b.png: "));
  EXPECT_THAT(outcome.out, HasSubstr("of 64 right"));
  std::ofstream(folder_ / "flags.txt")
      << "--model=droppos_tiny\n--embed_dim=16\n--depth=1\n--num_heads=2\n"
      << "--decoder_embed_dim=8\n--decoder_depth=1\n--decoder_num_heads=2\n"
      << "--drop_pos_type=multi_task\n";
  const Outcome pixels =
      PredictRun({"--flagfile=flags.txt", "--image=a.png", "--out=pixels.png", "--mask_ratio=0"});
  EXPECT_EQ(pixels.exit_code, 0) << "no pixels to reconstruct, and none needed: " << pixels.err;
  EXPECT_THAT(pixels.out, HasSubstr("of 48 right"));
  const Outcome one = PredictRun({"--image=more", "--num_images=1", "--out=y.png"});
  EXPECT_EQ(Lines(one.out).size(), 2u) << one.out;
}

TEST_F(PredictPositionsCli, ExistingPictureNeedsOverwrite) {
  std::ofstream(folder_ / "old.png") << "old";
  const Outcome refused = PredictRun({"--image=a.png", "--out=old.png"});
  ExpectRefused(refused, {"old.png", "--overwrite"});
  EXPECT_EQ(Contents(folder_ / "old.png"), "old");
  const Outcome replaced = PredictRun({"--image=a.png", "--out=old.png", "--overwrite"});
  EXPECT_EQ(replaced.exit_code, 0) << replaced.err;
  EXPECT_TRUE(models::ReadImage(folder_ / "old.png").ok());
}

TEST_F(PredictPositionsCli, BadImages) {
  std::ofstream(folder_ / "text.jpg") << "not an image";
  ExpectRefused(PredictRun({"--image=text.jpg", "--out=x.png"}), {"text.jpg", "neither JPEG"});
  ExpectRefused(PredictRun({"--image=a.png", "--image=none.png", "--out=x.png"}), {"none.png"});
  fs::create_directories(folder_ / "empty");
  ExpectRefused(PredictRun({"--image=empty", "--out=x.png"}), {"empty", "no pictures"});
  fs::create_directories(folder_ / "bad");
  fs::copy(folder_ / "text.jpg", folder_ / "bad/1.jpg");
  ExpectRefused(PredictRun({"--image=bad", "--out=x.png"}), {"bad/1.jpg"});
  fs::copy(folder_ / "a.png", folder_ / "bad/2.png");
  const Outcome some = PredictRun({"--image=bad", "--out=some.png"});
  EXPECT_EQ(some.exit_code, 0) << some.err;
  EXPECT_THAT(some.out, ::testing::AllOf(HasSubstr("skipped an image: "), HasSubstr("bad/1.jpg"),
                                         HasSubstr("2.png: ")));
}

TEST_F(PredictPositionsCli, DataOfTheRunThatIsGone) {
  std::ofstream(folder_ / "flags.txt") << "--model=droppos_tiny\n--data_path=gone\n";
  ExpectRefused(PredictRun({"--flagfile=flags.txt", "--out=x.png"}),
                {"the run's data", "gone", "; give --image"});
}

TEST_F(PredictPositionsCli, Help) {
  const Outcome help = Predict({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* flag : {"--checkpoint", "--image", "--out", "--pos_mask_ratio", "--overwrite"}) {
    EXPECT_THAT(help.out, HasSubstr(flag));
  }
}

TEST_F(PredictPositionsCli, BadCheckpoints) {
  const std::vector<std::string> rest = {"--image=a.png", "--out=x.png"};
  const auto with = [&](std::vector<std::string> args) {
    args.insert(args.end(), rest.begin(), rest.end());
    return Predict(args);
  };
  ExpectRefused(with({"--checkpoint=none.safetensors"}), {"none.safetensors"});
  ExpectRefused(with({"--checkpoint=a.png"}), {"a.png"});
  ExpectRefused(with({"--checkpoint=" + Checkpoint(), "--model=droppos_tiny"}),
                {"checkpoint.safetensors", "does not fit", "blocks.1"});
  ExpectRefused(with({"--checkpoint=" + Checkpoint(), "--model=vit_tiny"}),
                {"vit_tiny", "DropPos"});
  ExpectRefused(with({"--checkpoint=" + Checkpoint(), "--model=no_such"}),
                {"no_such", "bazel run //tools:train -- --list_models"});
}

TEST_F(PredictPositionsCli, BadPlacesAndFlags) {
  ExpectRefused(PredictRun({"--image=a.png", "--out=a.png/x.png"}), {"a.png is a file"});
  ExpectRefused(PredictRun({"--image=a.png", "--out=x.jpg"}), {"--out=x.jpg", ".png"});
  fs::create_directories(folder_ / "folder.png");
  ExpectRefused(PredictRun({"--image=a.png", "--out=folder.png", "--overwrite"}), {"folder.png"});
  ExpectRefused(PredictRun({"--image=a.png"}), {"--out"});
  ExpectRefused(Predict({"--image=a.png", "--out=x.png"}), {"--checkpoint"});
  const std::vector<std::string> good = {"--image=a.png", "--out=x.png"};
  for (const char* bad : {"--mask_ratio=1.5", "--mask_ratio=nan", "--pos_mask_ratio=0",
                          "--num_images=0", "--threads=0", "--seed=x"}) {
    std::vector<std::string> args = good;
    args.push_back(bad);
    const std::string flag = std::string(bad).substr(0, std::string(bad).find('='));
    ExpectRefused(PredictRun(args), {flag});
  }
  ExpectRefused(PredictRun({"--image=a.png", "--out=x.png", "--seed=x"}),
                {"--seed=x must be a whole number"});
  ExpectRefused(Predict({"--imag=a.png"}), {"unknown flag --imag; did you mean --image?"});
}

}  // namespace
}  // namespace tools
