#include "models/data/open_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;

OpenOptions At(const std::string& path) {
  OpenOptions options;
  options.data_path = path;
  options.input_height = options.input_width = 32;
  return options;
}

std::string Failure(const OpenOptions& options) {
  return std::string(OpenDatasets(options).status().message());
}

void WritePictures(const std::string& folder, int count) {
  const std::string bytes = EncodePng(GradientImage(8, 8));
  for (int i = 0; i < count; ++i) WriteFile(absl::StrCat(folder, "/", i, ".png"), bytes);
}

std::set<std::string> Names(const Dataset& data) {
  std::set<std::string> names;
  for (int64_t i = 0; i < data.size(); ++i) names.insert(data.name(i));
  return names;
}

TEST(OpenDatasets, NoPathIsTheEmbeddedSetAtTheModelsSize) {
  OpenOptions options = At("");
  options.input_height = 24;
  const auto data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_THAT(data->description, AllOf(HasSubstr("embedded"), HasSubstr("24x32")));
  EXPECT_EQ(data->train->size(), 12800);
  EXPECT_EQ(data->held_out->size(), 2000);
  EXPECT_EQ(data->held_out->Load(3)->height, 24);
  options.input_height = 0;
  EXPECT_THAT(Failure(options), HasSubstr("32x0"));
}

TEST(OpenDatasets, MissingEmptyAndFileAreNamed) {
  const std::string root = NewFolder("empty_root");
  EXPECT_THAT(Failure(At(root)), AllOf(HasSubstr(root), HasSubstr("no picture")));
  WriteFile(root + "/notes.txt", "x");
  EXPECT_THAT(Failure(At(root)), HasSubstr("1 other files"));
  EXPECT_THAT(Failure(At(root + "/notes.txt")), HasSubstr("is a file"));
  EXPECT_THAT(Failure(At(root + "/none")), AllOf(HasSubstr("none"), HasSubstr("does not exist")));
}

TEST(OpenDatasets, FractionIsChecked) {
  for (double bad : {-0.1, 1.0, 7.0, std::numeric_limits<double>::quiet_NaN()}) {
    OpenOptions options = At("");
    options.val_fraction = bad;
    EXPECT_THAT(Failure(options), HasSubstr("--val_fraction"));
  }
}

TEST(OpenDatasets, PlainFolderHoldsOutAShareByHash) {
  const std::string root = NewFolder("plain");
  WritePictures(root + "/cat", 30);
  WritePictures(root + "/dog", 30);
  OpenOptions options = At(root);
  options.val_fraction = 0.2;
  const auto data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 48);
  EXPECT_EQ(data->held_out->size(), 12);
  EXPECT_EQ(data->train->num_classes(), 2);
  std::set<std::string> all = Names(*data->train);
  for (const std::string& name : Names(*data->held_out)) EXPECT_TRUE(all.insert(name).second);
  EXPECT_EQ(all.size(), 60u);
  EXPECT_THAT(data->description, HasSubstr("2 classes"));
  // The same again: the split is a function of the paths.
  EXPECT_EQ(Names(*OpenDatasets(options)->held_out), Names(*data->held_out));
  options.val_fraction = 0.0001;
  EXPECT_EQ(OpenDatasets(options)->held_out->size(), 1);
  options.val_fraction = 0;
  EXPECT_EQ(OpenDatasets(options)->held_out, nullptr);
  EXPECT_EQ(OpenDatasets(options)->train->size(), 60);
}

TEST(OpenDatasets, ASingleImageIsTrainedOn) {
  const std::string root = NewFolder("single");
  WritePictures(root, 1);
  const auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 1);
  EXPECT_EQ(data->train->label(0), -1);
  EXPECT_EQ(data->train->num_classes(), 0);
  EXPECT_EQ(data->held_out, nullptr);
}

TEST(OpenDatasets, TrainAndValFolders) {
  const std::string root = NewFolder("split_folders");
  WritePictures(root + "/train/b", 3);
  WritePictures(root + "/train/a", 3);
  WritePictures(root + "/val/b", 2);
  WritePictures(root + "/other", 9);
  const auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 6);
  EXPECT_EQ(data->held_out->size(), 2);
  EXPECT_EQ(data->held_out->label(0), 1);
  EXPECT_EQ(data->train->name(0), "train/a/0.png");
  EXPECT_TRUE(data->held_out->Load(1).ok());
}

TEST(OpenDatasets, ValFolderWithoutTrainIsNotTrainedOn) {
  const std::string root = NewFolder("val_only");
  WritePictures(root + "/stuff", 4);
  WritePictures(root + "/val", 2);
  const auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 4);
  EXPECT_EQ(data->held_out->size(), 2);
}

TEST(OpenDatasets, OfficialListFiles) {
  const std::string root = NewFolder("lists");
  WritePictures(root + "/train/x", 5);
  WritePictures(root + "/val", 2);
  WriteFile(root + "/train.txt", "x/0.png 4\nx/1.png 0\nx/2.png 2\n");
  WriteFile(root + "/val.txt", "1.png 6\n");
  const auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 3);  // the list says which, not the folder
  EXPECT_EQ(data->train->label(0), 4);
  EXPECT_TRUE(data->train->Load(2).ok());
  EXPECT_EQ(data->held_out->size(), 1);
  EXPECT_EQ(data->held_out->name(0), "val/1.png");
  EXPECT_EQ(data->train->num_classes(), 7);
  EXPECT_EQ(data->held_out->num_classes(), 7);
  EXPECT_THAT(data->description, AllOf(HasSubstr("train.txt"), HasSubstr("val.txt")));
  WriteFile(root + "/val.txt", "broken\n");
  EXPECT_THAT(Failure(At(root)), HasSubstr("val.txt:1"));
}

TEST(OpenDatasets, Cifar10) {
  const std::string root = NewFolder("cifar_root");
  WriteFile(root + "/data_batch_1.bin", std::string(3073 * 10, '\1'));
  auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 9);
  EXPECT_EQ(data->held_out->size(), 1);
  WriteFile(root + "/test_batch.bin", std::string(3073 * 2, '\1'));
  data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 10);
  EXPECT_EQ(data->held_out->size(), 2);
  EXPECT_THAT(data->description, HasSubstr("CIFAR-10"));
  WriteFile(root + "/test_batch.bin", "short");
  EXPECT_THAT(Failure(At(root)), HasSubstr("test_batch.bin"));
}

}  // namespace
}  // namespace models
