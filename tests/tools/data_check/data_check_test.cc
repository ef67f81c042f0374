#include "tools/data_check/data_check.h"

#include <pthread.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/models/data/test_images.h"

namespace tools {
namespace {

using models::WriteFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

std::vector<std::string> Names(const std::vector<CheckedName>& images) {
  std::vector<std::string> names;
  for (const CheckedName& image : images) names.push_back(image.split + " " + image.name);
  return names;
}

models::Datasets Open(const std::string& path) {
  models::OpenOptions options;
  options.data_path = path;
  options.input_height = options.input_width = 32;
  auto data = models::OpenDatasets(options);
  EXPECT_TRUE(data.ok()) << data.status();
  return *std::move(data);
}

void NoProgress(int64_t, int64_t) {}

// A folder with one of everything.
std::string MixedFolder(const std::string& name) {
  const std::string folder = models::NewFolder(name);
  const auto put = [&folder](const std::string& file, const std::string& bytes) {
    WriteFile(folder + "/" + file, bytes);
  };
  const std::string twice = models::EncodeJpeg(models::PhotographLike(64, 40, 1));
  put("train/a/0.jpg", twice);
  put("train/a/1.jpg", models::EncodeJpeg(models::PhotographLike(50, 70, 2)));
  put("train/a/2 copy.jpg", twice);
  put("train/b/3.jpg", models::EncodeJpeg(models::GradientImage(40, 40), 3));
  put("train/b/4.png", models::EncodePng(models::PhotographLike(31, 90, 4)));
  put("train/b/5.jpg", "<html>");
  put("train/b/6.jpg", models::EncodeCmykJpeg(std::string(40 * 40 * 4, '\x30') + "", 40, 40));
  put("train/b/7.webp", models::EncodeWebp(models::PhotographLike(48, 48, 5)));
  for (const char* other : {"train/a/notes.txt", "train/clip.mp4", "val/README", "val/a/b.TXT"}) {
    put(other, "x");
  }
  put("val/a/8.jpg", twice);
  put("val/a/9.jpg", "");
  put("val/c/10.png", models::EncodePng(models::PhotographLike(48, 33, 6)));
  return folder;
}

// Training decodes a crop of a large JPEG smaller, and evaluation decodes all of it.
TEST(CheckData, APictureMayBeTooLargeForEvaluationAlone) {
  const std::string folder = models::NewFolder("too_large");
  const std::string large = models::EncodeJpeg(models::GradientImage(800, 700), 2);
  models::WriteFile(folder + "/train/a/0.jpg", large);
  // A crop for an input of 224 pixels keeps 336, so that this one comes as it is.
  models::WriteFile(folder + "/train/a/1.jpg",
                    models::EncodeJpeg(models::GradientImage(1200, 600), 2));
  models::WriteFile(folder + "/val/a/1.jpg", large);
  models::OpenOptions open;
  open.data_path = folder;
  open.limits.max_pixels = 150'000;
  const auto data = models::OpenDatasets(open);
  ASSERT_TRUE(data.ok()) << data.status();
  DataCheckOptions options;
  options.limits = open.limits;
  const DataReport report = CheckData(*data, options, NoProgress);
  ASSERT_EQ(report.bad.size(), 2u);
  EXPECT_EQ(report.bad[0].image.name, "train/a/1.jpg");
  EXPECT_EQ(report.bad[1].image.split, "held_out");
  EXPECT_THAT(report.bad[1].reason, HasSubstr("--max_image_megapixels=0.15;"));
  EXPECT_EQ(report.width.max, 800);
}

TEST(CheckData, FindsOneOfEverythingWhateverTheWorkers) {
  const models::Datasets data = Open(MixedFolder("mixed"));
  std::string first;
  for (int workers : {0, 1, 3}) {
    DataCheckOptions options;
    options.num_workers = workers;
    std::vector<int64_t> done;
    const DataReport report = CheckData(data, options, [&](int64_t now, int64_t all) {
      EXPECT_EQ(all, 11);
      done.push_back(now);
    });
    EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
    ASSERT_FALSE(done.empty());
    EXPECT_EQ(done.back(), 11);
    EXPECT_EQ(report.train_images, 8);
    EXPECT_EQ(report.held_out_images, 3);
    ASSERT_EQ(report.bad.size(), 2u);
    EXPECT_EQ(report.bad[0].image.name, "train/b/5.jpg");
    EXPECT_THAT(report.bad[0].reason, AllOf(HasSubstr("train/b/5.jpg"), HasSubstr("HTML")));
    EXPECT_EQ(report.bad[1].image.split, "held_out");
    EXPECT_THAT(report.bad[1].reason, HasSubstr("empty"));
    ASSERT_EQ(report.tiny.size(), 1u);
    EXPECT_EQ(report.tiny[0].image.name, "train/b/4.png");
    EXPECT_EQ(report.tiny[0].width, 31);
    EXPECT_EQ(report.tiny[0].height, 90);
    ASSERT_EQ(report.duplicates.size(), 1u);
    EXPECT_EQ(report.duplicates[0].image.name, "train/a/2 copy.jpg");
    EXPECT_EQ(report.duplicates[0].first.name, "train/a/0.jpg");
    ASSERT_EQ(report.leaks.size(), 1u);
    EXPECT_EQ(report.leaks[0].image.name, "val/a/8.jpg");
    EXPECT_EQ(report.leaks[0].first.name, "train/a/0.jpg");
    EXPECT_THAT(Names(report.cmyk), ElementsAre("train train/b/6.jpg"));
    EXPECT_THAT(Names(report.grey), testing::Contains("train train/b/3.jpg"));
    EXPECT_EQ(report.formats.at("jpeg"), 6);
    EXPECT_EQ(report.formats.at("png"), 2);
    EXPECT_EQ(report.formats.at("webp"), 1);
    ASSERT_EQ(report.classes.size(), 2u);
    EXPECT_EQ(report.classes[0][0], 3);
    EXPECT_EQ(report.classes[0][1], 2);
    EXPECT_EQ(report.classes[1][0], 5);
    EXPECT_THAT(report.ignored, ElementsAre(Pair("", 1), Pair(".mp4", 1), Pair(".txt", 2)));
    EXPECT_EQ(report.unlabelled, 1);  // val/c: no class of the training images
    EXPECT_EQ(report.width.min, 31);
    EXPECT_EQ(report.width.max, 64);
    EXPECT_EQ(report.height.max, 90);
    const std::string json = DataReportJson(report, data, options);
    if (first.empty()) first = json;
    EXPECT_EQ(json, first);
  }
  const std::string text = DataReportText(CheckData(data, {}, NoProgress), {}, 5);
  EXPECT_THAT(
      text,
      AllOf(HasSubstr("\n1 leak, a held-out image with the same bytes as a training image:\n"),
            HasSubstr("\n1 duplicate, the same bytes:\n")));
  const auto json = nlohmann::json::parse(first);
  EXPECT_EQ(json.at("bad").size(), 2u);
  EXPECT_EQ(json.at("ignored").at(".txt"), 2);
  EXPECT_EQ(json.at("leaks")[0].at("first"), "train/a/0.jpg");
  EXPECT_EQ(json.at("classes")[1].at("train"), 5);
  EXPECT_EQ(json.at("cmyk")[0].at("name"), "train/b/6.jpg");
}

TEST(CheckData, ListsAreLimitedOnTheScreenAndWholeInTheJson) {
  const std::string folder = models::NewFolder("many");
  WriteFile(folder + "/good.png", models::EncodePng(models::PhotographLike(40, 40, 1)));
  for (int i = 0; i < 30; ++i) WriteFile(absl::StrFormat("%s/%02d.jpg", folder, i), "no picture");
  WriteFile(folder + "/\xFF\n.jpg", "");
  const models::Datasets data = Open(folder);
  const DataCheckOptions options;
  const DataReport report = CheckData(data, options, NoProgress);
  const std::string text = DataReportText(report, options, 5);
  EXPECT_THAT(text, AllOf(HasSubstr("31 bad"), HasSubstr("00.jpg"), HasSubstr("... and 26 more"),
                          Not(HasSubstr("25.jpg"))));
  EXPECT_EQ(nlohmann::json::parse(DataReportJson(report, data, options)).at("bad").size(), 31u);
  EXPECT_THAT(DataReportText(report, options, 100), Not(HasSubstr(" more\n")));
}

TEST(CheckData, EveryEndingOfWhatIsIgnoredIsShown) {
  const std::string folder = models::NewFolder("endings");
  WriteFile(folder + "/a.png", models::EncodePng(models::PhotographLike(60, 40, 1)));
  for (const char* name : {"a.json", "b.json", "c.mp4", "d.txt", "e.xml", "f.zip", "g.heic"}) {
    WriteFile(folder + "/" + name, "x");
  }
  const std::string text = DataReportText(CheckData(Open(folder), {}, NoProgress), {}, 5);
  EXPECT_THAT(text, AllOf(HasSubstr("\nignored  7 other files (2 .json, 1 .heic, 1 .mp4, 1 .txt, "
                                    "1 .xml, 1 .zip)\n"),
                          HasSubstr("\nwidth    60 to 60, median 60\n")));
}

TEST(CheckData, WarningsAreLimitedOnTheScreen) {
  EXPECT_THAT(WarningLines({}, 2), ElementsAre());
  EXPECT_THAT(WarningLines({"a", "b"}, 2), ElementsAre("warning: a", "warning: b"));
  EXPECT_THAT(WarningLines({"a", "b", "c"}, 2),
              ElementsAre("warning: a", "warning: b", "warning: ... and 1 more"));
}

TEST(CheckData, NamesAreSaidInOneLine) {
  const std::string folder = models::NewFolder("line_ends");
  const std::string png = models::EncodePng(models::GradientImage(20, 20));
  WriteFile(folder + "/a\nb.png", png);
  WriteFile(folder + "/c\x1B[31m.png", png);
  models::OpenOptions options;
  options.data_path = folder;
  options.val_fraction = 0;
  const auto data = models::OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  const std::string text = DataReportText(CheckData(*data, {}, NoProgress), {}, 5);
  EXPECT_THAT(text, AllOf(HasSubstr("c\\x1B[31m.png is a\\x0Ab.png\n"),  // twice
                          HasSubstr("  a\\x0Ab.png, 20x20\n"),           // tiny
                          Not(HasSubstr("\x1B")), Not(HasSubstr("a\n"))));
}

TEST(CheckData, ALineThatComesAgainIsNoDuplicate) {
  const std::string folder = models::NewFolder("lines");
  WriteFile(folder + "/train/a.png", models::EncodePng(models::PhotographLike(40, 40, 4)));
  WriteFile(folder + "/train.txt", "a.png 0\na.png 0\n");
  EXPECT_TRUE(CheckData(Open(folder), {}, NoProgress).duplicates.empty());
}

TEST(CheckData, ASideOfTheLimitIsNotTiny) {
  const std::string folder = models::NewFolder("sides");
  WriteFile(folder + "/a.png", models::EncodePng(models::PhotographLike(31, 90, 4)));
  const models::Datasets data = Open(folder);
  for (const int min_side : {31, 32}) {
    DataCheckOptions options;
    options.min_side = min_side;
    EXPECT_EQ(CheckData(data, options, NoProgress).tiny.size(), min_side == 31 ? 0u : 1u);
  }
}

// As under a limit of processes, whoever the user is: for a stack of this size there is no room.
// A bug once: the program ended by a signal.
TEST(CheckData, GoesOnWhereThreadsCannotBeHad) {
  const models::Datasets data = Open(MixedFolder("no_threads"));
  pthread_attr_t before, huge;
  ASSERT_EQ(::pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(::pthread_attr_init(&huge), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&huge, size_t{1} << 46), 0);
  ASSERT_EQ(::pthread_setattr_default_np(&huge), 0);
  EXPECT_THROW(std::thread([] {}).join(), std::system_error);
  DataCheckOptions options;
  options.num_workers = 3;
  int64_t done = 0;
  const DataReport report = CheckData(data, options, [&](int64_t now, int64_t) { done = now; });
  EXPECT_EQ(::pthread_setattr_default_np(&before), 0);
  EXPECT_EQ(done, 11);
  EXPECT_EQ(report.bad.size(), 2u);
  EXPECT_EQ(report.duplicates.size(), 1u);
}

TEST(CheckData, DataWithoutFilesToo) {
  const std::string folder = models::NewFolder("cifar");
  std::string records;
  for (int i = 0; i < 40; ++i) {
    records += static_cast<char>(i % 10);
    for (int b = 0; b < 3072; ++b)
      records += static_cast<char>(i == 7 ? b % 1024 * 3 / 2 : b * (i + 1));
  }
  records += records.substr(0, 3073);  // the first once more
  WriteFile(folder + "/data_batch_1.bin", records);
  WriteFile(folder + "/test_batch.bin", records.substr(3 * 3073, 3073));
  const models::Datasets data = Open(folder);
  DataCheckOptions options;
  options.num_workers = 2;
  const DataReport report = CheckData(data, options, NoProgress);
  EXPECT_TRUE(report.bad.empty());
  ASSERT_EQ(report.duplicates.size(), 1u);
  EXPECT_EQ(report.duplicates[0].image.name, "data_batch_1.bin:40");
  EXPECT_EQ(report.duplicates[0].first.name, "data_batch_1.bin:0");
  ASSERT_EQ(report.leaks.size(), 1u);
  EXPECT_EQ(report.leaks[0].first.name, "data_batch_1.bin:3");
  EXPECT_THAT(Names(report.grey), testing::Contains("train data_batch_1.bin:7"));
  EXPECT_EQ(report.formats.at("pixels"), 42);
  EXPECT_EQ(report.classes.size(), 10u);
}

TEST(CheckData, FilesThatGoAreBad) {
  const std::string folder = MixedFolder("going");
  const models::Datasets data = Open(folder);
  std::filesystem::remove(folder + "/train/a/1.jpg");
  const DataReport report = CheckData(data, {}, NoProgress);
  ASSERT_EQ(report.bad.size(), 3u);
  EXPECT_THAT(report.bad[0].reason, HasSubstr("train/a/1.jpg: No such file or directory"));
}

}  // namespace
}  // namespace tools
