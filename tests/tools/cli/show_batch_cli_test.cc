// show_batch as a person meets it.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "tests/tools/cli/run_program.h"
#include "tools/vis/batch_sheet.h"

namespace tools {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ShowBatchCli : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_ / "photos");
    for (int i = 0; i < 6; ++i) {
      models::Image image = models::Image::Sized(120 + i, 90);
      for (size_t k = 0; k < image.rgb.size(); ++k) {
        image.rgb[k] = static_cast<uint8_t>(k * (i + 3) / 11);
      }
      const std::string name = "photos/" + std::to_string(i) + ".png";
      ASSERT_TRUE(models::WritePng(folder_ / name, image).ok());
    }
  }
  Outcome Show(std::vector<std::string> args) {
    args.insert(args.begin(), {"--model=droppos_tiny", "--input_size=64", "--data_path=photos",
                               "--val_fraction=0"});
    return RunProgram("show_batch", args, folder_);
  }
  std::string Drawn(const std::string& name, std::vector<std::string> args) {
    args.push_back("--out=" + name);
    const Outcome outcome = Show(args);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "wrote 6 pictures into " + (folder_ / name).string() + "\n");
    return Contents(folder_ / name);
  }
  void ExpectRefused(const std::vector<std::string>& args, const std::string& text) {
    const Outcome outcome = Show(args);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_THAT(outcome.err, ::testing::StartsWith("show_batch: "));
    EXPECT_THAT(outcome.err, HasSubstr(text));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }

  fs::path folder_;
};

TEST_F(ShowBatchCli, DrawsWhatTheFlagsDoToThePictures) {
  const std::string plain = Drawn("plain.png", {});
  EXPECT_EQ(Drawn("again.png", {}), plain) << "the same bytes";
  EXPECT_NE(Drawn("epoch.png", {"--epoch=1"}), plain);
  const std::string augmented = Drawn("aa.png", {"--aa=rand-m9-mstd0.5-inc1"});
  EXPECT_NE(augmented, plain);
  EXPECT_NE(Drawn("erased.png", {"--aa=rand-m9-mstd0.5-inc1", "--reprob=1"}), augmented);
  const auto sheet = models::ReadImage(folder_ / "plain.png");
  ASSERT_TRUE(sheet.ok());
  const BatchSheetGeometry g = PlanBatchSheet(6, 64, 64);
  EXPECT_EQ(sheet->width, g.cell_x(g.columns - 1) + g.column_width);
}

TEST_F(ShowBatchCli, AnErasedPictureIsGreyWhereItIsErased) {
  // The mean colour, everywhere but on a border: a rectangle may have a third of the area at most.
  Drawn("const.png", {"--reprob=1", "--remode=const", "--recount=1"});
  const auto sheet = models::ReadImage(folder_ / "const.png");
  ASSERT_TRUE(sheet.ok());
  int64_t mean_coloured = 0;
  for (size_t i = 0; i < sheet->rgb.size(); i += 3) {
    mean_coloured += sheet->rgb[i] == 124 && sheet->rgb[i + 1] == 116 && sheet->rgb[i + 2] == 104;
  }
  const int64_t of_one = 192 * 192;  // pixels of a picture on the page
  EXPECT_GT(mean_coloured, 6 * of_one * 2 / 100);
  EXPECT_LT(mean_coloured, 6 * of_one * 34 / 100);
}

TEST_F(ShowBatchCli, TakesGreyInputAndScenes) {
  Drawn("grey.png", {"--channels=1", "--reprob=1"});
  const Outcome scenes = RunProgram(
      "show_batch", {"--model=droppos_tiny", "--images=3", "--aa=rand-m9-inc1", "--out=scenes.png"},
      folder_);
  EXPECT_EQ(scenes.exit_code, 0) << scenes.err;
  EXPECT_THAT(scenes.out, HasSubstr("wrote 3 pictures"));
}

TEST_F(ShowBatchCli, BadInputIsOneLine) {
  ExpectRefused({"--out=x.jpg"}, "--out=x.jpg: the picture is a PNG file");
  ExpectRefused({}, "--out");
  ExpectRefused({"--out=x.png", "--aa=augmix-m5"},
                "--aa=augmix-m5: there is no policy 'augmix'; there are none and RandAugment's");
  ExpectRefused({"--out=x.png", "--aa=rand-m9-inc1", "--channels=3"}, "is of 8-bit RGB");
  ExpectRefused({"--out=x.png", "--reprob=2"}, "--reprob=2");
  ExpectRefused({"--out=x.png", "--remode=blur"}, "--remode=blur");
  ExpectRefused({"--out=x.png", "--images=0"}, "--images");
  ExpectRefused({"--out=x.png", "--no_such_flag"}, "no_such_flag");
  EXPECT_FALSE(fs::exists(folder_ / "x.png"));
}

}  // namespace
}  // namespace tools
